"""Series of comparable measurements: keep the best row of each, and label devices by what differs.

A series is device x power mode x torch device x engine x weights and revision x model x precision x
workload x power scope. A device is its name, kind, processor and GPU UUID. `row.build_row` makes the rows.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.record import MEASURED

Row = dict[str, Any]
PAIR = ("device_name", "model", "precision")
HARDWARE = ("device_kind", "processor", "gpu_uuid")
"""What identifies a device besides its name."""
OF_DEVICE = (*HARDWARE, "power_mode", "torch_device", "engine", "weights", "workload_hash", "power_scope")
"""Conditions of a whole session. They distinguish a device's series."""
OF_MODEL = ("checkpoint", "revision", "adapter")
"""Conditions of each model. They distinguish only rows that would share one bar."""
CONDITIONS = (*OF_DEVICE, *OF_MODEL)
FIRST_YEAR = "2020"
"""A save with an earlier date was made by a clock that was never set, as on a board without a battery (1970)."""


def deduplicate(rows: Iterable[Row]) -> list[Row]:
    """Return one row of each series: prefer measured to failed, many good runs, complete, proved work, the latest.

    Of saves of which one has no date, the one with the higher number is the latest; `by_number` says so.
    """
    best: list[Row] = []
    for of_series in _group(rows, (*PAIR, *CONDITIONS)):
        dated = all(has_date(row["datetime"]) for row in of_series)
        order = [(*_rate(row), row["datetime"] if dated else "", read_number(row["save"])) for row in of_series]
        best.append(of_series[max(range(len(order)), key=lambda at: (order[at], at))] | {"by_number": not dated})
    measured = [row for row in best if row["status"] == MEASURED]
    return [row for row in best if row["status"] == MEASURED or not _is_superseded(row, measured)]


def _rate(row: Row) -> tuple[bool, bool, bool, bool]:
    return row["status"] == MEASURED, not has_few_runs(row), row["attempted"] == row["planned"], row["proved"]


def has_few_runs(rows: Any) -> Any:
    """Return whether fewer than half of the runs that were asked for are good, for a row or for each row of a table."""
    return 2 * rows["runs"] < rows["planned"]


def has_date(datetime: str) -> bool:
    """Return whether the clock that gave a save its date had been set."""
    return FIRST_YEAR <= datetime < "3"


def read_number(save: str) -> int:
    """Return the number that a save's name starts with; -1 for a name without a number."""
    number = save.partition("_")[0]
    return int(number) if number.isdecimal() else -1


def _is_superseded(row: Row, measured: Iterable[Row]) -> bool:
    """Return whether a measured row replaces a row without a run. A condition that the row lacks matches any."""
    known = [name for name in CONDITIONS if row[name] != ""]
    return any(all(row[name] == other[name] for name in (*PAIR, *known)) for other in measured)


def tell_apart(rows: Sequence[Row]) -> None:
    """Add to each device's label what differs, so that no two rows of a pair share a label."""
    label(rows)
    for twins in _group(rows, ("device", "model", "precision")):
        if len(twins) > 1:
            _tell_twins_apart(twins)


def label(rows: Sequence[Row]) -> None:
    """Add to each device's label what differs between its sessions. Equal sessions share a label."""
    for of_device in _group(rows, ("device_name",)):
        differing = [name for name in OF_DEVICE if len({row[name] for row in of_device} - {""}) > 1]
        for row in of_device:
            _add_words(row, of_device, differing)


def _tell_twins_apart(twins: Sequence[Row]) -> None:
    """Label rows of one pair by everything that differs, then by number."""
    label = twins[0]["device"]
    words = label.removeprefix(twins[0]["device_name"])[2:-1]
    differing = [name for name in CONDITIONS if len({row[name] for row in twins}) > 1]
    for row in twins:
        row["device"] = row["device_name"]
        _add_words(row, twins, differing, first=words)
    for same in _group(twins, ("device",)):
        for number, row in enumerate(same[1:], start=2):
            row["device"] += f" ({number})"


def _add_words(row: Row, among: Sequence[Row], differing: Iterable[str], first: str = "") -> None:
    words = [first, *(_describe(name, row, among) for name in differing)]
    found = [word for word in dict.fromkeys(words) if word]
    if found:
        row["device"] = f"{row['device_name']} ({', '.join(found)})"


def _describe(condition: str, row: Row, among: Sequence[Row]) -> str:
    """Return a condition of a row in one or two words."""
    value = str(row[condition])
    if condition == "workload_hash":
        return _describe_workload(row, among)
    if condition == "power_scope":
        known = [other["power_scope"] for other in among if other["power_scope"]]
        # a pair that failed before its sensor was read joins the other pairs of its device
        value = known[0] if not value and known and row["status"] != MEASURED else value
        return f"{value} power" if value else "no power"
    if condition == "power_mode" and not value:
        return "power mode not read" if str(row["device_kind"]).startswith("jetson") else ""
    if condition == "gpu_uuid":
        bare = {str(other["gpu_uuid"]).removeprefix("GPU-") for other in among}
        return f"GPU {value.removeprefix('GPU-')[: _count_characters(bare)]}" if value else ""
    if condition == "revision":
        return value[: _count_characters(other["revision"] for other in among)] if value else "no revision"
    if condition == "adapter":
        return f"with {value}" if value else "without adapter"
    return f"{value} weights" if condition == "weights" else value


def _describe_workload(row: Row, among: Sequence[Row]) -> str:
    parts = []
    for name, form, noun in (("new_tokens", "{:.0f} tokens", "tokens"), ("batch_size", "batch {:.0f}", "batch")):
        if len({other[name] for other in among}) > 1:
            parts.append(f"{noun} not recorded" if math.isnan(row[name]) else form.format(row[name]))
    size = (row["new_tokens"], row["batch_size"])
    hashes = {other["workload_hash"] for other in among if (other["new_tokens"], other["batch_size"]) == size}
    if len(hashes) > 1:
        parts.append(f"workload {row['workload_hash'][: _count_characters(hashes, 6)]}")
    return ", ".join(parts)


def _count_characters(values: Iterable[str], least: int = 7) -> int:
    """Return how many leading characters distinguish all different values."""
    distinct = set(values)
    longest = max(map(len, distinct))
    return next((n for n in range(least, longest) if len({value[:n] for value in distinct}) == len(distinct)), longest)


def _group(rows: Iterable[Row], names: tuple[str, ...]) -> list[list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return list(groups.values())
