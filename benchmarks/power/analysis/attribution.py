"""From samples and windows to the Record's power: joules of each run, where they come from, what is doubtful."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.power.analysis import budget, energy, phases, warnings
from benchmarks.power.analysis.budget import Series
from benchmarks.power.base import PowerSample, SensorFacts
from benchmarks.record import ENERGY_COVERAGE, ENERGY_RUNS, TRACE_POINTS
from benchmarks.record.sections import Power, Trace, UncertaintyTerm

Window = tuple[int, int]
IdleWindow = tuple[str, Window]
NO_RUN = "no run was good"
OF_SENSOR = ("source", "scope", "rails", "method", "period_s", "sample_count", "energy_runs")
IDLE = ("idle_w", "idle_before_w", "idle_after_w", "idle_s", "update_s")


@dataclass(frozen=True)
class Marked:
    """The good runs, as their marks divide them.

    Attributes:
        windows: (start, end) in ns of each, in order.
        phases: phases.PHASES -> (start, end) in ns in each run; None where a run lacks the mark.
    """

    windows: Sequence[Window]
    phases: Mapping[str, Sequence[Window] | None]


@dataclass(frozen=True)
class Attribution:
    """Power of a pair, and its energy by run; `energy_j` and `coverage` are None without a sensor."""

    power: Power
    energy_j: list[float | None] | None
    coverage: list[float] | None
    trace: Trace | None


def without_sensor(name: str, reason: str) -> Attribution:
    """Return what is known without a sensor: nothing, and why."""
    power: Power = {
        "monitor": name,
        "source": None,
        "scope": None,
        "scope_mismatch": False,
        "rails": None,
        "method": None,
        "period_s": None,
        "sample_count": None,
        "energy_runs": None,
        "idle_w": None,
        "idle_before_w": None,
        "idle_after_w": None,
        "idle_s": None,
        "update_s": None,
        "uncertainty": [],
        "phases": phases.without_energy(reason),
        "flags": [],
        "reasons": dict.fromkeys((*OF_SENSOR, *IDLE), reason),
    }
    return Attribution(power, None, None, None)


def attribute(
    name: str,
    sensor: SensorFacts,
    samples: Sequence[PowerSample],
    marked: Marked,
    idle: Sequence[IdleWindow],
    *,
    scope_mismatch: bool = False,
    lost: str | None = None,
) -> Attribution:
    """Charge the sampled energy to the runs and their phases, and describe the measurement.

    Args:
        name: the monitor's name in MONITORS.
        sensor: what took the samples.
        samples: in order of time.
        marked: windows of the good runs, and of each of their phases.
        idle: ("before" or "after", (start, end)) of each window of idle power.
        scope_mismatch: the sensor does not cover what computed.
        lost: why the sensor stopped in the middle.
    """
    times = [sample.time_ns for sample in samples]
    watts = [math.nan if sample.watts is None else sample.watts for sample in samples]
    counter = [math.nan if sample.energy_j is None else sample.energy_j for sample in samples]
    power, counted = Series.of_power(sensor, times, watts), Series.of_counter(sensor, times, counter)
    by_power, by_counter = power.curve.energy(marked.windows), _counted(counted, marked.windows)
    counts = bool(by_counter[0].sum() > 0) and _covers_as_much(by_counter[1], by_power[1])
    if not any(w > 0 for w in watts) and not counts:
        return without_sensor(name, warnings.nothing_read(watts, lost))
    joules, coverage = by_counter if counts else by_power
    charged = _Charged(counted if counts else power, marked, joules, coverage)
    inside = int(charged.series.within(marked.windows).sum())
    recorded = ["The joules are those of a recorded trace, not measured beside these runs."] if name == "replay" else []
    gap = _disagreement(by_counter, by_power) if counts else 0.0
    flags = recorded + warnings.of_sensor(sensor, lost, mismatch=scope_mismatch)
    flags += warnings.of_energy(charged.series, charged.windows, charged.gap_share, gap)
    flags += warnings.of_samples(inside, len(marked.windows)) + warnings.of_void(samples, marked.windows)
    flags += [] if counts else warnings.of_standstill(power, marked.windows, idle)
    return Attribution(
        _described(name, charged, inside, flags, _idle(power, idle), scope_mismatch=scope_mismatch),
        [float(j) if c > 0 else None for j, c in zip(joules, coverage, strict=True)],
        [float(c) for c in coverage],
        _trace(power, marked.windows),
    )


@dataclass(frozen=True)
class _Charged:
    """The series that the energy comes from, and what it gives each run."""

    series: Series
    marked: Marked
    joules: energy.Floats
    coverage: energy.Floats

    @property
    def good(self) -> list[bool]:
        """Which runs have energy."""
        return [bool(share >= ENERGY_COVERAGE) for share in self.coverage]

    @property
    def windows(self) -> list[Window]:
        """The runs that have energy."""
        return [window for window, counts in zip(self.marked.windows, self.good, strict=True) if counts]

    @property
    def gap_share(self) -> float:
        """Share of the time of `windows` that no sample covers; 0 without any."""
        lengths = np.array([end - start for start, end in self.windows], dtype=np.float64)
        covered = float((self.coverage[np.array(self.good, dtype=np.bool_)] * lengths).sum())
        return 1 - covered / float(lengths.sum()) if lengths.sum() > 0 else 0.0

    def uncertainty(self) -> list[UncertaintyTerm]:
        """Return the budget of the energy of the runs that have it."""
        good = np.array(self.good, dtype=np.bool_)
        return budget.of_runs(self.series, self.windows, float(self.joules[good].sum()), self.gap_share)


def _described(
    name: str,
    charged: _Charged,
    inside: int,
    flags: list[str],
    idle: _Idle,
    *,
    scope_mismatch: bool,
) -> Power:
    """Return the Record's power."""
    series, reasons = charged.series, dict(idle.reasons)
    if not series.sampled_s:
        reasons["period_s"] = "fewer than two samples came"
    if series.update_s is None:
        reasons["update_s"] = f"the readings changed fewer than {energy.FEW_CHANGES} times"
    return {
        "monitor": name,
        "source": series.sensor.source,
        "scope": series.sensor.scope,
        "scope_mismatch": scope_mismatch,
        "rails": list(series.sensor.rails),
        "method": series.method,
        "period_s": series.sampled_s or None,
        "sample_count": inside,
        "energy_runs": sum(charged.good),
        "idle_w": idle.mean_w,
        "idle_before_w": idle.before_w,
        "idle_after_w": idle.after_w,
        "idle_s": idle.seconds,
        "update_s": series.update_s,
        "uncertainty": charged.uncertainty(),
        "phases": phases.pooled(series, charged.marked.phases, charged.good),
        "flags": flags,
        "reasons": reasons,
    }


