"""From one Record to its row: every metric with its interval, and every fact that a table shows or tells apart by."""

import math
from typing import Any

import numpy as np

from benchmarks.record import MEASURED
from plotting.load import LONGEST_NAME, Entry, clean
from plotting.metrics.bandwidth import bandwidth_share, over_one
from plotting.metrics.bootstrap import UNKNOWN
from plotting.metrics.intervals import spreads
from plotting.metrics.registry import METRICS, SAMPLED
from plotting.metrics.runs import Record

ALIASES = {"InternVL": "InternVL2-2B"}
STATISTICAL_ONLY = "statistical only"
SIDES = ("low", "high")
PHASES = ("preprocess", "vision", "prefill", "decode")


def row_of(entry: Entry, problems: list[str]) -> dict[str, Any] | None:
    """Return the row of a Record; None where its values cannot be used, with a sentence more in `problems`."""
    try:
        values = {name: metric.compute(entry.record) for name, metric in METRICS.items()}
        columns = _columns(values, measured=entry.record["status"] == MEASURED)
        return _facts(entry) | columns | _spreads(entry.record, columns)
    except (
        AttributeError,
        IndexError,
        KeyError,
        OverflowError,
        TypeError,
        ValueError,
        ZeroDivisionError,
    ) as error:
        pair = entry.record["pair"]
        name = f"{pair['model']}-{pair['precision']}"
        problems.append(f"{entry.save}: the Record of {name} has values of the wrong kind ({error}); left out")
        return None


def _columns(values: dict[str, tuple[float | None, str]], *, measured: bool) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, (value, reason) in values.items():
        finite = value is not None and math.isfinite(value)
        usable = measured or name in ("runs", "failed_runs")
        columns[name] = value if usable and finite else math.nan
        why = reason if finite or value is None else "its value is not a finite number"
        columns[f"{name}_reason"] = why if measured else ""
    return columns


def _spreads(record: Record, values: dict[str, Any]) -> dict[str, Any]:
    """Return the 95% interval of each metric that is made of runs, <metric>_low and _high, NaN where there is none.

    Beside them stands `blocks`: {metric: its value in each block of time}.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of a damaged save, whose bounds are then not finite
        found = spreads(record, values, SAMPLED)
    bounds = {name: found[name].bounds if name in found else UNKNOWN for name in SAMPLED}
    sides = {f"{name}_{side}": _finite_or_nan(bounds[name][at]) for name in SAMPLED for at, side in enumerate(SIDES)}
    return sides | {"blocks": {name: spread.blocks for name, spread in found.items()}}


def _finite_or_nan(value: float) -> float:
    return value if math.isfinite(value) else math.nan


def _facts(entry: Entry) -> dict[str, Any]:
    """Return everything of a row but its metrics.

    Raises:
        TypeError, ValueError: a value is not of the kind that the schema says.
    """
    record, device = entry.record, entry.device

    def words(section: str, key: str) -> str:
        return _text(_section(record, section).get(key), f"{section}.{key}")

    def number(section: str, key: str) -> float:
        value = _section(record, section).get(key)
        return math.nan if value is None else float(value)

    def listed(section: str, key: str) -> list[Any]:
        return list(_section(record, section).get(key) or [])

    def reason(section: str, key: str) -> str:
        return _text(_section(_section(record, section), "reasons").get(key), f"{section}.reasons.{key}")

    label = record["pair"]["label"][:LONGEST_NAME]
    versions = _section(_section(record, "engine"), "versions")
    return {
        "device": device["label"],
        "device_name": device["label"],
        "device_kind": _text(device.get("kind"), "device.kind"),
        "processor": _processor(record, device),
        "gpu_uuid": words("engine", "gpu_uuid"),
        "power_mode": _text(device.get("power_mode"), "device.power_mode"),
        "driver": _text(device.get("driver"), "device.driver"),
        "model": ALIASES.get(label, label),
        "precision": record["pair"]["precision"],
        "status": record["status"],
        "reason": _text(record.get("message"), "message"),
        "planned": number("counts", "planned"),
        "attempted": number("counts", "attempted"),
        "weights": words("checkpoint", "weights"),
        "checkpoint": words("checkpoint", "name"),
        "revision": words("checkpoint", "revision"),
        "weights_id": words("checkpoint", "weights_id"),
        "adapter": words("checkpoint", "adapter"),
        "parameters": number("checkpoint", "parameters"),
        "remarks": " ".join(map(str, listed("checkpoint", "remarks"))),
        "engine": words("engine", "name"),
        "torch_device": words("engine", "torch_device"),
        "torch": _text(versions.get("torch"), "engine.versions.torch"),
        "transformers": _text(versions.get("transformers"), "engine.versions.transformers"),
        "workload_hash": words("workload", "hash"),
        "new_tokens": number("workload", "new_tokens"),
        "batch_size": number("workload", "batch_size"),
        "photographs": float(len(listed("workload", "images"))),
        "prompts": float(len(listed("workload", "prompts"))),
        "image_tokens": _first(record, "image_tokens"),
        "prompt_tokens": _first(record, "prompt_tokens"),
        "power_monitor": words("power", "monitor"),
        "power_source": words("power", "source"),
        "power_scope": words("power", "scope"),
        "power_rails": "+".join(map(str, listed("power", "rails"))),
        "power_method": words("power", "method"),
        "power_samples": number("power", "sample_count"),
        "idle_before_w": number("power", "idle_before_w"),
        "idle_after_w": number("power", "idle_after_w"),
        "energy_budget": _budget(record),
        "uncertainty_kind": _uncertainty_kind(record),
        "phase_uncertainty": _phase_uncertainty(record),
        "power_reason": reason("power", "method"),
        "power_flags": " ".join(map(str, listed("power", "flags"))),
        "scope_mismatch": _section(record, "power").get("scope_mismatch") is True,
        "memory_kind": words("memory", "kind"),
        "memory_method": words("memory", "method"),
        "bandwidth_gb_per_s": number("roofline", "bandwidth_bytes_per_s") / 1e9,
        "bandwidth_source": words("roofline", "bandwidth_source"),
        "finite_logits": _finite(record),
        "throttled": _throttled(record),
        "invalid": _invalid(record),
        "doubts": _doubts(record),
        **_sample(record),
        "save": clean(entry.save.name),
        "datetime": entry.datetime,
        "record": record,  # for `export`, which needs each run
    }


def _budget(record: Record) -> str:
    """Return each term of the energy's uncertainty (k=1) with its source, in words; "" without energy."""
    terms = _section(record, "power").get("uncertainty") or []
    return "; ".join(f"{term['name']} {_percent(float(term['relative']))}: {term['source']}" for term in terms)


