"""From samples and windows to the Record's power: the joules of each run, their source and their flags."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.power.analysis import budget, energy, phases, warnings
from benchmarks.power.analysis.budget import Series
from benchmarks.power.analysis.energy import Floats, Window
from benchmarks.power.analysis.outliers import describe_outliers
from benchmarks.power.base import PowerSample, SensorFacts
from benchmarks.record import ENERGY_COVERAGE, ENERGY_RUNS, TRACE_POINTS
from benchmarks.record.not_measured import explain_nulls, make_null_section
from benchmarks.record.sections import Power, Trace

IdleWindow = tuple[str, Window]
WHEN = ("before", "after")


@dataclass(frozen=True)
class MarkedRuns:
    """The windows of the good runs in order, and {phase: its windows in these runs}, None if a run lacks the mark."""

    windows: Sequence[Window]
    phases: Mapping[str, Sequence[Window] | None]


@dataclass(frozen=True)
class Attribution:
    """Power of a pair, and its energy by run; `energy_j` and `coverage` are None without a sensor."""

    power: Power
    energy_j: list[float | None] | None
    coverage: list[float] | None
    trace: Trace | None


@dataclass(frozen=True)
class _Charge:
    """The samples that the energy comes from, and what they charge to each run."""

    series: Series
    runs: MarkedRuns
    joules: Floats
    coverage: Floats

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Which runs have energy."""
        return np.asarray(self.coverage >= ENERGY_COVERAGE)

    @property
    def windows(self) -> list[Window]:
        """The runs that have energy."""
        return list(itertools.compress(self.runs.windows, self.covered))

    @property
    def statistical(self) -> float:
        """The statistical term of the energy, relative; 0 with too few samples for one."""
        joules = float(self.joules[self.covered].sum())
        terms = budget.list_statistical_terms(self.series, self.windows, joules, "the runs")
        return terms[0]["relative"] if terms else 0.0

    @property
    def gap_share(self) -> float:
        """Share of the time of `windows` without samples; 0 without windows."""
        lengths = np.array([end - start for start, end in self.windows], dtype=np.float64)
        sampled = float((self.coverage[self.covered] * lengths).sum())
        return 1 - sampled / float(lengths.sum()) if lengths.sum() > 0 else 0.0


def describe_without_sensor(name: str, reason: str) -> Attribution:
    """Return null power with the reason."""
    known = {"monitor": name, "scope_mismatch": False, "uncertainty": list[Any](), "flags": list[Any]()}
    power = make_null_section(Power, reason, **known, phases=phases.describe_without_energy(reason))
    return Attribution(cast("Power", power), None, None, None)


def attribute(
    name: str,
    sensor: SensorFacts,
    samples: Sequence[PowerSample],
    runs: MarkedRuns,
    idle: Sequence[IdleWindow],
    *,
    scope_mismatch: bool = False,
    lost: str | None = None,
) -> Attribution:
    """Charge the sampled energy to the runs and their phases, and describe the measurement.

    `name` is the monitor's in MONITORS, `samples` are in order of time, `idle` holds ("before" or "after", window), and
    `lost` says why the sensor stopped early. With `scope_mismatch` it does not cover the device that runs the model.
    """
    times, watts = _list_values(sensor, samples, "watts")
    power = Series.from_power(sensor, times, watts)
    integrated = _Charge(power, runs, *power.curve.integrate(runs.windows))
    counted = _charge_counter(Series.from_counter(sensor, *_list_values(sensor, samples, "energy_j")), runs)
    charge = counted if _is_preferred(counted, integrated) else integrated
    if charge is integrated and not any(w > 0 for w in watts):
        return describe_without_sensor(name, warnings.explain_no_energy(samples, lost))
    inside = int(charge.series.mask_inside(runs.windows).sum())
    flags = ["The energy comes from a recorded trace, not from these runs."] if name == "replay" else []
    flags += warnings.warn_of_sensor(sensor, lost, mismatch=scope_mismatch)
    sampling, gap = integrated.statistical, _compute_disagreement(counted, integrated) if charge is counted else 0.0
    flags += warnings.warn_of_energy(charge.series, charge.windows, charge.gap_share)
    flags += warnings.warn_of_disagreement(gap, sampling)
    flags += warnings.warn_of_own_clock(charge.series, charge.windows)
    flags += warnings.warn_of_few_samples(inside, len(runs.windows), sampling if charge is integrated else 0.0)
    flags += warnings.warn_of_void_readings(samples, runs.windows, sensor)
    flags += [] if charge is counted else warnings.warn_of_frozen_sensor(power, runs.windows, idle)
    flags += describe_outliers(charge.series, charge.windows, "during the runs", "energy per token")
    flags += describe_outliers(power, [window for _, window in idle], "in the idle time", "idle power")
    return Attribution(
        _build_power(name, charge, inside, flags, _measure_idle(charge.series, idle), scope_mismatch=scope_mismatch),
        [float(j) if c > 0 else None for j, c in zip(charge.joules, charge.coverage, strict=True)],
        [float(c) for c in charge.coverage],
        _build_trace(power, runs.windows),
    )


