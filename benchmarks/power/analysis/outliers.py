"""Readings that are far from all others, and what they do to the figures: they may be real, so they count."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.power.analysis.budget import Series
from benchmarks.power.analysis.energy import NS, Floats, Window

FEWEST = 5  # fewer readings have no common level
SPREADS = 5.0  # an outlier is farther from the median than so many times the 9th decile of the distances,
SHARE_OF_MEDIAN = 0.5  # and than this part of the median;
COUNTER_SHARE = 4.0  # of a counter than this one: a tick that is read late halves one step and doubles another
RARE = 0.02  # and it is so rare: what comes more often is the load
SMALLEST_EFFECT = 1e-3


def find_outliers(watts: Floats, share: float = SHARE_OF_MEDIAN) -> NDArray[np.intp]:
    """Return the places of the outliers among valid readings; none if there are more than RARE and more than 2."""
    if watts.size < FEWEST:
        return np.zeros(0, dtype=np.intp)
    median = float(np.median(watts))
    distance = np.abs(watts - median)
    spread = float(np.quantile(distance, 0.9, method="lower"))
    found = np.flatnonzero(distance > max(SPREADS * spread, share * abs(median)))
    return found if found.size <= max(2, RARE * watts.size) else found[:0]


def describe_outliers(series: Series, windows: Sequence[Window], where: str, figure: str) -> list[str]:
    """Return the flag of outliers in `windows`, with their effect on a `figure` that the energy there decides.

    An outlier of w watts adds (w - median) x its time, which is half the time between its neighbours, or of a counter
    the time since the tick before.
    """
    ordered = sorted(windows)
    inside = np.flatnonzero(series.mask_inside(ordered) & np.isfinite(series.watts))
    far = inside[find_outliers(series.watts[inside], COUNTER_SHARE if series.is_counter else SHARE_OF_MEDIAN)]
    if not far.size:
        return []
    steps = np.diff(series.times_ns, prepend=series.times_ns[:1], append=series.times_ns[-1:]) * NS
    times_s = steps[:-1] if series.is_counter else (steps[1:] + steps[:-1]) / 2
    watts, median = series.watts[far], float(np.median(series.watts[inside]))
    joules = float(series.curve.integrate(ordered)[0].sum())
    usual = joules - float(((watts - median) * times_s[far]).sum())
    effect = joules / usual - 1 if usual > 0 else np.inf
    if abs(effect) < SMALLEST_EFFECT:
        return []
    said = f"({watts[np.argmax(np.abs(watts))]:.4g} W, the median is {median:.4g} W)"
    which = f"{far.size} of {inside.size} readings {where} are far from the others {said}"
    return [f"{which}. They count, and change the {figure} by {effect:+.1%}."]
