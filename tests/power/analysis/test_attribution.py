"""From samples to the Record's power: known joules, and every doubt said."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.power.analysis import attribution
from benchmarks.power.base import PowerSample, PowerTarget, SensorFacts
from benchmarks.record import TRACE_POINTS, faults
from tests.support.bench import IDLE, MARKED, SENSOR, WINDOWS, Bench, S, attribute, samples, vars_of


def test_known_joules() -> None:
    """30 W over two runs of 2 s is 60 J each, 10 W idle, by integration where there is no counter."""
    found = attribute(samples())

    assert found.energy_j == pytest.approx([60.0, 60.0])
    assert found.coverage == [1.0, 1.0]
    assert found.power["idle_w"] == pytest.approx(10.0)
    assert (found.power["method"], found.power["energy_runs"], found.power["flags"]) == ("integration", 2, [])
    assert [term["name"] for term in found.power["uncertainty"]] == ["statistical", "edges", "gain"]
    assert list(faults(found.power, "power")) == []


def test_the_counter_is_preferred_and_compared() -> None:
    """Where the sensor counts energy, the counter is taken; a gap of over 5% to its power is flagged."""
    agreeing, apart = attribute(samples(counter_factor=1.0)), attribute(samples(counter_factor=0.9))

    assert (agreeing.power["method"], agreeing.power["flags"]) == ("counter", [])
    assert apart.energy_j == pytest.approx([54.0, 54.0])
    assert apart.power["flags"] == ["Integrated power differs from the energy counter by +11.1%."]


def test_a_counter_whose_last_tick_is_missing_is_still_preferred() -> None:
    """Where a journal ends with the last run, the counter, whose last tick came before it, still gives the others."""
    runs = attribution.MarkedRuns([(i * S, i * S + 9 * S // 10) for i in range(1, 15)], {})
    taken = [PowerSample(i * S // 20, 30.0, 3.0 * (i // 2)) for i in range(20 * 15 - 1)]
    found = attribution.attribute("bench", SENSOR, taken, runs, [])

    assert found.power["method"] == "counter"
    assert found.power["energy_runs"] == 14
    assert found.power["flags"] == []
    half = [PowerSample(s.time_ns, s.watts, s.energy_j if s.time_ns < 7 * S else None) for s in taken]
    assert attribution.attribute("bench", SENSOR, half, runs, []).power["method"] == "integration"


@pytest.mark.parametrize("wrong_j", [0.0, 9e9], ids=["reset or too low", "too high"])
def test_one_wrong_reading_of_a_counter_is_charged_to_no_run(wrong_j: float) -> None:
    """In one of fifteen runs the counter reads nonsense once: that run has no joules, and all others their own."""
    runs = attribution.MarkedRuns([(i * S, i * S + 9 * S // 10) for i in range(1, 16)], {})
    taken = [PowerSample(i * S // 10, 30.0, 5e6 + 3.0 * i) for i in range(180)]
    taken[75] = PowerSample(taken[75].time_ns, 30.0, wrong_j)
    found = attribution.attribute("bench", SENSOR, taken, runs, [])

    assert found.energy_j == [None if i == 7 else pytest.approx(27.0) for i in range(1, 16)]
    assert (found.power["method"], found.power["energy_runs"], found.power["flags"]) == ("counter", 14, [])


def test_a_counter_that_is_reset_in_half_of_the_runs_is_not_used() -> None:
    """Where resets void too many of a counter's runs, power is integrated instead, and no run lacks its joules."""
    taken = [PowerSample(s.time_ns, s.watts, 3.0 * (i % 40)) for i, s in enumerate(samples())]
    found = attribute(taken)

    assert found.power["method"] == "integration"
    assert found.energy_j == pytest.approx([60.0, 60.0])


def test_a_counter_alone_is_enough() -> None:
    """A sensor that counts and gives no watts has its joules, its ticks as samples, and no flag for few of them."""
    found = attribute([PowerSample(s.time_ns, None, s.energy_j) for s in samples(counter_factor=1.0)])

    assert found.energy_j == pytest.approx([60.0, 60.0])
    assert found.power["sample_count"] == 42
    assert found.power["flags"] == []


