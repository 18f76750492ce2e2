"""The LoRA adapter of some checkpoints' vision path, attached through peft where it is installed."""

import importlib.util
from pathlib import Path
from typing import Any

from benchmarks.record.not_measured import NotMeasured

MADE = "these weights were made here"
NONE_PUBLISHED = "the checkpoint has no adapter"
NO_PEFT = "peft is not installed: pip install peft"
NOT_DOWNLOADED = "the files of the adapter were not downloaded"


def attach(model: Any, source: Path, folder: str | None) -> str:
    """Attach the adapter in `source`/`folder` to `model` in the model's dtype, and return its name.

    Raises:
        NotMeasured: there is no adapter, or peft is not installed.
        BrokenAdapter: it cannot be read, or its weights belong to another model.
    """
    if folder is None:
        raise NotMeasured(NONE_PUBLISHED)
    if importlib.util.find_spec("peft") is None:
        raise NotMeasured(NO_PEFT)
    if not (source / folder / "adapter_config.json").is_file():
        raise NotMeasured(NOT_DOWNLOADED)
    try:
        model.load_adapter(str(source / folder), adapter_name=folder)
        model.set_adapter(folder)
        missing = sorted(_list_places(model, folder) - _list_weights(source / folder))
    except Exception as error:
        raise BrokenAdapter(folder, f"{type(error).__name__}: {error}") from error
    if missing:
        raise BrokenAdapter(folder, f"it has no weights for {missing[0]} and {len(missing) - 1} other modules")
    model.to(model.device, model.dtype)
    return folder


class BrokenAdapter(RuntimeError):
    """An adapter that is damaged or belongs to another model."""

    def __init__(self, folder: str, why: str) -> None:
        first = why.strip().splitlines()[0]
        remedy = "install that version of peft" if "PEFT" in first else "delete that folder and type --prefetch"
        super().__init__(f"the adapter in {folder}/ cannot be used ({first}); {remedy}")


def _list_places(model: Any, name: str) -> set[str]:
    """Return the weights that the adapter called `name` has in `model`, as its file names them."""
    middle = f".{name}."
    paths = [path for path, _ in model.named_parameters() if ".lora_" in path and middle in path]
    return {_shorten(path.replace(middle, ".")) for path in paths}


def _list_weights(folder: Path) -> set[str]:
    """Return the names of the weights in an adapter's files."""
    from safetensors import safe_open

    found: set[str] = set()
    for file in folder.glob("*.safetensors"):
        with safe_open(file, framework="numpy") as opened:
            found |= {_shorten(key) for key in opened.keys()}  # noqa: SIM118 - no mapping
    return found


def _shorten(path: str) -> str:
    """Return a weight's path from its layer on: the prefix depends on the program that saved it."""
    return path[path.find("layers.") :]
