"""95% intervals of one session: of totals by a bootstrap over runs, of quantiles by order statistics. Pure.

Runs are not independent: run i takes request i mod n, and neighbours in time share clocks and temperature.
So the bootstrap draws blocks of neighbouring runs, and each request keeps its share of the work.
All columns share the weights of a draw, so one matrix product gives all metrics of a pair. Where neighbours stay alike
for long, as with a clock that switches between two states, the blocks are longer.
"""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Array = NDArray[np.float64]
LEVEL = 0.95
DRAWS = 500
LEAST_RUNS = 8
LEAST_BLOCKS, MOST_BLOCKS, BLOCK_RUNS = 4, 12, 12
"""A block has at least BLOCK_RUNS runs if there are enough. Blocks grow with the number of runs (batch means)."""
LONG_BLOCKS = 3
"""Fewest blocks, where neighbouring runs stay alike for long."""
SLOW_SHARE, SLOW_TIMES, MISSED = 0.02, 3.0, 0.1
"""Rare slow runs that an interval allows for: SLOW_SHARE of all, SLOW_TIMES as long. Fewer, if such a share would show
in all but MISSED of the sessions with so many runs."""
Bounds = tuple[float, float]
UNKNOWN: Bounds = (math.nan, math.nan)


def compute_quantile(values: Sequence[float], q: float) -> float:
    """Return the smallest value with at least a share `q` of `values` at or below it.

    The median of an even number of values is the mean of the middle two, as is usual.
    """
    ordered = sorted(values)
    if q == 0.5 and len(ordered) % 2 == 0:
        return (ordered[len(ordered) // 2 - 1] + ordered[len(ordered) // 2]) / 2
    return ordered[max(math.ceil(q * len(ordered)) - 1, 0)]


def compute_t_quantile(freedom: float) -> float:
    """Return the t for which LEVEL of Student's distribution lies between -t and t."""
    return float(stdtrit(freedom, 0.5 + LEVEL / 2))


@cache
def _draw_weights(blocks: int) -> Array:
    """Return the weights of the blocks, draws x blocks. They are exponential, so no block ever gets weight 0.

    The seed is fixed, so the same save always gives the same intervals.
    """
    return np.random.default_rng(blocks).exponential(size=(DRAWS, blocks))


class Resampling:
    """One pair's runs in blocks of time, in which each request keeps its number of runs.

    `edges` are the first run of each block, then the number of runs. `t` is Student's t for the blocks that can be
    compared: two can if one request came in both.
    """

    def __init__(self, requests: Sequence[int], times: Array | None = None) -> None:
        """Divide runs that took these requests into blocks; their `times` show for how long neighbours are alike.

        Raises:
            ValueError: there are fewer than LEAST_RUNS.
        """
        self._runs = len(requests)
        if self._runs < LEAST_RUNS:
            raise ValueError(f"{self._runs} runs are too few for an interval, which needs {LEAST_RUNS}")
        self._blocks = _count_blocks(self._runs, None if times is None else _remove_requests(times, requests))
        self._block = np.arange(self._runs) * self._blocks // self._runs
        self.edges = [0, *np.cumsum(np.bincount(self._block)).tolist()]
        names, self._request = np.unique(np.asarray(requests), return_inverse=True)
        runs = self._sum_cells(np.ones(self._runs), len(names))
        if np.count_nonzero(runs) < 2 * len(names):  # a request that comes once has no spread
            self._request = np.zeros(self._runs, dtype=int)
            runs = self._sum_cells(np.ones(self._runs), 1)
        self._of_request = runs.sum(axis=1, keepdims=True)
        self._shares = runs / self._of_request
        self._blocks_per_request = np.count_nonzero(runs) / len(runs)  # on average
        linked = np.diag(runs.sum(axis=0)) - runs.T @ self._shares
        self.t = compute_t_quantile(int(np.linalg.matrix_rank(linked, hermitian=True)))

    def _sum_cells(self, column: Array, requests: int) -> Array:
        """Return a column's totals: requests x blocks."""
        cells = np.bincount(self._request * self._blocks + self._block, column, requests * self._blocks)
        return np.asarray(cells, np.float64).reshape(requests, self._blocks)

    def draw_totals(self, columns: Sequence[Array]) -> Array:
        """Return the columns' totals in each draw, columns x draws."""
        requests = len(self._shares)
        cells = np.array([self._sum_cells(column, requests).ravel() for column in columns])
        blocks = _draw_weights(self._blocks)
        weights = blocks[:, None, :] / (blocks @ self._shares.T)[:, :, None]
        drawn: Array = cells @ weights.reshape(DRAWS, -1).T
        return drawn

    def sum_blocks(self, columns: Sequence[Array]) -> Array:
        """Return the columns' totals in each block of time, columns x blocks."""
        found: Array = np.add.reduceat(np.array(columns), self.edges[:-1], axis=1)
        return found

    def bound_values(self, values: Array, draws: Array) -> tuple[Array, Array]:
        """Return both bounds of `values` from their draws (values x draws), on logs where all are > 0.

        The half-width is t standard deviations. Exponential weights within a request underestimate the
        variance, so it is corrected by (c + 1) / (c - 1) for a request in c blocks.
        """
        wide = self.t * math.sqrt((self._blocks_per_request + 1) / (self._blocks_per_request - 1))
        on_logs = (values > 0) & np.all(draws > 0, axis=1)
        half = wide * np.std(np.where(on_logs[:, None], np.log(draws), draws), axis=1)
        low = np.where(on_logs, values * np.exp(-half), values - half)
        return low, np.where(on_logs, values * np.exp(half), values + half)

    def bound_quantiles(self, columns: Sequence[Array], shares: Sequence[float]) -> list[Bounds]:
        """Return the interval of a quantile of each column. Its ends are measured runs, or NaN if unknown.

        The true quantile may lie between two neighbours in order of size if the share of the runs up to there
        is within t standard errors of its own share (Francisco and Fuller, "Quantile estimation with a complex
        survey design", Annals of Statistics 19, 1991). The error comes from the deviation of that share in each
        block. It is at least that at the quantile's own share, because the few runs in a tail seem to agree.
        The number of runs alone decides whether an end is known: see `count_runs_needed`.
        """
        runs, below, q = self._runs, np.arange(1, self._runs), np.asarray(shares)[:, None]
        order = np.argsort(np.array(columns), axis=1, kind="stable")
        deviations = np.eye(self._blocks)[self._block] - self._shares[self._request]
        block_sums = np.cumsum(deviations[order[:, :-1]], axis=1)
        variance = (
            np.einsum("crb,crb->cr", block_sums, block_sums) * self._blocks_per_request / (self._blocks_per_request - 1)
        )
        at_least = np.maximum(q * (1 - q) / (below * (runs - below)), 1 / runs**2)
        possible = np.abs(below / runs - q) <= self.t * np.sqrt(variance * at_least)
        return [self._find_ends(*each) for each in zip(columns, order, possible, shares, strict=True)]

    def _find_ends(self, column: Array, order: NDArray[np.int64], possible: NDArray[np.bool_], q: float) -> Bounds:
        """Return the ends of a quantile. `possible[n - 1]`: it may lie just above the nth smallest run."""
        counts = [math.floor(q * self._runs), *(np.flatnonzero(possible) + 1).tolist()]
        first, last = min(counts), max(counts)
        below, above = ((1 - share) ** self._runs <= (1 - LEVEL) / 2 for share in (q, 1 - q))
        low = float(column[order[first - 1]]) if below and first > 0 else math.nan
        return low, float(column[order[last]]) if above and last < self._runs else math.nan


def count_runs_needed(q: float) -> int:
    """Return the fewest runs for an interval with both ends: 72 for p95, 368 for p99, LEAST_RUNS for a median.

    Formula: the least n with max(q, 1 - q)^n <= (1 - LEVEL) / 2. With fewer independent runs, the smallest or
    largest one lies on the wrong side of the quantile too often.
    """
    return max(LEAST_RUNS, math.ceil(math.log((1 - LEVEL) / 2) / math.log(max(q, 1 - q))))


def compute_slow_share(runs: int) -> float:
    """Return the time that rare slow runs may add, as a share, and that so many runs need not show."""
    return (SLOW_TIMES - 1) * min(SLOW_SHARE, 1 - math.exp(math.log(MISSED) / runs))


def _remove_requests(times: Array, requests: Sequence[int]) -> Array:
    """Return the times, each less the mean of its request."""
    _, request = np.unique(np.asarray(requests), return_inverse=True)
    found: Array = times - (np.bincount(request, times) / np.bincount(request))[request]
    return found


def _count_blocks(runs: int, times: Array | None) -> int:
    """Return the number of blocks. They become longer while runs half a block apart are alike."""
    blocks = min(max(runs // BLOCK_RUNS, LEAST_BLOCKS), MOST_BLOCKS)
    while times is not None and blocks > LONG_BLOCKS and _are_alike(times, runs // (2 * blocks)):
        blocks = max(blocks // 2, LONG_BLOCKS)
    return blocks


def _are_alike(times: Array, apart: int) -> bool:
    """Return whether runs that are so many runs apart correlate by more than chance."""
    correlation = float(times[apart:] @ times[:-apart]) / max(float(times @ times), np.finfo(float).tiny)
    return correlation > 2 / math.sqrt(len(times))
