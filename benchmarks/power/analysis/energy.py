"""Energy from samples: pure functions on arrays.

Times are ns of one clock, power is in watts, energy in joules. A window is (start, end) in ns.

A *segment* is the stretch between two neighbouring samples. It is *covered* if both samples are valid and at most
GAP_PERIODS nominal periods lie between them. An uncovered segment adds no energy and lowers the coverage: a missing
sample never passes for a low one.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]
Times = NDArray[np.int64]  # ns
Window = tuple[int, int]
GAP_PERIODS = 3.0
FEW_CHANGES = 20  # fewer changes of value do not show a period
FEW_LEVELS = 8  # fewer different values do not show a scale: they may be the load's
ROUNDING = 1e-6  # watts; every sensor's scale has larger steps
NS = 1e-9
TOLERANCE = 0.05  # by which two stated times may differ and be the same


class EnergyCurve:
    """Power or a counter over time, integrated once for many windows.

    The energy up to time t is the sum of the covered segments before t, and the covered part of the segment around t.
    Any split of a window therefore adds up to the whole.
    """

    def __init__(self, times_ns: ArrayLike, values: ArrayLike, period_s: float, *, counter: bool) -> None:
        """Integrate `values` at ascending times, shapes (n,): watts, or with `counter` joules; NaN if missing.

        `period_s` is the nominal time between samples, seconds.
        """
        times, self._v = np.asarray(times_ns, dtype=np.int64), np.asarray(values, dtype=np.float64)
        self._origin = int(times[0]) if times.size else 0
        self._t: Floats = (times - self._origin) * NS
        self._counter = counter
        steps = np.diff(self._t)
        energies = np.diff(self._v) if counter else 0.5 * (self._v[1:] + self._v[:-1]) * steps
        longest = GAP_PERIODS * period_s * (1 + 1e-9)  # a gap of exactly so many periods may round up
        covered = np.isfinite(energies) & (steps <= longest) & (steps > 0)
        if counter:
            covered &= ~_mask_contradictions(self._v)[1:]  # the energy of that stretch is unknown
        self._covered: NDArray[np.bool_] = covered
        self._seconds = np.concatenate([[0.0], np.cumsum(np.where(covered, steps, 0.0))])
        self._joules = np.concatenate([[0.0], np.cumsum(np.where(covered, energies, 0.0))])

    def integrate(self, windows: ArrayLike) -> tuple[Floats, Floats]:
        """Return (joules, coverage) of each window, shapes (w,).

        Power uses the trapezoid rule, E = sum of 0.5 (Pa + Pb) (tb - ta), with P interpolated at the window's edges; a
        counter is interpolated there. Coverage is covered seconds / seconds, 0 to 1. Where it is 0, so are the joules.
        """
        edges = (np.asarray(windows, dtype=np.int64).reshape(-1, 2) - self._origin) * NS
        if self._t.size < 2:  # no segment at all
            return np.zeros(len(edges)), np.zeros(len(edges))
        (j0, s0), (j1, s1) = self._accumulate(edges[:, 0]), self._accumulate(edges[:, 1])
        lengths = edges[:, 1] - edges[:, 0]
        share = np.divide(s1 - s0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        return j1 - j0, np.clip(share, 0.0, 1.0)

    def _accumulate(self, t: Floats) -> tuple[Floats, Floats]:
        """Return (joules, covered seconds) from the first sample to each time in `t`."""
        inside = np.clip(t, self._t[0], self._t[-1])
        k = np.clip(np.searchsorted(self._t, inside, side="right") - 1, 0, self._t.size - 2)
        step = self._t[k + 1] - self._t[k]
        x = np.divide(inside - self._t[k], step, out=np.zeros_like(inside), where=step > 0)
        rise = self._v[k + 1] - self._v[k]
        part = x * rise if self._counter else (self._v[k] + 0.5 * x * rise) * x * step
        joules = self._joules[k] + np.where(self._covered[k], part, 0.0)
        return joules, self._seconds[k] + np.where(self._covered[k], x * step, 0.0)


def remove_lag(times_ns: ArrayLike, lag_s: float | None) -> NDArray[np.int64]:
    """Return the moments that samples describe: t - lag, ns; t itself if the lag is unknown.

    A sensor that averages over the last W seconds lags by W / 2.
    """
    return np.asarray(times_ns, dtype=np.int64) - round((lag_s or 0.0) / NS)


def find_update_period(times_ns: ArrayLike, values: ArrayLike) -> float | None:
    """Return the time between two updates of a sensor, seconds, from readings that repeat a value until it updates.

    A value lasts from its update, after the last reading of the value before, to the next update, before the first
    reading of the value after. It is the 5th percentile of these times, less that of the times between readings: a
    steady value makes a time longer, never shorter. The error is up to the time between two readings, which is also the
    minimum. It is too long if the sensor sees only the load's own steps. None with fewer than FEW_CHANGES changes.
    """
    times, first, last = _find_stretches(times_ns, values)
    if first.size <= FEW_CHANGES:
        return None
    lasted = times[last[1:-1] + 1] - times[first[1:-1] - 1]
    return float(np.quantile(lasted, 0.05) - np.quantile(np.diff(times), 0.05)) * NS


def shows_updates(times_ns: ArrayLike, values: ArrayLike) -> bool:
    """Return whether many values may all last equally long, until an update; else they are the load's own levels."""
    times, first, last = _find_stretches(times_ns, values)
    least, most = times[last[1:-1]] - times[first[1:-1]], times[last[1:-1] + 1] - times[first[1:-1] - 1]
    return bool(np.quantile(least, 0.95) <= np.quantile(most, 0.05))


