"""METRICS: each has its words, its known value, and its reason where there is none."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plotting.metrics import METRICS, shown
from plotting.runs import NOT_SAID
from plotting.stats import quantile
from tests.factory import NO_SENSOR, record

WHY = "the probe broke"


def known() -> dict[str, Any]:
    """Return a Record of ten runs: 0.5 s, 16 tokens, 20 J each; no two metrics of one unit are equal by chance."""
    made = record(memory_kind="unified", planned=12)
    made["memory"] |= {"vram_avg_bytes": 5_000_000_000, "vram_peak_bytes": 5_500_000_000}
    made["counts"] |= {"attempted": 12, "failed": 2}
    made["runs"]["images"] = [2] * 10
    made["runs"]["ttft_s"] = [0.1 + 0.01 * index for index in range(10)]
    made["runs"]["decode_s"] = [0.4] * 10
    made["power"]["uncertainty"] = [
        {"name": "statistical", "relative": 0.03, "source": "spread of the samples"},
        {"name": "gain", "relative": 0.04, "source": "data sheet"},
    ]
    made["power"] |= {"idle_before_w": 9.5, "idle_after_w": 10.5}
    return made


KNOWN = {
    "tokens_per_sec": 160 / 5.0,
    "decode_tokens_per_sec": (160 - 10) / 4.0,
    "total_tokens_per_sec": (160 + 200 + 1000) / 5.0,
    "ttft_p50_s": 0.145,
    "ttft_p95_s": 0.19,
    "latency_p50_s": 0.5,
    "latency_p95_s": 0.5,
    "preprocess_s": 0.01,
    "vision_s": 0.04,
    "prefill_s": 0.05,
    "decode_s": 0.4,
    "token_latency_p50_s": 0.01,
    "token_latency_p95_s": 0.02,
    "token_latency_p99_s": 0.03,
    # 15 steps a run at a mean context of 20 + 100 + 16 / 2
    "mbu": 15 * (27e7 + 4e3 + 128 * 1e4) / 0.4 / 273e9,
    "joules_per_token": 200 / 160,
    "joules_per_token_uncertainty": 0.05 * 200 / 160,
    "energy_uncertainty": 0.05,
    "avg_power_watts": 40.0,
    "tps_per_watt": 160 / 200,
    "joules_per_image": 200 / 20,
    "net_joules_per_token": (200 - 10 * 5) / 160,
    # statistics of the gross energy, gain of the net one, half of 1 W of drift over 5 s
    "net_joules_per_token_uncertainty": ((0.03 * 200) ** 2 + (0.04 * 150) ** 2 + (0.5 * 5) ** 2) ** 0.5 / 160,
    "preprocess_joules": 40 * 0.01,
    "vision_joules": 40 * 0.04,
    "prefill_joules": 40 * 0.05,
    "decode_joules": 40 * 0.4,
    "decode_joules_per_token": 40 * 4 / (160 - 10),
    "avg_ram_gb": 6.0,
    "peak_ram_gb": 7.0,
    "ram_baseline_gb": 2.0,
    "ram_delta_gb": 4.0,
    "avg_vram_gb": 5.0,
    "load_time_s": 3.0,
    "load_peak_ram_gb": 1.0,
    "runs": 10.0,
    "failed_runs": 2.0,
}
"""The value of every metric on `known()`, by hand. A new metric is added here."""

NULLS: dict[str, tuple[str, str, str | None]] = {
    "tokens_per_sec": ("runs", "new_tokens", WHY),
    "decode_tokens_per_sec": ("runs", "decode_s", WHY),
    "total_tokens_per_sec": ("runs", "image_tokens", "the save does not count all tokens"),
    "ttft_p50_s": ("runs", "ttft_s", WHY),
    "ttft_p95_s": ("runs", "ttft_s", WHY),
    "latency_p50_s": ("runs", "latency_s", WHY),
    "latency_p95_s": ("runs", "latency_s", WHY),
    "preprocess_s": ("runs", "preprocess_s", WHY),
    "vision_s": ("runs", "vision_s", WHY),
    "prefill_s": ("runs", "prefill_s", WHY),
    "decode_s": ("runs", "decode_s", WHY),
    "token_latency_p50_s": ("token_latency", "p50_s", WHY),
    "token_latency_p95_s": ("token_latency", "p95_s", WHY),
    "token_latency_p99_s": ("token_latency", "p99_s", WHY),
    "mbu": ("roofline", "bandwidth_bytes_per_s", WHY),
    "energy_uncertainty": ("power", "uncertainty", "the sensor gave too few samples"),
    "joules_per_token_uncertainty": ("power", "uncertainty", "the sensor gave too few samples"),
    "net_joules_per_token": ("power", "idle_w", WHY),
    "net_joules_per_token_uncertainty": ("power", "idle_w", WHY),
    "preprocess_joules": ("power", "phases", NOT_SAID),
    "vision_joules": ("power", "phases", NOT_SAID),
    "prefill_joules": ("power", "phases", NOT_SAID),
    "decode_joules": ("power", "phases", NOT_SAID),
    "decode_joules_per_token": ("power", "phases", NOT_SAID),
    "avg_ram_gb": ("memory", "ram_avg_bytes", WHY),
    "peak_ram_gb": ("memory", "ram_peak_bytes", WHY),
    "ram_baseline_gb": ("memory", "ram_baseline_bytes", WHY),
    "ram_delta_gb": ("memory", "ram_delta_bytes", WHY),
    "avg_vram_gb": ("memory", "vram_avg_bytes", WHY),
    "load_time_s": ("load", "load_time_s", WHY),
    "load_peak_ram_gb": ("load", "peak_ram_bytes", WHY),
    "runs": ("counts", "good", NOT_SAID),
    "failed_runs": ("counts", "failed", NOT_SAID),
}
"""Metric -> section and field whose null takes it away, and what is said then."""

ENERGY = ("joules_per_token", "energy_uncertainty", "avg_power_watts", "tps_per_watt", "joules_per_image")
ENERGY_METRICS = tuple(name for name in METRICS if "joules" in name or name in ENERGY)
PHASES = ("preprocess", "vision", "prefill", "decode")


def value(name: str, made: dict[str, Any]) -> float:
    """Return a metric that must be there."""
    found, reason = METRICS[name].compute(made)
    assert found is not None, reason
    return found


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_says_what_it_is(name: str) -> None:
    """Every metric has the name of its column, a label, a formula, and its unit on its axis."""
    metric = METRICS[name]

    assert metric.name == name
    assert metric.label
    assert metric.formula
    assert metric.unit or name == "energy_uncertainty"
    assert metric.axis == (f"{metric.label} ({metric.unit})" if metric.unit else metric.label)
    assert metric.direction == {True: "higher is better", False: "lower is better", None: ""}[metric.higher_is_better]


@pytest.mark.parametrize("name", METRICS)
def test_known_values(name: str) -> None:
    """Every metric has, on a Record made by hand, the value that its formula gives by hand."""
    assert value(name, known()) == pytest.approx(KNOWN[name], rel=1e-12)


@pytest.mark.parametrize("name", [name for name in METRICS if name not in ENERGY or name in NULLS])
def test_a_null_input_is_no_value_and_the_stored_reason(name: str) -> None:
    """Where a metric's input is null, it is None, never 0, with the reason that stands beside the null."""
    section, field, expected = NULLS[name]
    made = known()
    made[section][field] = None
    made[section].setdefault("reasons", {})[field] = WHY

    assert METRICS[name].compute(made) == (None, expected)


