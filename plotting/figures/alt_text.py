"""Alternative text: the content of a figure in words."""

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from benchmarks.record import MEASURED
from plotting.analysis.ranking import name_leaders, split_for_ranking
from plotting.figures import limits
from plotting.figures.style import list_reasons
from plotting.metrics.registry import METRICS, format_value
from plotting.table import status
from plotting.table.work_groups import WorkGroup, split_by_work


def describe_figure(table: pd.DataFrame, title: str, names: Sequence[str]) -> str:
    """Return in a few sentences what a figure shows: number and range of the values, the best, and what is missing."""
    drawn = limits.choose(table).attrs.get(limits.LEFT_OUT, [])
    texts = [text for group in split_by_work(table) for text in _describe_group(group, names)]
    return " ".join([f"{title}.", *drawn, *texts])


def _describe_group(group: WorkGroup, names: Sequence[str]) -> list[str]:
    start = f"{group.words.capitalize()}: " if group.words else ""
    sentences = [start + _describe_metric(group.table, name) for name in names]
    lost = group.table.loc[group.table["status"] != MEASURED, ["status", "attempted", "failed_runs"]]
    counts = Counter(
        "failed" if row["status"] == "failed" else status.explain_absence(row, "runs")
        for row in lost.to_dict("records")
    )
    missing = ", ".join(f"{count} {word}" for word, count in counts.items())
    return [*sentences, f"Pairs without a value: {missing}."] if counts else sentences


def _describe_metric(table: pd.DataFrame, name: str) -> str:
    metric, values = METRICS[name], table[name].dropna()
    if not len(values):
        return f"{metric.label} was not measured: {'; '.join(list_reasons(table, name)) or 'the reason is unknown'}."
    if len(values) == 1:
        model, precision, device = (table.loc[values.index[0], column] for column in ("model", "precision", "device"))
        return f"{metric.axis}: {format_value(values.iloc[0])}, {model} {precision} on {device}."
    span = f"{len(values)} values from {format_value(values.min())} to {format_value(values.max())}"
    best = name_leaders(table, name) if len(split_for_ranking(table, name)) == 1 else ""
    return f"{metric.axis}, {metric.direction}: {', '.join(filter(None, (span, best)))}."
