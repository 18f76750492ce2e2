"""The CSV files: one row for each measured series, and one for each pair without a measurement."""

import pandas as pd

from benchmarks.record import MEASURED
from plotting.metrics.registry import BOUNDS, METRICS
from plotting.table.columns import CONDITIONS, IDENTITY, UNMEASURED
from plotting.text import join_names, write_csv


def write_measured(table: pd.DataFrame) -> str:
    """Return vision_model_metrics.csv: metrics, `not_measured`, conditions, 95% intervals over the runs of a session.

    `not_measured` gives the reason for each empty metric: `reason (metric, metric); ...`.
    """
    measured = table[table["status"] == MEASURED].copy()
    measured["not_measured"] = [_explain_empty(row) for _, row in measured.iterrows()]
    return write_csv(measured, [*IDENTITY, *METRICS, "not_measured", *CONDITIONS, *BOUNDS])


def write_unmeasured(table: pd.DataFrame) -> str:
    """Return unmeasured_pairs.csv: pairs that failed, were skipped or never attempted, with the reason."""
    return write_csv(table[table["status"] != MEASURED].copy(), list(UNMEASURED))


def _explain_empty(row: pd.Series) -> str:
    found = join_names((row[f"{name}_reason"], name) for name in METRICS if pd.isna(row[name]))
    return "; ".join(f"{reason} ({names})" for reason, names in found.items())
