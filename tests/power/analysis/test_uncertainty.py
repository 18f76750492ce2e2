"""The uncertainty budget: each term compared with an independent answer.

Tests benchmarks.power.analysis.budget and benchmarks.power.analysis.uncertainty.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.power.analysis import budget, uncertainty
from benchmarks.power.analysis.budget import Series
from benchmarks.power.analysis.energy import EnergyCurve
from benchmarks.power.base import SensorFacts

S = 1_000_000_000
SENSOR = SensorFacts("bench meter", "module", ("VIN",), 0.1, None, "")


def edges_of(times: object, watts: object, windows: object, joules: float, hold_s: float = 0.0) -> float:
    """Return the term of the edges of sampled power."""
    found = uncertainty.find_edge_steps(times, watts, watts, windows, hold_s)  # type: ignore[arg-type]
    return uncertainty.compute_power_edges(*found, joules)


def test_the_edges_of_a_step_are_off_as_the_formula_says() -> None:
    """Charging a step that falls anywhere between two samples is off by |A - B| tau / sqrt(20) in the rms."""
    rng = np.random.default_rng(2)
    wrong = []
    for offset in rng.uniform(0, 0.1, 4000):
        samples = np.arange(40) * 0.1 + offset
        watts = np.where(samples < 2.0, 10.0, 50.0)  # the step is at the window's start
        (joules,), _ = EnergyCurve((samples * S).astype(int), watts, 0.1, counter=False).integrate([(2 * S, 3 * S)])
        wrong.append(joules - 50.0)
    times, levels = np.arange(40) * S // 10 - S // 20, np.where(np.arange(40) <= 20, 10.0, 50.0)

    term = edges_of(times, levels, [(2 * S, 3 * S)], 50.0)
    assert np.sqrt(np.mean(np.square(wrong))) == pytest.approx(40 * 0.1 / math.sqrt(20), rel=0.05)
    assert term * 50.0 == pytest.approx(40 * 0.1 / math.sqrt(20))
    assert np.abs(wrong).max() <= 40 * 0.1 / 2 * (1 + 1e-9)


def test_edges_that_lose_the_same_each_time_are_not_averaged_out() -> None:
    """A hundred runs between less power are as uncertain as one; runs in a row are less uncertain."""
    times = np.arange(-30, 4000) * S // 10 - S // 20
    apart = [(2 * i * S, (2 * i + 1) * S) for i in range(100)]
    among = np.where((times // S) % 2 == 0, 50.0, 10.0)
    in_a_row = [(i * S, (i + 1) * S) for i in range(100)]
    row = np.where((times >= 0) & (times < 100 * S), 50.0, 10.0)

    one, many = edges_of(times, among, apart[:1], 50.0), edges_of(times, among, apart, 5000.0)
    assert many == pytest.approx(one, rel=0.2)
    assert many * 5000.0 == pytest.approx(200 * 40 * 0.1 / 6, rel=0.02)
    assert edges_of(times, row, in_a_row, 5000.0) < one / 30


def test_the_edges_of_a_counter_are_off_as_the_formula_says() -> None:
    """A window of a counter whose edges are seen up to a tick late is off by tau / sqrt(6) in standard deviation."""
    late = np.random.default_rng(4).uniform(0, 0.1, (20_000, 2))

    def term(count: int, tick_s: float, seconds: float) -> float:
        return uncertainty.compute_counter_edges(np.zeros(2 * count), np.zeros(2 * count), tick_s, seconds, 1.0)

    assert np.std(late[:, 0] - late[:, 1]) / 5.0 == pytest.approx(term(1, 0.1, 5.0), rel=0.03)
    assert term(1, 0.1, 1.0) == pytest.approx(0.041, abs=0.001)
    assert term(100, 0.1, 500.0) == pytest.approx(term(1, 0.1, 5.0) / 10)


def test_a_step_between_two_ticks_is_off_as_the_formula_says() -> None:
    """A step anywhere between a counter's ticks, seen at once, is charged to the wrong side as the formula says."""
    wrong = []
    for offset in np.random.default_rng(6).uniform(0, 0.5, 4000):
        ticks = np.arange(12) * 0.5 + offset
        counted = 10 * ticks + 40 * np.clip(ticks - 2.0, 0, None)  # 10 W, and 50 W from second 2 on
        (joules,), _ = EnergyCurve((ticks * S).astype(int), counted, 0.5, counter=True).integrate([(2 * S, 4 * S)])
        wrong.append(joules - 100.0)

    term = uncertainty.compute_counter_edges(np.array([40.0, 0.0]), np.array([0.5, 0.5]), 0.0, 2.0, 100.0)
    assert term * 100.0 == pytest.approx(np.sqrt(np.mean(np.square(wrong))), rel=0.05)


def test_a_slower_sensor_has_wider_edges() -> None:
    """The edges are as wide as the sensor's update or averaging time, if that is longer than its period."""
    times, watts = np.arange(40) * S // 20, np.where(np.arange(40) < 20, 10.0, 50.0)
    window = [(int(0.97 * S), int(1.97 * S))]
    smeared = np.interp(times / S, [0.5, 1.5], [10.0, 50.0])

    fast, slow = (edges_of(times, watts, window, 50.0, hold) for hold in (0.0, 0.1))
    assert slow == pytest.approx(2 * fast)
    steps, widths = uncertainty.find_edge_steps(times, smeared, smeared, [(S, 9 * S)], 1.0)
    assert steps[0] == pytest.approx(40.0, rel=0.06)
    assert widths[0] == 1.0


