"""The CSV files: one row for each measured series, and one for each pair without a measurement."""

from __future__ import annotations

import pandas as pd

from benchmarks.record import MEASURED
from plotting.metrics.registry import BOUNDS, METRICS

IDENTITY = ("device", "model", "precision")
CONDITIONS = (
    "device_kind",
    "power_mode",
    "checkpoint",
    "weights",
    "revision",
    "weights_id",
    "adapter",
    "parameters",
    "engine",
    "torch_device",
    "workload_hash",
    "new_tokens",
    "batch_size",
    "photographs",
    "prompts",
    "image_tokens",
    "prompt_tokens",
    "power_monitor",
    "power_source",
    "power_scope",
    "power_rails",
    "power_method",
    "power_samples",
    "idle_before_w",
    "idle_after_w",
    "uncertainty_kind",
    "energy_budget",
    "phase_uncertainty",
    "scope_mismatch",
    "power_flags",
    "memory_kind",
    "memory_method",
    "bandwidth_gb_per_s",
    "bandwidth_source",
    "finite_logits",
    "throttled",
    "doubts",
    "driver",
    "torch",
    "transformers",
    "remarks",
    "save",
    "datetime",
)
UNMEASURED = (
    *IDENTITY,
    "status",
    "reason",
    "planned",
    "attempted",
    "failed_runs",
    "weights",
    "save",
    "datetime",
)
WHOLE = ("runs", "failed_runs", "parameters", "new_tokens", "batch_size", "photographs", "prompts", "image_tokens",
         "prompt_tokens", "power_samples", "planned", "attempted")  # fmt: skip
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula, and would run what a save's author wrote."""


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


def csv(rows: pd.DataFrame, columns: list[str]) -> str:
    """Return some columns as CSV: nine digits, counts whole, no cell a formula."""
    chosen = rows.loc[:, columns].copy()
    for name in columns:
        if name in WHOLE:
            chosen[name] = ["" if pd.isna(value) else f"{value:.15g}" for value in chosen[name]]
        elif chosen[name].dtype != "float64":
            chosen[name] = [harmless(value) for value in chosen[name]]
    written: str = chosen.to_csv(index=False, float_format="%.9g", lineterminator="\n")
    return written


def harmless(value: object) -> str:
    """Return a cell that a spreadsheet shows and does not run."""
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
