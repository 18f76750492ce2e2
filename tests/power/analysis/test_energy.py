"""Energy maths: known answers, and properties of all traces.

Tests benchmarks.power.analysis.energy.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.power.analysis.energy import GAP_PERIODS, EnergyCurve, compute_mean_power, downsample, mask_inside

S = 1_000_000_000
steps = st.lists(st.integers(1_000_000, 3 * S), min_size=1, max_size=40)
power = st.floats(0, 1000, allow_nan=False, width=32)


@st.composite
def traces(draw: st.DrawFn) -> tuple[list[int], list[float]]:
    """Return (times in ns, watts) with some readings missing."""
    times = np.cumsum([0, *draw(steps)]).tolist()
    watts = draw(st.lists(st.one_of(power, st.just(float("nan"))), min_size=len(times), max_size=len(times)))
    return times, watts


def test_constant_power() -> None:
    """50 W over a window of 2 s is 100 J, wherever the samples lie."""
    curve = EnergyCurve([0, S, 2 * S, 3 * S], [50.0] * 4, 1.0, counter=False)

    joules, coverage = curve.integrate([(S // 2, 5 * S // 2)])
    assert joules.tolist() == [pytest.approx(100.0)]
    assert coverage.tolist() == [1.0]


def test_a_ramp_is_integrated_exactly() -> None:
    """Between samples power is a straight line: 0 to 20 W over 2 s is 20 J, the second half 15 J."""
    joules, _ = EnergyCurve([0, 2 * S], [0.0, 20.0], 2.0, counter=False).integrate([(0, 2 * S), (S, 2 * S)])

    assert joules.tolist() == [pytest.approx(20.0), pytest.approx(15.0)]


def test_a_counter_is_subtracted() -> None:
    """A counter's energy is its difference between the window's edges, interpolated."""
    joules, coverage = EnergyCurve([0, S, 2 * S], [1000.0, 1010.0, 1040.0], 1.0, counter=True).integrate(
        [(S // 2, 3 * S // 2)]
    )

    assert joules.tolist() == [pytest.approx(5.0 + 15.0)]
    assert coverage.tolist() == [1.0]


def test_a_counter_that_went_back_covers_nothing() -> None:
    """Where the driver's counter was reset, that stretch adds nothing and lowers the coverage."""
    joules, coverage = EnergyCurve([0, S, 2 * S], [10.0, 2.0, 5.0], 1.0, counter=True).integrate([(0, 2 * S)])

    assert joules.tolist() == [pytest.approx(3.0)]
    assert coverage.tolist() == [pytest.approx(0.5)]


@pytest.mark.parametrize(
    ("times", "watts", "share"),
    [
        ([0, S, 2 * S, 3 * S, 4 * S], [10, 10, float("nan"), 10, 10], 0.5),
        ([0, S, 5 * S], [10, 10, 10], 0.2),
        ([2 * S, 3 * S], [10, 10], 0.2),
        ([], [], 0.0),
        ([S], [10], 0.0),
    ],
    ids=["missing reading", "gap", "began late", "no samples", "one sample"],
)
def test_what_is_not_covered_is_said(times: list[int], watts: list[float], share: float) -> None:
    """A missing reading, a gap of over three periods and time outside the samples lower the coverage."""
    end = times[-1] if len(times) > 2 else 5 * S

    _, coverage = EnergyCurve(times, watts, 1.0, counter=False).integrate([(0, end)])
    assert coverage.tolist() == [pytest.approx(share)]


