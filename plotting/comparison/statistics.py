"""Compare two sides in one metric: ratio, 95% interval, tests and verdict.

Runs of one session share temperature, clocks and memory layout, so they do not show how much another
session would differ. Sessions are therefore the units if their spread is known: from several sessions on
a side (finding 5% takes three a side), or from other saves of the same series. Otherwise the interval
comes from the runs alone, and its basis is "single session".
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtridf

from plotting.metrics.bootstrap import LEVEL, UNKNOWN, Bounds, compute_t_quantile

BETTER, WORSE, WITHIN_NOISE, NOT_COMPARABLE = "better", "worse", "within noise", "not comparable"
LEAST_CHANGE = 0.02
LEAST_FREEDOM = 2
"""Degrees of freedom that other saves must give: the spread of two saves alone would hide every change."""
SINGLE = "single session"
NOT_ALTERNATED = "not in turn"


@dataclass(frozen=True)
class Side:
    """One side's values of a metric, all above 0."""

    sessions: tuple[float, ...]  # one value a session
    bounds: Bounds = UNKNOWN  # interval over the runs of a single session
    blocks: tuple[float, ...] = ()  # value of that session in each block of time
    others: tuple[tuple[float, ...], ...] = ()  # other sessions of the series, grouped by software and name

    @property
    def value(self) -> float:
        """Geometric mean of the sessions."""
        return math.exp(sum(map(math.log, self.sessions)) / len(self.sessions))


@dataclass(frozen=True)
class Difference:
    """The difference of two sides in one metric; unknown values are NaN."""

    ratio: float  # after / before
    low: float  # 95% interval of the ratio
    high: float
    p: float  # two-sided; below 1 - LEVEL exactly if the interval excludes 1
    spread: float  # standard deviation between sessions, relative
    basis: str  # data behind the interval, in words


@dataclass(frozen=True)
class _Variance:
    """Variance of logs between sessions, and its degrees of freedom; without any the variance is NaN."""

    value: float
    freedom: int


def compute_difference(before: Side, after: Side, *, alike: bool) -> Difference:
    """Return how `after` differs from `before`; `alike` sides are of one series and share a spread."""
    ratio, within = after.value / before.value, _compute_run_bounds(before, after)
    variances = [_pool(_list_groups(side)) for side in (before, after)]
    if alike or 0 in [variance.freedom for variance in variances]:
        shared = [group for side in (before, after) for group in _list_groups(side)]
        variances = [_pool(dict.fromkeys(shared))] * 2
    if variances[0].freedom == 0:
        low, high = within
        return Difference(ratio, low, high, _p_of_bounds(ratio, within), math.nan, SINGLE)
    error, freedom = _compute_error(variances, before, after, alike=variances[0] is variances[1])
    half = compute_t_quantile(freedom) * error
    bounds, p = (ratio * math.exp(-half), ratio * math.exp(half)), _p_of_t(math.log(ratio), error, freedom)
    if not math.isnan(within[0] + within[1]):  # few runs may leave more uncertainty than the spread between sessions
        bounds = min(bounds[0], within[0]), max(bounds[1], within[1])
        p = max(p, _p_of_bounds(ratio, within))
    spread = math.exp(math.sqrt(sum(variance.value for variance in variances) / 2)) - 1
    return Difference(ratio, *bounds, p, spread, _describe_basis(before, after))


def judge(found: Difference, p_adjusted: float, *, higher_is_better: bool) -> str:
    """Return better or worse if the interval excludes 1 and the change is large enough, else within noise."""
    change = abs(found.ratio - 1)
    spread = 0.0 if math.isnan(found.spread) else found.spread
    if math.isnan(found.low + found.high):
        return NOT_COMPARABLE
    if found.low <= 1 <= found.high or p_adjusted >= 1 - LEVEL or change <= max(LEAST_CHANGE, spread):
        return WITHIN_NOISE
    return BETTER if (found.ratio > 1) == higher_is_better else WORSE


