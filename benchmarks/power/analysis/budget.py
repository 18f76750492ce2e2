"""Samples ready to be integrated, and the terms of their uncertainty: name, relative value and source of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.power.analysis import energy, sampling, uncertainty
from benchmarks.power.analysis.energy import EnergyCurve, Floats, Window
from benchmarks.power.base import SensorFacts
from benchmarks.record.sections import UncertaintyTerm

Terms = list[UncertaintyTerm]
CENTRED = 0.95
"""A counter that moved in fewer of its readings ticks more slowly than it is read."""


@dataclass(frozen=True)
class Series:
    """Samples of power, or of a counter at its ticks, and their integral."""

    method: str  # "counter" or "integration"
    sensor: SensorFacts
    times_ns: NDArray[np.int64]  # (n,), the moments that the samples describe
    values: Floats  # (n,), watts or joules; NaN for a missing reading
    curve: EnergyCurve
    sampled_s: float  # time between readings; a counter's tick is seen at most so late
    period_s: float  # time between neighbours; GAP_PERIODS of it are not yet a gap
    update_s: float | None  # time between updates that the readings show
    hold_s: float  # the same if they show that values are held so long; else 0

    @classmethod
    def from_power(cls, sensor: SensorFacts, times_ns: Sequence[int], watts: Sequence[float]) -> Series:
        """Return power, moved back by the sensor's lag if it is known."""
        times, values = energy.remove_lag(times_ns, sensor.lag_s), np.asarray(watts, dtype=np.float64)
        # A call that takes longer than the period, as with some drivers, makes no gaps.
        sampled_s = _compute_median_step(times_ns)
        period_s = max(sensor.period_s, sampled_s)
        curve = EnergyCurve(times, values, period_s, counter=False)
        update_s = energy.find_update_period(times, values)
        hold_s = update_s if update_s and energy.shows_updates(times, values) else 0.0
        return cls("integration", sensor, times, values, curve, sampled_s, period_s, update_s, hold_s)

    @classmethod
    def from_counter(cls, sensor: SensorFacts, times_ns: Sequence[int], joules: Sequence[float]) -> Series:
        """Return a counter at its ticks."""
        times, values, tick_s = energy.find_ticks(times_ns, joules)
        period_s = max(sensor.period_s, tick_s)
        if repeats := times.size < CENTRED * len(times_ns):
            times = energy.centre_ticks(times_ns, times, tick_s)
        curve = EnergyCurve(times, values, period_s, counter=True)
        update_s = energy.find_update_period(times_ns, joules) or 0.0
        sampled_s = _compute_median_step(times_ns)
        return cls("counter", sensor, times, values, curve, sampled_s, period_s, update_s, update_s * repeats)

    @property
    def is_counter(self) -> bool:
        """Whether the values are a counter's."""
        return self.method == "counter"

    @property
    def averaging_s(self) -> float | None:
        """The time that a value averages over, seconds; a counter averages nothing."""
        return 0.0 if self.is_counter else self.sensor.averaging_s

    @property
    def watts(self) -> Floats:
        """Power at each sample, or over the stretch that ends at each tick; NaN without it."""
        if not self.is_counter:
            return self.values
        return energy.compute_counter_power(self.times_ns, self.values, self.period_s)

    @property
    def is_continuous(self) -> bool:
        """Whether no power goes by unseen: a counter, or an average over the time between readings or more."""
        return self.is_counter or (self.averaging_s or 0.0) >= self.sampled_s * (1 - energy.TOLERANCE)

    @property
    def clock_s(self) -> float | None:
        """The period of the sensor's own clock, seconds, if that decides which power is seen; None if chance does."""
        regular = self.sensor.update_s or (self.sampled_s if sampling.is_regular(self.times_ns) else None)
        return None if self.is_continuous else regular

    @property
    def resolution(self) -> tuple[float, str]:
        """(seconds, which time that is): the longest known time of the sensor."""
        times = {
            "the time between samples": self.sampled_s,
            "the update interval estimated from the readings": self.hold_s,
            "the averaging time of a reading": self.averaging_s or 0.0,
        }
        name = max(times, key=times.__getitem__)
        return times[name], name + ("; the averaging time is unknown" if self.averaging_s is None else "")

    def mask_inside(self, windows: Sequence[Window]) -> NDArray[np.bool_]:
        """Return which samples are valid and fall into one of `windows`, which are in order."""
        return energy.mask_inside(self.times_ns, windows) & np.isfinite(self.values)


def list_run_terms(
    series: Series, windows: Sequence[Window], joules: float, gap_share: float, idle_w: float | None
) -> Terms:
    """Return the budget of the `joules` of all `windows`, with a `gap_share` of their time without samples.

    Windows that the sensor cannot tell apart are one stretch, whose only edges are its start and its end. The budget is
    empty if too few samples of power fell into the runs: the other terms alone would understate it.
    """
    seconds = sum(end - start for start, end in windows) * energy.NS
    statistics = list_statistical_terms(series, windows, joules, "the runs")
    if joules <= 0 or seconds <= 0 or not (series.is_counter or statistics):
        return []
    stretches = energy.merge_windows(windows, series.resolution[0])
    return [
        *statistics,
        _make_edge_term(series, stretches, joules, seconds),
        *_list_between_terms(windows, stretches, joules, idle_w or 0.0),
        *list_coverage_terms(gap_share, "the runs"),
        *list_sensor_terms(series, joules / seconds),
    ]