@given(traces(), st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_the_parts_of_a_window_add_up(trace: tuple[list[int], list[float]], cuts: list[float]) -> None:
    """The parts of a window add up to the energy of the whole."""
    times, watts = trace
    end = times[-1] + S
    edges = [0, *sorted(int(cut * end) for cut in cuts), end]
    curve = EnergyCurve(times, watts, 1.0, counter=False)

    parts, _ = curve.integrate(list(itertools.pairwise(edges)))
    whole, _ = curve.integrate([(0, end)])
    assert parts.sum() == pytest.approx(whole[0], rel=1e-9, abs=1e-6)


@given(traces())
def test_energy_lies_between_its_bounds(trace: tuple[list[int], list[float]]) -> None:
    """Energy is at least 0, at most the highest power x covered time, and coverage is a share."""
    times, watts = trace
    (joules,), (coverage,) = EnergyCurve(times, watts, 1.0, counter=False).integrate([(times[0], times[-1])])

    highest = np.nanmax([*watts, 0.0])
    seconds = (times[-1] - times[0]) / S
    assert 0 <= coverage <= 1
    assert 0 <= joules <= highest * seconds * coverage * (1 + 1e-9) + 1e-9


@given(traces())
def test_a_missing_reading_never_adds_energy(trace: tuple[list[int], list[float]]) -> None:
    """One more missing reading never raises energy or coverage."""
    times, watts = trace
    window = [(times[0], times[-1])]
    before = EnergyCurve(times, watts, 1.0, counter=False).integrate(window)
    watts[len(watts) // 2] = float("nan")

    after = EnergyCurve(times, watts, 1.0, counter=False).integrate(window)
    assert after[0][0] <= before[0][0] + 1e-6
    assert after[1][0] <= before[1][0] + 1e-12


def test_mean_power_needs_half_the_time() -> None:
    """Mean power is energy / covered time, and None if under half is covered."""
    curve = EnergyCurve([0, S, 2 * S], [10.0, 12.0, 10.0], 1.0, counter=False)

    assert compute_mean_power(curve, (0, 2 * S)) == pytest.approx(11.0)
    assert compute_mean_power(curve, (0, 3 * S)) == pytest.approx(11.0)
    assert compute_mean_power(curve, (0, 5 * S)) is None


@given(traces(), st.integers(1, 20))
def test_a_trace_is_bounded_and_keeps_its_extremes(trace: tuple[list[int], list[float]], bins: int) -> None:
    """At most `bins` points come out; their lowest and highest are the trace's."""
    times, watts = trace
    t, low, mean, high = downsample(times, watts, 0, bins)

    finite = [w for w in watts if np.isfinite(w)]
    assert len(t) == len(low) == len(mean) == len(high) <= bins
    if finite:
        assert (low.min(), high.max()) == (min(finite), max(finite))


@st.composite
def lines(draw: st.DrawFn) -> tuple[list[int], list[float], list[float]]:
    """Return (times in ns, watts, joules since the first) of power that goes in straight lines between samples."""
    between = draw(st.lists(st.integers(1_000_000, 3 * S), min_size=1, max_size=40))
    watts = draw(st.lists(st.floats(-50, 1000, width=32), min_size=len(between) + 1, max_size=len(between) + 1))
    joules = [0.0]
    for step, (a, b) in zip(between, itertools.pairwise(watts), strict=True):
        joules.append(joules[-1] + (a + b) / 2 * step / S)
    return np.cumsum([0, *between]).tolist(), watts, joules


@given(lines(), st.data())
def test_any_series_whose_integral_is_known(
    line: tuple[list[int], list[float], list[float]], data: st.DataObject
) -> None:
    """Between any two samples of power in straight lines the energy is the known integral, negative power too."""
    times, watts, joules = line
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(times) - 1)] * 2)))

    (found,), (coverage,) = EnergyCurve(times, watts, 3.0, counter=False).integrate([(times[first], times[last])])
    assert found == pytest.approx(joules[last] - joules[first], rel=1e-9, abs=1e-6)
    assert coverage == pytest.approx(1.0) or first == last


@given(lines(), st.lists(st.integers(0, 120 * S), min_size=2, max_size=8))
def test_any_split_of_windows_sums_to_the_whole(
    line: tuple[list[int], list[float], list[float]], cuts: list[int]
) -> None:
    """The parts of a span add up to its energy and covered time, for power and for its counter."""
    times, watts, joules = line
    edges = sorted(cuts)
    lengths = np.diff(edges) / S
    for curve in (EnergyCurve(times, watts, 3.0, counter=False), EnergyCurve(times, joules, 3.0, counter=True)):
        parts, shares = curve.integrate(list(itertools.pairwise(edges)))
        (whole,), (share,) = curve.integrate([(edges[0], edges[-1])])
        assert parts.sum() == pytest.approx(whole, rel=1e-9, abs=1e-4)
        assert (shares * lengths).sum() == pytest.approx(share * lengths.sum(), rel=1e-9, abs=1e-6)