def compute_ranks(before: Side, after: Side) -> tuple[float, float]:
    """Return the p of the Mann-Whitney test and Cliff's delta, which assume no distribution.

    They rank sessions, or the blocks in time of single sessions; NaN with fewer than two a side.
    Cliff's delta: share of couples in which `after` is larger, minus the share in which it is smaller.
    """
    one = len(before.sessions) == len(after.sessions) == 1
    old, new = (before.blocks, after.blocks) if one else (before.sessions, after.sessions)
    if min(len(old), len(new)) < 2:
        return UNKNOWN
    if len({*old, *new}) == 1:
        return 1.0, 0.0
    from scipy.stats import mannwhitneyu  # takes half a second to import

    found = mannwhitneyu(new, old)
    return float(found.pvalue), 2 * float(found.statistic) / (len(old) * len(new)) - 1


def adjust_p(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Benjamini and Hochberg); NaN stays NaN and does not count."""
    from scipy.stats import false_discovery_control  # as above

    known = [value for value in p if not math.isnan(value)]
    corrected = iter(false_discovery_control(known) if known else [])
    return [value if math.isnan(value) else float(next(corrected)) for value in p]


def _list_groups(side: Side) -> list[tuple[float, ...]]:
    known = sum(len(group) - 1 for group in side.others) >= LEAST_FREEDOM
    return [group for group in (side.sessions, *(side.others if known else ())) if len(group) > 1]


def _pool(groups: Iterable[tuple[float, ...]]) -> _Variance:
    """Return the pooled variance within groups of sessions."""
    logs = [np.log(group) for group in groups]
    freedom = sum(len(group) - 1 for group in logs)
    squares = sum(float(np.sum((group - group.mean()) ** 2)) for group in logs)
    return _Variance(squares / freedom if freedom else math.nan, freedom)


def _compute_error(variances: Sequence[_Variance], before: Side, after: Side, *, alike: bool) -> tuple[float, float]:
    """Return the standard error of the log ratio and its degrees of freedom.

    Sides with spreads of their own combine their intervals as in `_compute_run_bounds`. Welch's degrees of freedom
    are too many for so few sessions: his 95% intervals miss up to 6% at three a side, 10% at five against two.
    """
    parts = [variances[0].value / len(before.sessions), variances[1].value / len(after.sessions)]
    error = math.sqrt(sum(parts))
    if alike or error == 0:
        return error, variances[0].freedom
    reach = math.hypot(
        *(compute_t_quantile(side.freedom) * math.sqrt(part) for side, part in zip(variances, parts, strict=True))
    )
    return error, float(stdtridf(0.5 + LEVEL / 2, reach / error))


def _compute_run_bounds(before: Side, after: Side) -> Bounds:
    """Return the interval of the ratio from the intervals of its two sides, on logs.

    Method: Zou and Donner, "Construction of confidence limits about effect measures", Statistics in Medicine 27 (2008).
    """
    if min(*before.bounds, *after.bounds, math.inf) <= 0 or len(before.sessions) + len(after.sessions) > 2:
        return UNKNOWN
    (low, high), (other_low, other_high) = (tuple(map(math.log, side.bounds)) for side in (before, after))
    old, new = math.log(before.value), math.log(after.value)
    down, up = math.hypot(new - other_low, high - old), math.hypot(other_high - new, old - low)
    return math.exp(new - old - down), math.exp(new - old + up)


def _p_of_bounds(ratio: float, bounds: Bounds) -> float:
    """Return the p of a normal estimate whose interval reaches as far towards 1."""
    if math.isnan(sum(bounds)):
        return math.nan
    half = math.log(ratio / bounds[0]) if ratio > 1 else math.log(bounds[1] / ratio)
    if half <= 0:  # equal runs have no interval, except for rounding
        return float(ratio == 1)
    return float(2 * ndtr(-abs(math.log(ratio)) / half * ndtri(0.5 + LEVEL / 2)))


def _p_of_t(change: float, error: float, freedom: float) -> float:
    return float(change == 0) if error == 0 else float(2 * stdtr(freedom, -abs(change) / error))


def _describe_basis(before: Side, after: Side) -> str:
    sizes = len(before.sessions), len(after.sessions)
    groups = dict.fromkeys(group for side in (before, after) for group in _list_groups(side))
    others = sum(len(group) for group in groups if group not in (before.sessions, after.sessions))
    known = f", spread of {others} other saves" if others else ""
    return f"{SINGLE}{known}" if max(sizes) == 1 else f"{sizes[0]} + {sizes[1]} sessions{known}"
