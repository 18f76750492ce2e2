"""From the runs of a Record to the value of each metric that is made of runs, and its 95% interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from plotting import stats
from plotting.runs import Record, Result, Runs, section, totals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plotting.stats import Array, Bounds


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
        return stats.quantile(self.column.tolist(), self.q)


@dataclass(frozen=True)
class Sampled:
    """A formula of the runs: Record -> (value, reason).

    Attributes:
        parts: what its value and its interval are made of, or why there is no value.
    """

    parts: Callable[[Runs], Totals | Order | str]

    def __call__(self, record: Record) -> Result:
        """Return (value, reason)."""
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
    if len(requests) < stats.LEAST_RUNS:
        return {}
    runs, sampling = Runs(record), stats.Resampling(requests)
    with np.errstate(all="ignore"):  # what is not finite is no bound
        parts = {name: formula.parts(runs) for name, formula in formulas.items() if math.isfinite(values[name])}
        found = {name: _of_order(part, values[name], sampling) for name, part in parts.items() if isinstance(part, Order)}
        sums = {name: part for name, part in parts.items() if isinstance(part, Totals)}
        return found | _of_totals(sums, values, sampling)


def _of_order(part: Order, value: float, sampling: stats.Resampling) -> Spread:
    values = part.column.tolist()
    middles = [stats.quantile(block, part.q) for block in sampling.by_block(values)]
    drawn = sampling.totals(stats.stack([part.column <= value]))[:, 0]
    bounds = sampling.of_quantile(values, part.q, drawn)
    return Spread(bounds, tuple(middle for middle in middles if middle is not None))


def _of_totals(
    parts: Mapping[str, Totals], values: Mapping[str, float], sampling: stats.Resampling
) -> dict[str, Spread]:
    """Return the spreads of metrics of totals: columns that several are made of are drawn once."""
    columns = {id(column): column for part in parts.values() for column in part.columns}
    if not columns:
        return {}
    matrix = stats.stack(list(columns.values()))
    drawn, blocks = (dict(zip(columns, sums.T, strict=True)) for sums in (sampling.totals(matrix), sampling.in_blocks(matrix)))
    found = {}
    for name, part in parts.items():
        draws = np.asarray(part.formula(*(drawn[id(column)] for column in part.columns)))
        in_blocks = np.asarray(part.formula(*(blocks[id(column)] for column in part.columns)))
        found[name] = Spread(
            sampling.around(values[name], draws), tuple(in_blocks[np.isfinite(in_blocks)].tolist())
        )
    return found