def test_a_delay_that_is_not_known_moves_all_edges_alike() -> None:
    """Samples up to a second late, uniformly, lose the power at the end less that before the start x delay."""
    late = np.random.default_rng(9).uniform(0, 1.0, 20_000)
    (effect_w,) = {uncertainty.compute_delay_effect_w([0, S, 2 * S, 9 * S], [10, 55, 55, 10], [(S // 2, 5 * S)])}

    term = uncertainty.compute_power_edges(np.zeros(2), np.ones(2), 100.0, 1.0, effect_w)
    assert abs(effect_w) == 45.0
    assert term * 100.0 == pytest.approx(np.sqrt(np.mean(np.square(45.0 * late))), rel=0.02)


def test_time_between_runs_that_is_mixed_with_them_is_off_as_the_formula_says() -> None:
    """The term is the rms of a deficit whose most likely value is that of idle power."""
    gap_w = np.random.default_rng(8).triangular(10, 10, 50, 50_000)  # of a charged mean of 50 W, in 2% more time

    term = uncertainty.compute_between(0.02, 10 / 50)
    assert term == pytest.approx(np.sqrt(np.mean(np.square(0.02 * (50 - gap_w) / 50))), rel=0.02)
    assert uncertainty.compute_between(0.02, 1.2) == 0.0


def test_gaps_have_no_edges() -> None:
    """An edge in a gap of the samples adds nothing."""
    assert edges_of([0, S // 10, 10 * S, 101 * S // 10], [10, 10, 90, 90], [(S, 2 * S)], 1.0) == 0.0
    assert edges_of([0], [10], [(S, 2 * S)], 1.0) == 0.0


def test_a_gap_of_unknown_power_is_off_as_the_formula_says() -> None:
    """The coverage term is the rms of uniform power between 0 and twice the mean, 2 share / sqrt(3)."""
    power = np.random.default_rng(7).uniform(0, 100, 50_000)  # of a mean of 50 W, in 4% of the time

    assert uncertainty.compute_coverage(0.04) == pytest.approx(np.sqrt(np.mean(np.square(0.04 * power / 50))), rel=0.02)


def power(watts: list[float], sensor: SensorFacts = SENSOR) -> Series:
    """Return samples at 10 Hz."""
    return Series.from_power(sensor, [i * S // 10 for i in range(len(watts))], watts)


def test_every_known_term_has_its_source() -> None:
    """Each known term has a source, and unknown terms are left out."""
    known = SensorFacts("s", "module", ("VIN",), 0.1, 0.02, "data sheet", 0.3, "its offset", resolution_w=0.4)
    watts = [30.0 + i % 3 for i in range(100)]

    terms = {term["name"]: term for term in budget.list_run_terms(power(watts, known), [(S, 9 * S)], 248.0, 0.01, 10.0)}
    assert list(terms) == ["statistical", "edges", "coverage", "quantisation", "offset", "gain"]
    assert all(term["source"] for term in terms.values())
    assert terms["quantisation"]["relative"] == pytest.approx(0.4 / math.sqrt(12) / 31)
    assert terms["offset"]["relative"] == pytest.approx(0.3 / 31)
    assert [t["name"] for t in budget.list_run_terms(power(watts), [(S, 9 * S)], 248.0, 0.0, None)] == [
        "statistical",
        "edges",
    ]


def test_the_scale_is_read_from_many_levels_only() -> None:
    """An unstated scale is read from eight levels or more, not from two levels of the load."""
    two, many = [10.0, 30.0] * 50, [20.0 + 0.4 * (i % 9) for i in range(100)]

    assert "quantisation" not in {t["name"] for t in budget.list_run_terms(power(two), [(S, 9 * S)], 160.0, 0.0, None)}
    (term,) = [
        t for t in budget.list_run_terms(power(many), [(S, 9 * S)], 172.8, 0.0, None) if t["name"] == "quantisation"
    ]
    assert term["relative"] == pytest.approx(0.4 / math.sqrt(12) / 21.6, rel=1e-6)
    assert term["source"] == "a scale in steps of 0.4 W, the smallest difference between two readings"


def test_a_counter_averages_nothing() -> None:
    """The averaging time of a sensor's watts does not limit its counter's resolution."""
    sensor = SensorFacts("driver", "gpu", ("usage",), 0.1, None, "", averaging_s=1.0)
    times = [i * S // 10 for i in range(100)]

    assert Series.from_counter(sensor, times, [3.0 * i for i in range(100)]).resolution[0] == pytest.approx(0.1)
    assert Series.from_power(sensor, times, [30.0 + i % 3 for i in range(100)]).resolution[0] == 1.0


def test_rounding_is_no_scale() -> None:
    """Sums of rails that differ by rounding alone are one level."""
    noisy = [20.0 + 0.4 * (i % 9) + 1e-14 * (i % 5) for i in range(100)]

    (term,) = [
        t for t in budget.list_run_terms(power(noisy), [(S, 9 * S)], 172.8, 0.0, None) if t["name"] == "quantisation"
    ]
    assert term["relative"] == pytest.approx(0.4 / math.sqrt(12) / 21.6, rel=1e-6)
