"""Records and saves made by hand, for tests of what reads them: every number in them is known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypedDict

from benchmarks.memory import SENSOR_RAM
from benchmarks.models import MODELS
from benchmarks.record import LATENCY_BINS, LATENCY_HIGH_S, LATENCY_LOW_S, MEASURED, SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

NO_SENSOR = "no sensor here"
NEW_TOKENS = 16
SHARES = {"preprocess": 0.02, "vision": 0.08, "prefill": 0.10, "decode": 0.80}
"""Phase -> share of the window."""


class Made(TypedDict, total=False):
    """What a test may choose of a Record; the rest follows."""

    runs: int
    latency_s: float
    power_w: float | None
    ram_gb: float
    vram_gb: float
    baseline_gb: float
    memory_kind: str
    weights: str
    load_time_s: float | None
    new_tokens: int
    planned: int


def record(model: str = "smolvlm2", precision: str = "bf16", **made: Any) -> dict[str, Any]:
    """Return a measured Record. Its energy is power_w x latency_s for each run; None of power_w is no sensor."""
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
        **made,  # type: ignore[typeddict-item]
    }
    return {
        "schema": SCHEMA,
        "status": MEASURED,
        "message": None,
        "pair": _pair(model, precision),
        "checkpoint": _checkpoint(model, chosen["weights"]),
        "workload": _workload(chosen["new_tokens"]),
        "engine": _engine(),
        "load": _load(chosen["load_time_s"]),
        "counts": _counts(chosen.get("planned", chosen["runs"]), chosen["runs"]),
        "runs": _runs(chosen),
        "failures": {"count": 0, "by_reason": {}, "stage": None, "first_message": None, "reasons": {}},
        "power": _power(chosen),
        "memory": _memory(chosen),
        "health": _health(),
        "numerics": {"modules": 100, "first_nonfinite": None, "nonfinite_kind": None, "allowed": False, "reasons": {}},
        "sample": None,
        "roofline": _roofline(),
        "trace": None,
        "token_latency": {
            "p50_s": 0.01,
            "p95_s": 0.02,
            "p99_s": 0.03,
            "low_s": LATENCY_LOW_S,
            "high_s": LATENCY_HIGH_S,
            "counts": [0] * LATENCY_BINS,
        },
        "times": {"started": "2026-11-23T10:00:00+00:00", "finished": "2026-11-23T10:05:00+00:00"},
        "interruptions": [],
        "reasons": {"message": "measured", "trace": NO_SENSOR, "sample": "made by hand"},
    }


def unmeasured(model: str, precision: str, status: str = "failed", message: str = "") -> dict[str, Any]:
    """Return the Record of a pair all of whose runs failed, or that never began."""
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
    """Write a save as pytest-benchmark lays it out; Records that are not measured go where ours put them."""
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


def _pair(model: str, precision: str) -> dict[str, str]:
    return {
        "id": f"{model}-{precision}",
        "model": model,
        "label": MODELS[model].label,
        "precision": precision,
    }


def _checkpoint(model: str, weights: str) -> dict[str, Any]:
    spec = MODELS[model]
    return {
        "name": spec.checkpoint,
        "repo": spec.repo,
        "revision": None if weights == "mini" else "a" * 40,
        "weights": weights,
        "weights_id": "made by hand",
        "adapter": None,
        "remote_code": False,
        "licence": spec.licence,
        "model_class": "Model",
        "parameters": 1_500_000,
        "remarks": [],
        "reasons": {"adapter": "none"} | ({"revision": "made here"} if weights == "mini" else {}),
    }


def _workload(new_tokens: int) -> dict[str, Any]:
    return {
        "hash": f"hash-of-{new_tokens}",
        "recipe": "none",
        "images": [{"name": "cat.png", "sha256": "0" * 64, "licence": "CC0"}],
        "prompts": ["What is it?"],
        "new_tokens": new_tokens,
        "batch_size": 1,
        "requests": 1,
    }


def _engine() -> dict[str, Any]:
    return {
        "name": "eager",
        "torch_device": "cuda:0",
        "torch_device_name": "GPU",
        "gpu_uuid": "GPU-0",
        "attention": "sdpa",
        "threads": 2,
        "isolation": "process",
        "start_method": "spawn",
        "mark_method": "streamer",
        "versions": {"python": "3.11.7", "torch": "2.14.1", "transformers": "5.23.0"},
        "reasons": {},
    }


def _load(seconds: float | None) -> dict[str, Any]:
    return {
        "load_time_s": seconds,
        "method": "from the files straight to the device",
        "peak_ram_bytes": 1_000_000_000,
        "peak_vram_bytes": 4_000_000_000,
        "import_s": 4.0,
        "processor_s": 0.5,
        "context_s": 0.3,
        "file_bytes": 3_000_000,
        "page_cache_share": 0.0,
        "reasons": {} if seconds is not None else {"load_time_s": "the clock was not read"},
    }


def _counts(planned: int, runs: int) -> dict[str, int]:
    return {"planned": planned, "attempted": runs, "good": runs, "failed": 0, "warmup": 3, "restarts": 0}


def _runs(made: Made) -> dict[str, Any]:
    count, latency = made["runs"], made["latency_s"]
    power = made["power_w"]
    energy = {
        "energy_j": None if power is None else [power * latency] * count,
        "energy_coverage": None if power is None else [1.0] * count,
        "reasons": dict.fromkeys(("energy_j", "energy_coverage"), NO_SENSOR) if power is None else {},
    }
    return energy | {
        "run": list(range(count)),
        "request": [0] * count,
        "start_s": [index * latency for index in range(count)],
        "latency_s": [latency] * count,
        "preprocess_s": [SHARES["preprocess"] * latency] * count,
        "vision_s": [SHARES["vision"] * latency] * count,
        "prefill_s": [SHARES["prefill"] * latency] * count,
        "ttft_s": [0.20 * latency] * count,
        "decode_s": [SHARES["decode"] * latency] * count,
        "prompt_tokens": [20] * count,
        "image_tokens": [100] * count,
        "new_tokens": [made["new_tokens"]] * count,
        "sequences": [1] * count,
        "images": [1] * count,
    }


def _power(made: Made) -> dict[str, Any]:
    fields = ("source", "scope", "rails", "method", "period_s", "sample_count", "energy_runs", "update_s")
    idle = ("idle_w", "idle_before_w", "idle_after_w", "idle_s")
    base: dict[str, Any] = {"monitor": "none", "scope_mismatch": False, "uncertainty": [], "flags": []}
    if made["power_w"] is None:
        nothing = {"phases": _no_phases(NO_SENSOR), "reasons": dict.fromkeys(fields + idle, NO_SENSOR)}
        return base | dict.fromkeys(fields + idle) | nothing
    return base | {
        "monitor": "nvml",
        "source": "NVML, driver 580.1",
        "scope": "gpu",
        "rails": [],
        "method": "integration",
        "period_s": 0.1,
        "sample_count": 100,
        "energy_runs": made["runs"],
        "idle_w": 10.0,
        "idle_before_w": 10.0,
        "idle_after_w": 10.0,
        "idle_s": 10.0,
        "update_s": 0.1,
        "uncertainty": [{"name": "statistical", "relative": 0.01, "source": "spread of the samples"}],
        "phases": _phases(made["runs"], made["latency_s"], made["power_w"]),
        "reasons": {},
    }


def _phases(runs: int, latency_s: float, watts: float) -> dict[str, Any]:
    """Return phases of SHARES of each window, at the same power."""
    shares = {name: share * latency_s * runs for name, share in SHARES.items()}
    made = {
        name: {
            "energy_j": seconds * watts,
            "length_s": seconds,
            "sample_count": 40,
            "uncertainty": [{"name": "edges", "relative": 0.05, "source": "the sensor's resolution"}],
            "reasons": {},
        }
        for name, seconds in shares.items()
    }
    about = {"run_count": runs, "resolution_s": 0.001, "resolution_source": "the time between samples"}
    return about | made | {"reasons": {}}


def _no_phases(reason: str) -> dict[str, Any]:
    about, of_phase = ("run_count", "resolution_s", "resolution_source"), ("energy_j", "length_s", "sample_count")
    empty = {"uncertainty": [], "reasons": dict.fromkeys(of_phase, reason)}
    return (
        dict.fromkeys(about)
        | {name: dict.fromkeys(of_phase) | empty for name in SHARES}
        | {"reasons": dict.fromkeys(about, reason)}
    )


def _memory(made: Made) -> dict[str, Any]:
    kind, ram = made["memory_kind"], round(made["ram_gb"] * 1e9)
    baseline = round(made["baseline_gb"] * 1e9) if kind == "unified" else None
    vram = round(made["vram_gb"] * 1e9) if kind == "discrete" else None
    reasons: dict[str, str] = {}
    if baseline is None:
        reasons |= dict.fromkeys(("ram_baseline_bytes", "ram_delta_bytes"), "no baseline")
    if vram is None:
        reasons |= dict.fromkeys(("vram_avg_bytes", "vram_peak_bytes"), "no discrete GPU")
    reasons |= dict.fromkeys(SENSOR_RAM, "the power sensor shows no memory")
    reasons |= dict.fromkeys(("ram_available_min_bytes", "ram_floor_bytes"), "no --ram-floor was set")
    return {
        "kind": kind,
        "method": "sampled",
        "ram_predicted_bytes": 2_000_000_000,
        "ram_available_bytes": 20_000_000_000,
        "ram_available_min_bytes": None,
        "ram_floor_bytes": None,
        "ram_avg_bytes": ram,
        "ram_peak_bytes": ram + 1_000_000_000,
        "ram_baseline_bytes": baseline,
        "ram_delta_bytes": None if baseline is None else ram - baseline,
        "ram_file_bytes": 50_000_000,
        "vram_avg_bytes": vram,
        "vram_peak_bytes": vram,
        "torch_peak_bytes": 1_000_000,
        **dict.fromkeys(SENSOR_RAM),
        "sample_count": 50,
        "reasons": reasons,
    }


def _roofline() -> dict[str, Any]:
    """Return a decoder of 0.27 GB in memory of 273 GB/s."""
    return {
        "weight_bytes": 270_000_000,
        "row_bytes": 4_000,
        "kv_bytes_per_token": 10_000,
        "kv_window_tokens": 0,
        "kv_window_bytes_per_token": 0,
        "cache_bytes": 32_000_000,
        "bandwidth_bytes_per_s": 273e9,
        "bandwidth_source": "made by hand",
        "reasons": {},
    }


def _health() -> dict[str, Any]:
    return {
        "temperature_before_c": 40.0,
        "temperature_after_c": 60.0,
        "clock_before_hz": 1.5e9,
        "clock_after_hz": 1.5e9,
        "throttled": [],
        "finite_logits": True,
        "reasons": {},
    }
