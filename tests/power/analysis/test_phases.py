"""Energy by phase: known joules if the sensor resolves a phase, else null with a reason.

Tests benchmarks.power.analysis.phases.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.power.analysis import attribution
from benchmarks.power.analysis.budget import Series
from benchmarks.power.analysis.phases import PHASE_PERIODS, PHASES, measure_phases
from benchmarks.power.base import PowerSample, SensorFacts
from benchmarks.record import find_violations
from benchmarks.record.sections import Phase, Phases
from benchmarks.record.typecheck import fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

S = 1_000_000_000
SENSOR = SensorFacts("bench meter", "module", ("VIN",), 0.1, 0.01, "calibration certificate")
WATTS = (20.0, 60.0, 90.0, 45.0)
"""Power of preprocessing, vision, prefill and decode; 10 W between runs."""


def runs(lengths_s: Sequence[float], count: int, rest_s: float = 0.003) -> attribution.MarkedRuns:
    """Return `count` runs of phases of these lengths, the first at 1 s, `rest_s` apart."""
    windows, marked, now = [], {name: list[tuple[int, int]]() for name in PHASES}, S
    for _ in range(count):
        edges = [now, *(now + np.cumsum(lengths_s) * S).astype(int).tolist()]
        for name, window in zip(PHASES, itertools.pairwise(edges), strict=True):
            marked[name].append(window)
        windows.append((edges[0], edges[-1]))
        now = edges[-1] + int(rest_s * S)
    return attribution.MarkedRuns(windows, marked)


def drawn(marked: attribution.MarkedRuns, times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the power that these runs draw at these times."""
    watts = np.full(times.shape, 10.0)
    for name, power in zip(PHASES, WATTS, strict=True):
        for start, end in marked.phases[name] or ():
            watts[np.searchsorted(times, start) : np.searchsorted(times, end)] = power
    return watts + np.random.default_rng(1).normal(0, 0.5, times.shape)  # as no load stands still


