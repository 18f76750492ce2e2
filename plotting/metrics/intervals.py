"""From the runs of a Record to the value of each metric that is computed from runs, and its 95% interval."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.record import Record
from plotting.metrics import bootstrap
from plotting.metrics.bootstrap import Array, Bounds
from plotting.metrics.runs import GoodRuns, sum_columns


@dataclass(frozen=True)
class Totals:
    """A metric that is `formula` of the totals of these columns, which hold one value a run."""

    columns: tuple[Array, ...]
    formula: Callable[..., Any]
    timed: tuple[int, ...]  # places of the columns that grow with the time of a run: durations and energy

    def compute(self) -> float:
        """Return the metric's value."""
        return float(self.formula(*sum_columns(self.columns)))

    def compute_slow(self) -> float:
        """Return its value if rare slow runs had come that these runs need not show."""
        more = 1 + bootstrap.compute_slow_share(len(self.columns[0]))
        totals = enumerate(sum_columns(self.columns))
        return float(self.formula(*(total * more if place in self.timed else total for place, total in totals)))


@dataclass(frozen=True)
class RunQuantile:
    """A metric that is the quantile `q` of the runs."""

    column: Array
    q: float

    def compute(self) -> float:
        """Return the metric's value."""
        return bootstrap.compute_quantile(self.column.tolist(), self.q)


@dataclass(frozen=True)
class RunsFormula:
    """A metric that is computed from the runs of a Record, and so has an interval.

    `parts` returns the inputs of its value and of its interval, or raises NotMeasured if there is no value.
    """

    parts: Callable[[GoodRuns], Totals | RunQuantile]

    def __call__(self, record: Record) -> float:
        """Return the metric's value."""
        with np.errstate(all="ignore"):  # the table replaces values that are not finite
            return self.parts(GoodRuns(record)).compute()


@dataclass(frozen=True)
class Spread:
    """How a metric varies within one session: its 95% interval, and its value in each block of time."""

    bounds: Bounds
    blocks: tuple[float, ...]


def compute_spreads(
    record: Record, values: Mapping[str, float], formulas: Mapping[str, RunsFormula]
) -> dict[str, Spread]:
    """Return {metric: spread} of the metrics with a finite value; {} if there are too few runs."""
    if record["runs"] is None or len(record["runs"]["request"]) < bootstrap.LEAST_RUNS:
        return {}
    runs = GoodRuns(record)
    with np.errstate(all="ignore"):  # the table replaces bounds that are not finite
        sampling = bootstrap.Resampling(record["runs"]["request"], runs.columns("latency_s")[0])
        parts = {name: formula.parts(runs) for name, formula in formulas.items() if math.isfinite(values[name])}
        quantiles = {name: part for name, part in parts.items() if isinstance(part, RunQuantile)}
        totals = {name: part for name, part in parts.items() if isinstance(part, Totals)}
        return _spread_quantiles(quantiles, sampling) | _spread_totals(totals, values, sampling)


def _spread_quantiles(parts: Mapping[str, RunQuantile], sampling: bootstrap.Resampling) -> dict[str, Spread]:
    columns, shares = [part.column for part in parts.values()], [part.q for part in parts.values()]
    found = {}
    for (name, part), bounds in zip(parts.items(), sampling.bound_quantiles(columns, shares), strict=True):
        runs = part.column.tolist()
        blocks = (bootstrap.compute_quantile(runs[first:last], part.q) for first, last in pairwise(sampling.edges))
        found[name] = Spread(bounds, tuple(blocks))
    return found


def _spread_totals(
    parts: Mapping[str, Totals], values: Mapping[str, float], sampling: bootstrap.Resampling
) -> dict[str, Spread]:
    """Return the spreads of metrics of totals. A column that several metrics share is drawn once."""
    if not parts:
        return {}
    columns = {id(column): column for part in parts.values() for column in part.columns}
    drawn = dict(zip(columns, sampling.draw_totals([*columns.values()]), strict=True))
    blocks = dict(zip(columns, sampling.sum_blocks([*columns.values()]), strict=True))
    draws = np.array([part.formula(*(drawn[id(column)] for column in part.columns)) for part in parts.values()])
    lows, highs = sampling.bound_values(np.array([values[name] for name in parts]), draws)
    found = {}
    for (name, part), low, high in zip(parts.items(), lows.tolist(), highs.tolist(), strict=True):
        in_blocks = part.formula(*(blocks[id(column)] for column in part.columns))
        bounds = _allow_for_slow_runs((low, high), values[name], part.compute_slow())
        found[name] = Spread(bounds, tuple(in_blocks[np.isfinite(in_blocks)].tolist()))
    return found


def _allow_for_slow_runs(bounds: Bounds, value: float, slow: float) -> Bounds:
    """Return the interval with its slow end moved as far as rare slow runs move the value."""
    low, high = bounds
    if low > 0:
        return low * min(slow / value, 1), high * max(slow / value, 1)
    return low + min(slow - value, 0), high + max(slow - value, 0)
