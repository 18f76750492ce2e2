"""METRICS: every reported figure, with its unit, its direction and its formula.

A new metric is one entry here, and one formula in `rates` or `energy` if none of the present ones fits.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.record import Record
from plotting.metrics.bandwidth import mbu
from plotting.metrics.energy import (
    compute_decode_energy_per_token,
    compute_net_token_uncertainty,
    compute_token_uncertainty,
    compute_uncertainty,
    efficiency,
    make_energy_per,
    make_phase_energy,
)
from plotting.metrics.intervals import RunsFormula
from plotting.metrics.rates import compute_peak_ram, make_field, make_gigabytes, make_quantile, make_rate

ROUNDING = 1e-9


@dataclass(frozen=True)
class Metric:
    """A reported figure."""

    name: str  # column of the CSV
    label: str  # on axes, without the unit
    unit: str
    higher_is_better: bool | None  # None if neither direction is better
    formula: str  # in words
    compute: Callable[[Record], float]  # returns the value of a Record, or raises NotMeasured

    @property
    def axis(self) -> str:
        """Label with unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def direction(self) -> str:
        """Which direction is better, in words; "" if neither is."""
        return {True: "higher is better", False: "lower is better", None: ""}[self.higher_is_better]

    def show(self, value: float) -> str:
        """Return a value as text with three digits; counts are whole numbers."""
        return f"{value:.0f}" if self.unit == "runs" and not math.isnan(value) else format_value(value)


def format_value(value: float) -> str:
    """Return a value with three significant digits, without an exponent: 0.0512, 12.3, 796; "-" for NaN.

    Less than ROUNDING is a rounding error of a sum that is 0, in the unit of any metric.
    """
    return "-" if math.isnan(value) else _format_digits(value, 3)


def _format_digits(value: float, digits: int) -> str:
    if abs(value) < ROUNDING:
        return "0"
    rounded = abs(float(f"{value:.{digits - 1}e}"))  # 0.09996 is shown as 0.100
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(rounded)))}f}"


def format_interval(low: float, high: float) -> str:
    """Return `low to high`, with as many more than three digits as tell the ends apart; "-" if one is unknown."""
    if math.isnan(low + high):
        return "-"
    found = (f"{_format_digits(low, digits)} to {_format_digits(high, digits)}" for digits in range(3, 10))
    return _choose_telling(found, low == high)


def show_ends(low: float, high: float, form: str, decimals: int) -> str:
    """Return `low to high` in a format with a number of decimals, and as many more as tell the ends apart."""
    forms = (form % count for count in range(decimals, 10))
    return _choose_telling((f"{each.format(low)} to {each.format(high)}" for each in forms), low == high)


def _choose_telling(found: Iterable[str], equal: bool) -> str:
    """Return the first `low to high` whose ends differ; the first one if they are equal."""
    first, *others = found
    return next((each for each in (first, *others) if equal or len(set(each.split(" to "))) == 2), first)


