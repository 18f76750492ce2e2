"""METRICS: each has its words, its known value, and its reason where there is none."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plotting.metrics.bootstrap import quantile
from plotting.metrics.registry import METRICS, shown
from plotting.metrics.runs import NOT_SAID
from tests.support.made import ENERGY, known, value

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
        (0.09996, "0.100"),
        (99.96, "100"),
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
