"""The sections of a made Record, for `factory`."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, TypedDict

from benchmarks.machine.memory import SENSOR_RAM
from benchmarks.models import MODELS
from benchmarks.record import LATENCY_BINS, LATENCY_HIGH_S, LATENCY_LOW_S

NO_SENSOR = "no sensor here"
SHARES = {"preprocess": 0.02, "vision": 0.08, "prefill": 0.10, "decode": 0.80}
"""Phase -> share of the window."""

COPIES = ("bandwidth_before_bytes_per_s", "bandwidth_after_bytes_per_s", "bandwidth_spread")


class Made(TypedDict, total=False):
    """The parts of a Record that a test can choose."""

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
    batch_size: int
    planned: int


def pair(model: str, precision: str) -> dict[str, str]:
    """Return the pair section."""
    return {
        "id": f"{model}-{precision}",
        "model": model,
        "label": MODELS[model].label,
        "precision": precision,
    }


def checkpoint(model: str, weights: str) -> dict[str, Any]:
    """Return the checkpoint section."""
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


def workload(new_tokens: int, batch_size: int) -> dict[str, Any]:
    """Return the workload section."""
    return {
        "hash": f"hash-of-{new_tokens}",
        "recipe": "none",
        "images": [{"name": "cat.png", "sha256": "0" * 64, "licence": "CC0"}],
        "prompts": ["What is it?"],
        "new_tokens": new_tokens,
        "batch_size": batch_size,
        "requests": 1,
    }


def engine() -> dict[str, Any]:
    """Return the engine section."""
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


def load(seconds: float | None) -> dict[str, Any]:
    """Return the load section."""
    return {
        "load_time_s": seconds,
        "method": "from the files directly to the device",
        "peak_ram_bytes": 1_000_000_000,
        "peak_vram_bytes": 4_000_000_000,
        "import_s": 4.0,
        "processor_s": 0.5,
        "context_s": 0.3,
        "file_bytes": 3_000_000,
        "page_cache_share": 0.0,
        "reasons": {} if seconds is not None else {"load_time_s": "the clock was not read"},
    }


def counts(planned: int, runs: int) -> dict[str, int]:
    """Return counts of runs, all of them good."""
    return {"planned": planned, "attempted": runs, "good": runs, "failed": 0, "warmup": 3, "restarts": 0}


def runs(made: Made) -> dict[str, Any]:
    """Return equal runs; `SHARES` of each are its phases."""
    count, latency, batch = made["runs"], made["latency_s"], made["batch_size"]
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
        "new_tokens": [made["new_tokens"] * batch] * count,
        "sequences": [batch] * count,
        "images": [batch] * count,
    }


def token_latency(made: Made) -> dict[str, Any] | None:
    """Return times between tokens of 0.01, 0.02 and 0.03 s for 16 tokens in 0.5 s, else in that proportion."""
    steps, unit = made["runs"] * (made["new_tokens"] - 1), made["latency_s"] / 50
    if steps < 1:
        return None
    unit *= 15 / (made["new_tokens"] - 1)
    ranks = [math.ceil(share * steps) for share in (0.5, 0.95, 0.99)]
    times = [unit * (1 + sum(rank > first for first in ranks[:2])) for rank in range(1, steps + 1)]
    growth = LATENCY_BINS / math.log10(LATENCY_HIGH_S / LATENCY_LOW_S)
    places = Counter(int(math.log10(seconds / LATENCY_LOW_S) * growth) for seconds in times)
    quantiles = dict(zip(("p50_s", "p95_s", "p99_s"), (times[rank - 1] for rank in ranks), strict=True))
    counts = [places[at] for at in range(LATENCY_BINS)]
    return quantiles | {"low_s": LATENCY_LOW_S, "high_s": LATENCY_HIGH_S, "counts": counts}


def power(made: Made) -> dict[str, Any]:
    """Return the power section."""
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


def memory(made: Made) -> dict[str, Any]:
    """Return memory of the chosen kind."""
    kind, ram = made["memory_kind"], round(made["ram_gb"] * 1e9)
    baseline = round(made["baseline_gb"] * 1e9) if kind == "unified" else None
    vram = round(made["vram_gb"] * 1e9) if kind == "discrete" else None
    reasons: dict[str, str] = {}
    if baseline is None:
        reasons |= dict.fromkeys(("ram_baseline_bytes", "ram_delta_bytes"), "no baseline")
    if vram is None:
        reasons |= dict.fromkeys(("vram_avg_bytes", "vram_peak_bytes"), "no discrete GPU")
    reasons |= dict.fromkeys(SENSOR_RAM, "the power sensor shows no memory")
    if baseline is None:
        reasons |= dict.fromkeys(("ram_available_min_bytes", "ram_floor_bytes"), "no --ram-floor was set")
    return {
        "kind": kind,
        "method": "sampled",
        "ram_predicted_bytes": 2_000_000_000,
        "ram_available_bytes": 40_000_000_000,
        "ram_available_min_bytes": None if baseline is None else 40_000_000_000 - (ram - baseline),
        "ram_floor_bytes": None if baseline is None else 1_000_000_000,
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


def roofline() -> dict[str, Any]:
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
        **dict.fromkeys(COPIES),
        "reasons": dict.fromkeys(COPIES, "made by hand"),
    }


def numerics() -> dict[str, Any]:
    """Return the numerics section of a model whose outputs are finite and whose decoding was checked."""
    return {
        "modules": 100,
        "first_nonfinite": None,
        "nonfinite_kind": None,
        "allowed": False,
        "decode_check": {"difference": 0.002, "bound": 0.1, "position": 3, "tokens": 64},
        "reasons": {},
    }


def health() -> dict[str, Any]:
    """Return the health section of a machine that was not throttled."""
    return {
        "temperature_before_c": 40.0,
        "temperature_after_c": 60.0,
        "clock_before_hz": 1.5e9,
        "clock_after_hz": 1.5e9,
        "throttled": [],
        "finite_logits": True,
        "reasons": {},
    }
