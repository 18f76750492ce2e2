"""The flags: what a reader must know before quoting the joules.

Tests benchmarks.power.analysis.warnings.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.pair import meters
from benchmarks.power.analysis import attribution, warnings
from benchmarks.power.base import PowerSample, SensorFacts
from tests.support.bench import IDLE, MARKED, SENSOR, S, attribute, samples, vars_of

ALONE = "The uncertainty is statistical only: the sensor's gain error is not specified"


def test_time_without_samples_is_said() -> None:
    """A flag gives the part of the runs' time without samples, by which their energy is too low."""
    holes = [PowerSample(s.time_ns, None) if i == 110 else s for i, s in enumerate(samples())]
    long = attribution.MarkedRuns([(8 * S, 16 * S)], {})
    found = attribution.attribute("bench", SENSOR, holes, long, IDLE)
    share = 1 - (found.coverage or [0.0])[0]

    assert 0.02 < share < 0.05
    assert found.power["flags"] == [
        f"No samples cover {share:.1%} of the runs' time: their energy is about {share:.1%} too low."
    ]
    (term,) = [term for term in found.power["uncertainty"] if term["name"] == "coverage"]
    assert term["relative"] > share


def test_short_runs_that_lie_apart_are_said() -> None:
    """Runs of 0.2 s that lie a second apart are flagged at 10 Hz; runs in a row are not."""
    apart = attribution.MarkedRuns([(i * S, i * S + S // 5) for i in range(9, 15)], {})
    in_a_row = attribution.MarkedRuns([(9 * S + i * S // 5, 9 * S + (i + 1) * S // 5) for i in range(30)], {})
    mixed, clean = (attribution.attribute("bench", SENSOR, samples(), runs, IDLE) for runs in (apart, in_a_row))

    assert any(
        flag.startswith("Runs of 0.2 s are too short for the sensor's time resolution, 0.1 s (")
        for flag in mixed.power["flags"]
    )
    assert not any("too short" in flag for flag in clean.power["flags"])


def test_doubts_are_said() -> None:
    """Few samples and a sensor that does not cover the model's device are flagged."""
    found = attribute(samples()[::10], scope_mismatch=True)

    assert any(flag.startswith("Only ") for flag in found.power["flags"])
    assert any(flag.startswith("Scope mismatch") for flag in found.power["flags"])


def test_few_samples_of_power_that_varies_are_said() -> None:
    """Under 100 samples of power that varies are flagged, because they may miss a peak; steady power is not."""
    wild = [PowerSample(s.time_ns, (s.watts or 0.0) * (1 + i % 5 / 2)) for i, s in enumerate(samples())]

    assert attribute(wild).power["flags"] == [
        "Only 42 power samples were taken during the runs, and power varies: a reliable uncertainty needs at least 100."
    ]
    assert attribute(samples()).power["flags"] == []


def test_a_difference_that_sampling_explains_is_not_said() -> None:
    """Counter and power may differ by over 5% if few samples of unsteady power are that uncertain."""
    assert warnings.warn_of_disagreement(0.06, 0.01) == ["Integrated power differs from the energy counter by +6.0%."]
    assert warnings.warn_of_disagreement(0.06, 0.04) == warnings.warn_of_disagreement(-0.04, 0.0) == []


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({}, f"{ALONE}."),
        (
            {"offset_source": "why"},
            f"{ALONE} (why, and its offset error is unknown).",
        ),
        (
            {"offset_uncertainty_w": 0.3, "offset_source": "data sheet"},
            "The uncertainty contains the sensor's offset error, but not its gain error, which is not specified.",
        ),
    ],
)
def test_an_unknown_gain_is_said(known: dict[str, Any], said: str) -> None:
    """Without a gain error a flag says what the uncertainty contains, and whether the offset error is known."""
    sensor = SensorFacts(**{**vars_of(SENSOR), "gain_uncertainty": None, **known})

    assert attribution.attribute("bench", sensor, samples(), MARKED, IDLE).power["flags"] == [said]


def test_replayed_joules_say_so() -> None:
    """Joules of a recorded trace are flagged."""
    found = attribution.attribute("replay", SENSOR, samples(), MARKED, IDLE)

    assert found.power["flags"][0] == "The energy comes from a recorded trace, not from these runs."


@pytest.mark.parametrize(
    ("then", "now", "goes_on"),
    [
        (SENSOR, SENSOR, True),
        (SENSOR, replace(SENSOR, source="another version", period_s=1.0), True),
        (SENSOR, replace(SENSOR, scope="gpu"), False),
        (SENSOR, replace(SENSOR, rails=("VIN", "VDD_GPU")), False),
        (SENSOR, None, False),
        (None, SENSOR, False),
        (None, None, True),
    ],
)
def test_energies_of_unlike_sensors_are_never_added(
    then: SensorFacts | None, now: SensorFacts | None, *, goes_on: bool
) -> None:
    """A resumed pair keeps its energy only if the sensor covers the same rails."""
    assert meters._is_same_sensor(then, now) == goes_on


def test_sessions_that_read_by_several_sensors_say_so() -> None:
    """If sessions of a pair used several sensors of the same rails, a flag names them."""
    assert warnings.warn_of_mixed_sensors(["hwmon", "hwmon", "tegrastats"]) == [
        "The pair's sessions read the same rails through hwmon and tegrastats."
    ]
    assert warnings.warn_of_mixed_sensors(["hwmon", "hwmon"]) == []


def test_void_readings_are_said() -> None:
    """A flag says why, if over 5% of the readings in the runs are void."""
    void = [PowerSample(s.time_ns, None) if 100 <= i < 112 else s for i, s in enumerate(samples())]
    counted = [PowerSample(s.time_ns, None, s.energy_j) for s in samples(counter_factor=1.0)]

    assert attribute(void).power["flags"] == [
        "12 of 42 readings during the runs were invalid: a rail was missing or had no valid reading."
    ]
    assert attribute(counted).power["flags"] == []


@pytest.mark.parametrize(
    ("since", "until", "when"),
    [(0.0, 30.0, "before"), (0.0, 14.0, "before"), (11.0, 30.0, "after"), (10.0, 16.0, None), (17.0, 30.0, None)],
    ids=["throughout", "at first", "from the middle", "at work alone", "at rest alone"],
)
def test_a_sensor_that_stands_still_is_said(since: float, until: float, when: str | None) -> None:
    """Readings at work that equal those at rest are flagged; steady work or rest alone is not."""
    steady = [since * S <= s.time_ns < until * S for s in samples()]
    taken = [
        PowerSample(s.time_ns, 33.0 if still else (s.watts or 0.0) + i % 7 / 10)
        for i, (s, still) in enumerate(zip(samples(), steady, strict=True))
    ]
    said = (
        f"The sensor read exactly 33 W both during the runs and in the idle time {when} them: "
        "it is stuck, or does not measure "
    )

    assert [flag[: len(said)] for flag in attribute(taken).power["flags"]] == ([said] if when else [])


def test_steady_work_beside_no_rest_is_no_standstill() -> None:
    """Steady work without readings at rest is not flagged."""
    found = attribute([s for s in samples() if 10 * S <= s.time_ns <= 15 * S])

    assert not any("is stuck" in flag for flag in found.power["flags"])