_ALL = (
    Metric("tokens_per_sec", "Throughput", "tokens/s", True, "new tokens / time of the runs", make_rate("new_tokens")),
    Metric("decode_tokens_per_sec", "Decode throughput", "tokens/s", True,
           "(new tokens - first tokens) / (time from first token to end)",
           make_rate("new_tokens", seconds="decode_s", less=("sequences",))),
    Metric("total_tokens_per_sec", "Total throughput", "tokens/s", True,
           "(prompt + image + new tokens) / time of the runs",
           make_rate("prompt_tokens", "image_tokens", "new_tokens")),
    Metric("ttft_p50_s", "Time to first token, median", "s", False, "start to first token", make_quantile("ttft_s")),
    Metric("ttft_p95_s", "Time to first token, p95", "s", False, "start to first token", make_quantile("ttft_s", 0.95)),
    Metric("latency_p50_s", "Latency, median", "s", False, "start to end", make_quantile("latency_s")),
    Metric("latency_p95_s", "Latency, p95", "s", False, "start to end", make_quantile("latency_s", 0.95)),
    Metric("preprocess_s", "Preprocessing", "s", False, "start to preprocessed, median", make_quantile("preprocess_s")),
    Metric("vision_s", "Vision encoding", "s", False, "preprocessed to encoded, median", make_quantile("vision_s")),
    Metric("prefill_s", "Prefill", "s", False, "encoded to first token, median", make_quantile("prefill_s")),
    Metric("decode_s", "Decode", "s", False, "first token to end, median", make_quantile("decode_s")),
    *(Metric(f"token_latency_{quantile}_s", f"Time between tokens, {words}", "s", False,
             "from one decode step to the next", make_field("token_latency", f"{quantile}_s"))
      for quantile, words in (("p50", "median"), ("p95", "p95"), ("p99", "p99"))),
    Metric("mbu", "Model-bandwidth utilisation", "of peak", True,
           "bytes read per decode step (weights + KV cache at mean context) x decode steps/s / peak memory bandwidth",
           mbu),
    Metric("joules_per_token", "Energy per token", "J/token", False,
           "energy of the runs / new tokens", make_energy_per("tokens")),
    Metric("joules_per_token_uncertainty", "Energy per token, ± (k=1)", "J/token", None,
           "standard uncertainty: energy_uncertainty x joules_per_token; "
           "statistical only without a specified gain error", compute_token_uncertainty),
    Metric("energy_uncertainty", "Energy uncertainty (k=1)", "", None,
           "root of the sum of squares, relative: statistics, edges, coverage, quantisation, offset and gain error",
           compute_uncertainty),
    Metric("avg_power_watts", "Average power", "W", None,
           "energy of the runs / time of the runs", make_energy_per("seconds")),
    Metric("tps_per_watt", "Efficiency", "tokens/s/W", True, "1 / joules_per_token", efficiency),
    Metric("joules_per_image", "Energy per image", "J/image", False,
           "energy of the runs / photographs", make_energy_per("images")),
    Metric("net_joules_per_token", "Net energy per token", "J/token", False,
           "(energy of the runs - idle power x time of the runs) / new tokens", make_energy_per("tokens", net=True)),
    Metric("net_joules_per_token_uncertainty", "Net energy per token, ± (k=1)", "J/token", None,
           "standard uncertainty: as for gross energy, but without the offset error and with half the drift of "
           "idle power", compute_net_token_uncertainty),
    *(Metric(f"{phase}_joules", f"Energy of {words}", "J/run", False,
             f"energy from {marks}, sum over the runs / number of runs; only if the sensor's time resolution suffices",
             make_phase_energy(phase))
      for phase, words, marks in (("preprocess", "preprocessing", "start to preprocessed"),
                                  ("vision", "vision encoding", "preprocessed to encoded"),
                                  ("prefill", "prefill", "encoded to first token"),
                                  ("decode", "decode", "first token to end"))),
    Metric("decode_joules_per_token", "Energy of decode per token", "J/token", False,
           "(energy from first token to end) / (new tokens - first tokens)", compute_decode_energy_per_token),
    Metric("avg_ram_gb", "Average RAM", "GB", False, "mean over the runs", make_gigabytes("ram_avg_bytes")),
    Metric("peak_ram_gb", "Peak RAM", "GB", False, "highest since loading began", compute_peak_ram),
    Metric("ram_baseline_gb", "RAM before loading", "GB", None, "before loading", make_gigabytes("ram_baseline_bytes")),
    Metric("ram_delta_gb", "RAM above baseline", "GB", False, "average - baseline", make_gigabytes("ram_delta_bytes")),
    Metric("avg_vram_gb", "Average VRAM", "GB", False, "mean over the runs", make_gigabytes("vram_avg_bytes")),
    Metric("load_time_s", "Load time", "s", False,
           "time of from_pretrained, until every weight is in memory or on the device",
           make_field("load", "load_time_s")),
    Metric("load_peak_ram_gb", "Peak RAM while loading", "GB", False,
           "of the process that loads the model, memory-mapped weights included",
           make_gigabytes("peak_ram_bytes", "load")),
    Metric("runs", "Good runs", "runs", None, "count", make_field("counts", "good")),
    Metric("failed_runs", "Failed runs", "runs", False, "count", make_field("counts", "failed")),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}

SAMPLED = {name: metric.compute for name, metric in METRICS.items() if isinstance(metric.compute, RunsFormula)}
"""The formulas that use runs. These metrics have an interval: <metric>_low, <metric>_high."""

BOUNDS = tuple(f"{name}_{side}" for name in SAMPLED for side in ("low", "high"))
