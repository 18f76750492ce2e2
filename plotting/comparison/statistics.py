"""Whether two sides differ in one metric: ratio, 95% interval, tests and verdict. Pure.

Runs of one session share a temperature, clocks and a layout of memory: they say nothing of how another
session would have come out. So where anything is known of the spread between sessions, sessions are
the units: with several on a side (three a side are what it takes to find 5%), or with other saves of
the same series. Where nothing is known, the interval is of the runs alone, and says "single session".
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
"""Of other saves: two of them alone would say too little, and hide every change."""
SINGLE = "single session"
APART = "not in turn"


@dataclass(frozen=True)
class Side:
    """One side's figures of a metric, all above 0.

    Attributes:
        sessions: one value a session.
        bounds: the interval that the runs of its one session give; UNKNOWN of several sessions.
        blocks: that session's value in each block of time.
        others: values of other sessions of the same series, those in a group alike in software and name.
    """

    sessions: tuple[float, ...]
    bounds: Bounds = UNKNOWN
    blocks: tuple[float, ...] = ()
    others: tuple[tuple[float, ...], ...] = ()

    @property
    def value(self) -> float:
        """The geometric mean of its sessions."""
        return math.exp(sum(map(math.log, self.sessions)) / len(self.sessions))


@dataclass(frozen=True)
class Difference:
    """Two sides in one metric.

    Attributes:
        ratio: after / before.
        low: of its 95% interval; NaN where nothing is known of its spread.
        high: the other end.
        p: two-sided; under 1 - LEVEL just where the interval is clear of 1.
        spread: standard deviation from session to session, relative; NaN where nothing is known.
        basis: what the interval is drawn from, in words.
    """

    ratio: float
    low: float
    high: float
    p: float
    spread: float
    basis: str


@dataclass(frozen=True)
class _Variance:
    """Variance of logs between sessions, with its degrees of freedom; none of either is known without any."""

    value: float
    freedom: int


def difference(before: Side, after: Side, *, alike: bool) -> Difference:
    """Return how `after` compares with `before`; `alike` sides are of one series, and share a spread."""
    ratio, within = after.value / before.value, _of_runs(before, after)
    variances = [_variance(side) for side in (before, after)]
    if alike or 0 in [variance.freedom for variance in variances]:
        shared = [group for side in (before, after) for group in _groups(side)]
        variances = [_pooled(dict.fromkeys(shared))] * 2
    if variances[0].freedom == 0:
        low, high = within
        return Difference(ratio, low, high, _p_of_bounds(ratio, within), math.nan, SINGLE)
    error, freedom = _error(variances, before, after, alike=variances[0] is variances[1])
    half = compute_t_quantile(freedom) * error
    bounds, p = (ratio * math.exp(-half), ratio * math.exp(half)), _p_of_t(math.log(ratio), error, freedom)
    if not math.isnan(within[0] + within[1]):  # a session of few runs is worse known than the spread of others says
        bounds = min(bounds[0], within[0]), max(bounds[1], within[1])
        p = max(p, _p_of_bounds(ratio, within))
    spread = math.exp(math.sqrt(sum(variance.value for variance in variances) / 2)) - 1
    return Difference(ratio, *bounds, p, spread, _basis(before, after))


def verdict(found: Difference, p_adjusted: float, *, higher_is_better: bool) -> str:
    """Return better, worse, or within noise: an interval clear of 1, and a change that matters, are needed for more."""
    change = abs(found.ratio - 1)
    spread = 0.0 if math.isnan(found.spread) else found.spread
    if math.isnan(found.low + found.high):
        return NOT_COMPARABLE
    if found.low <= 1 <= found.high or p_adjusted >= 1 - LEVEL or change <= max(LEAST_CHANGE, spread):
        return WITHIN_NOISE
    return BETTER if (found.ratio > 1) == higher_is_better else WORSE


def ranks(before: Side, after: Side) -> tuple[float, float]:
    """Return the p of the Mann-Whitney test, and Cliff's delta: no distribution is supposed.

    Ranked are sessions, or where there is one a side its blocks in time; NaN without two of them a side.
    Cliff's delta is the share of couples in which `after` is the larger, less that in which it is the smaller.
    """
    one = len(before.sessions) == len(after.sessions) == 1
    old, new = (before.blocks, after.blocks) if one else (before.sessions, after.sessions)
    if min(len(old), len(new)) < 2:
        return UNKNOWN
    if len({*old, *new}) == 1:
        return 1.0, 0.0
    from scipy.stats import mannwhitneyu  # half a second that only a comparison takes

    found = mannwhitneyu(new, old)
    return float(found.pvalue), 2 * float(found.statistic) / (len(old) * len(new)) - 1


def adjusted(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, by Benjamini and Hochberg; NaN stays NaN, and is not counted."""
    from scipy.stats import false_discovery_control  # as above

    known = [value for value in p if not math.isnan(value)]
    corrected = iter(false_discovery_control(known) if known else [])
    return [value if math.isnan(value) else float(next(corrected)) for value in p]


