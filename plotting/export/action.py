"""github-action-benchmark's custom tools: an array of {name, unit, value, range, extra}, one file for each direction.

The action (v1, src/extract.ts of https://github.com/benchmark-action/github-action-benchmark) needs
name, unit and value of each entry, and tells charts apart by the name alone. It turns a null into 0, so
that what was not measured must not stand in the array.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.analysis.ranking import select_rankable
from plotting.metrics.registry import METRICS

TOOLS = {"customBiggerIsBetter": True, "customSmallerIsBetter": False}
"""Tool of the action -> whether it takes the metrics of which more is better."""
FAILURES = "failed_runs"
"""The metric that an unmeasured pair has too: its failure is to be seen in the chart."""


def entries(table: pd.DataFrame, tool: str) -> list[dict[str, Any]]:
    """Return an entry for each pair and metric of the tool's direction that has a value fit for ranking."""
    names = [name for name, metric in METRICS.items() if metric.higher_is_better is TOOLS[tool]]
    fit = {name: _fit(table, name) for name in names}
    return [_entry(row, name) for place, row in table.iterrows() for name in names if place in fit[name]]


def _fit(table: pd.DataFrame, name: str) -> set[Any]:
    rows = table[table[name].notna()] if name == FAILURES else select_rankable(table, name)
    return set(rows.index)


def _entry(row: pd.Series, name: str) -> dict[str, Any]:
    """Return one value. `range` is its standard uncertainty (k=1), where it has one."""
    made = {
        # Backquotes and bars would end the name in the tables of the action's comments
        "name": f"{row['device']}: {row['model']} {row['precision']}: {name}".replace("`", "'").replace("|", "/"),
        "unit": METRICS[name].unit,
        "value": float(row[name]),
    }
    spread = row.get(f"{name}_uncertainty")
    if spread is not None and not pd.isna(spread):
        made["range"] = f"± {spread:.3g}"
    return made | {"extra": "\n".join(_conditions(row))}


def _conditions(row: pd.Series) -> Iterator[str]:
    """Yield the lines of the tooltip: how it was measured, or why it was not."""
    if row["status"] != MEASURED:
        yield f"{row['status']}: {row['reason']}"
    else:
        yield f"{row['runs']:.0f} good runs, {row[FAILURES]:.0f} failed"
    yield f"{row['weights']} weights, {row['new_tokens']:.0f} new tokens, batch {row['batch_size']:.0f}"
    yield f"workload {row['workload_hash']}"
    yield f"save {row['save']}"
