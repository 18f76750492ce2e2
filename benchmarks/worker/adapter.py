"""The LoRA adapter that some checkpoints bring for their vision path: attached through peft where it is installed."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

MADE = "these weights were made here"
NONE_PUBLISHED = "the checkpoint has none"
NO_PEFT = "peft is not installed: pip install peft"
NOT_THERE = "its files were not downloaded"


@dataclass(frozen=True)
class Adapter:
    """Which adapter is active; `reason` says why there is none."""

    name: str | None
    reason: str = ""


def attach(model: Any, source: Path, folder: str | None) -> Adapter:
    """Attach the adapter in `source`/`folder` to `model`, where there is one and peft is installed.

    Its weights go where the model's are, in the model's dtype.
    """
    if folder is None:
        return Adapter(None, NONE_PUBLISHED)
    if importlib.util.find_spec("peft") is None:
        return Adapter(None, NO_PEFT)
    if not (source / folder / "adapter_config.json").is_file():
        return Adapter(None, NOT_THERE)
    model.load_adapter(str(source / folder), adapter_name=folder)
    model.set_adapter(folder)
    model.to(model.device, model.dtype)
    return Adapter(folder)
