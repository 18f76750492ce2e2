"""From Records to one table: a row for each pair of a series, and one for each pair never attempted."""

import math
from itertools import product
from typing import Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.load import Saves
from plotting.table import series
from plotting.table.columns import IDENTITY
from plotting.table.row import build_row

STUDY_DEVICES = ("Dell Pro Max GB10", "Jetson Thor", "Jetson AGX Orin")
STUDY_MODELS = ("Gemma3N", "InternVL2-2B", "InternVL2-2B (2.5-MPO)", "LLaVA", "Moondream2", "Phi", "SmolVLM2")
NEVER = "never attempted"
MOST_HOLES = 5000  # more are no study's: saves of unlike ones lie together
DIFFERENCES = {
    "weights": "weights",
    "adapter": "adapter",
    "new_tokens": "new tokens",
    "batch_size": "batch size",
    "workload_hash": "workload",
    "engine": "engine",
    "power_scope": "what the power sensor covers",
    "memory_kind": "what counts as RAM",
    "transformers": "transformers version",
}
"""Conditions that should be equal in a comparison of devices: column -> words."""


def build(saves: Saves) -> pd.DataFrame:
    """Return the table of all series in `saves`, sorted by device, model and precision."""
    if not saves.entries:
        return pd.DataFrame()
    kept = series.deduplicate(map(build_row, saves.entries))
    series.tell_apart(kept)
    holes = _list_holes(kept)
    if len(holes) > MOST_HOLES:
        saves.problems.append(f"{len(holes):,} pairs that no save contains are not listed: choose fewer saves")
        holes = []
    table = pd.DataFrame(kept + [_fill_hole(kept, *hole) for hole in holes])
    # as one block of objects: each choice of rows would cut every column of pandas' own text type by itself
    texts = {name: object for name, kind in table.dtypes.items() if pd.api.types.is_string_dtype(kind)}
    table = table.astype(texts).copy()
    order = _rank(table["device_name"], STUDY_DEVICES)
    table["device_order"] = table["device_name"].map(order) * 1000 + table["device"].map(_rank(table["device"], ()))
    table["model_order"] = table["model"].map(_rank(table["model"], STUDY_MODELS))
    table["precision_order"] = table["precision"].map(_rank(table["precision"], ("fp16", "bf16")))
    return table.sort_values(["device_order", "model_order", "precision_order"], ignore_index=True)


def list_differences(table: pd.DataFrame) -> list[str]:
    """Return a sentence for each condition that differs between the measured devices."""
    measured = table[table["status"] == MEASURED]
    sentences = []
    for name, words in DIFFERENCES.items():
        by_device = {device: sorted(set(map(_show, found))) for device, found in measured.groupby("device")[name]}
        values = {tuple(found) for found in by_device.values()}
        if len(values) > 1:
            listed = "; ".join(f"{device}: {', '.join(found) or 'none'}" for device, found in by_device.items())
            sentences.append(f"Not the same on every device: {words} ({listed}).")
    return sentences


def _show(value: Any) -> str:
    return f"{value:.0f}" if isinstance(value, float) else str(value) or "none"


def _list_holes(rows: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return the (device, model, precision) that no save holds."""
    there = dict.fromkeys(tuple(row[name] for name in IDENTITY) for row in rows)
    return [pair for pair in product(*map(dict.fromkeys, zip(*there, strict=True))) if pair not in there]


def _fill_hole(rows: list[dict[str, Any]], *pair: str) -> dict[str, Any]:
    """Return a row for a pair that no save holds."""
    hole = dict(zip(IDENTITY, pair, strict=True))
    nothing = {str: "", bool: False}
    blank = {key: nothing.get(type(value), math.nan) for key, value in rows[0].items()}
    name = next(row["device_name"] for row in rows if row["device"] == hole["device"])
    return blank | {"status": NEVER, "reason": "no save contains this pair"} | hole | {"device_name": name}


def _rank(values: Any, first: tuple[str, ...]) -> dict[str, int]:
    """Return {value: place}: first the values of `first` in that order, then the others by name."""
    found = set(values)
    ordered = [name for name in first if name in found] + sorted(found - set(first))
    return {name: place for place, name in enumerate(ordered)}
