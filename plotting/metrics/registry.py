"""METRICS: every figure that is reported, with its unit, its direction and its formula.

A new metric is one entry, and one function in `formulas` where none of the present ones serves.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from plotting.metrics.bandwidth import mbu
from plotting.metrics.energy import (
    decode_energy_per_token,
    from_energy,
    net_uncertainty_per_token,
    phase_energy,
    uncertainty,
    uncertainty_per_token,
)
from plotting.metrics.intervals import Sampled
from plotting.metrics.rates import count, field, gigabytes, quantile_of, rate, total_rate
from plotting.metrics.runs import Record, Result

ROUNDING = 1e-9


@dataclass(frozen=True)
class Metric:
    """A reported figure.

    Attributes:
        name: column of the CSV.
        label: axis label, without the unit.
        unit: its unit.
        higher_is_better: None where neither is.
        formula: in words.
        compute: Record -> (value, reason).
    """

    name: str
    label: str
    unit: str
    higher_is_better: bool | None
    formula: str
    compute: Callable[[Record], Result]

    @property
    def axis(self) -> str:
        """Label with unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def direction(self) -> str:
        """Which way is better, in words; empty where neither is."""
        if self.higher_is_better is None:
            return ""
        return "higher is better" if self.higher_is_better else "lower is better"

    def show(self, value: float) -> str:
        """Return a value as text: three digits, counts whole."""
        return f"{value:.0f}" if self.unit == "runs" and not math.isnan(value) else shown(value)


def shown(value: float) -> str:
    """Return a value with three significant digits, without an exponent: 0.0512, 12.3, 796; "-" of NaN.

    Less than ROUNDING is what sums leave of 0, in any metric's unit.
    """
    if math.isnan(value):
        return "-"
    if abs(value) < ROUNDING:
        return "0"
    rounded = abs(float(f"{value:.2e}"))  # 0.09996 has the digits of 0.100
    digits = max(0, 2 - math.floor(math.log10(rounded)))
    return f"{value:.{digits}f}"


