"""Metrics of energy: covered runs, phases, uncertainty, and missing sensors.

Tests plotting.metrics.energy and plotting.metrics.runs.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plotting.metrics.registry import METRICS
from tests.support.factory import NO_SENSOR, record
from tests.support.made import ENERGY, known, reason, value

WHY = "the probe broke"

ENERGY_METRICS = tuple(name for name in METRICS if "joules" in name or name in ENERGY)
PHASES = ("preprocess", "vision", "prefill", "decode")


@pytest.mark.parametrize("name", ENERGY_METRICS)
def test_without_a_sensor_no_energy_and_its_reason(name: str) -> None:
    """Without a power sensor, every metric of energy is not measured, for the reason in the Record."""
    assert reason(name, record(power_w=None)) == NO_SENSOR


def test_runs_under_the_coverage_bring_neither_joules_nor_tokens() -> None:
    """A run with a coverage of 95% counts in every metric of energy, and one with 94.9% counts in none."""
    made = known()
    made["runs"]["energy_coverage"] = [0.95] * 9 + [0.949]
    made["runs"]["energy_j"][9] = 1e6
    made["runs"]["new_tokens"][9] = 1000
    made["runs"]["latency_s"][9] = 100.0
    made["runs"]["images"][9] = 50

    for name in ("joules_per_token", "avg_power_watts", "tps_per_watt", "joules_per_image", "net_joules_per_token"):
        assert value(name, made) == pytest.approx(value(name, known()))


@pytest.mark.parametrize("name", ENERGY_METRICS)
@pytest.mark.parametrize("lost", ["coverage", "joules"])
def test_too_few_covered_runs_are_no_energy(name: str, lost: str) -> None:
    """If less than 90% of the good runs have energy, every metric of energy is not measured."""
    made = known()
    for index in (0, 1):
        if lost == "joules":
            made["runs"]["energy_j"][index] = None
        else:
            made["runs"]["energy_coverage"][index] = 0.5

    assert reason(name, made) == "power samples cover 8 of 10 runs, but 90% are needed"


@pytest.mark.parametrize("name", PHASES)
def test_a_phase_below_resolution_is_no_value(name: str) -> None:
    """A phase that the sensor cannot resolve is not measured, for the reason in the Record, and never 0."""
    made = known()
    made["power"]["phases"][name] |= {"energy_j": None, "reasons": {"energy_j": "below resolution: too short"}}

    assert reason(f"{name}_joules", made) == "below resolution: too short"
    if name == "decode":
        assert reason("decode_joules_per_token", made) == "below resolution: too short"


def test_the_phases_add_up_to_a_run() -> None:
    """The energies of the four phases, J a run, add up to the energy of a run."""
    made = known()

    assert sum(value(f"{name}_joules", made) for name in PHASES) == pytest.approx(200 / 10)


def test_one_token_a_run_has_no_energy_of_a_step() -> None:
    """If no run has a second token, decode has no J/token."""
    made = known()
    made["runs"]["new_tokens"] = [1] * 10

    assert reason("decode_joules_per_token", made) == "no run has a second token"


def test_an_offset_is_in_the_gross_uncertainty_and_not_in_the_net_one() -> None:
    """Subtracting idle power cancels the sensor's offset error; its gain error applies to the difference."""
    made = known()
    made["power"] |= {"idle_before_w": 10.0, "idle_after_w": 10.0}
    made["power"]["uncertainty"] = [{"name": "offset", "relative": 0.1, "source": "data sheet"}]
    assert value("joules_per_token_uncertainty", made) == pytest.approx(0.1 * 200 / 160)
    assert value("net_joules_per_token_uncertainty", made) == 0.0

    made["power"]["uncertainty"] = [{"name": "gain", "relative": 0.1, "source": "data sheet"}]
    assert value("net_joules_per_token_uncertainty", made) == pytest.approx(0.1 * 150 / 160)


def test_the_scale_of_idle_power_is_in_the_net_uncertainty() -> None:
    """Power and idle power both have a quantisation error, so the net uncertainty includes it twice."""
    made = known()
    made["power"] |= {"idle_before_w": 10.0, "idle_after_w": 10.0}
    made["power"]["uncertainty"] = [{"name": "quantisation", "relative": 0.1, "source": "a scale"}]

    assert value("joules_per_token_uncertainty", made) == pytest.approx(0.1 * 200 / 160)
    assert value("net_joules_per_token_uncertainty", made) == pytest.approx(2**0.5 * 0.1 * 200 / 160)


def test_a_sensor_that_reads_nothing_is_no_free_energy() -> None:
    """A sensor that read 0 J in all runs gives a reason instead of J/token and efficiency."""
    made = record(power_w=0.0)

    for name in ("joules_per_token", "tps_per_watt", "avg_power_watts"):
        assert reason(name, made) == "the sensor read no energy"


@given(st.lists(st.tuples(st.floats(0.01, 1e4), st.floats(0.01, 1e3), st.integers(1, 10_000)), min_size=1, max_size=20))
def test_the_headlines_agree(runs: list[tuple[float, float, int]]) -> None:
    """For any runs, tokens/s/W is 1 / J/token, and is tokens/s / watts."""
    made = record(runs=len(runs))
    made["runs"]["energy_j"] = [joules for joules, _, _ in runs]
    made["runs"]["latency_s"] = [seconds for _, seconds, _ in runs]
    made["runs"]["new_tokens"] = [tokens for _, _, tokens in runs]

    efficiency = value("tps_per_watt", made)
    assert efficiency == pytest.approx(1 / value("joules_per_token", made), rel=1e-14)
    assert efficiency == pytest.approx(value("tokens_per_sec", made) / value("avg_power_watts", made), rel=1e-12)