def _list_values(sensor: SensorFacts, samples: Sequence[PowerSample], name: str) -> tuple[list[int], list[float]]:
    """Return (times in ns, values, NaN if missing) of the samples.

    A refused value is left out, and of some sensors a missing one: only GAP_PERIODS without a value are then a gap.
    """
    values = ((s.time_ns, getattr(s, name), sensor.is_void_no_gap or s.refused_w is not None) for s in samples)
    kept = [(time_ns, value) for time_ns, value, is_no_gap in values if value is not None or not is_no_gap]
    return [time_ns for time_ns, _ in kept], [math.nan if value is None else value for _, value in kept]


def _charge_counter(series: Series, runs: MarkedRuns) -> _Charge:
    """Return what a counter charges: nothing to a run in which it contradicts itself."""
    joules, coverage = series.curve.integrate(runs.windows)
    void = energy.find_contradictions(series.times_ns, series.values, runs.windows)
    return _Charge(series, runs, np.where(void, 0.0, joules), np.where(void, 0.0, coverage))


def _is_preferred(counted: _Charge, integrated: _Charge) -> bool:
    """Return whether a counter counts, and covers about the runs that power covers.

    A counter's last tick lies before the last sample, so it may lack a run.
    """
    return bool(counted.joules.sum() > 0 and counted.covered.sum() >= ENERGY_RUNS * integrated.covered.sum())


def _compute_disagreement(counted: _Charge, integrated: _Charge) -> float:
    """Return integrated power / counted energy - 1 over the runs that both cover; 0 without any."""
    both = counted.covered & integrated.covered
    joules = float(counted.joules[both].sum())
    return float(integrated.joules[both].sum()) / joules - 1 if joules > 0 else 0.0


def _build_power(
    name: str, charge: _Charge, inside: int, flags: list[str], idle: dict[str, float | None], *, scope_mismatch: bool
) -> Power:
    """Return the Record's power."""
    series = charge.series
    joules = float(charge.joules[charge.covered].sum())
    values = {"period_s": series.sampled_s or None, "update_s": series.update_s, **idle}
    uncovered = {when: f"no readings cover the idle time with the model loaded {when} the runs" for when in WHEN}
    reasons = {
        "period_s": "fewer than two samples were taken",
        "update_s": f"the readings changed fewer than {energy.FEW_CHANGES} times",
        "idle_w": uncovered["before" if idle["idle_before_w"] is None else "after"],
        "idle_before_w": uncovered["before"],
        "idle_after_w": uncovered["after"],
        "idle_s": "there was no idle time before or after the runs",
    }
    power = {
        "monitor": name,
        "source": series.sensor.source,
        "scope": series.sensor.scope,
        "scope_mismatch": scope_mismatch,
        "rails": list(series.sensor.rails),
        "method": series.method,
        "sample_count": inside,
        "energy_runs": int(charge.covered.sum()),
        **values,
        "uncertainty": budget.list_run_terms(series, charge.windows, joules, charge.gap_share, idle["idle_w"]),
        "phases": phases.measure_phases(series, charge.runs.phases, charge.covered.tolist()),
        "flags": flags,
        "reasons": explain_nulls(values, reasons),
    }
    return cast("Power", power)


def _measure_idle(series: Series, idle: Sequence[IdleWindow]) -> dict[str, float | None]:
    """Return the idle power before and after the runs, the mean of both, and the length of the shortest idle window.

    The instrument is that of the runs' energy: two would not agree, and net energy would be off by their difference.
    The start of a window is left out, because the sensor smears the work before into it: one resolution, at most half
    the window.
    """
    tail = round(series.resolution[0] / energy.NS)
    found: dict[str, list[float]] = {when: [] for when in WHEN}
    for when, (start, end) in idle:
        watts = energy.compute_mean_power(series.curve, (start + min(tail, (end - start) // 2), end))
        found[when] += [] if watts is None else [watts]
    before, after = (sum(found[when]) / len(found[when]) if found[when] else None for when in WHEN)
    return {
        "idle_w": None if before is None or after is None else (before + after) / 2,
        "idle_before_w": before,
        "idle_after_w": after,
        "idle_s": min(((end - start) * energy.NS for _, (start, end) in idle), default=None),
    }


def _build_trace(power: Series, windows: Sequence[Window]) -> Trace | None:
    """Return the power from the first run's start to the last one's end; None without readings."""
    if not windows:
        return None
    picked = energy.mask_inside(power.times_ns, [(windows[0][0], windows[-1][1])])
    times, watts = power.times_ns[picked], power.values[picked]
    if not np.isfinite(watts).any():
        return None
    t, *found = energy.downsample(times, watts, windows[0][0], TRACE_POINTS)
    low, mean, high = (values.round(4).tolist() for values in found)
    return {"time_s": t.round(6).tolist(), "min_w": low, "mean_w": mean, "max_w": high}
