"""Arrays for github-action-benchmark's custom tools: {name, unit, value, range, extra}, one file for each direction.

The action (v1, src/extract.ts of https://github.com/benchmark-action/github-action-benchmark) needs name, unit and
value of each entry, and identifies charts by the name alone. It reads null as 0, so a value that was not
measured must not be in the array.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.analysis.ranking import select_rankable
from plotting.metrics.registry import METRICS

TOOLS = {"customBiggerIsBetter": True, "customSmallerIsBetter": False}
"""Tool of the action -> whether it takes the metrics where higher is better."""
FAILURES = "failed_runs"  # the one metric that an unmeasured pair has too, so that the chart shows its failure


def list_entries(table: pd.DataFrame, tool: str) -> list[dict[str, Any]]:
    """Return an entry for each pair and metric of the tool's direction that can be ranked."""
    names = [name for name, metric in METRICS.items() if metric.higher_is_better is TOOLS[tool]]
    usable = {
        name: set((table[table[name].notna()] if name == FAILURES else select_rankable(table, name)).index)
        for name in names
    }
    return [_make_entry(row, name) for place, row in table.iterrows() for name in names if place in usable[name]]


def _make_entry(row: pd.Series, name: str) -> dict[str, Any]:
    """Return one value; `range` is its standard uncertainty (k=1), if known."""
    made = {
        # backquotes and bars would end the name in the tables of the action's comments
        "name": f"{row['device']}: {row['model']} {row['precision']}: {name}".replace("`", "'").replace("|", "/"),
        "unit": METRICS[name].unit,
        "value": float(row[name]),
    }
    spread = row.get(f"{name}_uncertainty")
    if spread is not None and not pd.isna(spread):
        made["range"] = f"± {spread:.3g}"
    return made | {"extra": "\n".join(_list_conditions(row))}


def _list_conditions(row: pd.Series) -> Iterator[str]:
    """Yield the lines of the tooltip: how the value was measured, or why it was not."""
    if row["status"] != MEASURED:
        yield f"{row['status']}: {row['reason']}"
    else:
        yield f"{row['runs']:.0f} good runs, {row[FAILURES]:.0f} failed"
    yield f"{row['weights']} weights, {row['new_tokens']:.0f} new tokens, batch {row['batch_size']:.0f}"
    yield f"workload {row['workload_hash']}"
    yield f"save {row['save']}"