def _counted(series: Series, windows: Sequence[Window]) -> tuple[energy.Floats, energy.Floats]:
    """Return (joules, coverage) of each window by a counter; none where it contradicts itself."""
    joules, coverage = series.curve.energy(windows)
    void = energy.contradicted(series.times_ns, series.values, windows)
    return np.where(void, 0.0, joules), np.where(void, 0.0, coverage)


def _covers_as_much(counter: energy.Floats, power: energy.Floats) -> bool:
    """Return whether a counter covers about the runs that power does: its last tick lies before the last sample."""
    return bool((counter >= ENERGY_COVERAGE).sum() >= ENERGY_RUNS * (power >= ENERGY_COVERAGE).sum())


def _disagreement(
    by_counter: tuple[energy.Floats, energy.Floats], by_power: tuple[energy.Floats, energy.Floats]
) -> float:
    """Return integrated power / counted energy - 1 over the runs that both cover; 0 without any."""
    both = (by_counter[1] >= ENERGY_COVERAGE) & (by_power[1] >= ENERGY_COVERAGE)
    counted = float(by_counter[0][both].sum())
    return float(by_power[0][both].sum()) / counted - 1 if counted > 0 else 0.0


@dataclass(frozen=True)
class _Idle:
    """Power of the machine with the model loaded and at rest, and why what is None is so."""

    before_w: float | None
    after_w: float | None
    seconds: float | None

    @property
    def mean_w(self) -> float | None:
        """The mean of both, watts."""
        return None if self.before_w is None or self.after_w is None else (self.before_w + self.after_w) / 2

    @property
    def reasons(self) -> dict[str, str]:
        """Why what is None is so."""
        found = {}
        for when, watts in (("before", self.before_w), ("after", self.after_w)):
            if watts is None:
                found[f"idle_{when}_w"] = f"no readings cover a rest with the model loaded {when} the runs"
        if found:
            found["idle_w"] = next(iter(found.values()))
        if self.seconds is None:
            found["idle_s"] = "no idle time was kept before or after the runs"
        return found


def _idle(power: Series, idle: Sequence[IdleWindow]) -> _Idle:
    """Return the idle power by the samples in the windows of idle time.

    What the sensor smears from the work before a window into it is left out: its resolution, at most half the window.
    """

    def mean(asked: str) -> float | None:
        tail = round(power.resolution[0] / energy.NS)
        windows = [(start + min(tail, (end - start) // 2), end) for when, (start, end) in idle if when == asked]
        found = [energy.mean_power(power.times_ns, power.values, power.period_s, w) for w in windows]
        known = [value for value in found if value is not None]
        return sum(known) / len(known) if known else None

    shortest = min(((end - start) * energy.NS for _, (start, end) in idle), default=None)
    return _Idle(mean("before"), mean("after"), shortest)


def _trace(power: Series, windows: Sequence[Window]) -> Trace | None:
    """Return the power from the first run's start to the last one's end; None where there is none."""
    if not windows:
        return None
    picked = energy.inside(power.times_ns, [(windows[0][0], windows[-1][1])])
    times, watts = power.times_ns[picked], power.values[picked]
    if not np.isfinite(watts).any():
        return None
    t, low, mean, high = energy.downsample(times, watts, windows[0][0], TRACE_POINTS)
    return {
        "time_s": t.round(6).tolist(),
        "min_w": low.round(4).tolist(),
        "mean_w": mean.round(4).tolist(),
        "max_w": high.round(4).tolist(),
    }
