"""The uncertainty of an energy: pure functions, each one term of the budget; imports nothing of ours but energy.

All terms are standard uncertainties (k=1), relative to the energy that they belong to, independent
of each other, and combined by the root of the sum of their squares. A quantity that is known to lie
within +-a and no better has the standard uncertainty a / sqrt(3), one of a step q has q / sqrt(12)
(GUM, JCGM 100:2008, 4.3.7 and F.2.2.1).

    E = g (P + o) T:   u_E^2 / E^2 = u_stat^2 + u_quantisation^2 + (u_o / P)^2 + u_edges^2 + u_g^2 + u_coverage^2

What the clock adds is left out: marks and samples are stamped in ns by one clock.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.power.energy import GAP_PERIODS, NS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from benchmarks.power.energy import Floats


def statistical(watts: ArrayLike) -> float | None:
    """Return the relative standard uncertainty of the mean of sampled power; None where it is not defined.

    u = s / (mean sqrt(n_eff)), n_eff = n (1 - r) / (1 + r) with r the lag-1 autocorrelation, not below 0.
    """
    values = np.asarray(watts, dtype=np.float64)
    values = values[np.isfinite(values)]
    if values.size < 3 or values.mean() == 0:
        return None
    spread = values - values.mean()
    variance = float(spread @ spread)
    r = float(spread[1:] @ spread[:-1]) / variance if variance > 0 else 0.0
    effective = values.size * (1 - max(r, 0.0)) / (1 + max(r, 0.0))
    return float(values.std(ddof=1) / abs(values.mean()) / np.sqrt(max(effective, 1.0)))


def power_edges(times_ns: ArrayLike, watts: ArrayLike, windows: ArrayLike, joules: float, hold_s: float) -> float:
    """Return what interpolating power at the edges of `windows` adds to their `joules`.

    Where power steps from A to B at a place that nobody knows between two samples tau apart, the
    straight line between them charges (A - B) u^2 / (2 tau) to the wrong side, u uniform in 0 to
    tau: at most |A - B| tau / 2, and |A - B| tau / sqrt(20) in the root of the mean square. The
    edges are independent: u = sqrt(sum of squares) / joules. tau is the time between the samples
    around the edge, or `hold_s`, seconds, where the sensor updates more slowly. An edge in a gap
    counts for nothing here: what a gap hides is not charged.
    """
    times, values = np.asarray(times_ns, dtype=np.int64), np.asarray(watts, dtype=np.float64)
    edges = np.asarray(windows, dtype=np.int64).ravel()
    if times.size < 2 or joules <= 0:
        return 0.0
    k = np.clip(np.searchsorted(times, edges, side="right") - 1, 0, times.size - 2)
    steps = np.diff(times) * NS
    charged = steps[k] <= GAP_PERIODS * np.median(steps)
    wrong: Floats = np.where(charged, np.abs(values[k + 1] - values[k]) * np.maximum(steps[k], hold_s), 0.0)
    return float(np.sqrt(np.nansum(wrong**2) / 20)) / joules


def counter_edges(count: int, tick_s: float, seconds: float) -> float:
    """Return what a counter's ticks add to the energy of `count` windows of together `seconds`.

    Each edge is seen up to `tick_s` late, uniformly: a window is off by that at most, by
    tick_s / sqrt(6) in standard deviation, and n windows of total length T by sqrt(n / 6) tick_s / T.
    """
    return math.sqrt(count / 6) * tick_s / seconds


def phase_edges(resolution_s: float, contrast_w: float, joules: float, count: int) -> float:
    """Return what telling `count` stretches of a phase from their neighbours adds to their `joules`.

    A sensor of resolution tau smears a step of `contrast_w` watts over tau, the same way in each
    run, so that runs do not average it out: at most tau / 2 of the step at each of the two edges,
    u = tau contrast n / (sqrt(3) E).
    """
    return resolution_s * contrast_w * count / (math.sqrt(3) * joules)


def quantisation(step_w: float, mean_w: float) -> float:
    """Return step / (sqrt(12) mean): no samples average it out where power stands still between two steps."""
    return step_w / (math.sqrt(12) * abs(mean_w))


def uncovered(share: float) -> float:
    """Return what a `share` of the windows that no sample covers, and so adds no energy, is worth: share / sqrt(3)."""
    return share / math.sqrt(3)
