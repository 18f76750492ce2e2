"""Energy from samples: pure functions on arrays; imports nothing of ours.

Times are ns of one clock, power is in watts, energy in joules. A window is (start, end) in ns.

A *segment* is the stretch between two neighbouring samples. It is *covered* when both samples are
valid and no more than GAP_PERIODS nominal periods lie between them. What is not covered adds no
energy and lowers the coverage: a missing sample never passes for a low one.

`at_ticks` and `update_period_s` read out of a series how often its sensor really updates;
`lagged` moves samples back to what they tell of, where the sensor's delay is known.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]
GAP_PERIODS = 3.0
FEW_CHANGES = 20
"""Fewer changes of value say nothing of a period."""
FEW_LEVELS = 8
"""Fewer different values say nothing of a scale: they may be the load's."""
ROUNDING = 1e-6
"""No sensor's scale has a step below this, watts."""
NS = 1e-9


class Curve:
    """Power or a counter over time, integrated once, asked for many windows.

    Energy up to time t is the sum of the covered segments before t plus the covered part of the
    segment that t falls into, so that any split of a window adds up to the whole.
    """

    def __init__(self, times_ns: ArrayLike, values: ArrayLike, period_s: float, *, counter: bool) -> None:
        """Take samples in order of time.

        Args:
            times_ns: shape (n,), ascending.
            values: shape (n,): watts, or a counter in joules where `counter`; NaN is no reading.
            period_s: nominal time between samples, seconds.
            counter: whether `values` count energy rather than being power.
        """
        raw_times, raw_values = np.asarray(times_ns, dtype=np.int64), np.asarray(values, dtype=np.float64)
        self._origin = int(raw_times[0]) if raw_times.size else 0
        self._t: Floats = (raw_times - self._origin) * NS
        self._v = raw_values
        self._counter = counter
        steps = np.diff(self._t)
        energies = np.diff(self._v) if counter else 0.5 * (self._v[1:] + self._v[:-1]) * steps
        longest = GAP_PERIODS * period_s * (1 + 1e-9)  # as seconds, a gap of just so many periods is rounded
        covered = np.isfinite(energies) & (steps <= longest) & (steps > 0)
        if counter:
            covered &= energies >= 0  # a counter that went back was reset: nothing is known of that stretch
        self._covered: NDArray[np.bool_] = covered
        self._seconds = np.concatenate([[0.0], np.cumsum(np.where(covered, steps, 0.0))])
        self._joules = np.concatenate([[0.0], np.cumsum(np.where(covered, energies, 0.0))])

    def energy(self, windows: ArrayLike) -> tuple[Floats, Floats]:
        """Return (joules, coverage) of each window, shapes (w,).

        Power is integrated by the trapezoid rule, E = sum of 0.5 (Pa + Pb) (tb - ta), with P
        interpolated at the window's edges; a counter is interpolated there. Coverage is covered
        seconds / seconds, 0 to 1; where it is 0, so are the joules, and they mean nothing.
        """
        edges = (np.asarray(windows, dtype=np.int64).reshape(-1, 2) - self._origin) * NS
        if self._t.size < 2:  # no segment at all
            zeros = np.zeros(len(edges))
            return zeros, zeros.copy()
        (j0, s0), (j1, s1) = self._until(edges[:, 0]), self._until(edges[:, 1])
        lengths = edges[:, 1] - edges[:, 0]
        share = np.divide(s1 - s0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        return j1 - j0, np.clip(share, 0.0, 1.0)

    def _until(self, t: Floats) -> tuple[Floats, Floats]:
        """Return (joules, covered seconds) from the first sample to each time in `t`."""
        inside = np.clip(t, self._t[0], self._t[-1])
        k = np.clip(np.searchsorted(self._t, inside, side="right") - 1, 0, self._t.size - 2)
        step = self._t[k + 1] - self._t[k]
        x = np.divide(inside - self._t[k], step, out=np.zeros_like(inside), where=step > 0)
        rise = self._v[k + 1] - self._v[k]
        part = x * rise if self._counter else (self._v[k] + 0.5 * x * rise) * x * step
        joules = self._joules[k] + np.where(self._covered[k], part, 0.0)
        return joules, self._seconds[k] + np.where(self._covered[k], x * step, 0.0)


def lagged(times_ns: ArrayLike, lag_s: float | None) -> NDArray[np.int64]:
    """Return the moments that samples tell of: t - lag, ns; where the lag is not known, none is made up.

    A sensor that averages over the last W seconds lags by W / 2.
    """
    return np.asarray(times_ns, dtype=np.int64) - round((lag_s or 0.0) / NS)


def update_period_s(times_ns: ArrayLike, values: ArrayLike) -> float | None:
    """Return how often a sensor updates, seconds, from readings: it repeats a value until it does.

    It is the 5th percentile of the times between changes of value. A value that stays the same
    because nothing changed makes a time longer, never shorter, so that the shortest times are the
    sensor's; not the very shortest, because a reading that came late makes one. Error: up to the
    time between two readings, which is also the least that it can be; too long where the load's
    own steps are all that the sensor sees. None with fewer than FEW_CHANGES changes.
    """
    times, readings = _valid(times_ns, values)
    changed = times[1:][readings[1:] != readings[:-1]]
    return float(np.quantile(np.diff(changed), 0.05)) * NS if changed.size >= FEW_CHANGES else None


def step_size(values: ArrayLike) -> float | None:
    """Return the smallest step between readings: that of the sensor's scale, or more where it uses few of its values.

    None with fewer than FEW_LEVELS different values, where two levels of the load would pass for a
    scale, and where over half of the readings differ from each other: its scale is too fine to show. Readings
    closer than ROUNDING watts are one: sums of rails differ by rounding where their power does not.
    """
    readings = np.asarray(values, dtype=np.float64)
    readings = np.rint(readings[np.isfinite(readings)] / ROUNDING) * ROUNDING
    levels = np.unique(readings)
    return float(np.diff(levels).min()) if FEW_LEVELS <= levels.size <= readings.size / 2 else None


def at_ticks(times_ns: ArrayLike, counter: ArrayLike) -> tuple[NDArray[np.int64], Floats, float]:
    """Return (times, values, seconds between ticks) of a counter where it moved.

    A counter that updates every 100 ms, read more often, repeats itself: its energy belongs to the
    stretch between two ticks, where `Curve` interpolates it, not to the last reading before the
    next tick. Kept are the readings at which it moved, and missing ones. The first of a stretch is
    left out where it is repeated, for then nobody knows when it ticked. Error: a tick is seen up to
    one reading late.

    The seconds are the 90th percentile between ticks, so that a slow one is no gap; 0 without any.
    """
    times, values = np.asarray(times_ns, dtype=np.int64), np.asarray(counter, dtype=np.float64)
    if values.size < 2:
        return times, values, 0.0
    same = values[1:] == values[:-1]  # a missing reading (NaN) equals none
    repeats = np.concatenate([[False], same])
    first = np.concatenate([[True], ~np.isfinite(values[:-1])])
    keep = ~repeats & ~(first & np.concatenate([same, [False]]))
    ticks = times[keep & np.isfinite(values)]
    return times[keep], values[keep], float(np.quantile(np.diff(ticks), 0.9)) * NS if ticks.size > 1 else 0.0


def contradicted(times_ns: ArrayLike, counter: ArrayLike, windows: ArrayLike) -> NDArray[np.bool_]:
    """Return in which windows a counter contradicts itself, shape (w,): nothing is known of their energy.

    It does where it goes back, because it was reset, and on both sides of a reading that its two
    neighbours contradict: a single wrong one would be charged with all that was ever counted.
    """
    times, values = _valid(times_ns, counter)
    back = values[1:] < values[:-1]
    wrong, goes_on = back.copy(), values[2:] >= values[:-2]
    wrong[1:] |= back[:-1] & goes_on
    wrong[:-1] |= back[1:] & goes_on
    begins, ends = times[:-1][wrong], times[1:][wrong]
    edges = np.asarray(windows, dtype=np.int64).reshape(-1, 2)
    touched: NDArray[np.bool_] = np.searchsorted(begins, edges[:, 1]) > np.searchsorted(ends, edges[:, 0], side="right")
    return touched


def inside(times_ns: ArrayLike, windows: ArrayLike) -> NDArray[np.bool_]:
    """Return which samples fall into one of `windows`, which are in order and apart, shape (n,)."""
    times, edges = np.asarray(times_ns, dtype=np.int64), np.asarray(windows, dtype=np.int64).reshape(-1, 2)
    if not len(edges):
        return np.zeros(times.shape, dtype=np.bool_)
    place = np.searchsorted(edges[:, 0], times, side="right") - 1
    within: NDArray[np.bool_] = (place >= 0) & (times <= edges[place, 1])
    return within


def _valid(times_ns: ArrayLike, values: ArrayLike) -> tuple[NDArray[np.int64], Floats]:
    times, readings = np.asarray(times_ns, dtype=np.int64), np.asarray(values, dtype=np.float64)
    there = np.isfinite(readings)
    return times[there], readings[there]


def mean_power(times_ns: ArrayLike, watts: ArrayLike, period_s: float, window: tuple[int, int]) -> float | None:
    """Return energy / covered time of one window, watts; None where under half of it is covered."""
    joules, coverage = Curve(times_ns, watts, period_s, counter=False).energy([window])
    seconds = (window[1] - window[0]) * NS * float(coverage[0])
    return float(joules[0]) / seconds if coverage[0] >= 0.5 else None


def downsample(
    times_ns: ArrayLike, watts: ArrayLike, origin_ns: int, bins: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return (seconds since origin, min, mean, max) of at most `bins` bins of equal time; empty bins are left out."""
    t = (np.asarray(times_ns, dtype=np.int64) - origin_ns) * NS
    v = np.asarray(watts, dtype=np.float64)
    t, v = t[np.isfinite(v)], v[np.isfinite(v)]
    if t.size <= bins:
        return t, v, v, v
    place = np.minimum(((t - t[0]) / (t[-1] - t[0]) * bins).astype(int), bins - 1)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(place) > 0]))
    counts = np.diff(np.concatenate([starts, [t.size]]))
    return (
        np.add.reduceat(t, starts) / counts,
        np.minimum.reduceat(v, starts),
        np.add.reduceat(v, starts) / counts,
        np.maximum.reduceat(v, starts),
    )
