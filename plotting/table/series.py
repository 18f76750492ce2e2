"""Series: what may be put on one bar. Deduplicate within them, and tell apart by name what is unlike.

Devices of one name are told apart by what they are: kind, processor, the GPU's UUID.
A series is device x power mode x torch device x engine x weights and revision x model x precision x
workload x power scope. Rows here are dicts of one Record's facts, as `frame` makes them.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any

from benchmarks.record import MEASURED

Row = dict[str, Any]
PAIR = ("device_name", "model", "precision")
HARDWARE = ("device_kind", "processor", "gpu_uuid")
"""What a device is, besides its name."""
OF_DEVICE = (
    *HARDWARE,
    "power_mode",
    "torch_device",
    "engine",
    "weights",
    "workload_hash",
    "power_scope",
)
"""Conditions that a session shares: they tell apart a device's series as a whole."""
OF_MODEL = ("checkpoint", "revision", "adapter")
"""Conditions that each model has of its own: they tell apart only what would stand on one bar."""
CONDITIONS = (*OF_DEVICE, *OF_MODEL)


def deduplicate(rows: Iterable[Row]) -> list[Row]:
    """Keep one row of each series: measured beats failed, complete beats interrupted, then the latest."""
    best: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in (*PAIR, *CONDITIONS))
        if key not in best or _worth(row) >= _worth(best[key]):
            best[key] = row
    measured = [row for row in best.values() if row["status"] == MEASURED]
    return [row for row in best.values() if row["status"] == MEASURED or not _superseded(row, measured)]


def _worth(row: Row) -> tuple[bool, bool, str]:
    return row["status"] == MEASURED, row["attempted"] == row["planned"], row["datetime"]


def _superseded(row: Row, measured: Iterable[Row]) -> bool:
    """Return whether a row without a run was measured after all; what it did not live to know may be anything."""
    known = [name for name in CONDITIONS if row[name] != ""]
    return any(all(row[name] == other[name] for name in (*PAIR, *known)) for other in measured)


def tell_apart(rows: Sequence[Row]) -> None:
    """Add to a device's label in what its series differ, so that no two rows of a pair have one label."""
    label(rows)
    for twins in _grouped(rows, ("device", "model", "precision")):
        if len(twins) > 1:
            _tell_twins_apart(twins)


def label(rows: Sequence[Row]) -> None:
    """Add to a device's label in what its sessions differ; rows of one session, or of two alike, keep one label."""
    for of_device in _grouped(rows, ("device_name",)):
        differing = [name for name in OF_DEVICE if len({row[name] for row in of_device} - {""}) > 1]
        for row in of_device:
            _label(row, of_device, differing)


def _tell_twins_apart(twins: Sequence[Row]) -> None:
    """Label rows of one pair by all that differs; where no words are left, by number."""
    label = twins[0]["device"]
    words = label.removeprefix(twins[0]["device_name"])[2:-1]
    differing = [name for name in CONDITIONS if len({row[name] for row in twins}) > 1]
    for row in twins:
        row["device"] = row["device_name"]
        _label(row, twins, differing, first=words)
    for same in _grouped(twins, ("device",)):
        for row, number in zip(same[1:], count(2), strict=False):
            row["device"] += f" ({number})"


def _label(row: Row, among: Sequence[Row], differing: Iterable[str], first: str = "") -> None:
    words = [first, *(_in_words(name, row, among) for name in differing)]
    found = [word for word in dict.fromkeys(words) if word]
    if found:
        row["device"] = f"{row['device_name']} ({', '.join(found)})"


def _in_words(condition: str, row: Row, among: Sequence[Row]) -> str:
    """Return a condition of a row in a word or two."""
    value = str(row[condition])
    if condition == "workload_hash":
        return _workload_in_words(row, among)
    if condition == "power_scope":
        known = [other["power_scope"] for other in among if other["power_scope"]]
        # A pair that failed before its sensor was read stands with those of its device that it may belong to.
        value = known[0] if not value and known and row["status"] != MEASURED else value
        return f"{value} power" if value else "no power"
    if condition == "power_mode" and not value:
        return "power mode not read" if str(row["device_kind"]).startswith("jetson") else ""  # none else has one
    if condition == "gpu_uuid":
        bare = {str(other["gpu_uuid"]).removeprefix("GPU-") for other in among}
        return f"GPU {value.removeprefix('GPU-')[: _digits(bare)]}" if value else ""
    if condition == "revision":
        return value[: _digits(other["revision"] for other in among)] if value else "no revision"
    if condition == "adapter":
        return f"with {value}" if value else "without adapter"
    return f"{value} weights" if condition == "weights" else value


def _workload_in_words(row: Row, among: Sequence[Row]) -> str:
    parts = []
    if len({other["new_tokens"] for other in among}) > 1:
        parts.append(_counted(row["new_tokens"], "{:.0f} tokens", "tokens"))
    if len({other["batch_size"] for other in among}) > 1:
        parts.append(_counted(row["batch_size"], "batch {:.0f}", "batch"))
    size = (row["new_tokens"], row["batch_size"])
    alike = {other["workload_hash"] for other in among if (other["new_tokens"], other["batch_size"]) == size}
    if len(alike) > 1:
        parts.append(f"workload {row['workload_hash'][: _digits(alike, 6)]}")
    return ", ".join(parts)


def _counted(value: float, form: str, noun: str) -> str:
    return f"{noun} not recorded" if math.isnan(value) else form.format(value)


def _digits(values: Iterable[str], least: int = 7) -> int:
    """Return how many leading characters tell unlike values apart."""
    unlike = set(values)
    longest = max(map(len, unlike))
    return next((n for n in range(least, longest) if len({value[:n] for value in unlike}) == len(unlike)), longest)


def _grouped(rows: Iterable[Row], names: tuple[str, ...]) -> Iterator[list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    yield from groups.values()
