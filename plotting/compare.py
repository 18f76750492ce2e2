"""Saves side by side, pair by pair: values, and their ratio to the first save's, the baseline.

Nothing is compared across unlike work: where two Records differ in weights, workload, precision of
the model or what the power sensor covers, the ratio is left out and the difference is said.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting import series
from plotting.metrics import METRICS
from plotting.page import escape
from plotting.summary import aligned
from plotting.tables import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMPARED = (
    "tokens_per_sec",
    "ttft_p50_s",
    "latency_p50_s",
    "joules_per_token",
    "avg_power_watts",
    "avg_ram_gb",
    "load_time_s",
)
SAME_WORK = {
    "weights": "weights",
    "checkpoint": "checkpoint",
    "revision": "revision",
    "workload_hash": "workload",
    "engine": "engine",
}
"""What must be equal for any ratio."""
SAME_POWER = {"power_scope": "power scope"}
SAME_MEMORY = {"memory_kind": "what counts as RAM"}
EXTRA = {"joules_per_token": SAME_POWER, "avg_power_watts": SAME_POWER, "avg_ram_gb": SAME_MEMORY}
"""What must be equal besides for the ratio of a metric."""


@dataclass(frozen=True)
class Line:
    """One metric of one pair in one save, beside the baseline's. `ratio` is value / baseline; None says `why`."""

    pair: str
    metric: str
    unit: str
    save: str
    device: str
    value: float | None
    ratio: float | None
    why: str


def lines(tables: dict[str, pd.DataFrame]) -> list[Line]:
    """Return the comparison of {name of save: its table}; the first is the baseline."""
    tables, baseline = _labelled(tables), next(iter(tables))
    found = []
    for pair in dict.fromkeys(pair for table in tables.values() for pair in _pairs(table)):
        before = _row(tables[baseline], pair)
        for metric in COMPARED:
            for name, table in tables.items():
                found.append(_line(pair, metric, name, _row(table, pair), before, is_baseline=name == baseline))
    return found


def _labelled(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables with each device's label saying in what it differs between them, such as the power mode."""
    rows = {name: table.to_dict("records") for name, table in tables.items()}
    series.label([row for of_table in rows.values() for row in of_table])
    return {name: table.assign(device=[row["device"] for row in rows[name]]) for name, table in tables.items()}


def _pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    ordered = table.sort_values(["model_order", "precision_order"])
    return list(dict.fromkeys(zip(ordered["model"], ordered["precision"], strict=True)))


def _row(table: pd.DataFrame, pair: tuple[str, str]) -> pd.Series | None:
    found = table[(table["model"] == pair[0]) & (table["precision"] == pair[1])]
    return found.iloc[0] if len(found) else None


def _line(
    pair: tuple[str, str],
    metric: str,
    name: str,
    row: pd.Series | None,
    before: pd.Series | None,
    *,
    is_baseline: bool,
) -> Line:
    value = _value(row, metric)
    old = _value(before, metric)
    ratio, why = None, ""
    if value is None:
        why = _why_none(row, metric)
    elif old is None:
        why = "not in the baseline" if before is None else f"baseline: {_why_none(before, metric)}"
    elif row is not None and before is not None and not is_baseline:
        why = _unlike(row, before, metric)
        ratio = None if why else value / old if old else None
    device = "" if row is None else str(row["device"])
    return Line(" ".join(pair), metric, METRICS[metric].unit, name, device, value, ratio, why)


def _value(row: pd.Series | None, metric: str) -> float | None:
    return None if row is None or pd.isna(row[metric]) else float(row[metric])


def _why_none(row: pd.Series | None, metric: str) -> str:
    if row is None:
        return "not in this save"
    return str(row[f"{metric}_reason"]) if row["status"] == MEASURED else str(row["status"])


def _unlike(row: pd.Series, before: pd.Series, metric: str) -> str:
    """Return what keeps two rows from being compared; empty where nothing does."""
    required = SAME_WORK | EXTRA.get(metric, {})
    differing = [words for column, words in required.items() if row[column] != before[column]]
    return f"not comparable: {', '.join(differing)} differ" if differing else ""


def as_table(found: Sequence[Line]) -> str:
    """Return the comparison for a terminal: a row for each pair and metric, a column for each save."""
    return "\n".join([*aligned(_grid(found), notes=True), ""])


def as_markdown(found: Sequence[Line]) -> str:
    """Return the same as a Markdown table."""
    header, *rows = _grid(found)
    ruled = [tuple(map(escape, header)), ("---",) * len(header), *(tuple(map(escape, row)) for row in rows)]
    return "\n".join([*(f"| {' | '.join(row)} |" for row in ruled), ""])


def _grid(found: Sequence[Line]) -> list[tuple[str, ...]]:
    saves = list(dict.fromkeys(line.save for line in found))
    rows: list[tuple[str, ...]] = [
        ("pair", "metric", *saves, "notes"),
        ("", "device", *(_devices(found, save) for save in saves), ""),
    ]
    for pair, of_pair in groupby(found, key=attrgetter("pair")):
        lines_of_pair = list(of_pair)
        if all(line.value is None for line in lines_of_pair):
            rows.append((pair, "", *(_once(lines_of_pair, save) for save in saves), ""))
            continue
        for metric, of_metric in groupby(lines_of_pair, key=attrgetter("metric")):
            cells = list(of_metric)
            if any(line.value is not None for line in cells):
                rows.append((pair, METRICS[metric].axis, *map(_cell, cells), _notes(cells)))
    return rows


def _devices(found: Sequence[Line], save: str) -> str:
    return "; ".join(dict.fromkeys(line.device for line in found if line.save == save and line.device))


def _once(lines_of_pair: Sequence[Line], save: str) -> str:
    return next(line.why for line in lines_of_pair if line.save == save)


def _cell(line: Line) -> str:
    if line.value is None:
        return "-"
    ratio = "" if line.ratio is None else f" (x {line.ratio:.3f})"
    return METRICS[line.metric].show(line.value) + ratio


def _notes(cells: Sequence[Line]) -> str:
    return "; ".join(f"{line.save}: {line.why}" for line in cells if line.why)


def as_csv(found: Sequence[Line]) -> str:
    """Return the comparison as CSV, full figures."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(Line.__dataclass_fields__)
    for line in found:
        writer.writerow([harmless(v) if isinstance(v, str) else "" if v is None else f"{v:.9g}" for v in _values(line)])
    return out.getvalue()


def as_json(found: Sequence[Line]) -> str:
    """Return the comparison as a JSON list of objects; what was not measured is null."""
    return json.dumps([vars(line) for line in found], indent=1, allow_nan=False) + "\n"


FORMATS: dict[str, Callable[[Sequence[Line]], str]] = {
    "table": as_table,
    "markdown": as_markdown,
    "json": as_json,
    "csv": as_csv,
}


def _values(line: Line) -> list[Any]:
    return list(vars(line).values())
