"""What each sensor of this machine is good for: opened, read for some seconds, and judged by what it gave."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any, TypedDict

from benchmarks.power import AUTO, MONITORS, mismatch, select
from benchmarks.power.analysis.energy import step_size, update_period_s
from benchmarks.power.analysis.warnings import nothing_read
from benchmarks.power.base import PowerMonitor, PowerSample, PowerTarget, SensorFacts, SensorUnavailable
from benchmarks.power.sampler import Sampler


class Seen(TypedDict):
    """What a sensor gave, in SI units. A null has its reason beside it."""

    samples: int
    void_samples: int  # a rail was missing, or it was no number
    rate_hz: float | None  # as achieved
    update_period_s: float | None  # time from one change of the value to the next, see energy.update_period_s
    resolution_w: float | None  # step of its scale
    min_w: float | None
    mean_w: float | None
    max_w: float | None
    counter_mean_w: float | None  # the energy counter's rise over the time between its first and last reading
    lost: str | None
    reasons: dict[str, str]


class Verdict(TypedDict):
    """One sensor: whether it works here, and what it gave or why not."""

    name: str
    works: bool
    why_not: str
    mismatch: str | None  # why it does not cover what computes
    sensor: dict[str, Any] | None  # source, scope, rails, period_s, gain
    seen: Seen | None


def examine(target: PowerTarget, seconds: float) -> list[Verdict]:
    """Return the verdict on every sensor that needs no file, each read for so many seconds; first those of `auto`."""
    names = [name for name in dict.fromkeys((*AUTO, *MONITORS)) if not _needs_a_file(MONITORS[name])]
    return [_verdict(name, MONITORS[name], target, seconds) for name in names]


def chosen(target: PowerTarget) -> tuple[str, str | None]:
    """Return (sensor that `auto` takes, why it is none)."""
    found = select("auto", target)
    if found.monitor is not None:
        found.monitor.close()
    return found.name, found.reason


def _needs_a_file(kind: type[PowerMonitor]) -> bool:
    try:
        kind.check(None)
    except SensorUnavailable:
        return True
    return False


def _verdict(name: str, kind: type[PowerMonitor], target: PowerTarget, seconds: float) -> Verdict:
    try:
        monitor = kind(target)
    except SensorUnavailable as refusal:
        return _refused(name, str(refusal))
    except Exception as error:  # noqa: BLE001 - a sensor of any kind may fail in any way
        return _refused(name, f"{type(error).__name__}: {error}")
    facts = SensorFacts.of(monitor)
    sampler: Sampler[PowerSample] = Sampler(monitor.read, monitor.period_s)
    sampler.start()
    time.sleep(seconds)
    sampler.stop()
    monitor.close()
    seen = summary(sampler.samples, sampler.lost)
    works = (seen["max_w"] or 0) > 0 or seen["counter_mean_w"] is not None
    why = nothing_read([math.nan if s.watts is None else s.watts for s in sampler.samples], sampler.lost)
    return {
        "name": name,
        "works": works,
        "why_not": "" if works else f"{name}: it opens, and in {seconds:g} s {why}",
        "mismatch": mismatch(monitor, target),
        "sensor": plain(facts),
        "seen": seen,
    }


def _refused(name: str, why: str) -> Verdict:
    return {"name": name, "works": False, "why_not": why, "mismatch": None, "sensor": None, "seen": None}


def plain(facts: SensorFacts) -> dict[str, Any]:
    """Return a sensor's facts as JSON has them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(facts).items()}


def summary(samples: Sequence[PowerSample], lost: str | None) -> Seen:
    """Return what a series of readings tells of its sensor."""
    times = [sample.time_ns for sample in samples if sample.watts is not None]
    watts = [sample.watts for sample in samples if sample.watts is not None]
    counted = [(sample.time_ns, sample.energy_j) for sample in samples if sample.energy_j is not None]
    span = (samples[-1].time_ns - samples[0].time_ns) / 1e9 if len(samples) > 1 else 0.0
    values: dict[str, Any] = {
        "rate_hz": (len(samples) - 1) / span if span else None,
        "update_period_s": update_period_s(times, watts),
        "resolution_w": step_size(watts),
        "min_w": min(watts, default=None),
        "mean_w": fmean(watts) if watts else None,
        "max_w": max(watts, default=None),
        "counter_mean_w": _rise(counted),
    }
    few = "it never changed meanwhile" if len(set(watts)) == 1 else "too few of its values were seen"
    none = "it gave no watts"
    reasons = {
        "rate_hz": "too few samples",
        "update_period_s": few if watts else none,
        "resolution_w": few if watts else none,
        **dict.fromkeys(("min_w", "mean_w", "max_w"), none),
        "counter_mean_w": "it has no energy counter" if not counted else "the counter did not rise",
        "lost": "it was not lost",
    }
    values |= {
        "samples": len(samples),
        "void_samples": len(samples) - sum(s.watts is not None or s.energy_j is not None for s in samples),
        "lost": lost,
    }
    return {**values, "reasons": {name: why for name, why in reasons.items() if values[name] is None}}  # type: ignore[typeddict-item]


def _rise(counted: list[tuple[int, float]]) -> float | None:
    """Return the mean power that a counter's rise stands for, watts; None where it did not rise."""
    if len(counted) < 2 or counted[-1][0] == counted[0][0]:
        return None
    joules = counted[-1][1] - counted[0][1]
    return joules / (counted[-1][0] - counted[0][0]) * 1e9 if joules > 0 else None
