"""What a figure leaves open: the whisker of a value, and the roofline over a throughput. Pure.

A figure has one kind of whisker. Energy has a budget of uncertainty, which holds the spread of the
runs beside what the sensor adds: where there is one, it alone is drawn, expanded (k=2). Everything
else has the 95% interval over the runs, where the table has it.
"""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

K = 2
"""Coverage factor of the whiskers of energy: about 95% of a normal distribution."""
BUDGET, RUNS = "k=2", "95% over runs"
SAID = {
    BUDGET: f"Whiskers: expanded uncertainty (k={K}, about 95%) of the energy, the spread of the runs in it.",
    RUNS: "Whiskers: 95% interval over the runs; what the instruments add is not in it.",
}
FROM_ENERGY = ("tps_per_watt", "avg_power_watts", "joules_per_image")
"""Metrics in which the energy's relative uncertainty is the only one."""


def basis(table: pd.DataFrame, name: str) -> str:
    """Return what a metric's whiskers are in this table: BUDGET, RUNS, or "" where it has none."""
    if _has(table, f"{name}_uncertainty") or (name in FROM_ENERGY and _has(table, "energy_uncertainty")):
        return BUDGET
    return RUNS if _has(table, f"{name}_low") and _has(table, f"{name}_high") else ""


def _has(table: pd.DataFrame, column: str) -> bool:
    return column in table.columns and bool(table[column].notna().any())


def span(row: Mapping[Any, Any], name: str, of: str) -> tuple[float, float] | None:
    """Return (low, high) of a value's whisker of a kind; None where it has none."""
    value = row[name]
    if of == BUDGET:
        relative = value * row["energy_uncertainty"] if name in FROM_ENERGY else math.nan
        wide = K * row.get(f"{name}_uncertainty", relative)
        low, high = max(value - wide, 0.0), value + wide
    elif of == RUNS:
        low, high = row.get(f"{name}_low", math.nan), row.get(f"{name}_high", math.nan)
    else:
        return None
    return None if math.isnan(value + low + high) else (float(low), float(high))


def columns(table: pd.DataFrame, name: str) -> list[str]:
    """Return the columns of a table that identify a row and hold a metric with all that its whiskers need."""
    own = (name, f"{name}_low", f"{name}_high", f"{name}_uncertainty", "energy_uncertainty", "uncertainty_kind")
    return [column for column in ("device", "model", "precision", *dict.fromkeys(own)) if column in table.columns]


def told_apart(one: Mapping[Any, Any], other: Mapping[Any, Any], name: str, of: str) -> bool | None:
    """Return whether two rows' values differ beyond noise: their whiskers do not overlap. None where that is unknown.

    What a sensor's gain adds is common to two rows of one device. There the spread of the runs alone
    decides, and a budget only where it holds nothing else.
    """
    gains = "gain" in one["uncertainty_kind"] + other["uncertainty_kind"]
    if of == BUDGET and gains and one["device"] == other["device"]:
        of = RUNS
    first, second = span(one, name, of), span(other, name, of)
    if first is None or second is None:
        return None
    return first[0] > second[1] or second[0] > first[1]


def roofline(row: Mapping[Any, Any]) -> float:
    """Return the tokens/s of a decoding that reads at the memory's peak bandwidth; NaN where it is not known.

    Formula: decode_tokens_per_sec / mbu.
    """
    share = row["mbu"]
    return float(row["decode_tokens_per_sec"]) / share if share > 0 else math.nan
