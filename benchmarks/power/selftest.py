"""Test each sensor of this machine: open it, read it for some seconds, and judge its readings."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from benchmarks.power import AUTO, MONITORS, find_mismatch, select
from benchmarks.power.analysis.energy import find_step_size, find_update_period
from benchmarks.power.analysis.warnings import explain_no_energy
from benchmarks.power.base import PowerSample, PowerTarget, SensorFacts, SensorUnavailable
from benchmarks.power.sampler import Sampler
from benchmarks.power.sensors.logs import LogPlayer
from benchmarks.record.not_measured import explain_nulls


def examine_sensors(target: PowerTarget, seconds: float) -> list[dict[str, Any]]:
    """Return a verdict on every sensor that needs no file, each read for `seconds`; those of `auto` come first.

    Its `mismatch` says why a sensor does not cover the device that runs the model.
    """
    names = dict.fromkeys((*AUTO, *MONITORS))
    return [_examine(name, target, seconds) for name in names if not issubclass(MONITORS[name], LogPlayer)]


def choose_auto(target: PowerTarget) -> tuple[str, str | None]:
    """Return (the sensor that `auto` chooses, why it chooses none)."""
    selection = select("auto", target)
    if selection.monitor is not None:
        selection.monitor.close()
    return selection.name, selection.reason


def summarise(samples: Sequence[PowerSample], lost: str | None) -> dict[str, Any]:
    """Return what a series of readings shows of its sensor, in SI units, with a reason for each null.

    `void_samples` lack a rail, or are NaN or infinite.
    """
    times = [sample.time_ns for sample in samples if sample.watts is not None]
    watts = [sample.watts for sample in samples if sample.watts is not None]
    counted = [(sample.time_ns, sample.energy_j) for sample in samples if sample.energy_j is not None]
    span_s = (samples[-1].time_ns - samples[0].time_ns) / 1e9 if len(samples) > 1 else 0.0
    values = {
        "samples": len(samples),
        "void_samples": sum(sample.watts is None and sample.energy_j is None for sample in samples),
        "rate_hz": (len(samples) - 1) / span_s if span_s else None,
        "update_period_s": find_update_period(times, watts),
        "resolution_w": find_step_size(watts),
        "min_w": min(watts, default=None),
        "mean_w": fmean(watts) if watts else None,
        "max_w": max(watts, default=None),
        "counter_mean_w": _compute_counter_power(counted),
        "lost": lost,
    }
    no_watts = "the sensor returned no power"
    few = "the readings never changed" if len(set(watts)) == 1 else "the sensor returned too few distinct values"
    reasons = {
        "rate_hz": "too few samples",
        **dict.fromkeys(("update_period_s", "resolution_w"), few if watts else no_watts),
        **dict.fromkeys(("min_w", "mean_w", "max_w"), no_watts),
        "counter_mean_w": "the counter did not rise" if counted else "the sensor has no energy counter",
        "lost": "the sensor was not lost",
    }
    return {**values, "reasons": explain_nulls(values, reasons)}


def _examine(name: str, target: PowerTarget, seconds: float) -> dict[str, Any]:
    verdict = {"name": name, "works": False, "why_not": "", "mismatch": None, "sensor": None, "seen": None}
    try:
        monitor = MONITORS[name](target)
    except SensorUnavailable as refusal:
        return verdict | {"why_not": str(refusal)}
    except Exception as error:  # noqa: BLE001 - a sensor of any kind may fail in any way
        return verdict | {"why_not": f"{type(error).__name__}: {error}"}
    sampler: Sampler[PowerSample] = Sampler(monitor.read, monitor.period_s)
    sampler.start()
    time.sleep(seconds)
    sampler.stop()
    monitor.close()
    seen = summarise(sampler.samples, sampler.lost)
    works = (seen["max_w"] or 0) > 0 or seen["counter_mean_w"] is not None
    why = explain_no_energy(sampler.samples, sampler.lost)
    return verdict | {
        "works": works,
        "why_not": "" if works else f"{name}: the sensor opens, but in {seconds:g} s {why}",
        "mismatch": find_mismatch(monitor, target),
        "sensor": asdict(SensorFacts.from_monitor(monitor)),
        "seen": seen,
    }


def _compute_counter_power(counted: list[tuple[int, float]]) -> float | None:
    """Return the mean power of a counter's rise, watts; None if it did not rise."""
    if len(counted) < 2 or counted[-1][0] == counted[0][0]:
        return None
    joules = counted[-1][1] - counted[0][1]
    return joules / (counted[-1][0] - counted[0][0]) * 1e9 if joules > 0 else None
