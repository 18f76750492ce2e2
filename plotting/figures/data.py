"""The numbers of a figure, as CSV."""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.table import status, whiskers
from plotting.table.work_groups import WorkGroup, split_by_work
from plotting.text import write_csv

FOLDER = "figures-data"
"""A separate folder: a script that reads `*.csv` beside the figures finds only the two main tables."""
EXTRA = {
    "tokens_per_sec": ("mbu", "decode_tokens_per_sec"),
    "avg_ram_gb": ("memory_kind", "ram_baseline_gb", "ram_delta_gb", "avg_vram_gb"),
}
"""Metric -> further columns that its bars are drawn from."""


def write_numbers(table: pd.DataFrame, names: Sequence[str]) -> str:
    """Return the CSV of a figure of some metrics: a row for each pair; `state` is "measured" or why it has no value."""
    bases = {name: whiskers.choose_basis(table, name) for name in names}
    rows = [
        _describe_row(group, row, bases) for group in split_by_work(table) for row in group.table.to_dict("records")
    ]
    found = pd.DataFrame(rows)
    return write_csv(found, list(found.columns))


def _describe_row(group: WorkGroup, row: dict[Any, Any], bases: dict[str, str]) -> dict[str, Any]:
    state = MEASURED if row["status"] == MEASURED else status.explain_absence(row, "runs")
    found = {"section": group.words, "device": row["device"], "model": row["model"], "precision": row["precision"]}
    found |= {"state": state, "runs": row["runs"], "failed_runs": row["failed_runs"]}
    found["doubt"] = status.describe_warnings(row, *bases)
    for name, basis in bases.items():
        low, high = whiskers.compute_span(row, name, basis) or (math.nan, math.nan)
        found |= {name: row[name], f"{name}_low": low, f"{name}_high": high, f"{name}_interval": basis}
        found |= {column: row[column] for column in EXTRA.get(name, ())}
        if name == "tokens_per_sec":
            found["roofline_tokens_per_sec"] = whiskers.compute_roofline(row)
    return found