def test_two_samples_are_no_budget() -> None:
    """Where too few samples fell into the runs there is no uncertainty, rather than one of the edges alone."""
    short = attribution.MarkedRuns([(10 * S, 10 * S + S // 20), (13 * S, 13 * S + S // 20)], {})

    assert attribution.attribute("bench", SENSOR, samples(), short, IDLE).power["uncertainty"] == []


def test_a_sensor_lost_in_the_middle() -> None:
    """Runs after the loss have no joules and no coverage; the loss is said, and so is the missing idle time."""
    found = attribute([s for s in samples() if s.time_ns < 12.5 * S], lost="unplugged")

    assert found.energy_j == [pytest.approx(60.0), None]
    assert found.coverage == [1.0, 0.0]
    assert found.power["energy_runs"] == 1
    assert found.power["idle_w"] is None
    assert "The sensor stopped early: unplugged." in found.power["flags"]
    assert list(faults(found.power, "power")) == []


def test_missing_rails_are_no_zero() -> None:
    """A reading without a rail is no reading: the energy of its stretch is not counted as 0 W."""
    holes = [PowerSample(s.time_ns, None) if 100 <= i < 120 else s for i, s in enumerate(samples())]

    found = attribute(holes)
    assert found.energy_j is not None
    assert found.energy_j[0] is None
    assert found.energy_j[1] == pytest.approx(60.0)


def test_a_run_that_is_covered_in_part_counts_for_nothing() -> None:
    """A run with samples in under 95% of its time is in no count, budget and phase, only in its column."""
    holes = [PowerSample(s.time_ns, None) if i == 105 else s for i, s in enumerate(samples())]
    found = attribution.attribute("bench", SENSOR, holes, attribution.MarkedRuns(WINDOWS, {"decode": WINDOWS}), IDLE)

    assert found.coverage == [pytest.approx(0.9), 1.0]
    assert found.power["energy_runs"] == found.power["phases"]["run_count"] == 1
    assert "coverage" not in {term["name"] for term in found.power["uncertainty"]}
    assert "No samples" not in " ".join(found.power["flags"])


def test_idle_time_is_said() -> None:
    """The length of the idle windows stands beside their power, the shortest of them; without any it is null."""
    short = [("before", (2 * S, 5 * S)), ("after", (17 * S, 19 * S))]
    found = attribution.attribute("bench", SENSOR, samples(), MARKED, short)
    none = attribution.attribute("bench", SENSOR, samples(), MARKED, [])

    assert found.power["idle_s"] == pytest.approx(2.0)
    assert none.power["idle_s"] is None
    assert list(faults(none.power, "power")) == []


def test_the_trace_is_bounded() -> None:
    """A day of samples is kept as at most TRACE_POINTS points of min, mean and max."""
    taken = [PowerSample(i * S // 1000, float(i % 7)) for i in range(20_000)]
    found = attribution.attribute("bench", SENSOR, taken, attribution.MarkedRuns([(0, 19 * S)], {}), IDLE)

    assert found.trace is not None
    assert len(found.trace["time_s"]) <= TRACE_POINTS
    assert (min(found.trace["min_w"]), max(found.trace["max_w"])) == (0.0, 6.0)


def test_without_a_sensor_everything_is_null_with_a_reason() -> None:
    """Without a sensor there are no joules, no zeros, and each null has the reason beside it."""
    found = attribution.describe_without_sensor("none", "no sensor here")

    assert (found.energy_j, found.coverage, found.trace) == (None, None, None)
    assert list(faults(found.power, "power")) == []


def test_a_counters_uncertainty_is_that_of_its_ticks() -> None:
    """N windows of total length T that a counter of tick tau covers are uncertain by sqrt(n) tau / (sqrt(6) T)."""
    (term, gain) = attribute(samples(counter_factor=1.0)).power["uncertainty"]

    assert (term["name"], gain["name"]) == ("edges", "gain")
    assert term["relative"] == pytest.approx(2**0.5 * 0.1 / (6**0.5 * 4.0), rel=1e-6)


@pytest.mark.parametrize(
    ("watts", "lost", "reason"),
    [
        (0.0, None, "the sensor read 0 W throughout, but every device draws power"),
        (-30.0, None, "the sensor read nothing above 0 W, and negative power: is it wired in reverse?"),
        (None, None, "every reading was void: a rail was missing or held no valid number"),
        (
            None,
            "unplugged",
            "every reading was void: a rail was missing or held no valid number; it stopped early: u",
        ),
    ],
    ids=["0 W", "wired the wrong way round", "void", "void and lost"],
)
def test_a_sensor_that_reads_nothing_is_no_sensor(watts: float | None, lost: str | None, reason: str) -> None:
    """0 W, power below 0 or no number throughout is not 0 J: the joules are null, each with a reason of its own."""
    found = attribute([PowerSample(s.time_ns, watts) for s in samples()], lost=lost)

    assert found.energy_j is None
    assert found.power["reasons"]["method"].startswith(reason)
    assert list(faults(found.power, "power")) == []


def test_one_sample_is_no_energy() -> None:
    """A sensor that gave one sample has no joules, no uncertainty and no rate, with reasons, and nothing is divided."""
    found = attribute(samples()[110:111])

    assert found.energy_j == [None, None]
    assert (found.power["energy_runs"], found.power["period_s"], found.power["uncertainty"]) == (0, None, [])
    assert list(faults(found.power, "power")) == []


def test_runs_and_phases_without_length_have_no_energy() -> None:
    """A window that ends where it begins has no joules and no coverage, as a run and as a phase."""
    empty = [(10 * S, 10 * S), (11 * S, 14 * S)]
    found = attribution.attribute(
        "bench", SENSOR, samples(), attribution.MarkedRuns(empty, {"vision": [(11 * S, 11 * S)] * 2}), IDLE
    )

    assert found.energy_j == [None, pytest.approx(90.0)]
    assert found.power["energy_runs"] == 1
    assert found.power["phases"]["vision"]["energy_j"] is None
    assert list(faults(found.power, "power")) == []


def test_power_that_flows_back_is_kept() -> None:
    """Readings below 0 at rest are part of the mean: clipping them would make idle power too high."""
    taken = [PowerSample(s.time_ns, 30.0 if s.watts == 30.0 else (-1) ** i * 0.4) for i, s in enumerate(samples())]
    found = attribute(taken)

    assert found.power["idle_w"] == pytest.approx(0.0, abs=0.02)
    assert found.energy_j == pytest.approx([60.0, 60.0])


def test_a_call_that_is_slower_than_the_period_makes_no_gaps() -> None:
    """Readings that come four times as slowly as they are asked for are what there is, and cover the runs."""
    found = attribute(samples()[::4])

    assert found.energy_j == pytest.approx([60.0, 60.0], rel=0.01)
    assert found.power["period_s"] == pytest.approx(0.4)
    assert found.power["idle_w"] == pytest.approx(10.0)


def test_the_budget_is_of_the_runs_alone() -> None:
    """What a sensor reads between two sessions, idle or loading, is in no term and in no count of samples."""
    calm, wild = samples(), samples()
    for index in range(121, 130):  # between the two runs
        wild[index] = PowerSample(wild[index].time_ns, 30.0 if index == 121 else 500.0)

    found = attribute(wild)
    assert found.energy_j == pytest.approx([60.0, 60.0])
    assert found.power["sample_count"] == attribute(calm).power["sample_count"] == 42
    assert found.power["uncertainty"][0]["relative"] == pytest.approx(0.0, abs=1e-9)


def test_a_known_lag_moves_the_samples() -> None:
    """Samples of a sensor that lags by half a second are moved back by that, where the lag is known."""
    late = [PowerSample(s.time_ns + S // 2, s.watts) for s in samples()]
    edge = attribution.MarkedRuns([(9 * S, 10 * S)], {})
    known = SensorFacts.from_monitor(Bench(PowerTarget("cuda:0")))
    lagging = SensorFacts(**{**vars_of(known), "averaging_s": 1.0, "lag_s": 0.5})

    moved, as_they_came = (attribution.attribute("bench", sensor, late, edge, []) for sensor in (lagging, known))
    assert moved.energy_j == pytest.approx([30.0])
    assert as_they_came.energy_j is not None
    assert as_they_came.energy_j[0] is not None
    assert as_they_came.energy_j[0] < 22


def test_a_journal_of_before_is_read() -> None:
    """A sensor in a journal that knows nothing of lag and offset is read, with nothing made up for them."""
    old = {name: value for name, value in vars_of(SENSOR).items() if name not in ("lag_s", "offset_uncertainty_w")}

    assert SensorFacts.from_json(old) == SENSOR
    assert SensorFacts.from_json(old).lag_s is None


def test_sessions_laid_out_apart_are_pooled() -> None:
    """Runs of two sessions, a minute apart, are pooled into one energy and one phase, and the minute is in neither."""
    first, gap = samples(), 80 * S
    second = [PowerSample(s.time_ns + gap, s.watts) for s in first]
    both = [*WINDOWS, *((start + gap, end + gap) for start, end in WINDOWS)]
    found = attribution.attribute("bench", SENSOR, first + second, attribution.MarkedRuns(both, {"decode": both}), IDLE)

    assert found.energy_j == pytest.approx([60.0] * 4)
    assert found.power["phases"]["decode"]["energy_j"] == pytest.approx(240.0)
    assert found.power["phases"]["run_count"] == 4
    assert found.power["sample_count"] == 84
    assert found.power["phases"]["vision"]["reasons"]["energy_j"] == "the vision path gave no mark in at least one run"
    assert list(faults(found.power, "power")) == []


def test_idle_power_holds_no_tail_of_the_work_before() -> None:
    """Behind an average over a second, the first second after the runs still shows them, and is not idle power."""
    late = [PowerSample(round(t * S), 10.0 + 20.0 * min(max(17.0 - t, 0.0), 1.0)) for t in np.arange(0.0, 22.0, 0.1)]
    averaging = SensorFacts(**{**vars_of(SENSOR), "averaging_s": 1.0})
    found = attribution.attribute("bench", averaging, late, MARKED, [("after", (16 * S, 21 * S))])

    assert found.power["idle_after_w"] == pytest.approx(10.0)
