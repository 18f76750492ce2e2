"""Made saves on disk, read back as the product reads them: files -> load -> frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plotting import frame, load
from tests.factory import record, save, unmeasured

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

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
    """Return the table of all saves of a folder; none may have a problem."""
    saves = read(folder)
    built = frame.build(saves)
    assert saves.problems == []
    return built


def one(folder: Path, *records: Record, **options: Any) -> pd.DataFrame:
    """Return the table of one save."""
    on(folder, list(records), **options)
    return table(folder)


def study(folder: Path) -> pd.DataFrame:
    """Return three devices x six models x two precisions: FAILED failed, and NEVER was never attempted."""
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


def row(built: pd.DataFrame, model: str = "SmolVLM2", precision: str = "bf16", device: str = THOR) -> pd.Series:
    """Return the one row of a pair."""
    found = built[(built["model"] == model) & (built["precision"] == precision) & (built["device"] == device)]
    assert len(found) == 1
    return found.iloc[0]
