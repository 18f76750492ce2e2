"""METRICS: labels, known values, and the reasons for missing values.

Tests plotting.metrics.rates and plotting.metrics.registry.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.record.not_measured import NO_REASON
from plotting.metrics.bootstrap import compute_quantile
from plotting.metrics.registry import METRICS, format_value
from tests.support.factory import record
from tests.support.made import known, reason, value

WHY = "the probe broke"

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

NULLS: dict[str, tuple[str, str, str]] = {
    "tokens_per_sec": ("", "runs", WHY),
    "decode_tokens_per_sec": ("runs", "decode_s", WHY),
    "total_tokens_per_sec": ("", "runs", WHY),
    "ttft_p50_s": ("runs", "ttft_s", WHY),
    "ttft_p95_s": ("runs", "ttft_s", WHY),
    "latency_p50_s": ("", "runs", WHY),
    "latency_p95_s": ("", "runs", WHY),
    "preprocess_s": ("", "runs", WHY),
    "vision_s": ("runs", "vision_s", WHY),
    "prefill_s": ("runs", "prefill_s", WHY),
    "decode_s": ("runs", "decode_s", WHY),
    "token_latency_p50_s": ("", "token_latency", WHY),
    "token_latency_p95_s": ("", "token_latency", WHY),
    "token_latency_p99_s": ("", "token_latency", WHY),
    "mbu": ("roofline", "bandwidth_bytes_per_s", WHY),
    "joules_per_token": ("power", "method", WHY),
    "avg_power_watts": ("power", "method", WHY),
    "tps_per_watt": ("runs", "energy_j", WHY),
    "joules_per_image": ("runs", "energy_j", WHY),
    "energy_uncertainty": ("power", "method", WHY),
    "joules_per_token_uncertainty": ("power", "method", WHY),
    "net_joules_per_token": ("power", "idle_w", WHY),
    "net_joules_per_token_uncertainty": ("power", "idle_w", WHY),
    "preprocess_joules": ("power", "method", WHY),
    "vision_joules": ("power", "method", WHY),
    "prefill_joules": ("power", "method", WHY),
    "decode_joules": ("power", "method", WHY),
    "decode_joules_per_token": ("power", "method", WHY),
    "avg_ram_gb": ("memory", "ram_avg_bytes", WHY),
    "peak_ram_gb": ("memory", "ram_peak_bytes", WHY),
    "ram_baseline_gb": ("memory", "ram_baseline_bytes", WHY),
    "ram_delta_gb": ("memory", "ram_delta_bytes", WHY),
    "avg_vram_gb": ("memory", "vram_avg_bytes", WHY),
    "load_time_s": ("load", "load_time_s", WHY),
    "load_peak_ram_gb": ("load", "peak_ram_bytes", WHY),
}
"""Metric -> a section ("" is the Record itself) and a field of it without which it has no value, and its reason."""
COUNTS = {"runs", "failed_runs"}
"""Metrics that every Record has."""


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
    """Every metric of a known Record has the value calculated by hand."""
    assert value(name, known()) == pytest.approx(KNOWN[name], rel=1e-12)


@pytest.mark.parametrize("name", [name for name in METRICS if name not in COUNTS])
def test_a_null_input_is_no_value_and_the_stored_reason(name: str) -> None:
    """A metric with a null input has no value, never 0, but the reason stored for the null."""
    section, field, expected = NULLS[name]
    made = known()
    part = made[section] if section else made
    part[field] = None
    part["reasons"][field] = WHY

    assert reason(name, made) == expected


@pytest.mark.parametrize("name", [name for name in METRICS if name not in COUNTS])
def test_a_null_without_a_reason_gets_one(name: str) -> None:
    """A null for which a Record stores no reason still gives a reason."""
    section, field, _ = NULLS[name]
    made = known()
    part = made[section] if section else made
    part[field] = None
    part["reasons"].pop(field, None)

    assert reason(name, made) == NO_REASON


def test_energy_without_a_budget_has_no_uncertainty() -> None:
    """Energy without a single term of uncertainty has no uncertainty, and the reason is the lack of samples."""
    made = known()
    made["power"]["uncertainty"] = []

    for name in ("energy_uncertainty", "joules_per_token_uncertainty", "net_joules_per_token_uncertainty"):
        assert reason(name, made) == "the sensor returned too few samples"


def test_sums_beyond_a_float_are_infinite() -> None:
    """A sum beyond the largest float is infinite, without a warning."""
    made = known()
    for column in ("latency_s", "decode_s", "energy_j"):
        made["runs"][column] = [1.7e308] * 10

    assert (value("tokens_per_sec", made), value("joules_per_token", made)) == (0.0, math.inf)
    assert value("mbu", made) == 0.0


def test_a_gigabyte_is_a_thousand_million_bytes() -> None:
    """GB is 1e9 bytes, not 2**30."""
    made = known()
    made["memory"]["ram_avg_bytes"] = 2**30

    assert value("avg_ram_gb", made) == 1.073741824


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=60), st.sampled_from([0.05, 0.25, 0.9, 0.95, 1.0]))
def test_a_quantile_is_a_run_that_happened(values: list[float], q: float) -> None:
    """A quantile is the smallest value with at least its share at or below it."""
    found = compute_quantile(values, q)

    assert found in values
    assert sum(v <= found for v in values) >= q * len(values)
    assert sum(v < found for v in values) < q * len(values)


def test_the_median_is_the_middle() -> None:
    """The median of an even number of values is the mean of the middle two."""
    assert compute_quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert compute_quantile([3.0, 1.0, 2.0], 0.5) == 2.0


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.05123, "0.0512"),
        (12.34, "12.3"),
        (795.6, "796"),
        (12_345.6, "12346"),
        (0.09996, "0.100"),
        (99.96, "100"),
        (-1.5, "-1.50"),
        (0.0, "0"),
        (4e-15, "0"),
    ],
)
def test_values_are_shown_with_three_digits(number: float, text: str) -> None:
    """Values have three digits and no exponent, and NaN is a dash."""
    assert format_value(number) == text
    assert format_value(math.nan) == "-"


def test_runs_are_shown_whole() -> None:
    """Counts of runs have no decimals."""
    assert METRICS["failed_runs"].show(2.0) == "2"
    assert METRICS["failed_runs"].show(math.nan) == "-"


def test_a_peak_of_unified_memory_holds_the_load() -> None:
    """On unified memory the lowest MemAvailable from the load on raises the peak; without a floor it is not known."""
    found = record(memory_kind="unified", ram_gb=6.0, baseline_gb=2.0)
    found["memory"] |= {"ram_available_bytes": 20_000_000_000, "ram_available_min_bytes": 11_000_000_000}

    assert value("peak_ram_gb", found) == pytest.approx(2.0 + 9.0)
    found["memory"]["ram_available_min_bytes"] = 19_000_000_000
    assert value("peak_ram_gb", found) == pytest.approx(7.0)
    found["memory"] |= {"ram_available_min_bytes": None}
    found["memory"]["reasons"]["ram_available_min_bytes"] = "no --ram-floor was set"
    assert reason("peak_ram_gb", found) == "no --ram-floor was set"


def test_watts_have_no_direction() -> None:
    """Neither more nor fewer watts are better."""
    assert METRICS["avg_power_watts"].higher_is_better is None
