"""From samples and windows to the Record's power: joules of each run, where they come from, what is doubtful."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.power import energy
from benchmarks.record import ENERGY_COVERAGE, TRACE_POINTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.power.base import PowerSample, SensorFacts
    from benchmarks.record import Power, Trace, UncertaintyTerm

Window = tuple[int, int]
IdleWindow = tuple[str, Window]
FEW_SAMPLES = 30
DISAGREEMENT = 0.05
"""Counter and integration further apart than this, relative, are a flag."""
NO_RUN = "no run was good"
NOT_CALLED_FOR = ("source", "scope", "rails", "method", "period_s", "sample_count", "energy_runs")
IDLE = ("idle_w", "idle_before_w", "idle_after_w")


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
        "uncertainty": [],
        "flags": [],
        "reasons": dict.fromkeys((*NOT_CALLED_FOR, *IDLE), reason),
    }
    return Attribution(power, None, None, None)


def attribute(
    name: str,
    sensor: SensorFacts,
    samples: Sequence[PowerSample],
    windows: Sequence[Window],
    idle: Sequence[IdleWindow],
    *,
    scope_mismatch: bool = False,
    lost: str | None = None,
) -> Attribution:
    """Charge the sampled energy to `windows` and describe the measurement.

    Args:
        name: the monitor's name in MONITORS.
        sensor: what took the samples.
        samples: in order of time.
        windows: (start, end) in ns of each good run.
        idle: ("before" or "after", (start, end)) of each window of idle power.
        scope_mismatch: the sensor does not cover what computed.
        lost: why the sensor stopped in the middle.
    """
    times = [sample.time_ns for sample in samples]
    watts = [math.nan if sample.watts is None else sample.watts for sample in samples]
    counter = [math.nan if sample.energy_j is None else sample.energy_j for sample in samples]
    by_power = energy.Curve(times, watts, sensor.period_s, counter=False).energy(windows)
    by_counter = energy.Curve(times, counter, sensor.period_s, counter=True).energy(windows)
    counts = bool(by_counter[0].sum() > 0) and by_counter[1].mean() >= by_power[1].mean()
    joules, coverage = by_counter if counts else by_power
    if not any(w > 0 for w in watts) and not counts:
        return without_sensor(name, "the sensor read 0 W throughout, which nothing draws")
    inside = [w for t, w in zip(times, watts, strict=True) if windows and windows[0][0] <= t <= windows[-1][1]]
    recorded = ["The joules are those of a recorded trace, not measured beside these runs."] if name == "replay" else []
    flags = recorded + _flags(
        joules, by_power[0] if counts else None, len(inside), sensor, lost, mismatch=scope_mismatch
    )
    reasons, idle_w = _idle(times, watts, sensor.period_s, idle)
    before, after = idle_w
    power: Power = {
        "monitor": name,
        "source": sensor.source,
        "scope": sensor.scope,
        "scope_mismatch": scope_mismatch,
        "rails": list(sensor.rails),
        "method": "counter" if counts else "integration",
        "period_s": _period(times),
        "sample_count": len(inside),
        "energy_runs": int((coverage >= ENERGY_COVERAGE).sum()),
        "idle_w": None if before is None or after is None else (before + after) / 2,
        "idle_before_w": before,
        "idle_after_w": after,
        "uncertainty": _uncertainty(inside, sensor, edges=_edges(times, windows) if counts else None),
        "flags": flags,
        "reasons": reasons,
    }
    if power["period_s"] is None:
        reasons["period_s"] = "fewer than two samples came"
    return Attribution(
        power,
        [float(j) if c > 0 else None for j, c in zip(joules, coverage, strict=True)],
        [float(c) for c in coverage],
        _trace(times, watts, windows),
    )


def _flags(
    joules: energy.Floats,
    integrated: energy.Floats | None,
    inside: int,
    sensor: SensorFacts,
    lost: str | None,
    *,
    mismatch: bool,
) -> list[str]:
    """Return what a reader must know before quoting the joules, in sentences."""
    flags = []
    if lost is not None:
        flags.append(f"The sensor stopped in the middle: {lost}.")
    if mismatch:
        flags.append(f"Scope mismatch: a {sensor.scope} sensor while the model ran elsewhere; kept out of rankings.")
    if inside < FEW_SAMPLES and len(joules):
        flags.append(f"Only {inside} power samples fell into the runs; {FEW_SAMPLES} are the least to trust.")
    if integrated is not None and joules.sum() > 0:
        gap = float(integrated.sum() / joules.sum() - 1)
        if abs(gap) > DISAGREEMENT:
            flags.append(f"Integrated power differs from the energy counter by {gap:+.1%}.")
    if sensor.gain_uncertainty is None:
        flags.append("The uncertainty is statistical only: nobody states this sensor's gain.")
    return flags


def _idle(
    times: list[int], watts: list[float], period_s: float, idle: Sequence[IdleWindow]
) -> tuple[dict[str, str], tuple[float | None, float | None]]:
    """Return (reasons, (watts before, watts after))."""

    def mean(asked: str) -> float | None:
        found = [energy.mean_power(times, watts, period_s, window) for when, window in idle if when == asked]
        known = [value for value in found if value is not None]
        return sum(known) / len(known) if known else None

    before, after = mean("before"), mean("after")
    reasons = {}
    if before is None:
        reasons["idle_before_w"] = "the sensor does not cover the idle time before the runs"
    if after is None:
        reasons["idle_after_w"] = "the sensor does not cover the idle time after the runs"
    if reasons:
        reasons["idle_w"] = next(iter(reasons.values()))
    return reasons, (before, after)


def _edges(times: list[int], windows: Sequence[Window]) -> float | None:
    """Return the relative standard uncertainty of a counter's ticks at the edges of n windows of total length T.

    Each window is off by a tick tau at most, tau / sqrt(6) in standard deviation: sqrt(n) tau / (sqrt(6) T).
    """
    tick, total = _period(times), sum(end - start for start, end in windows) * energy.NS
    return math.sqrt(len(windows) / 6) * tick / total if tick is not None and total > 0 else None


def _uncertainty(inside: list[float], sensor: SensorFacts, *, edges: float | None) -> list[UncertaintyTerm]:
    """Return the terms; what is sampled has a statistical one, a counter (`edges`) that of its ticks."""
    terms: list[UncertaintyTerm] = []
    statistical = None if edges is not None else energy.statistical_uncertainty(inside)
    if edges is not None:
        terms.append({"name": "edges", "relative": edges, "source": "the counter's ticks at each window's edges"})
    if statistical is not None:
        source = f"spread of {len(inside)} samples, corrected for their autocorrelation"
        terms.append({"name": "statistical", "relative": statistical, "source": source})
    if sensor.gain_uncertainty is not None:
        terms.append({"name": "gain", "relative": sensor.gain_uncertainty, "source": sensor.gain_source})
    return terms


def _period(times: list[int]) -> float | None:
    return float(np.median(np.diff(times))) * energy.NS if len(times) > 1 else None


def _trace(times: list[int], watts: list[float], windows: Sequence[Window]) -> Trace | None:
    """Return the power from the first run's start to the last one's end; None where there is none."""
    if not windows:
        return None
    picked = [(t, w) for t, w in zip(times, watts, strict=True) if windows[0][0] <= t <= windows[-1][1]]
    if not any(math.isfinite(w) for _, w in picked):
        return None
    t, low, mean, high = energy.downsample([t for t, _ in picked], [w for _, w in picked], windows[0][0], TRACE_POINTS)
    return {
        "time_s": t.round(6).tolist(),
        "min_w": low.round(4).tolist(),
        "mean_w": mean.round(4).tolist(),
        "max_w": high.round(4).tolist(),
    }