@pytest.mark.parametrize("name", ENERGY_METRICS)
def test_without_a_sensor_no_energy_and_its_reason(name: str) -> None:
    """Without a power sensor every metric of energy is None with the reason that the Record gives."""
    assert METRICS[name].compute(record(power_w=None)) == (None, NO_SENSOR)


@pytest.mark.parametrize("name", METRICS)
def test_an_empty_record_gives_reasons(name: str) -> None:
    """A Record without any section gives None with words for every metric, and raises for none."""
    found, reason = METRICS[name].compute({})

    assert found is None
    assert reason


def test_one_hole_in_a_column_is_no_value() -> None:
    """A column with one null among its runs gives nothing: the mean of the others would be another figure."""
    made = known()
    made["runs"]["ttft_s"][3] = None
    made["runs"]["reasons"]["ttft_s"] = WHY

    assert METRICS["ttft_p50_s"].compute(made) == (None, WHY)


def test_columns_of_unlike_length_are_an_error() -> None:
    """A column that has fewer values than the others gives no number, which would be of other runs, but an error."""
    made = known()
    made["runs"]["latency_s"] = [0.5]

    with pytest.raises(ValueError, match="the columns of its runs are not of one length"):
        METRICS["tokens_per_sec"].compute(made)


def test_sums_beyond_a_float_are_infinite() -> None:
    """Runs whose sum is beyond a float warn of nothing, and give what is left of a ratio to infinity."""
    made = known()
    for column in ("latency_s", "decode_s", "energy_j"):
        made["runs"][column] = [1.7e308] * 10

    assert (value("tokens_per_sec", made), value("joules_per_token", made)) == (0.0, math.inf)
    assert value("mbu", made) == 0.0


def test_runs_under_the_coverage_bring_neither_joules_nor_tokens() -> None:
    """A run covered to 94.9% enters no metric of energy, with joules, window, tokens and photographs; 95% does."""
    made = known()
    made["runs"]["energy_coverage"] = [0.95] * 9 + [0.949]
    made["runs"]["energy_j"][9] = 1e6
    made["runs"]["new_tokens"][9] = 1000
    made["runs"]["latency_s"][9] = 100.0
    made["runs"]["images"][9] = 50

    for name in ("joules_per_token", "avg_power_watts", "tps_per_watt", "joules_per_image", "net_joules_per_token"):
        assert value(name, made) == pytest.approx(KNOWN[name])


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


def test_a_gigabyte_is_a_thousand_million_bytes() -> None:
    """GB is 1e9 bytes, not 2**30."""
    made = known()
    made["memory"]["ram_avg_bytes"] = 2**30

    assert value("avg_ram_gb", made) == 1.073741824


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.sampled_from([0.05, 0.25, 0.9, 0.95, 1.0]))
def test_a_quantile_is_a_run_that_happened(values: list[float], q: float) -> None:
    """A quantile is one of the values, with at least its share at or below it, and is the smallest such one."""
    found = quantile(values, q)

    assert found in values
    assert sum(v <= found for v in values) >= q * len(values)
    assert sum(v < found for v in values) < q * len(values)


def test_the_median_is_the_middle() -> None:
    """The median of an even number is the mean of the middle two, and of nothing there is none."""
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([], 0.5) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.05123, "0.0512"),
        (12.34, "12.3"),
        (795.6, "796"),
        (12_345.6, "12346"),
        (-1.5, "-1.50"),
        (0.0, "0"),
        (4e-15, "0"),
    ],
)
def test_values_are_shown_with_three_digits(number: float, text: str) -> None:
    """Values are shown with three digits and without an exponent, and NaN as a dash."""
    assert shown(number) == text
    assert shown(math.nan) == "-"


def test_runs_are_shown_whole() -> None:
    """Counts of runs have no decimals."""
    assert METRICS["failed_runs"].show(2.0) == "2"
    assert METRICS["failed_runs"].show(math.nan) == "-"
