"""Records and saves with known numbers, for tests of their readers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks.record import MEASURED, SCHEMA
from tests.support import sections_made
from tests.support.sections_made import NO_SENSOR, Made

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["NO_SENSOR", "record", "save", "stretch", "unmeasured"]
NEW_TOKENS = 16


def record(model: str = "smolvlm2", precision: str = "bf16", **made: Any) -> dict[str, Any]:
    """Return a measured Record. The energy of each run is power_w x latency_s; power_w=None means no sensor."""
    chosen: Made = {
        "runs": 10,
        "latency_s": 0.5,
        "power_w": 40.0,
        "ram_gb": 6.0,
        "vram_gb": 5.0,
        "baseline_gb": 2.0,
        "memory_kind": "host",
        "weights": "mini",
        "load_time_s": 3.0,
        "new_tokens": NEW_TOKENS,
        "batch_size": 1,
        **made,  # type: ignore[typeddict-item]
    }
    return {
        "schema": SCHEMA,
        "status": MEASURED,
        "message": None,
        "pair": sections_made.pair(model, precision),
        "checkpoint": sections_made.checkpoint(model, chosen["weights"]),
        "workload": sections_made.workload(chosen["new_tokens"], chosen["batch_size"]),
        "engine": sections_made.engine(),
        "load": sections_made.load(chosen["load_time_s"]),
        "counts": sections_made.counts(chosen.get("planned", chosen["runs"]), chosen["runs"]),
        "runs": sections_made.runs(chosen),
        "failures": {"count": 0, "by_reason": {}, "stage": None, "first_message": None, "reasons": {}},
        "power": sections_made.power(chosen),
        "memory": sections_made.memory(chosen),
        "health": sections_made.health(),
        "numerics": sections_made.numerics(),
        "sample": None,
        "roofline": sections_made.roofline(),
        "trace": None,
        "token_latency": sections_made.token_latency(chosen),
        "times": {"started": "2026-11-23T10:00:00+00:00", "finished": "2026-11-23T10:05:00+00:00"},
        "interruptions": [],
        "reasons": {"message": "measured", "trace": NO_SENSOR, "sample": "made by hand"},
    }


def stretch(built: dict[str, Any], factors: Iterable[float]) -> dict[str, Any]:
    """Return a Record whose runs take so many times as long, one after another, at the same power."""
    runs, factors = built["runs"], [*factors]
    for name in ("latency_s", "preprocess_s", "vision_s", "prefill_s", "ttft_s", "decode_s", "energy_j"):
        if runs[name] is not None:
            runs[name] = [value * factor for value, factor in zip(runs[name], factors, strict=True)]
    runs["start_s"] = [sum(runs["latency_s"][:at]) for at in range(len(factors))]
    for phase in ("preprocess", "vision", "prefill", "decode"):
        built["power"]["phases"][phase]["energy_j"] = None
        built["power"]["phases"][phase]["reasons"]["energy_j"] = "made by hand"
    return built


def unmeasured(model: str, precision: str, status: str = "failed", message: str = "") -> dict[str, Any]:
    """Return the Record of a pair without a good run."""
    message = message or f"{model}-{precision}: all 10 runs failed, first with RuntimeError: no"
    base = record(model, precision)
    base |= {"status": status, "message": message, "runs": None, "token_latency": None}
    base["counts"] |= {"good": 0, "failed": base["counts"]["attempted"]}
    base["failures"] |= {
        "count": 10,
        "by_reason": {"RuntimeError": 10},
        "stage": "run",
        "first_message": message,
    }
    base["reasons"] |= {"runs": "no run was good", "token_latency": "no run was good"}
    return base


def save(
    path: Path,
    records: list[dict[str, Any]],
    *,
    label: str = "Jetson Thor",
    kind: str = "jetson-thor",
    datetime: str = "2026-11-23T10:05:00+00:00",
    **device: Any,
) -> Path:
    """Write a save in the format of pytest-benchmark, with the list `unmeasured` of this suite."""
    good = [made for made in records if made["status"] == MEASURED]
    content = {
        "machine_info": {
            "node": label,
            "machine": "aarch64",
            "cpu": {},
            "device": {"label": label, "kind": kind, "power_mode": None, "driver": None, "reasons": {}} | device,
        },
        "commit_info": {},
        "benchmarks": [_benchmark(made) for made in good],
        "unmeasured": [made for made in records if made["status"] != MEASURED],
        "datetime": datetime,
        "version": "5.3.1",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def _benchmark(made: dict[str, Any]) -> dict[str, Any]:
    name = f"test_generate[{made['pair']['id']}]"
    return {"group": None, "name": name, "fullname": name, "params": None, "extra_info": made, "stats": {}}