def _find_stretches(times_ns: ArrayLike, values: ArrayLike) -> tuple[Times, NDArray[np.intp], NDArray[np.intp]]:
    """Return (times without missing readings, where each value is read first, and last)."""
    times, readings = drop_missing(times_ns, values)
    changed = np.flatnonzero(readings[1:] != readings[:-1])
    return times, np.concatenate([[0], changed + 1]), np.concatenate([changed, [times.size - 1]])


def find_step_size(values: ArrayLike) -> float | None:
    """Return the smallest step between readings, watts: the scale's, or more if few of its values occur.

    None with fewer than FEW_LEVELS different values, because two levels of the load would pass for a scale, and None
    if over half of the readings differ, because the scale is too fine to show. Readings closer than ROUNDING watts
    count as one: sums of rails differ by rounding.
    """
    readings = np.asarray(values, dtype=np.float64)
    readings = np.rint(readings[np.isfinite(readings)] / ROUNDING) * ROUNDING
    levels = np.unique(readings)
    return float(np.diff(levels).min()) if FEW_LEVELS <= levels.size <= readings.size / 2 else None


def find_ticks(times_ns: ArrayLike, counter: ArrayLike) -> tuple[NDArray[np.int64], Floats, float]:
    """Return (times, values, seconds between ticks) of a counter at the readings where it moved.

    A counter that updates every 100 ms, read more often, repeats itself: its energy belongs to the stretch between two
    ticks. The result keeps the readings where it moved, and missing ones. It drops the first of a stretch if it is
    repeated, because its tick is unknown. Error: a tick is seen up to one reading late. The seconds are the 90th
    percentile between ticks, so a slow tick is not a gap; 0 without ticks.
    """
    times, values = np.asarray(times_ns, dtype=np.int64), np.asarray(counter, dtype=np.float64)
    if values.size < 2:
        return times, values, 0.0
    same = values[1:] == values[:-1]  # a missing reading (NaN) equals no other
    repeats = np.concatenate([[False], same])
    first = np.concatenate([[True], ~np.isfinite(values[:-1])])
    keep = ~repeats & ~(first & np.concatenate([same, [False]]))
    ticks = times[keep & np.isfinite(values)]
    return times[keep], values[keep], float(np.quantile(np.diff(ticks), 0.9)) * NS if ticks.size > 1 else 0.0


def centre_ticks(times_ns: ArrayLike, ticks_ns: NDArray[np.int64], tick_s: float) -> NDArray[np.int64]:
    """Return the moments of ticks, ns: a tick lies anywhere between the reading before and the one that shows it.

    So it is `tick_s` / 2 earlier at most, and half the time between both readings on average.
    """
    times = np.asarray(times_ns, dtype=np.int64)
    before = times[np.maximum(np.searchsorted(times, ticks_ns) - 1, 0)]
    moments: Times = ticks_ns - np.minimum(ticks_ns - before, round(tick_s / NS)) // 2
    return moments