@given(lines(), st.floats(0.01, 100), st.integers(-(10**15), 10**15))
def test_energy_scales_and_does_not_move(
    line: tuple[list[int], list[float], list[float]], factor: float, shift: int
) -> None:
    """Energy scales with power, and does not change if samples and window move together."""
    times, watts, _ = line
    window = (times[0] + 1, times[-1])
    base = EnergyCurve(times, watts, 1.0, counter=False).integrate([window])
    scaled = EnergyCurve(times, [factor * w for w in watts], 1.0, counter=False).integrate([window])
    moved = EnergyCurve([t + shift for t in times], watts, 1.0, counter=False).integrate(
        [(window[0] + shift, window[1] + shift)]
    )

    assert scaled[0] == pytest.approx(factor * base[0], rel=1e-9, abs=1e-6)
    assert scaled[1] == pytest.approx(base[1])
    assert moved[0] == pytest.approx(base[0], rel=1e-9, abs=1e-6)
    assert moved[1] == pytest.approx(base[1])


@given(traces(), st.floats(0, 100))
def test_more_watts_throughout_are_more_joules_of_what_is_covered(
    trace: tuple[list[int], list[float]], more: float
) -> None:
    """A constant added to every reading adds that constant x covered seconds."""
    times, watts = trace
    window = [(times[0], times[-1])]
    low, coverage = EnergyCurve(times, watts, 1.0, counter=False).integrate(window)
    high, _ = EnergyCurve(times, [w + more for w in watts], 1.0, counter=False).integrate(window)

    seconds = (times[-1] - times[0]) / S * coverage[0]
    assert high[0] - low[0] == pytest.approx(more * seconds, rel=1e-6, abs=1e-4)


@given(traces(), st.data())
def test_missing_samples_never_lower_the_energy_silently(
    trace: tuple[list[int], list[float]], data: st.DataObject
) -> None:
    """Void readings never lower the energy without lowering the coverage."""
    times, watts = trace
    window = [(times[0], times[-1])]
    before = EnergyCurve(times, watts, 1.0, counter=False).integrate(window)
    void = data.draw(st.sets(st.integers(0, len(times) - 1)))
    left = [float("nan") if i in void else w for i, w in enumerate(watts)]
    flat = [float("nan") if i in void else 50.0 for i in range(len(times))]

    after = EnergyCurve(times, left, 1.0, counter=False).integrate(window)
    assert after[0][0] >= before[0][0] - 1e-6 or after[1][0] < before[1][0]
    (joules,), (coverage,) = EnergyCurve(times, flat, 1.0, counter=False).integrate(window)
    assert joules == pytest.approx(50.0 * coverage * (times[-1] - times[0]) / S, rel=1e-9, abs=1e-6)


@given(st.lists(st.integers(1, 400), min_size=2, max_size=60), st.floats(1, 500))
def test_samples_that_never_came_are_a_gap(between: list[int], watts: float) -> None:
    """Constant power is complete across allowed gaps, and longer gaps are uncovered."""
    times = (np.cumsum([0, *between]) * (S // 100)).tolist()
    (joules,), (coverage,) = EnergyCurve(times, [watts] * len(times), 1.0, counter=False).integrate([(0, times[-1])])

    bridged = sum(step for step in between if step <= GAP_PERIODS * 100) / 100
    assert joules == pytest.approx(watts * bridged)
    assert coverage == pytest.approx(bridged / (times[-1] / S))


@given(st.lists(st.integers(0, 300), max_size=30), st.lists(st.integers(1, 40), max_size=12))
def test_samples_inside_are_those_in_a_window(times: list[int], steps: list[int]) -> None:
    """A sample is inside if a window holds it, edges included."""
    edges = np.cumsum(steps).tolist()
    windows = list(zip(edges[::2], edges[1::2], strict=False))

    found = mask_inside(times, windows)
    assert found.tolist() == [any(start <= t <= end for start, end in windows) for t in times]
