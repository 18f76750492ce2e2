"""What samples leave unseen between them: the stated error against simulated ones, and samples in step with the runs.

Tests benchmarks.power.analysis.sampling.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from benchmarks.power.analysis import attribution, sampling
from benchmarks.power.analysis.energy import EnergyCurve, merge_windows
from benchmarks.power.base import PowerSample, SensorFacts
from benchmarks.power.sampler import draw_moments
from tests.support.bench import vars_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from benchmarks.power.analysis.energy import Floats

S = 1_000_000_000
SENSOR = SensorFacts("bench meter", "module", ("VIN",), 0.1, 0.01, "calibration certificate")


def drawn(end_s: float, chance: np.random.Generator) -> Floats:
    """Return the random moments of a sensor of 10 Hz, s."""
    return np.array(list(itertools.takewhile(lambda t: t < end_s, draw_moments(0.0, 0.1, chance=chance))))


def measured(power: Callable[[Floats], Floats], joules: float, count: int = 150) -> tuple[float, float]:
    """Return (rms error, mean stated error) of the energy from 1 s to 31 s, joules, over sessions of random moments."""
    chance, wrong, stated = np.random.default_rng(3), [], []
    window = [(S, 31 * S)]
    for _ in range(count):
        t = drawn(32.0, chance)
        times, watts = (t * S).astype(np.int64), power(t)
        (found,), _ = EnergyCurve(times, watts, 0.1, counter=False).integrate(window)
        wrong.append(found - joules)
        stated.append(sampling.compute_sampling_error(times, watts, window))
    return float(np.sqrt(np.mean(np.square(wrong)))), float(np.mean(np.array(stated, dtype=np.float64)))


def test_power_that_changes_faster_than_it_is_read() -> None:
    """A GPU that toggles every 50 ms is off by what is stated, at 10 Hz, and on average by nothing."""
    error, stated = measured(lambda t: np.where((t * 20).astype(int) % 2, 80.0, 20.0), 1500.0)

    assert stated == pytest.approx(error, rel=0.2)
    assert stated == pytest.approx(30.0 * 0.1 * np.sqrt(300), rel=0.2)  # s tau sqrt(n)


def test_levels_that_last_are_no_noise() -> None:
    """Levels of a second or more are off by a tenth of what their spread as noise would be, and that is stated."""
    error, stated = measured(lambda t: np.where(t % 5.0 < 2.03, 80.0, 20.0), 6 * (2.03 * 80 + 2.97 * 20))

    assert stated == pytest.approx(error, rel=0.4)
    assert stated < 0.25 * 29.5 * 0.1 * np.sqrt(300)


def test_steady_power_leaves_nothing_unseen() -> None:
    """Equal readings have an error of exactly 0, a straight line nearly so, and two samples none at all."""
    times = np.arange(100) * S // 10

    assert sampling.compute_sampling_error(times, [0.1 + 0.2] * 99 + [0.3 + 1e-17], [(0, 9 * S)]) == 0.0
    assert sampling.compute_sampling_error(times[:2], [1.0, 2.0], [(0, 9 * S)]) is None
    assert sampling.compute_sampling_error(times, np.full(100, np.nan), [(0, 9 * S)]) is None


def test_what_lies_outside_of_the_windows_does_not_count() -> None:
    """Readings and steps between two windows are in no error."""
    times = np.arange(400) * S // 10
    calm = np.full(400, 30.0)
    wild = np.where((times > 12 * S) & (times < 18 * S), 500.0, calm)

    assert sampling.compute_sampling_error(times, wild, [(S, 12 * S), (18 * S, 30 * S)]) == 0.0
    assert sampling.compute_sampling_error(times, wild, [(S, 30 * S)]) != 0.0


def test_windows_that_touch_are_one() -> None:
    """Windows at most as far apart as stated are merged, in order."""
    windows = [(0, S), (S, 2 * S), (2 * S + S // 10, 3 * S), (4 * S, 5 * S)]

    assert merge_windows(windows, 0.1) == [(0, 3 * S), (4 * S, 5 * S)]
    assert merge_windows([], 1.0) == []


def runs(seconds: float, count: int, jitter: float = 0.0) -> list[tuple[int, int]]:
    """Return windows in a row from second 1 on."""
    lengths = seconds * (1 + jitter * np.random.default_rng(1).standard_normal(count))
    edges = ((1 + np.concatenate([[0.0], np.cumsum(lengths)])) * S).astype(int).tolist()
    return list(itertools.pairwise(edges))


@pytest.mark.parametrize(
    ("seconds", "jitter", "places"),
    [(0.3, 0.0, 3), (0.3, 0.006, 3), (0.25, 0.001, 5), (0.1, 0.001, 1), (0.3, 0.2, None)],
    ids=["three a run", "with jitter", "every other run", "one a run", "no step kept"],
)
def test_samples_that_keep_step_with_the_runs_are_found(seconds: float, jitter: float, places: int | None) -> None:
    """Regular samples in step with the runs are found, and random ones never are."""
    windows = runs(seconds, 100, jitter)
    regular = np.arange(0, windows[-1][1] + S, S // 10) + S // 30
    chance = np.random.default_rng(2)
    t = (drawn(windows[-1][1] / S + 1, chance) * S).astype(np.int64)

    assert sampling.is_regular(regular)
    assert not sampling.is_regular(t)
    assert sampling.find_lock(t, windows) == (1.0, 0)
    factor, found = sampling.find_lock(regular, windows)
    assert found == (places or 0)
    assert factor > 20 if places else factor == 1.0


def attribute(
    times: NDArray[Any], windows: list[tuple[int, int]], sensor: SensorFacts = SENSOR
) -> attribution.Attribution:
    """Charge a load of 20, 80 and 55 W in each run, read at `times` in ns."""
    edges = np.array([start for start, _ in windows])
    place = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, len(windows) - 1)
    share = (times - edges[place]) / (windows[0][1] - windows[0][0])
    watts = np.select([share < 0.15, share < 0.35], [20.0, 80.0], 55.0)
    taken = [PowerSample(int(t), float(w)) for t, w in zip(times, watts, strict=True)]
    return attribution.attribute("bench", sensor, taken, attribution.MarkedRuns(windows, {}), [])


def test_a_clock_that_keeps_step_is_said() -> None:
    """Readings in step with the runs are flagged, and stated as uncertain as three moments of a run are."""
    windows = runs(0.3, 200, 0.0005)
    locked = attribute(np.arange(0, windows[-1][1] + S, S // 10) + S // 50, windows)
    free = attribute((drawn(windows[-1][1] / S + 1, np.random.default_rng(5)) * S).astype(int), windows)

    said = (
        "The sensor's clock (0.1 s) keeps step with the runs (0.3 s): its readings show about 3 moments of a run, and "
    )
    assert [flag[: len(said)] for flag in locked.power["flags"]] == [said]
    assert locked.power["uncertainty"][0]["relative"] > 0.08
    assert "keep step with the runs" in locked.power["uncertainty"][0]["source"]
    assert free.power["flags"] == []
    assert free.power["uncertainty"][0]["relative"] < 0.02


def test_a_clock_of_its_own_is_said() -> None:
    """A sensor that reads power at regular times is flagged, unless it averages over the time between them."""
    windows = runs(0.5, 100, 0.2)
    regular = np.arange(0, windows[-1][1] + S, S // 10)
    averaging = SensorFacts(**{**vars_of(SENSOR), "averaging_s": 0.1})

    (flag,) = attribute(regular, windows).power["flags"]
    assert flag.startswith(
        "The sensor reads power at the regular times of its own clock: what repeats every 0.1 s, or "
    )
    assert attribute(regular, windows, averaging).power["flags"] == []


def test_a_sensor_that_holds_its_values_is_read_twice_for_one() -> None:
    """Random readings of a sensor that updates every 0.1 s are flagged as its clock's, and repeats are one sample."""
    holding = SensorFacts(**{**vars_of(SENSOR), "update_s": 0.1})
    windows = [(S, 61 * S)]
    t = np.sort(np.concatenate([drawn(62.0, np.random.default_rng(6)), drawn(62.0, np.random.default_rng(7))]))
    updates = np.random.default_rng(8).normal(50, 10, 700)
    taken = [PowerSample(int(s * S), float(updates[int(s / 0.1)])) for s in t]
    found = attribution.attribute("bench", holding, taken, attribution.MarkedRuns(windows, {}), [])

    (flag,) = found.power["flags"]
    assert "its own clock: what repeats every 0.1 s" in flag
    assert found.power["uncertainty"][0]["relative"] == pytest.approx(0.2 / np.sqrt(600), rel=0.2)
