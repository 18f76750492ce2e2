"""Joules and their stated uncertainty for known power: sensors of several kinds, simulated many times."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.power.analysis import attribution
from benchmarks.power.base import PowerSample, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.power.analysis.energy import Floats

S = 1_000_000_000
IDLE_W = 10.0
TRIALS = 60


class Truth:
    """Runs of three phases, 20, 80 and 55 W with noise, in steps of a millisecond; `apart_s` lie between them."""

    def __init__(self, rng: np.random.Generator, apart_s: float) -> None:
        parts, edges, now = [np.full(3000, IDLE_W)], [], 3000
        for _ in range(20):
            begun = now
            for share, watts in ((0.15, 20.0), (0.2, 80.0), (0.65, 55.0)):
                parts.append(rng.normal(watts, 3.0, round(1000 * share * rng.uniform(0.8, 1.2))))
                now += parts[-1].size
            edges.append((begun, now))
            if apart_s:
                parts.append(np.full(round(1000 * apart_s * rng.uniform(0.5, 1.5)), IDLE_W))
                now += parts[-1].size
        power = np.concatenate([*parts, np.full(3000, IDLE_W)])
        self._joules = np.concatenate([[0.0], np.cumsum(power) / 1000])
        self.end_s = power.size / 1000
        self.windows = [(a * S // 1000, b * S // 1000) for a, b in edges]

    def until(self, seconds: Floats) -> Floats:
        """Return the energy from the start to each moment, joules."""
        found: Floats = np.interp(seconds, np.arange(self._joules.size) / 1000, self._joules)
        return found

    def energy(self) -> float:
        """Return the energy of all runs, joules."""
        return sum(float(np.diff(self.until(np.array(window) / S))[0]) for window in self.windows)

    def mean(self, seconds: Floats, over_s: float) -> Floats:
        """Return the mean power over the time before each moment, watts."""
        found: Floats = (self.until(seconds) - self.until(seconds - over_s)) / over_s
        return found


Sensor = tuple[dict[str, Any], Any, Any]


def instant(truth: Truth, t: Any, _: np.random.Generator) -> Sensor:
    """Power now."""
    return {}, truth.mean(t, 0.002), None


def coarse(truth: Truth, t: Any, _: np.random.Generator) -> Sensor:
    """Power now, on a scale of 4 W."""
    return {"resolution_w": 4.0}, np.rint(truth.mean(t, 0.002) / 4) * 4, None


def shifted(truth: Truth, t: Any, rng: np.random.Generator) -> Sensor:
    """Power now and an offset of 2 W in standard deviation."""
    known = {"offset_uncertainty_w": 2.0, "offset_source": "a data sheet"}
    return known, truth.mean(t, 0.002) + rng.normal(0, 2.0), None


def scaled(truth: Truth, t: Any, rng: np.random.Generator) -> Sensor:
    """Power now with a gain that is off by 5% in standard deviation."""
    return {"gain_uncertainty": 0.05, "gain_source": "a paper"}, truth.mean(t, 0.002) * (1 + rng.normal(0, 0.05)), None


def averaged(truth: Truth, t: Any, _: np.random.Generator) -> Sensor:
    """The mean of the last half second, moved back by half of it."""
    return {"averaging_s": 0.5, "lag_s": 0.25}, truth.mean(t, 0.5), None


def late(truth: Truth, t: Any, _: np.random.Generator) -> Sensor:
    """The mean of the last half second, with an unknown lag."""
    return {"averaging_s": 0.5}, truth.mean(t, 0.5), None


def counter(truth: Truth, t: Any, rng: np.random.Generator) -> Sensor:
    """A counter that ticks every 100 ms."""
    phase = rng.uniform(0, 0.1)
    return {}, None, truth.until(np.floor((t - phase) / 0.1) * 0.1 + phase)


def slow_counter(truth: Truth, t: Any, rng: np.random.Generator) -> Sensor:
    """A counter that ticks every 500 ms."""
    phase = rng.uniform(0, 0.5)
    return {}, None, truth.until(np.floor((t - phase) / 0.5) * 0.5 + phase)


def measured(truth: Truth, make: Callable[..., Sensor], rng: np.random.Generator) -> tuple[float, float]:
    """Return (error of the energy, its stated standard uncertainty), both relative, read every 100 ms or so."""
    ticks = np.arange(1.0, truth.end_s, 0.1)
    t = np.sort(ticks + rng.uniform(0, 0.1) + rng.normal(0, 0.002, ticks.size))
    known, watts, joules = make(truth, t, rng)
    sensor = SensorFacts("simulated", "gpu", ("r",), 0.1, **{"gain_uncertainty": None, "gain_source": "", **known})
    samples = [
        PowerSample(
            int(moment * S),
            None if watts is None else float(watts[i]),
            None if joules is None else float(joules[i]),
        )
        for i, moment in enumerate(t)
    ]
    found = attribution.attribute("bench", sensor, samples, attribution.MarkedRuns(truth.windows, {}), [])
    assert found.energy_j is not None
    assert None not in found.energy_j
    stated = math.hypot(*(term["relative"] for term in found.power["uncertainty"]))
    return sum(j for j in found.energy_j if j is not None) / truth.energy() - 1, stated


@pytest.mark.parametrize("apart_s", [0.0, 0.003, 1.0], ids=["in a row", "3 ms apart", "1 s apart"])
@pytest.mark.parametrize("make", [instant, coarse, shifted, scaled, averaged, late, counter, slow_counter])
def test_the_stated_uncertainty_covers_the_truth(make: Callable[..., Sensor], apart_s: float) -> None:
    """Known energy lies within k=1 of the measured one in at least 60% of the trials, within k=2 in at least 90%."""
    rng = np.random.default_rng(11)
    errors, stated = np.array([measured(Truth(rng, apart_s), make, rng) for _ in range(TRIALS)]).T

    assert np.mean(np.abs(errors) <= stated) >= 0.60
    assert np.mean(np.abs(errors) <= 2 * stated) >= 0.90
    assert stated.max() < 0.3
