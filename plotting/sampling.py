"""From the runs of a Record to the 95% interval of each metric that is made of runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from plotting import stats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plotting.stats import Bounds

Record = dict[str, Any]


@dataclass(frozen=True)
class Totals:
    """A metric that is `formula` of the totals of these columns: one value a run in each."""

    columns: list[list[float]]
    formula: Callable[..., Any]


@dataclass(frozen=True)
class Order:
    """A metric that is the quantile `q` of the runs."""

    values: list[float]
    q: float


@dataclass(frozen=True)
class Sampled:
    """A formula of the runs: Record -> (value, reason), with the parts that its interval is drawn from."""

    compute: Callable[[Record], tuple[float | None, str]]
    parts: Callable[[Record], Totals | Order]

    def __call__(self, record: Record) -> tuple[float | None, str]:
        """Return (value, reason)."""
        return self.compute(record)


@dataclass(frozen=True)
class Spread:
    """What the runs of one session say about a figure: its 95% interval, and its value in each block of time."""

    bounds: Bounds
    blocks: tuple[float, ...]


def spreads(record: Record, values: Mapping[str, float], formulas: Mapping[str, Sampled]) -> dict[str, Spread]:
    """Return {metric: spread} of the metrics that have a value and are made of runs; {} of too few runs."""
    requests = (record.get("runs") or {}).get("request") or []
    if len(requests) < stats.LEAST_RUNS:
        return {}
    runs = stats.Resampling(requests)
    known = {name: formula.parts(record) for name, formula in formulas.items() if math.isfinite(values[name])}
    columns = {name: _columns(part, values[name]) for name, part in known.items()}
    stacked = [column for found in columns.values() for column in found]
    if not stacked:
        return {}
    draws, found, at = runs.totals(stats.stack(stacked)), {}, 0
    for name, part in known.items():
        drawn, at = draws[:, at : at + len(columns[name])].T, at + len(columns[name])
        found[name] = _spread(part, values[name], runs, drawn)
    return found


def _columns(part: Totals | Order, value: float) -> list[list[float]]:
    if isinstance(part, Totals):
        return part.columns
    return [[1.0 if run <= value else 0.0 for run in part.values]]


def _spread(part: Totals | Order, value: float, runs: stats.Resampling, drawn: stats.Array) -> Spread:
    if isinstance(part, Order):
        middles = [stats.quantile(block, part.q) for block in runs.by_block(part.values)]
        bounds = runs.of_quantile(part.values, part.q, drawn[0])
        return Spread(bounds, tuple(middle for middle in middles if middle is not None))
    sums = [[sum(block) for block in runs.by_block(column)] for column in part.columns]
    with np.errstate(all="ignore"):
        blocks = [float(part.formula(*map(np.float64, totals))) for totals in zip(*sums, strict=True)]
        return Spread(
            runs.around(value, np.asarray(part.formula(*drawn))),
            tuple(block for block in blocks if math.isfinite(block)),
        )