def _percent(share: float) -> str:
    return "<0.01%" if 0 <= share < 0.00005 else f"{share:.2%}"


def _uncertainty_kind(record: Record) -> str:
    """Return whether the budget knows the sensor's gain; "" without energy."""
    names = {term["name"] for term in _section(record, "power").get("uncertainty") or []}
    return "" if not names else "with the sensor's gain" if "gain" in names else STATISTICAL_ONLY


def _phase_uncertainty(record: Record) -> str:
    """Return the relative standard uncertainty (k=1) of the energy of each phase that has one, in words."""
    phases = _section(_section(record, "power"), "phases")
    found = {name: _section(phases, name) for name in PHASES}
    known = {name: phase.get("uncertainty") or [] for name, phase in found.items() if phase.get("energy_j") is not None}
    return "; ".join(
        f"{name} {sum(float(term['relative']) ** 2 for term in terms) ** 0.5:.1%}" for name, terms in known.items()
    )


def _sample(record: Record) -> dict[str, str]:
    """Return what the model said of which photograph, on one line."""
    found = _section(record, "sample")
    said = {"sample": "text", "sample_image": "image", "sample_prompt": "prompt"}
    return {column: " ".join(_text(found.get(key), f"sample.{key}").split()) for column, key in said.items()}


def _finite(record: Record) -> bool:
    """Return whether nothing that was looked at was infinite or NaN: neither logits nor what modules make."""
    odd = _section(record, "numerics").get("first_nonfinite")
    return odd is None and _section(record, "health").get("finite_logits") is not False


def _throttled(record: Record) -> str:
    """Return why the device was slowed down, "none" where it was not, "" where nobody looked."""
    found = _section(record, "health").get("throttled")
    return "" if found is None else ", ".join(map(str, found)) or "none"


def _invalid(record: Record) -> str:
    """Return why a row cannot be right, "" of one that can."""
    share = bandwidth_share(record)
    return over_one(share) if isinstance(share, float) and share > 1 else ""


def _doubts(record: Record) -> str:
    """Return what a reader must know of a row's numbers."""
    module = _section(record, "numerics").get("first_nonfinite")
    odd = f"measured although the output of {module} is not finite (--allow-nonfinite)." if module else ""
    return " ".join(filter(None, [_invalid(record), odd]))


def _processor(record: Record, device: Record) -> str:
    """Return the name of what computed: the GPU's, or the CPU's where torch computed on that."""
    on_cpu = _section(record, "engine").get("torch_device") == "cpu"
    name = "cpu" if on_cpu else "gpu"
    return _text(device.get(name), f"device.{name}")


def _section(record: Record, name: str) -> Record:
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: Any, name: str) -> str:
    """Return a text, "" for null."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value or ""


def _first(record: Record, column: str) -> float:
    """Return the first run's count of tokens: what one photograph and prompt take."""
    runs = record.get("runs")
    values = runs.get(column) if isinstance(runs, dict) else None
    return float(values[0]) if values else math.nan
