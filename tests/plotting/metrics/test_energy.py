"""Metrics of energy: which runs count, phases, uncertainty, and what there is without a sensor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plotting.metrics.registry import METRICS
from tests.support.factory import NO_SENSOR, record
from tests.support.made import ENERGY, known, value

WHY = "the probe broke"

ENERGY_METRICS = tuple(name for name in METRICS if "joules" in name or name in ENERGY)
PHASES = ("preprocess", "vision", "prefill", "decode")


@pytest.mark.parametrize("name", ENERGY_METRICS)
def test_without_a_sensor_no_energy_and_its_reason(name: str) -> None:
    """Without a power sensor every metric of energy is None with the reason that the Record gives."""
    assert METRICS[name].compute(record(power_w=None)) == (None, NO_SENSOR)


def test_runs_under_the_coverage_bring_neither_joules_nor_tokens() -> None:
    """A run covered to 94.9% enters no metric of energy, with joules, window, tokens and photographs; 95% does."""
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
    """Under 90% of the good runs with energy, every metric of energy is None and says how many there are."""
    made = known()
    for index in (0, 1):
        if lost == "joules":
            made["runs"]["energy_j"][index] = None
        else:
            made["runs"]["energy_coverage"][index] = 0.5

    assert METRICS[name].compute(made) == (None, "power samples cover 8 of 10 runs, and 90% are needed")


@pytest.mark.parametrize("name", PHASES)
def test_a_phase_below_resolution_is_no_value(name: str) -> None:
    """A phase that the sensor cannot tell is None with the reason that stands in the Record, never 0."""
    made = known()
    made["power"]["phases"][name] |= {"energy_j": None, "reasons": {"energy_j": "below resolution: too short"}}

    assert METRICS[f"{name}_joules"].compute(made) == (None, "below resolution: too short")
    if name == "decode":
        assert METRICS["decode_joules_per_token"].compute(made) == (None, "below resolution: too short")


def test_the_phases_add_up_to_a_run() -> None:
    """The energies of the four phases, J a run, add up to the energy of a run."""
    made = known()

    assert sum(value(f"{name}_joules", made) for name in PHASES) == pytest.approx(200 / 10)


def test_one_token_a_run_has_no_energy_of_a_step() -> None:
    """Where no run has a second token, decode has no J/token, and says why."""
    made = known()
    made["runs"]["new_tokens"] = [1] * 10

    assert METRICS["decode_joules_per_token"].compute(made) == (None, "no run has a second token")


def test_an_offset_is_in_the_gross_uncertainty_and_not_in_the_net_one() -> None:
    """Less idle power an offset of the sensor cancels; its gain acts on the difference."""
    made = known()
    made["power"] |= {"idle_before_w": 10.0, "idle_after_w": 10.0}
    made["power"]["uncertainty"] = [{"name": "offset", "relative": 0.1, "source": "data sheet"}]
    assert value("joules_per_token_uncertainty", made) == pytest.approx(0.1 * 200 / 160)
    assert value("net_joules_per_token_uncertainty", made) == 0.0

    made["power"]["uncertainty"] = [{"name": "gain", "relative": 0.1, "source": "data sheet"}]
    assert value("net_joules_per_token_uncertainty", made) == pytest.approx(0.1 * 150 / 160)


def test_the_scale_of_idle_power_is_in_the_net_uncertainty() -> None:
    """Power and idle power are read on one scale, each off by a part of its step: the net one holds that twice."""
    made = known()
    made["power"] |= {"idle_before_w": 10.0, "idle_after_w": 10.0}
    made["power"]["uncertainty"] = [{"name": "quantisation", "relative": 0.1, "source": "a scale"}]

    assert value("joules_per_token_uncertainty", made) == pytest.approx(0.1 * 200 / 160)
    assert value("net_joules_per_token_uncertainty", made) == pytest.approx(2**0.5 * 0.1 * 200 / 160)


def test_a_sensor_that_reads_nothing_is_no_free_energy() -> None:
    """A sensor that read 0 J throughout gives no J/token and no infinite efficiency, but words."""
    made = record(power_w=0.0)

    for name in ("joules_per_token", "tps_per_watt", "avg_power_watts"):
        assert METRICS[name].compute(made) == (None, "the sensor read no energy")


@given(st.lists(st.tuples(st.floats(0.01, 1e4), st.floats(0.01, 1e3), st.integers(1, 10_000)), min_size=1, max_size=20))
def test_the_headlines_agree(runs: list[tuple[float, float, int]]) -> None:
    """For any runs, tokens/s/W is 1 over J/token, and is tokens/s over watts: all come from one total."""
    made = record(runs=len(runs))
    made["runs"]["energy_j"] = [joules for joules, _, _ in runs]
    made["runs"]["latency_s"] = [seconds for _, seconds, _ in runs]
    made["runs"]["new_tokens"] = [tokens for _, _, tokens in runs]

    efficiency = value("tps_per_watt", made)
    assert efficiency == pytest.approx(1 / value("joules_per_token", made), rel=1e-14)
    assert efficiency == pytest.approx(value("tokens_per_sec", made) / value("avg_power_watts", made), rel=1e-12)
