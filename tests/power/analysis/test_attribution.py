"""From samples to the Record's power: known joules and flags.

Tests benchmarks.power.analysis.attribution.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.power.analysis import attribution
from benchmarks.power.base import PowerSample, PowerTarget, SensorFacts
from benchmarks.record import TRACE_POINTS, find_violations
from tests.support.bench import IDLE, MARKED, SENSOR, WINDOWS, Bench, S, attribute, samples, vars_of


def test_known_joules() -> None:
    """Two runs of 2 s at 30 W have 60 J each by integration, and 10 W idle power."""
    found = attribute(samples())

    assert found.energy_j == pytest.approx([60.0, 60.0])
    assert found.coverage == [1.0, 1.0]
    assert found.power["idle_w"] == pytest.approx(10.0)
    assert (found.power["method"], found.power["energy_runs"], found.power["flags"]) == ("integration", 2, [])
    assert [term["name"] for term in found.power["uncertainty"]] == ["statistical", "edges", "gain"]
    assert list(find_violations(found.power, "power")) == []


def test_the_counter_is_preferred_and_compared() -> None:
    """The counter is preferred, and a difference of over 5% to the integrated power is flagged."""
    agreeing, apart = attribute(samples(counter_factor=1.0)), attribute(samples(counter_factor=0.9))

    assert (agreeing.power["method"], agreeing.power["flags"]) == ("counter", [])
    assert apart.energy_j == pytest.approx([54.0, 54.0])
    assert apart.power["flags"] == ["Integrated power differs from the energy counter by +11.1%."]


def test_a_counter_whose_last_tick_is_missing_is_still_preferred() -> None:
    """A counter whose last tick misses the last run is still preferred, and covers the other runs."""
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
    """One wrong reading of the counter costs the joules of its run alone."""
    runs = attribution.MarkedRuns([(i * S, i * S + 9 * S // 10) for i in range(1, 16)], {})
    taken = [PowerSample(i * S // 10, 30.0, 5e6 + 3.0 * i) for i in range(180)]
    taken[75] = PowerSample(taken[75].time_ns, 30.0, wrong_j)
    found = attribution.attribute("bench", SENSOR, taken, runs, [])

    assert found.energy_j == [None if i == 7 else pytest.approx(27.0) for i in range(1, 16)]
    assert (found.power["method"], found.power["energy_runs"], found.power["flags"]) == ("counter", 14, [])


@pytest.mark.parametrize("jump_j", [-5e6, 9e9], ids=["reset", "jump"])
def test_a_reset_of_a_counter_makes_no_absurd_uncertainty(jump_j: float) -> None:
    """A counter that starts anew between or within runs, or jumps for one reading, is no less certain of the others."""
    for at in range(60, 80):
        runs = attribution.MarkedRuns([(i * S, i * S + 9 * S // 10) for i in range(1, 16)], {})
        taken = [PowerSample(i * S // 10, 30.0, 5e6 + 3.0 * i) for i in range(180)]
        calm = attribution.attribute("bench", SENSOR, taken, runs, [])
        for i in range(at, 180 if jump_j < 0 else at + 1):
            taken[i] = PowerSample(taken[i].time_ns, 30.0, (taken[i].energy_j or 0.0) + jump_j)
        found = attribution.attribute("bench", SENSOR, taken, runs, [])

        assert found.power["energy_runs"] in (13, 14, 15)
        stated, usual = (one.power["uncertainty"][0]["relative"] for one in (found, calm))
        assert stated < 3 * usual, at


def test_idle_power_comes_from_the_instrument_of_the_runs() -> None:
    """A counter that is 5% off its power field gives an idle power that is 5% off too, so that net energy is."""
    apart, power = attribute(samples(counter_factor=0.951)), attribute(samples())

    assert (apart.power["method"], power.power["method"]) == ("counter", "integration")
    assert apart.power["idle_w"] == pytest.approx(9.51, rel=1e-6)
    assert apart.energy_j == pytest.approx([0.951 * 60.0] * 2)
    gone = attribute([PowerSample(s.time_ns, s.watts, s.energy_j if i < 170 else None) for i, s in enumerate(COUNTED)])
    assert (gone.power["method"], gone.power["idle_w"]) == ("counter", None)
    assert gone.power["idle_before_w"] == pytest.approx(9.51, rel=1e-6)
    assert list(find_violations(gone.power, "power")) == []


def test_gaps_that_the_sensor_does_not_resolve_have_a_term() -> None:
    """Runs of 80 ms with 1 ms between them lose 1% to an averaging sensor, and the budget says so."""
    starts = np.arange(1.0, 61.0, 0.081)
    windows = [(round(t * S), round((t + 0.08) * S)) for t in starts]
    mean_w = (0.08 * 50.0 + 0.001 * 10.0) / 0.081  # what it reads: its average over a second holds many gaps
    taken = [PowerSample(i * S // 10, mean_w) for i in range(-10, 640)]
    averaging = SensorFacts(**{**vars_of(SENSOR), "averaging_s": 1.0})
    found = attribution.attribute("bench", averaging, taken, attribution.MarkedRuns(windows, {}), [])
    joules, (term,) = (
        sum(joule or 0.0 for joule in found.energy_j or ()),
        [term for term in found.power["uncertainty"] if term["name"] == "between runs"],
    )

    error = joules / (50.0 * 0.08 * len(windows)) - 1
    assert error == pytest.approx(-0.0099, rel=0.02)
    assert 0.5 * abs(error) < term["relative"] < abs(error)
    in_a_row = attribution.MarkedRuns([(start, start + round(0.081 * S)) for start, _ in windows[:9]], {})
    assert "between runs" not in str(
        attribution.attribute("bench", averaging, taken, in_a_row, []).power["uncertainty"]
    )


COUNTED = samples(counter_factor=0.951)


def test_a_counter_that_is_reset_in_half_of_the_runs_is_not_used() -> None:
    """If resets void too many runs of a counter, power is integrated instead."""
    taken = [PowerSample(s.time_ns, s.watts, 3.0 * (i % 40)) for i, s in enumerate(samples())]
    found = attribute(taken)

    assert found.power["method"] == "integration"
    assert found.energy_j == pytest.approx([60.0, 60.0])


def test_a_counter_alone_is_enough() -> None:
    """A counter without watts gives joules, and its ticks count as samples."""
    found = attribute([PowerSample(s.time_ns, None, s.energy_j) for s in samples(counter_factor=1.0)])

    assert found.energy_j == pytest.approx([60.0, 60.0])
    assert found.power["sample_count"] == 42
    assert found.power["flags"] == []


def test_two_samples_are_no_budget() -> None:
    """With too few samples in the runs there is no uncertainty at all."""
    short = attribution.MarkedRuns([(10 * S, 10 * S + S // 20), (13 * S, 13 * S + S // 20)], {})

    assert attribution.attribute("bench", SENSOR, samples(), short, IDLE).power["uncertainty"] == []


def test_a_sensor_lost_in_the_middle() -> None:
    """Runs after a loss have no joules and no coverage, and a flag names the loss."""
    found = attribute([s for s in samples() if s.time_ns < 12.5 * S], lost="unplugged")

    assert found.energy_j == [pytest.approx(60.0), None]
    assert found.coverage == [1.0, 0.0]
    assert found.power["energy_runs"] == 1
    assert found.power["idle_w"] is None
    assert "The sensor stopped early: unplugged." in found.power["flags"]
    assert list(find_violations(found.power, "power")) == []


def test_missing_rails_are_no_zero() -> None:
    """A void reading does not count as 0 W."""
    holes = [PowerSample(s.time_ns, None) if 100 <= i < 120 else s for i, s in enumerate(samples())]

    found = attribute(holes)
    assert found.energy_j is not None
    assert found.energy_j[0] is None
    assert found.energy_j[1] == pytest.approx(60.0)


def test_a_run_that_is_covered_in_part_counts_for_nothing() -> None:
    """A run covered by under 95% is in no count, budget or phase."""
    holes = [PowerSample(s.time_ns, None) if i == 105 else s for i, s in enumerate(samples())]
    found = attribution.attribute("bench", SENSOR, holes, attribution.MarkedRuns(WINDOWS, {"decode": WINDOWS}), IDLE)

    assert found.coverage == [pytest.approx(0.9), 1.0]
    assert found.power["energy_runs"] == found.power["phases"]["run_count"] == 1
    assert "coverage" not in {term["name"] for term in found.power["uncertainty"]}
    assert "No samples" not in " ".join(found.power["flags"])


def test_idle_time_is_said() -> None:
    """`idle_s` is the length of the shortest idle window, or null without one."""
    short = [("before", (2 * S, 5 * S)), ("after", (17 * S, 19 * S))]
    found = attribution.attribute("bench", SENSOR, samples(), MARKED, short)
    none = attribution.attribute("bench", SENSOR, samples(), MARKED, [])

    assert found.power["idle_s"] == pytest.approx(2.0)
    assert none.power["idle_s"] is None
    assert list(find_violations(none.power, "power")) == []


def test_the_trace_is_bounded() -> None:
    """A day of samples is kept as at most TRACE_POINTS points of min, mean and max."""
    taken = [PowerSample(i * S // 1000, float(i % 7)) for i in range(20_000)]
    found = attribution.attribute("bench", SENSOR, taken, attribution.MarkedRuns([(0, 19 * S)], {}), IDLE)

    assert found.trace is not None
    assert len(found.trace["time_s"]) <= TRACE_POINTS
    assert (min(found.trace["min_w"]), max(found.trace["max_w"])) == (0.0, 6.0)


def test_without_a_sensor_everything_is_null_with_a_reason() -> None:
    """Without a sensor every value is null with the reason, never 0."""
    found = attribution.describe_without_sensor("none", "no sensor here")

    assert (found.energy_j, found.coverage, found.trace) == (None, None, None)
    assert list(find_violations(found.power, "power")) == []


def test_a_counters_uncertainty_is_that_of_its_ticks() -> None:
    """N windows of total length T that a counter of tick tau covers are uncertain by sqrt(n) tau / (sqrt(6) T)."""
    (term, gain) = attribute(samples(counter_factor=1.0)).power["uncertainty"]

    assert (term["name"], gain["name"]) == ("edges", "gain")
    assert term["relative"] == pytest.approx(2**0.5 * 0.1 / (6**0.5 * 4.0), rel=1e-6)


@pytest.mark.parametrize(
    ("watts", "lost", "reason"),
    [
        (0.0, None, "the sensor read 0 W throughout, but every device draws power"),
        (-30.0, None, "the sensor read negative power and nothing above 0 W: is it wired in reverse?"),
        (None, None, "every reading was invalid: a rail was missing or had no valid reading"),
        (
            None,
            "unplugged",
            "every reading was invalid: a rail was missing or had no valid reading; the sensor stopped early: u",
        ),
    ],
    ids=["0 W", "wired the wrong way round", "void", "void and lost"],
)
def test_a_sensor_that_reads_nothing_is_no_sensor(watts: float | None, lost: str | None, reason: str) -> None:
    """A sensor that only reads 0 W, negative power or void has null joules with a reason."""
    found = attribute([PowerSample(s.time_ns, watts) for s in samples()], lost=lost)

    assert found.energy_j is None
    assert found.power["reasons"]["method"].startswith(reason)
    assert list(find_violations(found.power, "power")) == []


def test_one_sample_is_no_energy() -> None:
    """One sample gives no joules, no uncertainty and no period."""
    found = attribute(samples()[110:111])

    assert found.energy_j == [None, None]
    assert (found.power["energy_runs"], found.power["period_s"], found.power["uncertainty"]) == (0, None, [])
    assert list(find_violations(found.power, "power")) == []


def test_runs_and_phases_without_length_have_no_energy() -> None:
    """A window of length 0 has no joules and no coverage, as a run and as a phase."""
    empty = [(10 * S, 10 * S), (11 * S, 14 * S)]
    found = attribution.attribute(
        "bench", SENSOR, samples(), attribution.MarkedRuns(empty, {"vision": [(11 * S, 11 * S)] * 2}), IDLE
    )

    assert found.energy_j == [None, pytest.approx(90.0)]
    assert found.power["energy_runs"] == 1
    assert found.power["phases"]["vision"]["energy_j"] is None
    assert list(find_violations(found.power, "power")) == []


def test_power_that_flows_back_is_kept() -> None:
    """Readings below 0 at rest are part of the mean: clipping them would make idle power too high."""
    taken = [PowerSample(s.time_ns, 30.0 if s.watts == 30.0 else (-1) ** i * 0.4) for i, s in enumerate(samples())]
    found = attribute(taken)

    assert found.power["idle_w"] == pytest.approx(0.0, abs=0.02)
    assert found.energy_j == pytest.approx([60.0, 60.0])


def test_a_call_that_is_slower_than_the_period_makes_no_gaps() -> None:
    """Readings that come four times more slowly than asked still cover the runs."""
    found = attribute(samples()[::4])

    assert found.energy_j == pytest.approx([60.0, 60.0], rel=0.01)
    assert found.power["period_s"] == pytest.approx(0.4)
    assert found.power["idle_w"] == pytest.approx(10.0)


def test_the_budget_is_of_the_runs_alone() -> None:
    """Readings between runs are in no term and in no count of samples."""
    calm, wild = samples(), samples()
    for index in range(121, 130):  # between the two runs
        wild[index] = PowerSample(wild[index].time_ns, 30.0 if index == 121 else 500.0)

    found = attribute(wild)
    assert found.energy_j == pytest.approx([60.0, 60.0])
    assert found.power["sample_count"] == attribute(calm).power["sample_count"] == 42
    assert found.power["uncertainty"][0]["relative"] == pytest.approx(0.0, abs=1e-9)


def test_a_known_lag_moves_the_samples() -> None:
    """Samples are moved back by a known lag."""
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
    """A sensor of an older journal without lag and offset is read, and both stay None."""
    old = {name: value for name, value in vars_of(SENSOR).items() if name not in ("lag_s", "offset_uncertainty_w")}

    assert SensorFacts.from_json(old) == SENSOR
    assert SensorFacts.from_json(old).lag_s is None


def test_sessions_laid_out_apart_are_pooled() -> None:
    """Runs of two sessions are pooled, without the minute between them."""
    first, gap = samples(), 80 * S
    second = [PowerSample(s.time_ns + gap, s.watts) for s in first]
    both = [*WINDOWS, *((start + gap, end + gap) for start, end in WINDOWS)]
    found = attribution.attribute("bench", SENSOR, first + second, attribution.MarkedRuns(both, {"decode": both}), IDLE)

    assert found.energy_j == pytest.approx([60.0] * 4)
    assert found.power["phases"]["decode"]["energy_j"] == pytest.approx(240.0)
    assert found.power["phases"]["run_count"] == 4
    assert found.power["sample_count"] == 84
    assert (
        found.power["phases"]["vision"]["reasons"]["energy_j"]
        == "at least one run has no time mark at the end of vision encoding"
    )
    assert list(find_violations(found.power, "power")) == []


def test_idle_power_holds_no_tail_of_the_work_before() -> None:
    """With an average over 1 s, the first second after the runs is not part of the idle power."""
    late = [PowerSample(round(t * S), 10.0 + 20.0 * min(max(17.0 - t, 0.0), 1.0)) for t in np.arange(0.0, 22.0, 0.1)]
    averaging = SensorFacts(**{**vars_of(SENSOR), "averaging_s": 1.0})
    found = attribution.attribute("bench", averaging, late, MARKED, [("after", (16 * S, 21 * S))])

    assert found.power["idle_after_w"] == pytest.approx(10.0)
