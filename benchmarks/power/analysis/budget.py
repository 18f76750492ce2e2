"""What is integrated, and the terms of its uncertainty: each with its name, its relative value and its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.power.analysis import energy, uncertainty
from benchmarks.power.base import SensorFacts
from benchmarks.record.sections import UncertaintyTerm

if TYPE_CHECKING:
    from numpy.typing import NDArray

Window = tuple[int, int]
COUNTER, INTEGRATION = "counter", "integration"


@dataclass(frozen=True)
class Series:
    """Samples of one kind, ready to be integrated.

    Attributes:
        method: COUNTER or INTEGRATION.
        sensor: what took them.
        times_ns: shape (n,), the moments that they tell of.
        values: shape (n,): watts, or a counter in joules at its ticks; NaN is no reading.
        curve: the same, integrated.
        period_s: time between neighbours, seconds, of which GAP_PERIODS are no gap yet.
        sampled_s: time between readings, seconds: a counter's tick is seen so late at most.
        update_s: time between updates that the readings show, seconds; None where they do not.
    """

    method: str
    sensor: SensorFacts
    times_ns: NDArray[np.int64]
    values: energy.Floats
    curve: energy.Curve
    period_s: float
    sampled_s: float
    update_s: float | None

    @classmethod
    def of_power(cls, sensor: SensorFacts, times_ns: Sequence[int], watts: Sequence[float]) -> Series:
        """Return power, moved back by the sensor's lag where that is known."""
        times, values = energy.lagged(times_ns, sensor.lag_s), np.asarray(watts, dtype=np.float64)
        sampled_s, update = _median_step(times_ns), energy.update_period_s(times, values)
        # A call that takes longer than the period, as some drivers' do, makes no gaps: it is how often readings come.
        period_s = max(sensor.period_s, sampled_s)
        curve = energy.Curve(times, values, period_s, counter=False)
        return cls(INTEGRATION, sensor, times, values, curve, period_s, sampled_s, update)

    @classmethod
    def of_counter(cls, sensor: SensorFacts, times_ns: Sequence[int], joules: Sequence[float]) -> Series:
        """Return a counter at its ticks."""
        times, values, tick_s = energy.at_ticks(times_ns, joules)
        period_s = max(sensor.period_s, tick_s)
        curve = energy.Curve(times, values, period_s, counter=True)
        update = energy.update_period_s(times_ns, joules)
        return cls(COUNTER, sensor, times, values, curve, period_s, _median_step(times_ns), update)

    @property
    def counts(self) -> bool:
        """Whether it is a counter."""
        return self.method == COUNTER

    @property
    def watts(self) -> energy.Floats:
        """Power at each sample, or over the stretch that ends at each tick; NaN where there is none."""
        if not self.counts or self.values.size < 2:
            return self.values
        steps = np.diff(self.times_ns) * energy.NS
        power = np.divide(np.diff(self.values), steps, out=np.full(steps.shape, np.nan), where=steps > 0)
        return np.concatenate([[np.nan], power])

    @property
    def resolution(self) -> tuple[float, str]:
        """(seconds, which time that is): the longest of the sensor's times that are known.

        A counter averages nothing: what its readings show is all there is.
        """
        averaging = 0.0 if self.counts else self.sensor.averaging_s
        times = {
            "the time between samples": self.sampled_s,
            "the time between updates, as the readings show": self.update_s or 0.0,
            "the time that a reading averages over": averaging or 0.0,
        }
        name = max(times, key=times.__getitem__)
        unknown = "; how long a reading averages is not known" if averaging is None else ""
        return times[name], name + unknown

    def within(self, windows: Sequence[Window]) -> NDArray[np.bool_]:
        """Return which samples are valid and fall into one of `windows`, which are in order."""
        return energy.inside(self.times_ns, windows) & np.isfinite(self.values)


def of_runs(series: Series, windows: Sequence[Window], joules: float, gap_share: float) -> list[UncertaintyTerm]:
    """Return the budget of the `joules` of all `windows`, of whose time a `gap_share` has no samples.

    Power of which too few samples fell into the runs has none: the other terms alone would pass for all.
    """
    seconds = sum(end - start for start, end in windows) * energy.NS
    statistics = spread(series, windows, "the runs")
    if joules <= 0 or seconds <= 0 or not (series.counts or statistics):
        return []
    return [
        *statistics,
        _edges(series, windows, joules, seconds),
        *gaps(gap_share, "the runs"),
        *of_sensor(series, joules / seconds),
    ]


def spread(series: Series, windows: Sequence[Window], where: str) -> list[UncertaintyTerm]:
    """Return the statistical term of sampled power; a counter leaves nothing out, and has none."""
    watts = series.values[series.within(windows)]
    found = None if series.counts else uncertainty.statistical(watts)
    if found is None:
        return []
    source = f"spread of {watts.size} samples in {where}, corrected for their autocorrelation"
    return [{"name": "statistical", "relative": found, "source": source}]


def gaps(share: float, where: str) -> list[UncertaintyTerm]:
    """Return the term of what has no samples and adds no energy; none where that is nothing."""
    if share < 1e-9:
        return []
    source = f"{share:.2%} of the time of {where} has no samples and adds no energy"
    return [{"name": "coverage", "relative": uncertainty.uncovered(share), "source": source}]


def of_sensor(series: Series, mean_w: float) -> list[UncertaintyTerm]:
    """Return the terms that are the sensor's own, at a mean power: quantisation, offset and gain, where they are known.

    A counter's scale is too fine to matter, and its offset is that of the power that its driver adds up.
    """
    sensor = series.sensor
    terms: list[UncertaintyTerm] = []
    step = None if series.counts else sensor.resolution_w or energy.step_size(series.values)
    if step is not None:
        told = "as its sensor states" if sensor.resolution_w else "the smallest between two readings"
        source = f"a scale in steps of {step:.3g} W, {told}"
        terms.append({"name": "quantisation", "relative": uncertainty.quantisation(step, mean_w), "source": source})
    if sensor.offset_uncertainty_w is not None:
        relative = sensor.offset_uncertainty_w / abs(mean_w)
        terms.append({"name": "offset", "relative": relative, "source": sensor.offset_source})
    if sensor.gain_uncertainty is not None:
        terms.append({"name": "gain", "relative": sensor.gain_uncertainty, "source": sensor.gain_source})
    return terms


def _edges(series: Series, windows: Sequence[Window], joules: float, seconds: float) -> UncertaintyTerm:
    watts, averaging = series.watts, 0.0 if series.counts else series.sensor.averaging_s or 0.0
    after = np.roll(watts, -1) if series.counts else watts  # of a counter's tick: over the stretch that begins there
    hold = 0.0 if series.counts else max(series.update_s or 0.0, averaging)
    steps, widths = uncertainty.edge_steps(series.times_ns, watts, after, windows, hold)
    if series.counts:
        moved = uncertainty.late_w(series.times_ns, watts, windows)
        relative = uncertainty.counter_edges(steps, widths, series.sampled_s, seconds, joules, moved)
        return {"name": "edges", "relative": relative, "source": "the counter's ticks at each window's edges"}
    known = series.sensor.lag_s is not None or not averaging
    relative = uncertainty.power_edges(steps, widths, joules, lag_known=known)
    return {"name": "edges", "relative": relative, "source": "power interpolated at each window's edges"}


def _median_step(times_ns: Sequence[int]) -> float:
    return float(np.median(np.diff(times_ns))) * energy.NS if len(times_ns) > 1 else 0.0
