"""METRICS: every figure that is reported, with its unit, its direction and its formula.

Each is a pure function of one Record and gives (value, reason): a number and "", or None and why
there is none. Windows, energy and tokens are those of the good runs. A new metric is one function
and one entry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.record import ENERGY_COVERAGE, ENERGY_RUNS
from plotting.stats import quantile

if TYPE_CHECKING:
    from collections.abc import Callable

Record = dict[str, Any]
Result = tuple[float | None, str]
GB = 1e9

NOT_SAID = "the save does not say why"


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
    """Return a value with three significant digits, without an exponent: 0.0512, 12.3, 796; "-" of NaN."""
    if math.isnan(value):
        return "-"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}"


def _section(record: Record, name: str) -> Record:
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def _reason(section: Record, *fields: str) -> str:
    reasons = _section(section, "reasons")
    return next((str(reasons[name]) for name in fields if reasons.get(name)), NOT_SAID)


def _column(record: Record, name: str) -> list[float] | None:
    """Return a column of the runs; None where it was not measured."""
    values = _section(record, "runs").get(name)
    if not isinstance(values, list) or not values or any(v is None for v in values):
        return None
    return [float(value) for value in values]


def _missing(record: Record, name: str) -> Result:
    return None, _reason(_section(record, "runs"), name)


def _rate(count: str, seconds: str = "latency_s", *, less: str | None = None) -> Callable[[Record], Result]:
    """Return sum of `count` (less sum of `less`) / sum of `seconds`."""

    def compute(record: Record) -> Result:
        counts, spans = _column(record, count), _column(record, seconds)
        if counts is None or spans is None:
            return _missing(record, count if counts is None else seconds)
        total = sum(counts) - sum(_column(record, less) or [] if less else [])
        return (total / sum(spans), "") if sum(spans) > 0 else (None, "the windows have no length")

    return compute


def _total_rate(record: Record) -> Result:
    parts = [_column(record, name) for name in ("prompt_tokens", "image_tokens", "new_tokens")]
    spans = _column(record, "latency_s")
    if spans is None or any(part is None for part in parts):
        return None, "the save does not count all tokens"
    total = sum(sum(part) for part in parts if part)
    return (total / sum(spans), "") if sum(spans) > 0 else (None, "the windows have no length")


def _quantile(name: str, q: float) -> Callable[[Record], Result]:
    def compute(record: Record) -> Result:
        values = _column(record, name)
        return _missing(record, name) if values is None else (quantile(values, q), "")

    return compute


@dataclass(frozen=True)
class Energy:
    """One total that J/token, watts and tokens/s/W all come from, so that they agree."""

    joules: float
    seconds: float
    tokens: float
    images: float


def energy(record: Record) -> Energy | str:
    """Return the energy of the runs that samples cover, or why there is none.

    A run counts from a coverage of ENERGY_COVERAGE on; fewer than ENERGY_RUNS of the good runs is none.
    """
    runs, power = _section(record, "runs"), _section(record, "power")
    joules, coverage = runs.get("energy_j"), runs.get("energy_coverage")
    if not isinstance(joules, list) or not isinstance(coverage, list):
        return _reason(power, "method", "monitor")
    beside = [_column(record, name) for name in ("latency_s", "new_tokens", "images")]
    if any(column is None for column in beside):
        return "the save does not hold time, tokens and photographs of every run"
    columns = zip(joules, coverage, *(column for column in beside if column), strict=True)
    good = [(j, s, n, i) for j, share, s, n, i in columns if j is not None and share >= ENERGY_COVERAGE]
    if len(good) < ENERGY_RUNS * len(joules) or not good:
        return f"power samples cover {len(good)} of {len(joules)} runs, and {ENERGY_RUNS:.0%} are needed"
    return Energy(*(float(sum(column)) for column in zip(*good, strict=True)))


def _from_energy(formula: Callable[[Energy, float], float], *, net: bool = False) -> Callable[[Record], Result]:
    """Return a metric of (energy, idle watts)."""

    def compute(record: Record) -> Result:
        found = energy(record)
        if isinstance(found, str):
            return None, found
        power = _section(record, "power")
        idle = power.get("idle_w") if net else 0.0
        if idle is None:
            return None, _reason(power, "idle_w")
        if found.joules <= 0:
            return None, "the sensor read no energy"
        return formula(found, float(idle)), ""

    return compute


def _gigabytes(name: str) -> Callable[[Record], Result]:
    def compute(record: Record) -> Result:
        memory = _section(record, "memory")
        value = memory.get(name)
        return (None, _reason(memory, name)) if value is None else (float(value) / GB, "")

    return compute


def _load_time(record: Record) -> Result:
    load = _section(record, "load")
    value = load.get("load_time_s")
    return (None, _reason(load, "load_time_s")) if value is None else (float(value), "")


def _count(name: str) -> Callable[[Record], Result]:
    def compute(record: Record) -> Result:
        value = _section(record, "counts").get(name)
        if value is not None and int(value) != value:
            raise ValueError(f"counts.{name} is {value}, no whole number")
        return (None, NOT_SAID) if value is None else (float(value), "")

    return compute


def _uncertainty(record: Record) -> Result:
    if isinstance(found := energy(record), str):
        return None, found
    terms = _section(record, "power").get("uncertainty")
    if not isinstance(terms, list) or not terms:
        return None, "the sensor gave too few samples"
    return sum(float(term["relative"]) ** 2 for term in terms) ** 0.5, ""


_ALL = (
    Metric("tokens_per_sec", "Throughput", "tokens/s", True, "new tokens / sum of windows", _rate("new_tokens")),
    Metric(
        "decode_tokens_per_sec",
        "Decode throughput",
        "tokens/s",
        True,
        "(new tokens - first ones) / (first token -> end)",
        _rate("new_tokens", "decode_s", less="sequences"),
    ),
    Metric(
        "total_tokens_per_sec",
        "Total throughput",
        "tokens/s",
        True,
        "(prompt + image + new tokens) / sum of windows",
        _total_rate,
    ),
    Metric(
        "ttft_p50_s",
        "Time to first token, median",
        "s",
        False,
        "start -> first token",
        _quantile("ttft_s", 0.5),
    ),
    Metric(
        "ttft_p95_s",
        "Time to first token, p95",
        "s",
        False,
        "start -> first token",
        _quantile("ttft_s", 0.95),
    ),
    Metric("latency_p50_s", "Latency, median", "s", False, "start -> end", _quantile("latency_s", 0.5)),
    Metric("latency_p95_s", "Latency, p95", "s", False, "start -> end", _quantile("latency_s", 0.95)),
    Metric(
        "preprocess_s",
        "Preprocessing",
        "s",
        False,
        "start -> preprocessed, median",
        _quantile("preprocess_s", 0.5),
    ),
    Metric(
        "vision_s",
        "Vision encoding",
        "s",
        False,
        "preprocessed -> encoded, median",
        _quantile("vision_s", 0.5),
    ),
    Metric("prefill_s", "Prefill", "s", False, "encoded -> first token, median", _quantile("prefill_s", 0.5)),
    Metric("decode_s", "Decode", "s", False, "first token -> end, median", _quantile("decode_s", 0.5)),
    Metric(
        "joules_per_token",
        "Energy per token",
        "J/token",
        False,
        "energy of the windows / new tokens",
        _from_energy(lambda e, _: e.joules / e.tokens),
    ),
    Metric("energy_uncertainty", "Energy uncertainty (k=1)", "", None, "root of the sum of squares", _uncertainty),
    Metric(
        "avg_power_watts",
        "Average power",
        "W",
        False,
        "energy of the windows / their length",
        _from_energy(lambda e, _: e.joules / e.seconds),
    ),
    Metric(
        "tps_per_watt",
        "Efficiency",
        "tokens/s/W",
        True,
        "1 / joules_per_token",
        _from_energy(lambda e, _: e.tokens / e.joules),
    ),
    Metric(
        "joules_per_image",
        "Energy per image",
        "J/image",
        False,
        "energy of the windows / photographs",
        _from_energy(lambda e, _: e.joules / e.images),
    ),
    Metric(
        "net_joules_per_token",
        "Net energy per token",
        "J/token",
        False,
        "(energy - idle power x windows) / new tokens",
        _from_energy(lambda e, idle: (e.joules - idle * e.seconds) / e.tokens, net=True),
    ),
    Metric("avg_ram_gb", "Average RAM", "GB", False, "mean over the runs", _gigabytes("ram_avg_bytes")),
    Metric("peak_ram_gb", "Peak RAM", "GB", False, "highest", _gigabytes("ram_peak_bytes")),
    Metric(
        "ram_baseline_gb",
        "RAM before loading",
        "GB",
        None,
        "before loading",
        _gigabytes("ram_baseline_bytes"),
    ),
    Metric("ram_delta_gb", "RAM above baseline", "GB", False, "average - baseline", _gigabytes("ram_delta_bytes")),
    Metric("avg_vram_gb", "Average VRAM", "GB", False, "mean over the runs", _gigabytes("vram_avg_bytes")),
    Metric(
        "load_time_s",
        "Load time",
        "s",
        False,
        "from_pretrained + every weight touched or on the device",
        _load_time,
    ),
    Metric("runs", "Good runs", "runs", None, "count", _count("good")),
    Metric("failed_runs", "Failed runs", "runs", False, "count", _count("failed")),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