def _groups(side: Side) -> list[tuple[float, ...]]:
    known = sum(len(group) - 1 for group in side.others) >= LEAST_FREEDOM
    return [group for group in (side.sessions, *(side.others if known else ())) if len(group) > 1]


def _variance(side: Side) -> _Variance:
    return _pooled(_groups(side))


def _pooled(groups: Iterable[tuple[float, ...]]) -> _Variance:
    """Return the variance within groups of sessions, pooled."""
    logs = [np.log(group) for group in groups]
    freedom = sum(len(group) - 1 for group in logs)
    squares = sum(float(np.sum((group - group.mean()) ** 2)) for group in logs)
    return _Variance(squares / freedom if freedom else math.nan, freedom)


def _error(variances: Sequence[_Variance], before: Side, after: Side, *, alike: bool) -> tuple[float, float]:
    """Return the standard error of the log ratio and its degrees of freedom.

    Sides that share no spread reach as far as their own intervals together, as in `_of_runs`. Welch's degrees of
    freedom are too many for so few sessions: at three a side their 95% miss up to 6%, at five beside two up to 10%.
    """
    parts = [variances[0].value / len(before.sessions), variances[1].value / len(after.sessions)]
    error = math.sqrt(sum(parts))
    if alike or error == 0:
        return error, variances[0].freedom
    reach = math.hypot(
        *(compute_t_quantile(side.freedom) * math.sqrt(part) for side, part in zip(variances, parts, strict=True))
    )
    return error, float(stdtridf(0.5 + LEVEL / 2, reach / error))


def _of_runs(before: Side, after: Side) -> Bounds:
    """Return the interval of the ratio from those of its two sides, on logs.

    Each end takes the two ends that make it up: Zou and Donner, "Construction of confidence limits about
    effect measures", Statistics in Medicine 27 (2008).
    """
    if min(*before.bounds, *after.bounds, math.inf) <= 0 or len(before.sessions) + len(after.sessions) > 2:
        return UNKNOWN
    (low, high), (other_low, other_high) = (tuple(map(math.log, side.bounds)) for side in (before, after))
    old, new = math.log(before.value), math.log(after.value)
    down, up = math.hypot(new - other_low, high - old), math.hypot(other_high - new, old - low)
    return math.exp(new - old - down), math.exp(new - old + up)


def _p_of_bounds(ratio: float, bounds: Bounds) -> float:
    """Return the p that a normal estimate has whose interval reaches as far towards 1 as this one."""
    if math.isnan(sum(bounds)):
        return math.nan
    half = math.log(ratio / bounds[0]) if ratio > 1 else math.log(bounds[1] / ratio)
    if half <= 0:  # of runs that are all alike there is none, but for rounding
        return float(ratio == 1)
    return float(2 * ndtr(-abs(math.log(ratio)) / half * ndtri(0.5 + LEVEL / 2)))


def _p_of_t(change: float, error: float, freedom: float) -> float:
    return float(change == 0) if error == 0 else float(2 * stdtr(freedom, -abs(change) / error))


def _basis(before: Side, after: Side) -> str:
    sizes = len(before.sessions), len(after.sessions)
    groups = dict.fromkeys(group for side in (before, after) for group in _groups(side))
    others = sum(len(group) for group in groups if group not in (before.sessions, after.sessions))
    known = f", spread of {others} other saves" if others else ""
    return f"{SINGLE}{known}" if max(sizes) == 1 else f"{sizes[0]} + {sizes[1]} sessions{known}"
