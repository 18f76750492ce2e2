"""Readings that are far from all others, and what they do to the figures: they may be real, so they count."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.power.analysis.budget import Series
from benchmarks.power.analysis.energy import NS, EnergyCurve, Floats, Window

FEWEST = 5  # fewer readings have no common level
SPREADS = 5.0  # an outlier is farther from the median than so many times the 9th decile of the distances,
SHARE_OF_MEDIAN = 0.5  # and than this part of the median
RARE = 0.02  # and so rare: what comes more often is the load
SMALLEST_EFFECT = 1e-3


def find_outliers(watts: Floats) -> NDArray[np.intp]:
    """Return the places of the outliers among valid readings; none if there are more than RARE and more than 2."""
    if watts.size < FEWEST:
        return np.zeros(0, dtype=np.intp)
    median = float(np.median(watts))
    distance = np.abs(watts - median)
    spread = float(np.quantile(distance, 0.9, method="lower"))
    found = np.flatnonzero(distance > max(SPREADS * spread, SHARE_OF_MEDIAN * abs(median)))
    return found if found.size <= max(2, RARE * watts.size) else found[:0]


def describe_outliers(power: Series, windows: Sequence[Window], where: str, figure: str) -> list[str]:
    """Return the flag of outliers in `windows`, with their effect on a `figure` that their energy decides."""
    ordered = sorted(windows)
    inside = np.flatnonzero(power.mask_inside(ordered))
    far = find_outliers(power.values[inside])
    if not far.size:
        return []
    kept = np.delete(np.arange(power.values.size), inside[far])
    curve = EnergyCurve(power.times_ns[kept], power.values[kept], power.period_s, counter=False)
    effect = _compute_mean_w(power.curve, ordered) / _compute_mean_w(curve, ordered) - 1
    if not abs(effect) >= SMALLEST_EFFECT:
        return []
    watts = power.values[inside[far]]
    farthest = watts[np.argmax(np.abs(watts))]
    said = f"({farthest:.4g} W, the median is {np.median(power.values[inside]):.4g} W)"
    which = f"{far.size} of {inside.size} readings {where} are far from the others {said}"
    return [f"{which}. They count, and change the {figure} by {effect:+.1%}."]


def _compute_mean_w(curve: EnergyCurve, windows: Sequence[Window]) -> float:
    """Return the mean power of the covered part of windows, watts; NaN without any."""
    joules, coverage = curve.integrate(windows)
    seconds = float((coverage * np.array([end - start for start, end in windows])).sum()) * NS
    return float(joules.sum()) / seconds if seconds > 0 else float("nan")
