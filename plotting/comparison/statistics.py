"""Compare two sides in one metric: ratio, 95% interval, tests and verdict.

Runs of one session share temperature, clocks and memory layout, so they do not show how much another
session would differ. Sessions are therefore the units if their spread is known: from several sessions on
a side (finding 5% takes three a side), or from other saves of the same series. Otherwise the interval
comes from the runs alone, and its basis is "single session". `pooling` combines the spreads of several pairs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy.special import ndtr, ndtri, stdtr, stdtridf, stdtrit

from plotting.comparison import pooling
from plotting.comparison.pooling import Variance, pool
from plotting.metrics.bootstrap import LEVEL, UNKNOWN, Bounds, compute_t_quantile

BETTER, WORSE, WITHIN_NOISE, INCONCLUSIVE = "better", "worse", "within noise", "inconclusive"
NOT_COMPARABLE = "not comparable"
LEAST_CHANGE = 0.02
MATTERS = 0.05
"""The change that a verdict of "within noise" excludes, unless a gate states its own."""
LEAST_SESSIONS = 6
"""Sessions of both sides that a verdict on a change of up to CLOCK_STEP takes. A clock with two states puts all n
sessions of one side into one state, and those of the other into the other, in 2 of 2^n cases: 3% at six."""
CLOCK_STEP = 0.08
MOST_SESSIONS = 100
"""Most sessions per side that `count_further_sessions` tries."""
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
    sessions: int = 0  # how many of both sides are known, others of their series included
    sizes: tuple[int, int] = (1, 1)  # sessions of each side
    freedom: float = math.nan  # degrees of freedom of the spread


Couple = tuple[Side, Side, bool]
"""The two sides of a pair, and whether they are of one series and share a spread."""


def compute_difference(before: Side, after: Side, *, alike: bool) -> Difference:
    """Return how `after` differs from `before` by these sessions alone; `alike` sides are of one series."""
    return compute_differences([(before, after, alike)])[0]


def compute_differences(couples: Sequence[Couple]) -> list[Difference]:
    """Return how the sides of each pair differ in one metric. All pairs together show the spread between sessions.

    Raises:
        OverflowError: a ratio is not finite.
    """
    own = [_list_variances(*couple) for couple in couples]
    of_old, of_new = (pooling.share([variances[side] for variances in own]) for side in (0, 1))
    count = sum(variances[0].freedom > 0 for variances in own)
    found = []
    for (before, after, _), variances, old, new in zip(couples, own, of_old, of_new, strict=True):
        allowed = dict.fromkeys(((old[0], new[0]), (old[-1], new[-1])))
        same = variances[0] is variances[1]
        drawn = (_compute_difference(before, after, pair, same=same) for pair in allowed)
        widest = max(drawn, key=lambda each: each.high / each.low)
        found.append(replace(widest, basis=_describe_basis(before, after, count)))
    return found


def _list_variances(before: Side, after: Side, alike: bool) -> tuple[Variance, Variance]:
    """Return both sides' variances between sessions; one object if they share it."""
    variances = pool(_list_groups(before)), pool(_list_groups(after))
    if alike or 0 in [variance.freedom for variance in variances]:
        shared = pool(dict.fromkeys(group for side in (before, after) for group in _list_groups(side)))
        return shared, shared
    return variances


def _compute_difference(before: Side, after: Side, variances: tuple[Variance, Variance], *, same: bool) -> Difference:
    """Return how `after` differs from `before` with these variances between sessions; `same`: the sides share one."""
    ratio, within = after.value / before.value, _compute_run_bounds(before, after)
    sizes = len(before.sessions), len(after.sessions)
    sessions = sum(sizes) + _count_others(before, after)
    if variances[0].freedom == 0:
        low, high = within
        return Difference(ratio, low, high, _p_of_bounds(ratio, within), math.nan, SINGLE, sessions, sizes)
    error, freedom = _compute_error(variances, sizes, same=same)
    half = compute_t_quantile(freedom) * error
    bounds, change = (ratio * math.exp(-half), ratio * math.exp(half)), math.log(ratio)
    p = float(2 * stdtr(freedom, -abs(change) / error)) if error else float(change == 0)
    if not math.isnan(within[0] + within[1]):  # few runs may leave more uncertainty than the spread between sessions
        bounds = min(bounds[0], within[0]), max(bounds[1], within[1])
        p = max(p, _p_of_bounds(ratio, within))
    spread = math.exp(math.sqrt(sum(variance.value for variance in variances) / 2)) - 1
    return Difference(ratio, *bounds, p, spread, "", sessions, sizes, freedom)


