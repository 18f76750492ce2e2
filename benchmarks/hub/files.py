"""Which files of a repository make up a checkpoint, and whether they are intact. Needs no network."""

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from benchmarks.hub.checkpoint import Checkpoint

PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken")
"""The files that transformers loads a checkpoint from: weights, settings, chat template, tokenizer."""
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
SHARDS = "model*-of-*.safetensors"


def choose_patterns(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Return the file name patterns of a checkpoint."""
    return (*PATTERNS, "*.py") if checkpoint.remote_code else PATTERNS


def select_files(names: Iterable[str], checkpoint: Checkpoint) -> list[str]:
    """Return the needed files of a repository: one form of the weights, no other formats."""
    names = sorted(names)
    root = [name for name in names if "/" not in name and _matches(name, choose_patterns(checkpoint))]
    shards = [name for name in root if fnmatchcase(name, SHARDS)] if INDEX in root else []
    weights = shards or [name for name in root if name == SINGLE] or root
    chosen = [name for name in root if not name.endswith(".safetensors") or name in weights]
    folders = checkpoint.extra_folders
    return chosen + [name for name in names if name.rpartition("/")[0] in folders and _matches(name, PATTERNS)]


def list_missing(names: Iterable[str], checkpoint: Checkpoint) -> list[str]:
    """Return what `names` lack to make up a checkpoint: config.json, or patterns of weights."""
    names = set(names)
    with_weights = {name.rpartition("/")[0] for name in names if name.endswith(".safetensors")}
    folders = [folder for folder in ("", *checkpoint.extra_folders) if folder not in with_weights]
    return ["config.json"] * ("config.json" not in names) + [f"{f}/*.safetensors".lstrip("/") for f in folders]


def is_cut_short(path: Path, size: int | None = None) -> bool:
    """Return whether a file differs from `size`, or is a weight file or index that ends early."""
    from safetensors import SafetensorError, safe_open

    if size is not None and path.stat().st_size != size:
        return True
    if path.name == INDEX:
        return not read_shards(path)
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="np"):  # compares the header with the file's size
                return False
    except SafetensorError:
        return True
    return False


def read_shards(index: Path) -> list[str]:
    """Return the weight files that an index names; an unreadable index names none."""
    try:
        return sorted({str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def read_config(snapshot: Path) -> dict[str, Any]:
    """Return the content of config.json; {} if it cannot be read."""
    try:
        config = json.loads((snapshot / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def delete_file(pointer: Path, blobs: Path) -> None:
    """Delete a file of a snapshot, and the blob that it links to if that lies in `blobs`."""
    if pointer.is_symlink():
        blob = pointer.parent / pointer.readlink()
        if blob.parent.resolve() == blobs.resolve():
            blob.unlink(missing_ok=True)
    pointer.unlink(missing_ok=True)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.rpartition("/")[2], pattern) for pattern in patterns)
