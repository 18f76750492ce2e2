"""The CSV files: one row for each measured series, and one for each pair without a measurement."""

import pandas as pd

from benchmarks.record import MEASURED
from plotting.metrics.registry import BOUNDS, METRICS
from plotting.table.columns import CONDITIONS, IDENTITY, UNMEASURED
from plotting.text import csv


def metrics_csv(table: pd.DataFrame) -> str:
    """Return vision_model_metrics.csv: metrics in their units, `not_measured`, the conditions, 95% intervals.

    An empty cell was not measured; `not_measured` says why. Intervals are of the runs of one session.
    """
    measured = table[table["status"] == MEASURED].copy()
    measured["not_measured"] = [_reasons(row) for _, row in measured.iterrows()]
    return csv(measured, [*IDENTITY, *METRICS, "not_measured", *CONDITIONS, *BOUNDS])


def unmeasured_csv(table: pd.DataFrame) -> str:
    """Return unmeasured_pairs.csv: what failed, was skipped or never attempted, and why."""
    return csv(table[table["status"] != MEASURED].copy(), list(UNMEASURED))


def _reasons(row: pd.Series) -> str:
    """Return why cells of a row are empty: `reason (metric, metric); ...`."""
    found: dict[str, list[str]] = {}
    for name in METRICS:
        if pd.isna(row[name]):
            found.setdefault(row[f"{name}_reason"], []).append(name)
    return "; ".join(f"{reason} ({', '.join(names)})" for reason, names in found.items())
