"""Readings that are far from all others, and what they do to the figures: they may be real, so they count."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.power.analysis.budget import Series
from benchmarks.power.analysis.energy import NS, EnergyCurve, Floats, Window

FEWEST = 5  # fewer readings have no common level
SPREADS = 5.0  # an outlier is farther from the median than so many times the 9th decile of the distances,
SHARE_OF_MEDIAN = 1.0  # and at least so many medians: it is double the usual, or 0 W;
COUNTER_SHARE = 4.0  # of a counter than this one: a tick that is read late halves one step and doubles another
RARE = 0.02  # and it is so rare: what comes more often is the load,
EXTREME, LESS_RARE = 10.0, 0.1  # unless it is so many medians away, which is no load up to this part of the readings
SMALLEST_EFFECT = 1e-3


def find_outliers(watts: Floats, share: float = SHARE_OF_MEDIAN) -> NDArray[np.intp]:
    """Return the places of the outliers among valid readings; none if they are too many for a fault."""
    if watts.size < FEWEST:
        return np.zeros(0, dtype=np.intp)
    median = float(np.median(watts))
    distance = np.abs(watts - median)
    spread = float(np.quantile(distance, 0.9, method="lower"))
    found: NDArray[np.intp] = np.flatnonzero((distance > SPREADS * spread) & (distance >= share * abs(median)))
    if found.size <= max(1, RARE * watts.size):
        return found
    found = found[distance[found] > EXTREME * abs(median)]
    return found if found.size <= LESS_RARE * watts.size else found[:0]


def describe_outliers(series: Series, windows: Sequence[Window], where: str, figure: str) -> list[str]:
    """Return the flag of outliers in `windows`, with their effect on a `figure` that the energy there decides.

    The effect is the energy as read, less that with the median in place of each outlier, relative to the latter.
    """
    ordered = sorted(windows)
    inside = np.flatnonzero(series.mask_inside(ordered) & np.isfinite(series.watts))
    far = inside[find_outliers(series.watts[inside], COUNTER_SHARE if series.is_counter else SHARE_OF_MEDIAN)]
    if not far.size:
        return []
    watts, median = series.watts[far], float(np.median(series.watts[inside]))
    curves = (series.curve, _flatten(series, far, median))
    joules, usual = (float(curve.integrate(ordered)[0].sum()) for curve in curves)
    effect = joules / usual - 1 if usual > 0 else np.inf
    if abs(effect) < SMALLEST_EFFECT:
        return []
    said = f"({watts[np.argmax(np.abs(watts))]:.4g} W, the median is {median:.4g} W)"
    which = f"{far.size} of {inside.size} readings {where} are far from the others {said}"
    return [f"{which}. They count, and change the {figure} by {effect:+.1%}."]


def _flatten(series: Series, places: NDArray[np.intp], watts: float) -> EnergyCurve:
    """Return the curve with `watts` in place of the readings at `places`, or of a counter's steps to them."""
    values = series.values.copy()
    if series.is_counter:
        excess = np.zeros(values.shape)
        seconds = (series.times_ns[places] - series.times_ns[places - 1]) * NS
        excess[places] = values[places] - values[places - 1] - watts * seconds
        values -= np.cumsum(excess)
    else:
        values[places] = watts
    return EnergyCurve(series.times_ns, values, series.period_s, counter=series.is_counter)
