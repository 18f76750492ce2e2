"""The spread between sessions: of one pair, and shared by the pairs of a comparison.

Three sessions a side know their own spread badly, so a verdict takes large changes. The pairs of one device mostly lie
equally far apart, and together they know it well. A pair keeps its own spread where that is the larger one.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, fdtrc

from plotting.metrics.bootstrap import LEVEL


@dataclass(frozen=True)
class Variance:
    """Variance of logs between sessions; without any degree of freedom it is NaN."""

    value: float
    freedom: int
    residuals: tuple[float, ...] = ()  # of each session, less the mean of its group


def pool(groups: Iterable[tuple[float, ...]]) -> Variance:
    """Return the pooled variance within groups of sessions, each of one series."""
    logs = [np.log(group) for group in groups]
    residuals = [float(each) for group in logs for each in group - group.mean()]
    return _divide(sum(each**2 for each in residuals), len(residuals) - len(logs), tuple(residuals))


def share(own: Sequence[Variance]) -> list[list[Variance]]:
    """Return for each pair the variances that its interval must allow for, of which the widest interval counts.

    The first one is that of all pairs. Where the pair's own is larger, it is the mean of both, because the pair may
    differ from the others. Where the pairs' spreads differ (Bartlett's test), a larger one of its own counts too.
    """
    known = [variance for variance in own if variance.freedom]
    if len(known) < 2:
        return [[variance] for variance in own]
    total = _divide(sum(each.value * each.freedom for each in known), sum(each.freedom for each in known))
    differ, freedom = _differ(known, total), total.freedom // 2 if _move_together(known, total) else total.freedom
    found = []
    for each in own:
        larger = each.freedom > 0 and each.value > total.value
        value = (each.value + total.value) / 2 if larger else total.value
        shared = Variance(value, max(each.freedom, freedom))
        found.append([shared, each] if larger and differ else [shared])
    return found


def _differ(known: Sequence[Variance], total: Variance) -> bool:
    """Return whether the variances differ by more than chance (Bartlett's test); a variance of 0 differs from others.

    Method: M. S. Bartlett, "Properties of sufficiency and statistical tests", Proceedings of the Royal Society A 160
    (1937).
    """
    if total.value == 0:
        return False
    if min(each.value for each in known) == 0:
        return True
    ratios = sum(each.freedom * math.log(total.value / each.value) for each in known)
    excess = sum(1 / each.freedom for each in known) - 1 / total.freedom
    return bool(chdtrc(len(known) - 1, ratios / (1 + excess / 3 / (len(known) - 1))) < 1 - LEVEL)


def _move_together(known: Sequence[Variance], total: Variance) -> bool:
    """Return whether the pairs of a session are slow or fast together, by an analysis of variance.

    They share clocks and temperature, and then know less of the spread than as many independent pairs.
    """
    if len({len(each.residuals) for each in known}) > 1:
        return True
    count, freedom = len(known), known[0].freedom
    squares = sum(sum(session) ** 2 for session in zip(*(each.residuals for each in known), strict=True)) / count
    rest = total.value * total.freedom - squares
    return rest <= 0 or bool(fdtrc(freedom, freedom * (count - 1), squares * (count - 1) / rest) < 1 - LEVEL)


def _divide(squares: float, freedom: int, residuals: tuple[float, ...] = ()) -> Variance:
    return Variance(squares / freedom if freedom else math.nan, freedom, residuals)
