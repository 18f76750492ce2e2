"""Quantiles by order statistics, and 95% intervals by a bootstrap over runs. Pure.

Runs are related: run i takes request i mod n, and neighbours in time share clocks and temperature.
So a draw weighs blocks of neighbouring runs, and keeps each request's share of the work as it was.
A draw's weights are the same for every column, so that all metrics of a pair come from one product.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtrit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEVEL = 0.95
DRAWS = 500
LEAST_RUNS = 8
LEAST_BLOCKS, MOST_BLOCKS, BLOCK_RUNS = 4, 12, 12
"""A block has at least BLOCK_RUNS runs where there are enough, and grows with their number: batch means."""
Bounds = tuple[float, float]
UNKNOWN: Bounds = (math.nan, math.nan)


def quantile(values: Sequence[float], q: float) -> float | None:
    """Return the smallest value with at least a share `q` of `values` at or below it; None of nothing.

    The median of an even number is the mean of the middle two, as everywhere.
    """
    if not values:
        return None
    ordered = sorted(values)
    if q == 0.5 and len(ordered) % 2 == 0:
        return (ordered[len(ordered) // 2 - 1] + ordered[len(ordered) // 2]) / 2
    return ordered[max(math.ceil(q * len(ordered)) - 1, 0)]


def t_quantile(freedom: float) -> float:
    """Return Student's t that LEVEL of the distribution lies within, on both sides of 0."""
    return float(stdtrit(freedom, 0.5 + LEVEL / 2))


@cache
def _weights(blocks: int) -> Array:
    """Return the weights of the blocks, draws x blocks: exponential ones, so that no block ever vanishes whole.

    They come from a seed of their own, so that the same save gives the same figures each time.
    """
    return np.random.default_rng(blocks).exponential(size=(DRAWS, blocks))


class Resampling:
    """Draws of one pair's runs in blocks of time, each request keeping its number of runs.

    Attributes:
        blocks: for each run, in order of time, the number of its block.
        widening: what the half-width of an interval is multiplied with: Student's t of so few blocks,
            and what exponential weights within a request fall short of an unbiased variance,
            (c + 1) / (c - 1) for a request in c blocks.
    """

    def __init__(self, requests: Sequence[int]) -> None:
        """Lay blocks over runs that took these requests.

        Raises:
            ValueError: there are fewer than LEAST_RUNS.
        """
        self._runs = len(requests)
        if self._runs < LEAST_RUNS:
            raise ValueError(f"{self._runs} runs have no interval, {LEAST_RUNS} have")
        self._count = min(max(self._runs // BLOCK_RUNS, LEAST_BLOCKS), MOST_BLOCKS)
        self.blocks = np.arange(self._runs) * self._count // self._runs
        names, strata = np.unique(np.asarray(requests), return_inverse=True)
        cells = len(set(zip(self.blocks.tolist(), strata.tolist(), strict=True)))
        if cells < 2 * len(names):  # a request that comes once has no spread of its own
            names, strata, cells = names[:1], np.zeros(self._runs, dtype=int), self._count
        self._strata, self._requests = strata, len(names)
        share = cells / self._requests
        self.widening = t_quantile(self._count - 1) * math.sqrt((share + 1) / (share - 1))

    def totals(self, columns: Array) -> Array:
        """Return the columns' totals in each draw: runs x columns -> draws x columns."""
        cells = np.zeros((self._count, self._requests, columns.shape[1] + 1))
        np.add.at(cells, (self.blocks, self._strata), np.column_stack([np.ones(self._runs), columns]))
        sums = _weights(self._count) @ cells.reshape(self._count, -1)
        of_requests = sums.reshape(DRAWS, self._requests, -1)
        runs = np.bincount(self._strata, minlength=self._requests)
        drawn: Array = np.einsum("drc,dr->dc", of_requests[:, :, 1:], runs / of_requests[:, :, 0])
        return drawn

    def around(self, value: float, draws: Array) -> Bounds:
        """Return the interval of a figure that is `value`, from its value in each draw; on logs where all are > 0."""
        if value > 0 and bool(np.all(draws > 0)):
            half = self.widening * float(np.std(np.log(draws)))
            return value * math.exp(-half), value * math.exp(half)
        half = self.widening * float(np.std(draws))
        return value - half, value + half

    def of_quantile(self, values: Sequence[float], q: float, draws: Array) -> Bounds:
        """Return the interval of a quantile: two runs that happened.

        `draws` are the totals of the column that is 1 where a run is at or below the quantile: their
        spread says how far its share of the runs is off, and order statistics lie at both ends. A bound
        beyond the last run is NaN: too few runs know it.
        """
        ordered, runs = sorted(values), self._runs
        half = self.widening * float(np.std(draws / runs))
        first, last = math.floor((q - half) * runs), math.floor((q + half) * runs) + 1
        # A share that no draw moves still lies between two runs' shares
        return ordered[first - 1] if first >= 1 else math.nan, ordered[last - 1] if last <= runs else math.nan

    def in_blocks(self, columns: Array) -> Array:
        """Return the columns' totals in each block of time: runs x columns -> blocks x columns."""
        found: Array = np.add.reduceat(columns, np.searchsorted(self.blocks, range(self._count)), axis=0)
        return found

    def by_block(self, column: Sequence[float]) -> list[Sequence[float]]:
        """Return the runs' values, block by block."""
        edges = np.searchsorted(self.blocks, range(self._count + 1)).tolist()
        return [column[first:last] for first, last in pairwise(edges)]


def stack(columns: Sequence[Sequence[float] | NDArray[Any]]) -> Array:
    """Return columns of equal length as one matrix, runs x columns."""
    return np.array(columns, dtype=np.float64).T