def find_contradictions(times_ns: ArrayLike, counter: ArrayLike, windows: ArrayLike) -> NDArray[np.bool_]:
    """Return which windows hold a contradiction of a counter, shape (w,): their energy is unknown."""
    times, values = drop_missing(times_ns, counter)
    wrong = _mask_contradictions(values)[1:]
    starts, ends = times[:-1][wrong], times[1:][wrong]
    edges = np.asarray(windows, dtype=np.int64).reshape(-1, 2)
    return np.searchsorted(starts, edges[:, 1]) > np.searchsorted(ends, edges[:, 0], side="right")


def _mask_contradictions(counter: Floats) -> NDArray[np.bool_]:
    """Return at which readings a counter contradicts the one before, shape (n,).

    It contradicts itself where it goes back after a reset, and on both sides of a reading that its two neighbours
    contradict: one wrong reading would be charged with everything that was ever counted.
    """
    found = np.zeros(counter.shape, dtype=np.bool_)
    valid = np.flatnonzero(np.isfinite(counter))
    values = counter[valid]
    back = values[1:] < values[:-1]
    wrong, rises_over = back.copy(), values[2:] >= values[:-2]
    wrong[1:] |= back[:-1] & rises_over
    wrong[:-1] |= back[1:] & rises_over
    found[valid[1:]] = wrong
    return found


def compute_counter_power(times_ns: ArrayLike, counter: ArrayLike, period_s: float) -> Floats:
    """Return the power over the stretch that ends at each tick, watts, shape (n,).

    NaN without it: at the first tick, in a gap, and where the counter contradicts itself. A reset draws no power.
    """
    times, values = np.asarray(times_ns, dtype=np.int64), np.asarray(counter, dtype=np.float64)
    found = np.full(times.shape, np.nan)
    steps = np.diff(times) * NS
    known = (steps > 0) & (steps <= GAP_PERIODS * period_s * (1 + 1e-9)) & ~_mask_contradictions(values)[1:]
    found[1:][known] = np.diff(values)[known] / steps[known]
    return found


def merge_windows(windows: ArrayLike, gap_s: float) -> list[Window]:
    """Return stretches of windows, in order, that lie at most `gap_s` seconds apart."""
    merged: list[Window] = []
    for start, end in np.asarray(windows, dtype=np.int64).reshape(-1, 2).tolist():
        if merged and start - merged[-1][1] <= gap_s / NS:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def mask_inside(times_ns: ArrayLike, windows: ArrayLike) -> NDArray[np.bool_]:
    """Return which samples fall into one of `windows`, which are in order and apart, shape (n,)."""
    times, edges = np.asarray(times_ns, dtype=np.int64), np.asarray(windows, dtype=np.int64).reshape(-1, 2)
    return np.searchsorted(edges[:, 0], times, side="right") > np.searchsorted(edges[:, 1], times)


def compute_mean_power(curve: EnergyCurve, window: Window) -> float | None:
    """Return energy / covered time of one window, watts; None if under half of it is covered."""
    joules, coverage = curve.integrate([window])
    seconds = (window[1] - window[0]) * NS * float(coverage[0])
    return float(joules[0]) / seconds if coverage[0] >= 0.5 else None


def downsample(times_ns: ArrayLike, watts: ArrayLike, origin_ns: int, bins: int) -> tuple[Floats, ...]:
    """Return (seconds since origin, min, mean, max) of at most `bins` bins of equal time, without empty ones."""
    times, v = drop_missing(times_ns, watts)
    t = (times - origin_ns) * NS
    if t.size <= bins:
        return t, v, v, v
    place = np.minimum(((t - t[0]) / (t[-1] - t[0]) * bins).astype(int), bins - 1)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(place) > 0]))
    counts = np.diff(np.concatenate([starts, [t.size]]))
    mean_t, mean_v = (np.add.reduceat(x, starts) / counts for x in (t, v))
    return mean_t, np.minimum.reduceat(v, starts), mean_v, np.maximum.reduceat(v, starts)


def drop_missing(times_ns: ArrayLike, values: ArrayLike) -> tuple[Times, Floats]:
    """Return (times, values) of the samples that have a value."""
    times, readings = np.asarray(times_ns, dtype=np.int64), np.asarray(values, dtype=np.float64)
    valid = np.isfinite(readings)
    return times[valid], readings[valid]
