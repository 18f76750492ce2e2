"""The whiskers of values, and the roofline over a throughput.

A figure has one kind of whisker. The uncertainty budget of energy includes the spread of the runs and the
sensor. If a row has one, only that is drawn, expanded (k=2). Every other metric has the 95% interval over the runs.
"""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

K = 2
"""Coverage factor of the whiskers of energy. It covers about 95% of a normal distribution."""
BUDGET, RUNS = "k=2", "95% over runs"
CAPTIONS = {
    BUDGET: f"Whiskers: expanded uncertainty (k={K}, about 95%) of the energy, with the spread of the runs.",
    RUNS: "Whiskers: 95% interval over the runs, without the errors of the instruments.",
}
FROM_ENERGY = ("tps_per_watt", "avg_power_watts", "joules_per_image")
"""Metrics whose relative uncertainty is that of the energy."""


def choose_basis(table: pd.DataFrame, name: str) -> str:
    """Return the kind of a metric's whiskers in this table: BUDGET, RUNS, or "" if it has none."""
    if _has_values(table, f"{name}_uncertainty") or (name in FROM_ENERGY and _has_values(table, "energy_uncertainty")):
        return BUDGET
    return RUNS if _has_values(table, f"{name}_low") and _has_values(table, f"{name}_high") else ""


def _has_values(table: pd.DataFrame, column: str) -> bool:
    return column in table.columns and bool(table[column].notna().any())


def compute_span(row: Mapping[Any, Any], name: str, basis: str) -> tuple[float, float] | None:
    """Return (low, high) of a value's whisker of the kind `basis`; None if it has none."""
    value, low, high = row[name], math.nan, math.nan
    if basis == BUDGET:
        relative = value * row["energy_uncertainty"] if name in FROM_ENERGY else math.nan
        wide = K * row.get(f"{name}_uncertainty", relative)
        low, high = max(value - wide, 0.0), value + wide
    elif basis == RUNS:
        low, high = row.get(f"{name}_low", math.nan), row.get(f"{name}_high", math.nan)
    return None if math.isnan(value + low + high) else (float(low), float(high))


def list_columns(table: pd.DataFrame, name: str) -> list[str]:
    """Return the columns that identify a row, hold a metric, and that its whiskers need."""
    budget = ("energy_uncertainty", "uncertainty_kind", "energy_budget")
    own = (name, f"{name}_low", f"{name}_high", f"{name}_uncertainty", *budget)
    return [column for column in ("device", "model", "precision", *dict.fromkeys(own)) if column in table.columns]


def differ_beyond_noise(one: Mapping[Any, Any], other: Mapping[Any, Any], name: str, basis: str) -> bool | None:
    """Return whether two rows' whiskers do not overlap; None if one has no whisker.

    Two rows of one device share the gain error and the offset of its sensor. So if their budget includes one of them,
    the spread of the runs decides instead.
    """
    shared = any(_has_common_error(row) for row in (one, other))
    if basis == BUDGET and shared and one["device"] == other["device"]:
        basis = RUNS
    first, second = compute_span(one, name, basis), compute_span(other, name, basis)
    if first is None or second is None:
        return None
    return first[0] > second[1] or second[0] > first[1]


def _has_common_error(row: Mapping[Any, Any]) -> bool:
    """Return whether a row's budget has an error that all rows of its device share."""
    terms = [term.split(" ")[0] for term in str(row.get("energy_budget", "")).split("; ")]
    return "gain" in row["uncertainty_kind"] or "offset" in terms


def compute_roofline(row: Mapping[Any, Any]) -> float:
    """Return the tokens/s at the memory's peak bandwidth; NaN if unknown.

    Formula: decode_tokens_per_sec / mbu.
    """
    share = row["mbu"]
    return float(row["decode_tokens_per_sec"]) / share if share > 0 else math.nan