def list_statistical_terms(series: Series, windows: Sequence[Window], joules: float, where: str) -> Terms:
    """Return the term of what sampled power leaves unseen. A counter leaves nothing out, and has none."""
    if series.is_counter or joules <= 0:
        return []
    stretches = energy.merge_windows(windows, series.resolution[0])
    times, watts = series.times_ns, series.values
    if series.sensor.update_s is not None:  # a value that is read twice is one sample
        new = np.concatenate([[True], watts[1:] != watts[:-1]])
        times, watts = times[new], watts[new]
    found = sampling.compute_sampling_error(times, watts, stretches)
    if found is None:
        return []
    count = int(series.mask_inside(windows).sum())
    source = f"power between {count} samples in {where}, from how samples differ with the time between them"
    factor, _ = (1.0, 0) if series.is_continuous else sampling.find_lock(times, windows)
    if factor > 1:
        source += f"; x {factor**0.5:.2g}, because the samples keep step with the runs"
    return [{"name": "statistical", "relative": float(found * factor**0.5 / joules), "source": source}]


def _list_between_terms(windows: Sequence[Window], stretches: Sequence[Window], joules: float, idle_w: float) -> Terms:
    """Return the term of the time between runs that the sensor cannot tell from them, if there is any."""
    inside = sum(end - start for start, end in windows) * energy.NS
    between = sum(end - start for start, end in stretches) * energy.NS - inside
    if between <= inside * 1e-9:
        return []
    relative = uncertainty.compute_between(between / inside, idle_w * inside / joules)
    source = f"{between / inside:.2%} more time lies between the runs, at {idle_w:.3g} W or more, and is not told apart"
    return [{"name": "between runs", "relative": relative, "source": source}]


def list_coverage_terms(share: float, where: str) -> Terms:
    """Return the term of the time without samples, if there is any."""
    if share < 1e-9:
        return []
    source = f"{share:.2%} of the time of {where} has no samples, and its energy is not counted"
    return [{"name": "coverage", "relative": uncertainty.compute_coverage(share), "source": source}]


def list_sensor_terms(series: Series, mean_w: float) -> Terms:
    """Return the sensor's known terms at a mean power: quantisation, offset error and gain error.

    A counter's scale is too fine to matter, and its offset error is that of the power that its driver adds up.
    """
    sensor = series.sensor
    terms: Terms = []
    step = None if series.is_counter else sensor.resolution_w or energy.find_step_size(series.values)
    if step is not None:
        origin = "specified for the sensor" if sensor.resolution_w else "the smallest difference between two readings"
        source = f"a scale in steps of {step:.3g} W, {origin}"
        relative = step / (math.sqrt(12) * abs(mean_w))  # more samples do not average it out
        terms.append({"name": "quantisation", "relative": relative, "source": source})
    if sensor.offset_uncertainty_w is not None:
        relative = sensor.offset_uncertainty_w / abs(mean_w)
        terms.append({"name": "offset", "relative": relative, "source": sensor.offset_source})
    if sensor.gain_uncertainty is not None:
        terms.append({"name": "gain", "relative": sensor.gain_uncertainty, "source": sensor.gain_source})
    return terms


def _make_edge_term(series: Series, windows: Sequence[Window], joules: float, seconds: float) -> UncertaintyTerm:
    watts, times = series.watts, series.times_ns
    effect_w = uncertainty.compute_delay_effect_w(times, watts, windows)
    if series.is_counter:
        after = np.roll(watts, -1)  # power over the stretch that begins at each tick
        steps, widths = uncertainty.find_edge_steps(times, watts, after, windows, 0.0)
        common_w = 0.0 if series.hold_s else effect_w  # ticks of a slow counter are moved back by their mean delay
        relative = uncertainty.compute_counter_edges(steps, widths, series.sampled_s, seconds, joules, common_w)
        return {"name": "edges", "relative": relative, "source": "one counter tick at the start and end of each run"}
    averaging_s = series.averaging_s or 0.0
    steps, widths = uncertainty.find_edge_steps(times, watts, watts, windows, max(series.hold_s, averaging_s))
    delay_s = averaging_s if series.sensor.lag_s is None else 0.0
    relative = uncertainty.compute_power_edges(steps, widths, joules, delay_s, effect_w)
    return {"name": "edges", "relative": relative, "source": "power interpolated at the start and end of each run"}


def _compute_median_step(times_ns: Sequence[int]) -> float:
    return float(np.median(np.diff(times_ns))) * energy.NS if len(times_ns) > 1 else 0.0
