"""Made saves on disk, and the tables that the product reads from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from benchmarks.record.not_measured import NotMeasured
from plotting import load
from plotting.metrics.registry import METRICS
from plotting.table import build
from tests.support.factory import record, save, unmeasured

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from benchmarks import record as record_type

Record = dict[str, Any]

THOR = "Jetson Thor"
DEVICES = {THOR: "unified", "Laptop": "host", "Workstation": "discrete"}
"""Label -> kind of memory, in the order of the table."""
MODELS = {
    "gemma3n": "Gemma3N",
    "internvl2-2b": "InternVL2-2B",
    "llava": "LLaVA",
    "moondream2": "Moondream2",
    "phi": "Phi",
    "smolvlm2": "SmolVLM2",
}
"""Id -> label, in the study's order."""
PRECISIONS = ("fp16", "bf16")
ENERGY = ("joules_per_token", "energy_uncertainty", "avg_power_watts", "tps_per_watt", "joules_per_image")
OUT_OF_MEMORY = "gemma3n-fp16: all 10 runs failed, first with RuntimeError: out of memory"
FAILED = (THOR, "Gemma3N", "fp16")
NEVER = ("Laptop", "Phi", "fp16")


def on(folder: Path, records: list[Record], label: str = THOR, **options: Any) -> Path:
    """Write the Records as the next save of a device."""
    number = len(list(folder.glob("*.json"))) + 1
    slug = "".join(c for c in label.rsplit(maxsplit=1)[-1].lower() if c.isalnum())
    return save(folder / f"{number:04d}_{slug}.json", records, label=label, **options)


def read(folder: Path) -> load.Saves:
    """Read all saves of a folder."""
    return load.load(load.find(folder))


def table(folder: Path) -> pd.DataFrame:
    """Return the table of all saves of a folder, which must have no problem."""
    saves = read(folder)
    built = build.build(saves)
    assert saves.problems == []
    return built


def one(folder: Path, *records: Record, **options: Any) -> pd.DataFrame:
    """Return the table of one save."""
    on(folder, list(records), **options)
    return table(folder)


def study(folder: Path) -> pd.DataFrame:
    """Return the table of three devices x six models x two precisions, with the pairs FAILED and NEVER."""
    for slower, (label, kind) in enumerate(DEVICES.items(), start=1):
        records = []
        for larger, model in enumerate(MODELS, start=1):
            for precision in PRECISIONS:
                pair = (label, MODELS[model], precision)
                if pair == FAILED:
                    records.append(unmeasured(model, precision, message=OUT_OF_MEMORY))
                elif pair != NEVER:
                    latency = 0.1 * slower * larger * (0.98 if precision == "bf16" else 1.0)
                    sizes = {"ram_gb": 2.0 + larger, "vram_gb": 1.0 + larger, "baseline_gb": 1.5}
                    chosen = {"latency_s": latency, "memory_kind": kind, "power_w": 20.0 * slower} | sizes
                    records.append(record(model, precision, **chosen))
        on(folder, records, label)
    return table(folder)


def small(folder: Path) -> pd.DataFrame:
    """Return one device x two models x two precisions."""
    return one(
        folder, *(record(model, p, latency_s=s) for model, s in (("llava", 0.5), ("phi", 0.8)) for p in PRECISIONS)
    )


LARGE_PRECISIONS = ("fp16", "bf16", "fp32")
LARGE_DEVICES = (
    "Dell Pro Max GB10",
    THOR,
    "Jetson AGX Orin",
    "NVIDIA RTX 6000 Ada Generation",
    "AMD EPYC (2 cores)",
    "Apple M4 Max",
    "Jetson Orin Nano Super 8GB",
    "Workstation with a rather long name (A6000)",
)
LARGE_MODELS = tuple(f"Model-{number}-Instruct" for number in range(10, 30))


def large(folder: Path) -> pd.DataFrame:
    """Return eight devices x twenty models x three precisions, of which some pairs failed or were never tried."""
    ids, number = list(MODELS), 0
    for slower, label in enumerate(LARGE_DEVICES, start=1):
        records = []
        for larger, model in enumerate(LARGE_MODELS, start=1):
            for precision in LARGE_PRECISIONS:
                number += 1
                kind = ("unified", "discrete", "host")[slower % 3]
                latency = 0.05 * slower * (1 + 0.5 * larger) * (1.9 if precision == "fp32" else 1.0) + 0.0001 * number
                sizes = {"ram_gb": 2.0 + larger, "vram_gb": 1.0 + larger, "baseline_gb": 1.5, "memory_kind": kind}
                chosen = record(ids[larger % 6], precision, latency_s=latency, power_w=15.0 * slower, **sizes)
                if number % 17 == 0:
                    chosen = unmeasured(ids[larger % 6], precision, message=OUT_OF_MEMORY)
                chosen["pair"]["label"] = model
                if number % 19:
                    records.append(chosen)
        on(folder, records, label)
    return table(folder)


INTERVALS = ("tokens_per_sec", "avg_ram_gb", "load_time_s", "tps_per_watt", "joules_per_token")


def with_intervals(built: pd.DataFrame, share: float = 0.03) -> pd.DataFrame:
    """Return a table with 95% intervals from `share` below to twice `share` above each value."""
    ends = {f"{name}_low": built[name] * (1 - share) for name in INTERVALS}
    ends |= {f"{name}_high": built[name] * (1 + 2 * share) for name in INTERVALS}
    return without_intervals(built).assign(**ends)


def without_intervals(built: pd.DataFrame) -> pd.DataFrame:
    """Return a table without 95% intervals."""
    return built.drop(columns=[name for name in built if name.endswith(("_low", "_high"))])


def row(built: pd.DataFrame, model: str = "SmolVLM2", precision: str = "bf16", device: str = THOR) -> pd.Series:
    """Return the one row of a pair."""
    found = built[(built["model"] == model) & (built["precision"] == precision) & (built["device"] == device)]
    assert len(found) == 1
    return found.iloc[0]


def known() -> Record:
    """Return a Record of ten runs of 0.5 s, 16 tokens and 20 J, whose metrics of one unit all differ."""
    made = record(memory_kind="unified", planned=12)
    made["memory"] |= {"vram_avg_bytes": 5_000_000_000, "vram_peak_bytes": 5_500_000_000}
    made["counts"] |= {"attempted": 12, "failed": 2}
    made["runs"]["images"] = [2] * 10
    made["runs"]["ttft_s"] = [0.1 + 0.01 * index for index in range(10)]
    made["runs"]["decode_s"] = [0.4] * 10
    made["power"]["uncertainty"] = [
        {"name": "statistical", "relative": 0.03, "source": "spread of the samples"},
        {"name": "gain", "relative": 0.04, "source": "data sheet"},
    ]
    made["power"] |= {"idle_before_w": 9.5, "idle_after_w": 10.5}
    return made


def typed(built: Record) -> record_type.Record:
    """Return a Record with its declared type."""
    return cast("record_type.Record", built)


def value(name: str, built: Record) -> float:
    """Return a metric that must have a value."""
    return METRICS[name].compute(typed(built))


def reason(name: str, built: Record) -> str:
    """Return why a metric, which must not have a value, was not measured."""
    with pytest.raises(NotMeasured) as error:
        METRICS[name].compute(typed(built))
    return str(error.value)