_ALL = (
    Metric("tokens_per_sec", "Throughput", "tokens/s", True, "new tokens / sum of windows", rate("new_tokens")),
    Metric(
        "decode_tokens_per_sec",
        "Decode throughput",
        "tokens/s",
        True,
        "(new tokens - first ones) / (first token -> end)",
        rate("new_tokens", "decode_s", less="sequences"),
    ),
    Metric(
        "total_tokens_per_sec",
        "Total throughput",
        "tokens/s",
        True,
        "(prompt + image + new tokens) / sum of windows",
        total_rate,
    ),
    Metric(
        "ttft_p50_s",
        "Time to first token, median",
        "s",
        False,
        "start -> first token",
        quantile_of("ttft_s", 0.5),
    ),
    Metric(
        "ttft_p95_s",
        "Time to first token, p95",
        "s",
        False,
        "start -> first token",
        quantile_of("ttft_s", 0.95),
    ),
    Metric("latency_p50_s", "Latency, median", "s", False, "start -> end", quantile_of("latency_s", 0.5)),
    Metric("latency_p95_s", "Latency, p95", "s", False, "start -> end", quantile_of("latency_s", 0.95)),
    Metric(
        "preprocess_s",
        "Preprocessing",
        "s",
        False,
        "start -> preprocessed, median",
        quantile_of("preprocess_s", 0.5),
    ),
    Metric(
        "vision_s",
        "Vision encoding",
        "s",
        False,
        "preprocessed -> encoded, median",
        quantile_of("vision_s", 0.5),
    ),
    Metric("prefill_s", "Prefill", "s", False, "encoded -> first token, median", quantile_of("prefill_s", 0.5)),
    Metric("decode_s", "Decode", "s", False, "first token -> end, median", quantile_of("decode_s", 0.5)),
    Metric(
        "token_latency_p50_s",
        "Time between tokens, median",
        "s",
        False,
        "from one decode step to the next",
        field("token_latency", "p50_s"),
    ),
    Metric(
        "token_latency_p95_s",
        "Time between tokens, p95",
        "s",
        False,
        "from one decode step to the next",
        field("token_latency", "p95_s"),
    ),
    Metric(
        "token_latency_p99_s",
        "Time between tokens, p99",
        "s",
        False,
        "from one decode step to the next",
        field("token_latency", "p99_s"),
    ),
    Metric(
        "mbu",
        "Model-bandwidth utilisation",
        "of peak",
        True,
        "bytes that a decode step reads (weights + KV at mean context) x decode steps/s / peak memory bandwidth",
        mbu,
    ),
    Metric(
        "joules_per_token",
        "Energy per token",
        "J/token",
        False,
        "energy of the windows / new tokens",
        from_energy(lambda e, _: e.joules / e.tokens),
    ),
    Metric(
        "joules_per_token_uncertainty",
        "Energy per token, ± (k=1)",
        "J/token",
        None,
        "standard uncertainty: energy_uncertainty x joules_per_token; statistical only where nobody states the gain",
        uncertainty_per_token,
    ),
    Metric(
        "energy_uncertainty",
        "Energy uncertainty (k=1)",
        "",
        None,
        "root of the sum of squares of its terms, relative: statistics, edges, quantisation, offset, gain",
        uncertainty,
    ),
    Metric(
        "avg_power_watts",
        "Average power",
        "W",
        False,
        "energy of the windows / their length",
        from_energy(lambda e, _: e.joules / e.seconds),
    ),
    Metric(
        "tps_per_watt",
        "Efficiency",
        "tokens/s/W",
        True,
        "1 / joules_per_token",
        from_energy(lambda e, _: e.tokens / e.joules),
    ),
    Metric(
        "joules_per_image",
        "Energy per image",
        "J/image",
        False,
        "energy of the windows / photographs",
        from_energy(lambda e, _: e.joules / e.images),
    ),
    Metric(
        "net_joules_per_token",
        "Net energy per token",
        "J/token",
        False,
        "(energy - idle power x windows) / new tokens",
        from_energy(lambda e, idle: (e.joules - idle * e.seconds) / e.tokens, net=True),
    ),
    Metric(
        "net_joules_per_token_uncertainty",
        "Net energy per token, ± (k=1)",
        "J/token",
        None,
        "standard uncertainty: as of the gross one, less the offset, which cancels, with half the drift of idle power",
        net_uncertainty_per_token,
    ),
    *(
        Metric(
            f"{phase}_joules",
            f"Energy of {words}",
            "J/run",
            False,
            f"energy from {marks}, pooled over the runs / their number; only where the sensor resolves it",
            phase_energy(phase),
        )
        for phase, words, marks in (
            ("preprocess", "preprocessing", "start to preprocessed"),
            ("vision", "vision encoding", "preprocessed to encoded"),
            ("prefill", "prefill", "encoded to first token"),
            ("decode", "decode", "first token to end"),
        )
    ),
    Metric(
        "decode_joules_per_token",
        "Energy of decode per token",
        "J/token",
        False,
        "energy from first token to end / (new tokens - first ones)",
        decode_energy_per_token,
    ),
    Metric("avg_ram_gb", "Average RAM", "GB", False, "mean over the runs", gigabytes("ram_avg_bytes")),
    Metric("peak_ram_gb", "Peak RAM", "GB", False, "highest since the load began", gigabytes("ram_peak_bytes")),
    Metric(
        "ram_baseline_gb",
        "RAM before loading",
        "GB",
        None,
        "before loading",
        gigabytes("ram_baseline_bytes"),
    ),
    Metric("ram_delta_gb", "RAM above baseline", "GB", False, "average - baseline", gigabytes("ram_delta_bytes")),
    Metric("avg_vram_gb", "Average VRAM", "GB", False, "mean over the runs", gigabytes("vram_avg_bytes")),
    Metric(
        "load_time_s",
        "Load time",
        "s",
        False,
        "from_pretrained + every weight touched or on the device",
        field("load", "load_time_s"),
    ),
    Metric(
        "load_peak_ram_gb",
        "Peak RAM while loading",
        "GB",
        False,
        "of the process that loads, file-mapped weights included",
        gigabytes("peak_ram_bytes", "load"),
    ),
    Metric("runs", "Good runs", "runs", None, "count", count("good")),
    Metric("failed_runs", "Failed runs", "runs", False, "count", count("failed")),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}

SAMPLED = {name: metric.compute for name, metric in METRICS.items() if isinstance(metric.compute, Sampled)}
"""The formulas of those that are made of runs, and so have an interval: <metric>_low, <metric>_high."""

BOUNDS = tuple(f"{name}_{side}" for name in SAMPLED for side in ("low", "high"))
