"""What a figure shows, in words, for those who do not see it."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from benchmarks.record import MEASURED
from plotting.analysis import conditions
from plotting.analysis.ranking import name_leaders, split_for_ranking
from plotting.metrics.registry import METRICS, format_value
from plotting.table import status
from plotting.table.work_groups import WorkGroup, split_by_work


def describe(table: pd.DataFrame, title: str, names: Sequence[str]) -> str:
    """Return what a figure shows in a few sentences: how much, from where to where, the best, and what is missing."""
    return " ".join([f"{title}.", *(sentence for part in split_by_work(table) for sentence in _said(part, names))])


def _said(part: WorkGroup, names: Sequence[str]) -> list[str]:
    start = f"{part.words.capitalize()}: " if part.words else ""
    sentences = [start + _said_of(part.table, name) for name in names]
    gone = part.table.loc[part.table["status"] != MEASURED, ["status", "attempted", "failed_runs"]].to_dict("records")
    counts = Counter("failed" if row["status"] == "failed" else status.explain_absence(row, "runs") for row in gone)
    missing = ", ".join(f"{count} {word}" for word, count in counts.items())
    return [*sentences, f"Pairs without a value: {missing}."] if counts else sentences


def _said_of(table: pd.DataFrame, name: str) -> str:
    metric, values = METRICS[name], table[name].dropna()
    if not len(values):
        why = "; ".join(dict.fromkeys(conditions.shorten(reason) for reason in conditions.list_reasons(table, name)))
        return f"{metric.label} was not measured: {why or 'no reason is known'}."
    if len(values) == 1:
        model, precision, device = (table.loc[values.index[0], column] for column in ("model", "precision", "device"))
        return f"{metric.axis}: {format_value(values.iloc[0])}, {model} {precision} on {device}."
    span = f"{len(values)} values from {format_value(values.min())} to {format_value(values.max())}"
    parts = split_for_ranking(table, name)  # of one kind of work there are several where sensors cover unlike things
    best = name_leaders(table, name) if len(parts) == 1 else ""
    return f"{metric.axis}, {metric.direction}: {', '.join(filter(None, (span, best)))}."