def measure(marked: attribution.MarkedRuns, period_s: float = 0.1, sensor: SensorFacts = SENSOR) -> Phases:
    """Return the phases of runs that a sensor reads every `period_s`."""
    end = marked.windows[-1][1] + S
    times = np.arange(S // 2, end, int(period_s * S))
    series = Series.from_power(sensor, times.tolist(), drawn(marked, times).tolist())
    return measure_phases(series, marked.phases, [True] * len(marked.windows))


def phase(found: Phases, name: str) -> Phase:
    """Return one phase."""
    made: Phase = found[name]  # type: ignore[literal-required]
    return made


def relative(found: Phase) -> float:
    """Return the standard uncertainty of a phase."""
    return float(sum(term["relative"] ** 2 for term in found["uncertainty"]) ** 0.5)


def test_known_joules_of_each_phase() -> None:
    """Phases of ten periods or more have power x time, within twice their stated uncertainty."""
    lengths = (1.03, 1.51, 2.02, 3.17)
    found = measure(runs(lengths, 40))

    for name, watts, seconds in zip(PHASES, WATTS, lengths, strict=True):
        made = phase(found, name)
        assert made["length_s"] == pytest.approx(40 * seconds)
        assert made["energy_j"] == pytest.approx(40 * watts * seconds, rel=2 * relative(made))
        assert 0.01 < relative(made) < 0.25
        assert [term["name"] for term in made["uncertainty"]] == ["statistical", "edges", "gain"]
    assert found["run_count"] == 40
    assert found["resolution_s"] == pytest.approx(0.1)
    assert fits(found, Phases)
    assert list(find_violations(found)) == []


def test_a_short_phase_is_below_resolution() -> None:
    """A phase under five periods is null over any number of runs; a long one next to it has joules."""
    found = measure(runs((0.02, 0.08, 0.4, 2.0), 300))

    for name in ("preprocess", "vision", "prefill"):
        assert phase(found, name)["energy_j"] is None
        assert phase(found, name)["reasons"]["energy_j"].startswith(
            "below resolution: the phase has a mean duration of "
        )
    assert phase(found, "decode")["energy_j"] == pytest.approx(300 * 45 * 2, rel=0.03)
    assert phase(found, "prefill")["reasons"]["energy_j"] == (
        "below resolution: the phase has a mean duration of 400 ms, but at least 5 x 100 ms is needed "
        "(more runs do not help); 100 ms is the time between samples; the averaging time is unknown"
    )
    assert list(find_violations(found)) == []


def test_more_runs_do_not_resolve_a_short_phase() -> None:
    """A phase of half a period loses the same share to its neighbours in any number of runs."""
    shares = []
    for count in (500, 2000):
        marked = runs((0.05, 0.05, 0.05, 1.0), count, rest_s=0.0037)
        times = np.arange(S // 2, marked.windows[-1][1] + S, S // 10)
        curve = Series.from_power(SENSOR, times.tolist(), drawn(marked, times).tolist()).curve
        shares.append(curve.integrate(marked.phases["prefill"] or [])[0].sum() / (count * 90 * 0.05))

    assert all(share < 0.75 for share in shares)
    assert shares[0] == pytest.approx(shares[1], rel=0.05)


@pytest.mark.parametrize(
    ("sensor", "resolution_s", "source"),
    [
        (SensorFacts("s", "gpu", ("r",), 0.1, None, "", averaging_s=1.0), 1.0, "the averaging time of a reading"),
        (SensorFacts("s", "gpu", ("r",), 0.1, None, "", averaging_s=0.025), 0.1, "the time between samples"),
    ],
    ids=["average over 1 s", "25 ms of each 100"],
)
def test_the_resolution_is_the_longest_time(sensor: SensorFacts, resolution_s: float, source: str) -> None:
    """A sensor that averages over 1 s resolves no phase of 2 s; one with 25 ms does."""
    found = measure(runs((2.0, 2.0, 2.0, 6.0), 20), sensor=sensor)

    assert found["resolution_s"] == pytest.approx(resolution_s)
    assert found["resolution_source"] == source
    assert (phase(found, "vision")["energy_j"] is None) == (resolution_s == 1.0)
    assert phase(found, "decode")["energy_j"] is not None


def test_updates_slower_than_reads_count() -> None:
    """A sensor that updates every 200 ms but is read at 20 Hz resolves 1 s, not 250 ms."""
    marked = runs((0.3, 0.4, 0.5, 1.5), 100)
    times = np.arange(S // 2, marked.windows[-1][1] + S, S // 20)
    updates = np.arange(0, marked.windows[-1][1] + S, S // 5)
    held = drawn(marked, updates)[times // (S // 5)]
    found = measure_phases(Series.from_power(SENSOR, times.tolist(), held.tolist()), marked.phases, [True] * 100)

    assert found["resolution_s"] == pytest.approx(0.2)
    assert [phase(found, name)["energy_j"] is None for name in PHASES] == [True, True, True, False]


def test_few_samples_are_below_resolution() -> None:
    """A long phase with only 20 samples is null, and the reason says to measure more runs."""
    found = phase(measure(runs((0.01, 0.01, 0.01, 1.0), 2)), "decode")

    assert found["energy_j"] is None
    assert found["reasons"]["energy_j"] == (
        "below resolution: the phase contains only 20 samples in all runs, but 30 are needed; measure more runs"
    )
    assert found["sample_count"] == 20
    assert found["length_s"] == pytest.approx(2.0)


def test_a_run_without_a_vision_mark() -> None:
    """If a run lacks the mark between vision and prefill, both are null with that reason."""
    marked = runs((1.0, 1.0, 1.0, 3.0), 20)
    found = measure(attribution.MarkedRuns(marked.windows, {**marked.phases, "vision": None, "prefill": None}))

    assert (
        phase(found, "vision")["reasons"]["energy_j"]
        == "at least one run has no time mark at the end of vision encoding"
    )
    assert phase(found, "prefill")["length_s"] is None
    assert phase(found, "decode")["energy_j"] == pytest.approx(20 * 45 * 3, rel=0.05)
    assert list(find_violations(found)) == []


def test_runs_without_energy_are_in_no_phase() -> None:
    """Only covered runs are pooled; without one every phase is null."""
    marked = runs((1.0, 1.0, 1.0, 3.0), 20)
    times = np.arange(S // 2, marked.windows[-1][1] + S, S // 10)
    series = Series.from_power(SENSOR, times.tolist(), drawn(marked, times).tolist())

    half = measure_phases(series, marked.phases, [i % 2 == 0 for i in range(20)])
    assert half["run_count"] == 10
    assert half["decode"]["length_s"] == pytest.approx(30.0)
    none = measure_phases(series, marked.phases, [False] * 20)
    assert none["decode"]["reasons"]["energy_j"] == "samples cover no run"
    assert list(find_violations(none)) == []


def test_a_hole_in_a_phase_is_not_a_low_phase() -> None:
    """A phase covered by under 95% is null, although its runs are covered."""
    marked = runs((1.0, 1.0, 1.0, 27.0), 40)
    taken = []
    for i in range(13_000):
        now = S // 2 + i * S // 10
        hole = any(start + S // 4 <= now <= start + S // 2 for start, _ in marked.phases["vision"] or ())
        taken.append(PowerSample(now, None if hole else 50.0))
    found = attribution.attribute("bench", SENSOR, taken, marked, [])

    assert found.power["energy_runs"] == 40
    assert "samples cover" in found.power["phases"]["vision"]["reasons"]["energy_j"]
    assert found.power["phases"]["decode"]["energy_j"] == pytest.approx(40 * 27 * 50)
    (term,) = [term for term in found.power["uncertainty"] if term["name"] == "coverage"]
    assert 0.005 < term["relative"] < 0.02


def test_a_counters_phases() -> None:
    """A counter with ticks of 100 ms, read at 20 Hz, resolves 100 ms."""
    marked = runs((0.6, 0.7, 0.8, 2.0), 60)
    fine = np.arange(0, marked.windows[-1][1] + S, S // 1000)
    joules = np.cumsum(drawn(marked, fine)) / 1000
    times = np.arange(S // 2, marked.windows[-1][1] + S, S // 20)
    held = joules[(times - times % (S // 10)) // (S // 1000)]
    taken = [PowerSample(int(t), None, float(j)) for t, j in zip(times, held, strict=True)]
    found = attribution.attribute("bench", SENSOR, taken, marked, [])

    assert found.power["method"] == "counter"
    assert found.power["update_s"] == pytest.approx(0.1)
    assert found.power["phases"]["resolution_s"] == pytest.approx(0.1)
    for name, watts, seconds in zip(PHASES, WATTS, (0.6, 0.7, 0.8, 2.0), strict=True):
        made = phase(found.power["phases"], name)
        assert made["energy_j"] == pytest.approx(60 * watts * seconds, rel=2 * relative(made))
    total = sum(phase(found.power["phases"], name)["energy_j"] or 0.0 for name in PHASES)
    assert total == pytest.approx(sum(j or 0.0 for j in found.energy_j or ()), rel=1e-9)


lengths = st.lists(st.floats(PHASE_PERIODS * 0.1, 3.0), min_size=4, max_size=4)


@given(lengths, st.integers(10, 30), st.lists(st.floats(0, 500), min_size=50, max_size=50))
@example([1.0, 1.055, 0.5, 1.0], 10, [0.0] * 50)  # prefill: exactly five periods, less a nanosecond of rounding
def test_phases_add_up_to_the_runs(lengths_s: list[float], count: int, watts: list[float]) -> None:
    """The joules of resolved phases add up to those of the runs."""
    marked = runs(lengths_s, count)
    end = marked.windows[-1][1] + S
    times = range(S // 2, end, S // 10)
    taken = [PowerSample(t, 1.0 + watts[i % 50]) for i, t in enumerate(times)]
    found = attribution.attribute("bench", SENSOR, taken, marked, [])

    parts = [phase(found.power["phases"], name)["energy_j"] for name in PHASES]
    known = [part for part in parts if part is not None]
    assert found.energy_j is not None
    assert len(known) == 4
    assert sum(known) == pytest.approx(sum(j or 0.0 for j in found.energy_j), rel=1e-9)
