"""From the runs of a Record to the value of each metric that is made of runs, and its 95% interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from plotting.metrics import bootstrap
from plotting.metrics.bootstrap import Array, Bounds
from plotting.metrics.runs import Record, Result, Runs, section, totals


@dataclass(frozen=True)
class Totals:
    """A metric that is `formula` of the totals of these columns: one value a run in each."""

    columns: tuple[Array, ...]
    formula: Callable[..., Any]

    def value(self) -> float:
        """Return the metric's value."""
        return float(self.formula(*totals(self.columns)))


@dataclass(frozen=True)
class Order:
    """A metric that is the quantile `q` of the runs."""

    column: Array
    q: float

    def value(self) -> float | None:
        """Return the metric's value."""
        return bootstrap.quantile(self.column.tolist(), self.q)


@dataclass(frozen=True)
class Sampled:
    """A formula of the runs: Record -> (value, reason).

    Attributes:
        parts: what its value and its interval are made of, or why there is no value.
    """

    parts: Callable[[Runs], Totals | Order | str]

    def __call__(self, record: Record) -> Result:
        """Return (value, reason)."""
        with np.errstate(all="ignore"):  # what is not finite is for the table to say
            found = self.parts(Runs(record))
            return (None, found) if isinstance(found, str) else (found.value(), "")


@dataclass(frozen=True)
class Spread:
    """What the runs of one session say about a figure: its 95% interval, and its value in each block of time."""

    bounds: Bounds
    blocks: tuple[float, ...]


def spreads(record: Record, values: Mapping[str, float], formulas: Mapping[str, Sampled]) -> dict[str, Spread]:
    """Return {metric: spread} of the metrics that have a value and are made of runs; {} of too few runs."""
    requests = section(record, "runs").get("request") or []
    if len(requests) < bootstrap.LEAST_RUNS:
        return {}
    runs, sampling = Runs(record), bootstrap.Resampling(requests)
    with np.errstate(all="ignore"):  # what is not finite is no bound
        parts = {name: formula.parts(runs) for name, formula in formulas.items() if math.isfinite(values[name])}
        orders = {name: part for name, part in parts.items() if isinstance(part, Order)}
        sums = {name: part for name, part in parts.items() if isinstance(part, Totals)}
        return _of_orders(orders, sampling) | _of_totals(sums, values, sampling)


def _of_orders(parts: Mapping[str, Order], sampling: bootstrap.Resampling) -> dict[str, Spread]:
    if not parts:
        return {}
    columns, shares = [part.column for part in parts.values()], [part.q for part in parts.values()]
    found = {}
    for name, bounds in zip(parts, sampling.of_quantiles(columns, shares), strict=True):
        runs = parts[name].column.tolist()
        blocks = (bootstrap.quantile(runs[first:last], parts[name].q) for first, last in pairwise(sampling.edges))
        found[name] = Spread(bounds, tuple(middle for middle in blocks if middle is not None))
    return found


def _of_totals(
    parts: Mapping[str, Totals], values: Mapping[str, float], sampling: bootstrap.Resampling
) -> dict[str, Spread]:
    """Return the spreads of metrics of totals: columns that several are made of are drawn once."""
    if not parts:
        return {}
    columns = {id(column): column for part in parts.values() for column in part.columns}
    drawn = dict(zip(columns, sampling.totals([*columns.values()]), strict=True))
    blocks = dict(zip(columns, sampling.in_blocks([*columns.values()]), strict=True))
    draws = np.array([part.formula(*(drawn[id(column)] for column in part.columns)) for part in parts.values()])
    lows, highs = sampling.around(np.array([values[name] for name in parts]), draws)
    found = {}
    for (name, part), low, high in zip(parts.items(), lows.tolist(), highs.tolist(), strict=True):
        in_blocks = part.formula(*(blocks[id(column)] for column in part.columns))
        found[name] = Spread((low, high), tuple(in_blocks[np.isfinite(in_blocks)].tolist()))
    return found
