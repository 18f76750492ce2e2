"""The uncertainty of an energy: pure functions, each one term of the budget.

All terms are standard uncertainties (k=1), relative to their energy, independent, and combined by the root of the sum
of squares. A quantity within +-a has the standard uncertainty a / sqrt(3), and one of a step q has q / sqrt(12)
(GUM, JCGM 100:2008, 4.3.7 and F.2.2.1).

    E = g (P + o) T:   u_E^2 / E^2 = u_stat^2 + u_quantisation^2 + (u_o / P)^2 + u_edges^2 + u_g^2 + u_coverage^2
                                     + u_between^2

`sampling` has the statistical term. The clock adds nothing: one clock stamps marks and samples in ns.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.power.analysis.energy import GAP_PERIODS, NS, Floats


def find_edge_steps(
    times_ns: ArrayLike, before_w: ArrayLike, after_w: ArrayLike, windows: ArrayLike, hold_s: float
) -> tuple[Floats, Floats]:
    """Return (step into the window in watts, time that it is smeared over in seconds) of each edge, shapes (2 w,).

    The step is power inside less power outside: `after_w` of the sample after the edge less `before_w` of the one
    before, smeared over the time between both. If the sensor updates or averages more slowly, over `hold_s`, the
    samples that far apart are used. An edge in a gap has no step, because a gap adds no energy.
    """
    times, edges = np.asarray(times_ns, dtype=np.int64), np.asarray(windows, dtype=np.int64).ravel()
    if times.size < 2:
        return np.zeros(edges.shape), np.zeros(edges.shape)
    steps = np.diff(times) * NS
    k = _find_segment(times, edges)
    reach = np.maximum(0.0, hold_s - steps[k]) / NS
    first, last = _find_segment(times, edges - reach), _find_segment(times, edges + reach) + 1
    rise = np.asarray(after_w, dtype=np.float64)[last] - np.asarray(before_w, dtype=np.float64)[first]
    inward = np.tile([1.0, -1.0], edges.size // 2) * rise
    known = (steps[k] <= GAP_PERIODS * np.median(steps)) & np.isfinite(inward)
    return np.where(known, inward, 0.0), np.maximum(steps[k], hold_s)


def compute_power_edges(
    steps_w: Floats, widths_s: Floats, joules: float, delay_s: float = 0.0, delay_effect_w: float = 0.0
) -> float:
    """Return the term of interpolating power at the edges of windows, relative to their `joules`.

    If power steps from A to B at an unknown place between two samples tau apart, the straight line charges
    (B - A) u^2 tau / 2 to the wrong side, u uniform in 0 to 1: always away from the side of more power,
    (B - A) tau / 6 in the mean, with a variance of ((B - A) tau)^2 / 45. The means of all edges add up with their
    signs: windows between less power lose the same each time, and windows that follow each other lose nothing. Samples
    that come up to `delay_s` late, uniformly, move all edges alike: by `delay_effect_w` x delay / sqrt(3).
    """
    if joules <= 0:
        return 0.0
    moved = steps_w * widths_s
    always = max(abs(moved.sum()) / 6, abs(delay_effect_w) * delay_s / math.sqrt(3))
    return math.hypot(always, math.sqrt(float(moved @ moved) / 45)) / joules


def compute_delay_effect_w(times_ns: ArrayLike, before_w: ArrayLike, windows: ArrayLike) -> float:
    """Return how fast the energy of `windows` falls with a delay of the samples, watts.

    It is the power before their ends less that before their starts: 0 if they follow each other without end.
    """
    times, edges = np.asarray(times_ns, dtype=np.int64), np.asarray(windows, dtype=np.int64).ravel()
    if times.size < 2:
        return 0.0
    power = np.asarray(before_w, dtype=np.float64)[_find_segment(times, edges)]
    return float(np.nansum(power * np.tile([-1.0, 1.0], edges.size // 2)))


def compute_counter_edges(
    steps_w: Floats, widths_s: Floats, tick_s: float, seconds: float, joules: float, delay_effect_w: float = 0.0
) -> float:
    """Return the term of a counter's ticks, relative to the `joules` of windows with a total of `seconds`.

    Each edge is seen up to `tick_s` late, uniformly: n windows of total length T are uncertain by
    sqrt(n / 6) tick_s / T. If power steps from A to B between two ticks tau apart, the straight line charges
    (B - A) u (1 - u) tau to the wrong side, u uniform in 0 to 1: (B - A) tau / 6 in the mean, with a variance of
    ((B - A) tau)^2 / 180. The means add up as in `compute_power_edges`, and so does the delay that all edges share, by
    `delay_effect_w` x tick_s / sqrt(3).
    """
    if joules <= 0 or seconds <= 0:
        return 0.0
    moved = steps_w * widths_s
    always = abs(moved.sum()) / 6 + abs(delay_effect_w) * tick_s / math.sqrt(3)
    late = math.sqrt(steps_w.size / 12) * tick_s / seconds
    return math.hypot(late, always / joules, math.sqrt(float(moved @ moved) / 180) / joules)


def compute_coverage(share: float) -> float:
    """Return the term of a `share` of the windows without samples, which adds no energy: 2 share / sqrt(3).

    Power there is uniform between 0 and twice its mean, so the energy is too low by 0 to 2 share. It is not corrected:
    the term is the root mean square, not the deviation from the mean.
    """
    return 2 * share / math.sqrt(3)


def compute_between(share: float, idle_share: float) -> float:
    """Return the term of time between windows, a `share` of theirs, that the sensor mixes with them.

    Power there is most likely idle power, an `idle_share` of the mean that is charged, and at most that mean: with a
    triangular distribution from one to the other the energy is too low by 0 to share (1 - idle_share), and by that /
    sqrt(2) in the root mean square. It is not corrected, as for coverage.
    """
    return share * max(1 - idle_share, 0.0) / math.sqrt(2)


def _find_segment(times: NDArray[np.int64], moments: ArrayLike) -> NDArray[np.intp]:
    """Return which sample each moment follows, at most the last but one."""
    return np.clip(np.searchsorted(times, moments, side="right") - 1, 0, times.size - 2)