def judge(found: Difference, p_adjusted: float, *, higher_is_better: bool, matters: float = MATTERS) -> str:
    """Return the verdict: better or worse if the change is certain and large enough.

    It is within noise if the change is certainly smaller than `matters`, or certain but small. Everything else is
    inconclusive, and so is a change that the clocks of few sessions can make.
    """
    if math.isnan(found.low + found.high):
        return NOT_COMPARABLE
    change, spread = abs(found.ratio - 1), 0.0 if math.isnan(found.spread) else found.spread
    if found.low <= 1 <= found.high or p_adjusted >= 1 - LEVEL:
        small = 1 / (1 + matters) <= found.low and found.high <= 1 + matters
        return WITHIN_NOISE if small else INCONCLUSIVE
    if change <= max(LEAST_CHANGE, spread):
        return WITHIN_NOISE
    if _needs_sessions(found, found.sessions):
        return INCONCLUSIVE
    return BETTER if (found.ratio > 1) == higher_is_better else WORSE


def count_further_sessions(found: Difference, questions: float, matters: float = MATTERS) -> int | None:
    """Return how many more sessions per side would decide, if ratio and spread stay; None if over MOST_SESSIONS.

    `questions` is what p is corrected for.
    """
    if math.isnan(found.spread):
        return LEAST_SESSIONS // 2 - max(found.sizes)
    apart, change = math.log1p(found.spread), abs(math.log(found.ratio))
    for count in range(max(found.sizes) + 1, MOST_SESSIONS + 1):
        added = 2 * count - sum(found.sizes)
        error, freedom = apart * math.sqrt(2 / count), found.freedom + added
        sure = stdtrit(freedom, 1 - (1 - LEVEL) / 2 / questions) * error
        small = compute_t_quantile(freedom) * error <= math.log1p(matters) - change
        if small or (sure < change and not _needs_sessions(found, found.sessions + added)):
            return count - max(found.sizes)
    return None


def _needs_sessions(found: Difference, sessions: int) -> bool:
    """Return whether so many sessions cannot tell this change from a clock that has two states."""
    return 0 < sessions < LEAST_SESSIONS and abs(found.ratio - 1) <= CLOCK_STEP


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


def _list_groups(side: Side) -> list[tuple[float, ...]]:
    known = sum(len(group) - 1 for group in side.others) >= LEAST_FREEDOM
    return [group for group in (side.sessions, *(side.others if known else ())) if len(group) > 1]


def _compute_error(variances: tuple[Variance, Variance], sizes: tuple[int, int], *, same: bool) -> tuple[float, float]:
    """Return the standard error of the log ratio and its degrees of freedom.

    Sides with spreads of their own combine their intervals as in `_compute_run_bounds`. Welch's degrees of freedom
    are too many for so few sessions: his 95% intervals miss up to 6% at three a side, 10% at five against two.
    """
    parts = [variance.value / size for variance, size in zip(variances, sizes, strict=True)]
    error = math.sqrt(sum(parts))
    if same or error == 0:
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


def _count_others(before: Side, after: Side) -> int:
    """Return how many other sessions show the spread."""
    groups = dict.fromkeys(group for side in (before, after) for group in _list_groups(side))
    return sum(len(group) for group in groups if group not in (before.sessions, after.sessions))


def _describe_basis(before: Side, after: Side, pairs: int) -> str:
    """Return the data behind the interval; `pairs` is how many of them share a spread."""
    sizes = len(before.sessions), len(after.sessions)
    others, groups = _count_others(before, after), [*_list_groups(before), *_list_groups(after)]
    parts = [f"{others} other saves" if others else "", f"{pairs} pairs" if pairs > 1 and groups else ""]
    known = " and ".join(filter(None, parts))
    counts = SINGLE if max(sizes) == 1 else f"{sizes[0]} + {sizes[1]} sessions"
    return f"{counts}, spread of {known}" if known else counts
