"""The LoRA adapter that some checkpoints bring for their vision path: attached through peft where it is installed."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

    Raises:
        BrokenAdapter: it cannot be read, or its weights are not those of this model.
    """
    if folder is None:
        return Adapter(None, NONE_PUBLISHED)
    if importlib.util.find_spec("peft") is None:
        return Adapter(None, NO_PEFT)
    if not (source / folder / "adapter_config.json").is_file():
        return Adapter(None, NOT_THERE)
    try:
        model.load_adapter(str(source / folder), adapter_name=folder)
        model.set_adapter(folder)
        lacks = sorted(_places(model, folder) - _held(source / folder))
    except Exception as error:
        raise BrokenAdapter(folder, f"{type(error).__name__}: {error}") from error
    if lacks:
        raise BrokenAdapter(folder, f"it has no weights for {lacks[0]}, nor for {len(lacks) - 1} other places")
    model.to(model.device, model.dtype)
    return Adapter(folder)


class BrokenAdapter(RuntimeError):
    """An adapter that would not do what it is for."""

    def __init__(self, folder: str, why: str) -> None:
        first = why.strip().splitlines()[0]
        super().__init__(f"the adapter in {folder}/ cannot be used ({first}); delete that folder and type --prefetch")


def _places(model: Any, name: str) -> set[str]:
    """Return where in `model` the adapter called `name` has weights, as its file names them."""
    middle = f".{name}."
    return {
        _short(path.replace(middle, ".")) for path, _ in model.named_parameters() if ".lora_" in path and middle in path
    }


def _held(folder: Path) -> set[str]:
    """Return the weights that the files of an adapter hold."""
    from safetensors import safe_open

    found: set[str] = set()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="numpy") as opened:
            found |= {_short(key) for key in opened.keys()}  # noqa: SIM118 - no mapping
    return found


def _short(path: str) -> str:
    """Return a weight's path from its layer on: what stands before depends on who saved it."""
    return path[path.find("layers.") :]
