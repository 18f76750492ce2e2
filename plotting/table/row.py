"""From one Record to its row of the table: every metric with its interval, and every condition of its measurement."""

import math
from typing import Any

import numpy as np

from benchmarks.record import MEASURED, Record
from benchmarks.record.not_measured import NotMeasured
from benchmarks.record.sections import Power
from plotting.load import LONGEST_NAME, Entry, show
from plotting.metrics.bandwidth import ImpossibleValue
from plotting.metrics.bootstrap import UNKNOWN
from plotting.metrics.intervals import compute_spreads
from plotting.metrics.registry import BOUNDS, METRICS, SAMPLED

ALIASES = {"InternVL": "InternVL2-2B"}
STATISTICAL_ONLY = "statistical only"
TEXTS = {
    "checkpoint": {"checkpoint": "name"} | {name: name for name in ("weights", "revision", "weights_id", "adapter")},
    "engine": {"engine": "name", "torch_device": "torch_device", "gpu_uuid": "gpu_uuid"},
    "workload": {"workload_hash": "hash"},
    "power": {"power_monitor": "monitor", "power_source": "source", "power_scope": "scope", "power_method": "method"},
    "memory": {"memory_kind": "kind", "memory_method": "method"},
    "roofline": {"bandwidth_source": "bandwidth_source"},
}
"""Section -> {column: field} of texts; a null becomes ""."""
NUMBERS = {
    "counts": {"planned": "planned", "attempted": "attempted"},
    "checkpoint": {"parameters": "parameters"},
    "workload": {"new_tokens": "new_tokens", "batch_size": "batch_size"},
    "power": {"power_samples": "sample_count", "idle_before_w": "idle_before_w", "idle_after_w": "idle_after_w"},
    "roofline": {"bandwidth_spread": "bandwidth_spread"},
}
"""Section -> {column: field} of numbers; a null becomes NaN."""
PHASES = ("preprocess", "vision", "prefill", "decode")
COUNTS = ("runs", "failed_runs")
"""Metrics that a pair without a good run has too."""


def build_row(entry: Entry) -> dict[str, Any]:
    """Return the row of a Record: its facts, its metrics, and their intervals."""
    with np.errstate(all="ignore"):  # a value that is not finite becomes NaN, with a reason
        metrics = _compute_metrics(entry.record)
        intervals = _compute_intervals(entry.record, metrics)
    return _read_facts(entry) | metrics | intervals | _read_warnings(entry.record, metrics["invalid"])


def _compute_metrics(record: Record) -> dict[str, Any]:
    """Return each metric, NaN if it is not measured, and `<metric>_reason`; also why the row is `invalid`."""
    columns: dict[str, Any] = {"invalid": ""}
    for name, metric in METRICS.items():
        value, reason = math.nan, ""
        if record["status"] == MEASURED or name in COUNTS:
            try:
                value, reason = metric.compute(record), "the value is not a finite number"
            except NotMeasured as error:
                reason = str(error)
                if isinstance(error, ImpossibleValue):
                    columns["invalid"] = reason
            except ArithmeticError:
                reason = "the value is not a finite number"
        finite = math.isfinite(value)
        columns |= {name: value if finite else math.nan, f"{name}_reason": "" if finite else reason}
    return columns


def _compute_intervals(record: Record, values: dict[str, Any]) -> dict[str, Any]:
    """Return the 95% intervals as <metric>_low and <metric>_high, NaN if unknown.

    `blocks` is {metric: its value in each block of time}.
    """
    found = compute_spreads(record, values, SAMPLED)
    ends = [end for name in SAMPLED for end in (found[name].bounds if name in found else UNKNOWN)]
    finite = [end if math.isfinite(end) else math.nan for end in ends]
    return dict(zip(BOUNDS, finite, strict=True)) | {"blocks": {name: spread.blocks for name, spread in found.items()}}


