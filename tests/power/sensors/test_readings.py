"""What readings show of their sensor: ticks, contradictions, updates, lag and scale."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.power.analysis.energy import (
    FEW_CHANGES,
    EnergyCurve,
    find_contradictions,
    find_step_size,
    find_ticks,
    find_update_period,
    remove_lag,
)

S = 1_000_000_000


def held(period_s: float, every_s: float, count: int) -> tuple[list[int], list[float]]:
    """Return (times, joules) of a counter of 30 W that moves every `period_s`, read every `every_s`."""
    times = [round(i * every_s * S) for i in range(count)]
    return times, [30.0 * period_s * math.floor(t / S / period_s + 1e-9) for t in times]


@pytest.mark.parametrize("every_s", [0.011, 0.02, 0.05, 0.1])
def test_a_counter_is_aligned_to_its_ticks(every_s: float) -> None:
    """A counter that moves every 100 ms is off by at most one reading x power at each edge, not by a tick."""
    times, joules = held(0.1, every_s, round(12 / every_s))
    windows = [(round(t * S), round((t + 0.35) * S)) for t in np.arange(1.0, 10.0, 0.0371)]
    ticks, values, tick_s = find_ticks(times, joules)
    found, coverage = EnergyCurve(ticks, values, max(every_s, tick_s), counter=True).integrate(windows)

    assert np.abs(found - 30 * 0.35).max() <= 30 * every_s + 1e-6
    assert coverage.min() == 1.0
    assert tick_s == pytest.approx(0.1, abs=every_s)


def test_a_counter_read_unaligned_is_off_by_a_tick() -> None:
    """Without alignment to ticks, the same readings are off by most of a tick in a short window."""
    times, joules = held(0.1, 0.01, 1200)
    windows = [(round(t * S), round((t + 0.05) * S)) for t in np.arange(1.0, 10.0, 0.0371)]

    raw, _ = EnergyCurve(times, joules, 0.1, counter=True).integrate(windows)
    ticks, values, _ = find_ticks(times, joules)
    aligned, _ = EnergyCurve(ticks, values, 0.1, counter=True).integrate(windows)
    assert np.abs(raw - 1.5).max() > 1.0
    assert np.abs(aligned - 1.5).max() < 0.31


def test_a_counter_that_stands_still_covers_nothing() -> None:
    """A counter that stops moving covers nothing after its last tick."""
    times, joules = held(0.1, 0.05, 400)
    stuck = [min(j, 300.0) for j in joules]

    ticks, values, tick_s = find_ticks(times, stuck)
    _, coverage = EnergyCurve(ticks, values, max(0.05, tick_s), counter=True).integrate(
        [(9 * S, 10 * S), (11 * S, 12 * S)]
    )
    assert coverage.tolist() == [pytest.approx(1.0), 0.0]


def test_what_nobody_knows_when_it_ticked_is_left_out() -> None:
    """The first reading of a stretch is not a tick if it is repeated, and missing readings stay missing."""
    nan = float("nan")
    times, values, _ = find_ticks([0, 1, 2, 3, 4, 5, 6, 7], [5.0, 5.0, 6.0, 6.0, nan, 8.0, 8.0, 9.0])

    assert times.tolist() == [2, 4, 7]
    assert values.tolist() == [6.0, pytest.approx(nan, nan_ok=True), 9.0]
    assert find_ticks([], [])[0].tolist() == []
    assert find_ticks([1, 2, 3], [1.0, 2.0, 3.0])[0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("readings", "void"),
    [
        ([10, 20, 30, 40, 50, 60], [False] * 5),
        ([10, 20, 30, 2, 12, 22], [False, False, True, False, False]),
        ([10, 20, 0, 40, 50, 60], [False, True, True, False, False]),
        ([10, 20, 9e9, 40, 50, 60], [False, True, True, False, False]),
        ([10, 20, 9e9, 20, 30, 40], [False, True, True, False, False]),
        ([10, 20, float("nan"), 5, 15, 25], [False, True, True, False, False]),
        ([], [False] * 5),
    ],
    ids=["steady", "reset", "one reading of 0", "one reading too high", "too high and back", "reset unseen", "none"],
)
def test_a_counter_that_contradicts_itself_is_not_believed(readings: list[float], void: list[bool]) -> None:
    """A window is void if its counter went back, or jumped to a value that its neighbours contradict."""
    times = [i * S for i in range(len(readings))]

    assert find_contradictions(times, readings, [(i * S, (i + 1) * S) for i in range(5)]).tolist() == void
    assert find_contradictions(times, readings, [(0, 5 * S)]).tolist() == [any(void)]


@pytest.mark.parametrize("update_s", [0.02, 0.1, 0.25])
@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_the_update_period_is_read_from_repeats(update_s: float, share: float) -> None:
    """The update period is found within one reading, with or without jitter."""
    rng = np.random.default_rng(5)
    every = update_s * share
    times = np.cumsum(rng.normal(every, every / 50, 4000))
    levels = rng.normal(100, 5, math.ceil(times[-1] / update_s) + 2)

    found = find_update_period((times * S).astype(int), levels[(times / update_s).astype(int)])
    assert found == pytest.approx(update_s, abs=1.1 * every)


def test_a_period_needs_changes() -> None:
    """A value that hardly changes does not show the update period."""
    assert find_update_period(range(0, 100 * S, S), [1.0] * 100) is None
    assert find_update_period(range(FEW_CHANGES), [float(i) for i in range(FEW_CHANGES)]) is None
    assert find_update_period(range(0, 30 * S, S), [float(i % 7) for i in range(30)]) == pytest.approx(1.0)


def test_a_known_lag_moves_samples_and_an_unknown_one_is_not_made_up() -> None:
    """Samples of a 1 s average, moved back by half a second, show a pulse at its place."""
    times = np.arange(0, 20 * S, S // 10)
    pulse = np.where((times >= 8 * S) & (times < 12 * S), 100.0, 0.0)
    averaged = np.convolve(pulse, np.full(10, 0.1))[: times.size]
    windows = [(6 * S, 10 * S), (10 * S, 14 * S)]

    assert remove_lag([5], None).tolist() == [5]
    late, _ = EnergyCurve(remove_lag(times, None), averaged, 0.1, counter=False).integrate(windows)
    right, _ = EnergyCurve(remove_lag(times, 0.5), averaged, 0.1, counter=False).integrate(windows)
    assert right == pytest.approx([200.0, 200.0], rel=0.06)
    assert late[0] == pytest.approx(160.0)


def test_a_scale_shows_where_readings_share_its_steps() -> None:
    """The step of a scale is found in readings on it, and not in readings that all differ."""
    rng = np.random.default_rng(6)

    assert find_step_size(np.round(rng.normal(50, 3, 500) / 0.392) * 0.392) == pytest.approx(0.392)
    assert find_step_size(rng.normal(50, 3, 500)) is None
    assert find_step_size([10.0, 30.0] * 100) is None
