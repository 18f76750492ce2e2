"""What is behind a figure: its numbers as CSV, and its content in words for those who do not see it."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.analysis import conditions
from plotting.analysis.findings import leaders, ranked_apart
from plotting.metrics.registry import METRICS, shown
from plotting.report import csv_files
from plotting.table import status, whiskers
from plotting.table.work_groups import Section, sections

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = "figures-data"
"""A folder of its own: a script that takes `*.csv` beside the figures finds there what it always found."""
BESIDE = {
    "tokens_per_sec": ("mbu", "decode_tokens_per_sec"),
    "avg_ram_gb": ("memory_kind", "ram_baseline_gb", "ram_delta_gb", "avg_vram_gb"),
}
"""Columns that a metric's bars are drawn from beside its own."""


def numbers(table: pd.DataFrame, names: Sequence[str]) -> str:
    """Return the CSV of a figure of some metrics: a row for each pair that it shows, as it shows it.

    `state` is "measured" or the word in place of the value; of each metric stand the value, the ends of its
    whisker, and what the whisker is.
    """
    bases = {name: whiskers.basis(table, name) for name in names}
    rows = [_numbers(part, row, bases) for part in sections(table) for row in part.table.to_dict("records")]
    found = pd.DataFrame(rows)
    return csv_files.csv(found, list(found.columns))


def _numbers(part: Section, row: dict[Any, Any], bases: dict[str, str]) -> dict[str, Any]:
    state = MEASURED if row["status"] == MEASURED else status.absent(row, "runs")
    found = {"section": part.words, "device": row["device"], "model": row["model"], "precision": row["precision"]}
    found |= {"state": state, "runs": row["runs"], "failed_runs": row["failed_runs"]}
    found["doubt"] = status.doubt(row, *bases)
    for name, basis in bases.items():
        low, high = whiskers.span(row, name, basis) or (math.nan, math.nan)
        found |= {name: row[name], f"{name}_low": low, f"{name}_high": high, f"{name}_interval": basis}
        found |= {column: row[column] for column in BESIDE.get(name, ())}
        if name == "tokens_per_sec":
            found["roofline_tokens_per_sec"] = whiskers.roofline(row)
    return found


def alt(table: pd.DataFrame, title: str, names: Sequence[str]) -> str:
    """Return what a figure shows in a few sentences: how much, from where to where, the best, and what is missing."""
    return " ".join([f"{title}.", *(sentence for part in sections(table) for sentence in _said(part, names))])


def _said(part: Section, names: Sequence[str]) -> list[str]:
    start = f"{part.words.capitalize()}: " if part.words else ""
    sentences = [start + _said_of(part.table, name) for name in names]
    gone = part.table.loc[part.table["status"] != MEASURED, ["status", "attempted", "failed_runs"]].to_dict("records")
    counts = Counter("failed" if row["status"] == "failed" else status.absent(row, "runs") for row in gone)
    missing = ", ".join(f"{count} {word}" for word, count in counts.items())
    return [*sentences, f"Pairs without a value: {missing}."] if counts else sentences


def _said_of(table: pd.DataFrame, name: str) -> str:
    metric, values = METRICS[name], table[name].dropna()
    if not len(values):
        why = "; ".join(dict.fromkeys(conditions.brief(reason) for reason in conditions.why_missing(table, name)))
        return f"{metric.label} was not measured: {why or 'no reason is known'}."
    if len(values) == 1:
        model, precision, device = (table.loc[values.index[0], column] for column in ("model", "precision", "device"))
        return f"{metric.axis}: {shown(values.iloc[0])}, {model} {precision} on {device}."
    span = f"{len(values)} values from {shown(values.min())} to {shown(values.max())}"
    parts = ranked_apart(table, name)  # of one kind of work there are several where sensors cover unlike things
    best = leaders(table, name) if len(parts) == 1 else ""
    return f"{metric.axis}, {metric.direction}: {', '.join(filter(None, (span, best)))}."
