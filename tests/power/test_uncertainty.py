"""The uncertainty budget: each term against an answer known by other means."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.power import budget, uncertainty
from benchmarks.power.base import SensorFacts
from benchmarks.power.budget import Series
from benchmarks.power.energy import Curve

S = 1_000_000_000
SENSOR = SensorFacts("bench meter", "module", ("VIN",), 0.1, None, "")


def test_statistics_of_independent_samples() -> None:
    """For independent samples it is s / (mean sqrt(n)); for samples that drift together it is larger."""
    rng = np.random.default_rng(1)
    independent = rng.normal(100, 5, 4000)
    drifting = 100 + 5 * np.sin(np.linspace(0, 20, 4000))

    found, correlated = uncertainty.statistical(independent), uncertainty.statistical(drifting)
    assert found is not None
    assert correlated is not None
    assert found == pytest.approx(5 / 100 / np.sqrt(4000), rel=0.1)
    assert correlated > 5 * found
    assert uncertainty.statistical([1.0, 2.0]) is None


def test_an_average_over_a_second_gives_about_one_value_a_second() -> None:
    """Samples at 10 Hz of a 1 s average count for about one a second, not ten."""
    noise = np.random.default_rng(3).normal(100, 10, 20_009)
    averaged = np.convolve(noise, np.full(10, 0.1), mode="valid")

    found = uncertainty.statistical(averaged)
    assert found == pytest.approx(averaged.std() / 100 / math.sqrt(20_000 / 19), rel=0.1)


def test_the_edges_of_a_step_are_off_as_the_formula_says() -> None:
    """Charging a step that falls anywhere between two samples is off by |A - B| tau / sqrt(20) in the rms."""
    rng = np.random.default_rng(2)
    wrong = []
    for offset in rng.uniform(0, 0.1, 4000):
        samples = np.arange(40) * 0.1 + offset
        watts = np.where(samples < 2.0, 10.0, 50.0)  # the step is at the window's start
        (joules,), _ = Curve((samples * S).astype(int), watts, 0.1, counter=False).energy([(2 * S, 3 * S)])
        wrong.append(joules - 50.0)
    times, levels = np.arange(40) * S // 10 - S // 20, np.where(np.arange(40) <= 20, 10.0, 50.0)

    term = uncertainty.power_edges(times, levels, [(2 * S, 3 * S)], 50.0, 0.0)
    assert np.sqrt(np.mean(np.square(wrong))) == pytest.approx(40 * 0.1 / math.sqrt(20), rel=0.05)
    assert term * 50.0 == pytest.approx(40 * 0.1 / math.sqrt(20))
    assert np.abs(wrong).max() <= 40 * 0.1 / 2 * (1 + 1e-9)


def test_the_edges_of_a_counter_are_off_as_the_formula_says() -> None:
    """A window of a counter whose edges are seen up to a tick late is off by tau / sqrt(6) in standard deviation."""
    late = np.random.default_rng(4).uniform(0, 0.1, (20_000, 2))

    assert np.std(late[:, 0] - late[:, 1]) / 5.0 == pytest.approx(uncertainty.counter_edges(1, 0.1, 5.0), rel=0.03)
    assert uncertainty.counter_edges(1, 0.1, 1.0) == pytest.approx(0.041, abs=0.001)
    assert uncertainty.counter_edges(100, 0.1, 500.0) == pytest.approx(uncertainty.counter_edges(1, 0.1, 5.0) / 10)


def test_a_slower_sensor_has_wider_edges() -> None:
    """Where a sensor updates more slowly than it is read, its edges are as wide as its updates."""
    times, watts = np.arange(40) * S // 20, np.where(np.arange(40) < 20, 10.0, 50.0)
    window = [(int(0.97 * S), int(1.97 * S))]

    fast, slow = (uncertainty.power_edges(times, watts, window, 50.0, hold) for hold in (0.0, 0.1))
    assert slow == pytest.approx(2 * fast)


def test_gaps_have_no_edges() -> None:
    """An edge in a gap of the samples charges nothing, and adds nothing."""
    assert uncertainty.power_edges([0, S // 10, 10 * S, 101 * S // 10], [10, 10, 90, 90], [(S, 2 * S)], 1.0, 0) == 0.0


def power(watts: list[float], sensor: SensorFacts = SENSOR) -> Series:
    """Return samples at 10 Hz."""
    return Series.of_power(sensor, [i * S // 10 for i in range(len(watts))], watts)


def test_every_known_term_has_its_source() -> None:
    """Statistics, edges, quantisation, offset and gain each stand with a source; what nobody states is left out."""
    known = SensorFacts("s", "module", ("VIN",), 0.1, 0.02, "data sheet", 0.3, "its offset", resolution_w=0.4)
    watts = [30.0 + i % 3 for i in range(100)]

    terms = {term["name"]: term for term in budget.of_runs(power(watts, known), [(S, 9 * S)], 248.0, 0.01)}
    assert list(terms) == ["statistical", "edges", "coverage", "quantisation", "offset", "gain"]
    assert all(term["source"] for term in terms.values())
    assert terms["quantisation"]["relative"] == pytest.approx(0.4 / math.sqrt(12) / 31)
    assert terms["offset"]["relative"] == pytest.approx(0.3 / 31)
    assert [t["name"] for t in budget.of_runs(power(watts), [(S, 9 * S)], 248.0, 0.0)] == ["statistical", "edges"]


def test_the_scale_is_read_from_many_levels_only() -> None:
    """A scale's step that the sensor does not state is read from eight levels or more: two of the load are none."""
    two, many = [10.0, 30.0] * 50, [20.0 + 0.4 * (i % 9) for i in range(100)]

    assert "quantisation" not in {t["name"] for t in budget.of_runs(power(two), [(S, 9 * S)], 160.0, 0.0)}
    (term,) = [t for t in budget.of_runs(power(many), [(S, 9 * S)], 172.8, 0.0) if t["name"] == "quantisation"]
    assert term["relative"] == pytest.approx(0.4 / math.sqrt(12) / 21.6, rel=1e-6)
    assert term["source"] == "a scale in steps of 0.4 W, the smallest between two readings"
