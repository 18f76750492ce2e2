"""Joules and their stated uncertainty for known power: sessions of several loads and sensors, simulated many times.

`python -m tests.perf.coverage` makes the whole table of docs/measurement.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.support.simulated_power import Cell, simulate

SESSIONS = 60


@pytest.mark.parametrize(
    "options",
    [
        {"run_s": 0.08, "jitter": 0.001},
        {"run_s": 0.3, "jitter": 0.006},
        {"run_s": 0.3, "jitter": 0.001, "hertz": 20.0},
        {"run_s": 1.0, "jitter": 0.001, "hertz": 1.0},
        {"run_s": 5.0, "jitter": 0.001, "hertz": 1.0, "shape": "spikes"},
        {"run_s": 5.0, "jitter": 0.2},
        {"run_s": 20.0, "jitter": 0.05, "hertz": 1.0},
        {"run_s": 1.0, "shape": "spikes", "hertz": 20.0},
        {"run_s": 1.0, "shape": "toggle"},
        {"run_s": 0.08, "apart_s": 0.001},
    ],
    ids=str,
)
def test_the_stated_uncertainty_is_neither_too_small_nor_too_large(options: dict[str, Any]) -> None:
    """Known energy lies within 2u about as often as it should, and u is about the error, without gain and offset."""
    chance = np.random.default_rng(11)
    found = [simulate(Cell(**options), chance) for _ in range(SESSIONS)]
    error, stated = (np.array([getattr(one, name) for one in found]) for name in ("own_error", "own_stated"))

    assert np.mean(np.abs(error) <= 2 * stated) >= 0.88
    assert 0.7 <= np.sqrt(np.mean(stated**2) / np.mean(error**2)) <= 1.6
    assert not any(one.flags for one in found)


@pytest.mark.parametrize("hertz", [1.0, 20.0])
@pytest.mark.parametrize("sensor", ["average", "counter"])
@pytest.mark.parametrize("apart_s", [0.0, 0.001])
def test_averages_and_counters_are_covered(sensor: str, hertz: float, apart_s: float) -> None:
    """With gain error, offset, delay and clock drawn afresh, known energy lies within 2u in 90% of sessions or more."""
    chance = np.random.default_rng(12)
    cell = Cell(run_s=0.3, sensor=sensor, hertz=hertz if sensor == "average" else 10.0, apart_s=apart_s)
    found = [simulate(cell, chance) for _ in range(SESSIONS)]

    assert np.mean([abs(one.error) <= 2 * one.stated for one in found]) >= 0.9
    assert np.mean([abs(one.own_error) <= 2 * one.own_stated for one in found]) >= 0.85


def test_regular_samples_in_step_with_the_runs_are_as_uncertain_as_they_are() -> None:
    """Samples of before, at regular times, are covered too: those in step with the runs state over 10%."""
    chance = np.random.default_rng(13)
    found = [simulate(Cell(run_s=0.3, jitter=0.001, regular=True), chance) for _ in range(SESSIONS)]

    assert np.mean([abs(one.error) <= 2 * one.stated for one in found]) >= 0.9
    assert min(one.stated for one in found) > 0.1
    assert all("keeps step with the runs" in "".join(one.flags) for one in found)