def _read_facts(entry: Entry) -> dict[str, Any]:
    """Return the columns of a row that are not metrics or warnings."""
    record, device = entry.record, entry.device
    runs, versions = record["runs"], record["engine"]["versions"]
    label = record["pair"]["label"][:LONGEST_NAME]
    return {
        "device": device["label"],
        "device_name": device["label"],
        "device_kind": device.get("kind") or "",
        "processor": device.get("cpu" if record["engine"]["torch_device"] == "cpu" else "gpu") or "",
        "power_mode": device.get("power_mode") or "",
        "driver": device.get("driver") or "",
        "model": ALIASES.get(label, label),
        "precision": record["pair"]["precision"][:LONGEST_NAME],
        "status": record["status"],
        "reason": record["message"] or "",
        "remarks": " ".join(record["checkpoint"]["remarks"]),
        "torch": versions.get("torch", ""),
        "transformers": versions.get("transformers", ""),
        "photographs": float(len(record["workload"]["images"])),
        "prompts": float(len(record["workload"]["prompts"])),
        "image_tokens": float(runs["image_tokens"][0]) if runs else math.nan,
        "prompt_tokens": float(runs["prompt_tokens"][0]) if runs else math.nan,
        "bandwidth_gb_per_s": _to_float(record["roofline"]["bandwidth_bytes_per_s"]) / 1e9,
        "save": show(entry.save.name),
        "datetime": entry.datetime,
        "record": record,  # `export` needs each run
        **_copy_fields(record),
        **_read_power(record["power"]),
        **_read_sample(record),
    }


def _copy_fields(record: Any) -> dict[str, Any]:
    """Return the columns that are fields of a Record."""
    texts = {column: record[name][field] or "" for name, fields in TEXTS.items() for column, field in fields.items()}
    return texts | {
        column: _to_float(record[name][field]) for name, fields in NUMBERS.items() for column, field in fields.items()
    }


def _read_power(power: Power) -> dict[str, Any]:
    """Return the columns about power; those of the energy's uncertainty (k=1) are "" without energy."""
    budget = [f"{term['name']} {_percent(term['relative'])}: {term['source']}" for term in power["uncertainty"]]
    names = {term["name"] for term in power["uncertainty"]}
    kind = "with the sensor's gain error" if "gain" in names else STATISTICAL_ONLY
    return {
        "power_rails": "+".join(power["rails"] or []),
        "energy_budget": "; ".join(budget),
        "uncertainty_kind": kind if names else "",
        "phase_uncertainty": _describe_phases(power),
        "power_reason": power["reasons"].get("method", ""),
        "power_flags": " ".join(power["flags"]),
        "scope_mismatch": power["scope_mismatch"],
    }


def _percent(share: float) -> str:
    return "<0.01%" if 0 <= share < 0.00005 else f"{share:.2%}"


def _describe_phases(power: Power) -> str:
    """Return the relative standard uncertainty (k=1) of the energy of each phase that has one, in words."""
    phases: Any = power["phases"]
    return "; ".join(
        f"{name} {math.hypot(*(term['relative'] for term in phases[name]['uncertainty'])):.1%}"
        for name in PHASES
        if phases[name]["energy_j"] is not None
    )


def _read_sample(record: Record) -> dict[str, str]:
    """Return the photograph, the prompt and the answer of the first good run, each on one line."""
    columns = {"sample": "text", "sample_image": "image", "sample_prompt": "prompt"}
    sample: dict[str, Any] = dict(record["sample"] or dict.fromkeys(columns.values(), ""))
    return {column: " ".join(sample[key].split()) for column, key in columns.items()}


def _read_warnings(record: Record, invalid: str) -> dict[str, Any]:
    """Return what limits the use of a row's numbers: impossible values, outputs that are not finite, throttling."""
    module, throttled = record["numerics"]["first_nonfinite"], record["health"]["throttled"]
    proof, why = record["numerics"]["decode_check"], record["numerics"]["reasons"].get("decode_check", "")
    proved = f"differs by {proof['difference']:.2g}, at most {proof['bound']:g} is accepted" if proof else ""
    nonfinite = f"measured although the output of {module} is not finite (--allow-nonfinite)." if module else ""
    return {
        "finite_logits": module is None and record["health"]["finite_logits"] is not False,
        "proved": proof is not None,
        "decode_check": proved or f"not proved: {why}",
        "throttled": "" if throttled is None else ", ".join(throttled) or "none",
        "doubts": " ".join(filter(None, [invalid, nonfinite])),
    }


def _to_float(value: float | None) -> float:
    return math.nan if value is None else float(value)
