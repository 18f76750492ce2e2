"""Which files of a repository make up a checkpoint, and whether they are intact. Needs no network."""

import json
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from benchmarks.hub.checkpoint import Checkpoint

PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.py")
"""The files that transformers loads a checkpoint from: weights, settings, chat template, tokenizer, its own code."""
INDEX = "model.safetensors.index.json"


def select_files(names: Iterable[str], checkpoint: Checkpoint) -> list[str]:
    """Return the needed files of a repository: one form of the weights, and no path that leaves the repository."""
    names = sorted(name for name in names if any(fnmatchcase(name, pattern) for pattern in PATTERNS))
    root = [name for name in names if "/" not in name and (checkpoint.remote_code or not name.endswith(".py"))]
    shards = [name for name in root if fnmatchcase(name, "model*-of-*.safetensors")] if INDEX in root else []
    weights = shards or [name for name in root if name == "model.safetensors"] or root
    chosen = [name for name in root if not name.endswith(".safetensors") or name in weights]
    extra = [name for name in names if name.rpartition("/")[0] in checkpoint.extra_folders]
    return chosen + [name for name in extra if not name.endswith(".py")]


def list_missing(names: Iterable[str], checkpoint: Checkpoint) -> list[str]:
    """Return what `names` lack to make up a checkpoint: config.json, or patterns of weights."""
    names = set(names)
    with_weights = {name.rpartition("/")[0] for name in names if name.endswith(".safetensors")}
    folders = [folder for folder in ("", *checkpoint.extra_folders) if folder not in with_weights]
    return ["config.json"] * ("config.json" not in names) + [f"{f}/*.safetensors".lstrip("/") for f in folders]


def is_cut_short(path: Path, size: int | None = None) -> bool:
    """Return whether a file differs from `size`, or is a weight file or index that ends early."""
    if size is not None and path.stat().st_size != size:
        return True
    if path.suffix != ".safetensors":
        return path.name == INDEX and not read_shards(path)
    try:
        with safe_open(path, framework="np"):  # compares the header with the file's size
            return False
    except SafetensorError:
        return True


def read_shards(index: Path) -> list[str]:
    """Return the weight files that an index names; an unreadable index names none."""
    weights = read_json(index).get("weight_map")
    return sorted({str(name) for name in weights.values()}) if isinstance(weights, dict) else []


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; {} without one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def find_link(cache: Path, folder: Path) -> Path | None:
    """Return a link that a download to `folder` would write through, or None."""
    locks = cache / ".locks" / folder.name
    places = [folder, locks.parent, locks, *locks.glob("*"), *folder.rglob("*")]
    writable = [place for place in places if place.is_dir() or place.suffix in (".lock", ".incomplete")]
    return next((place for place in writable if place.is_symlink()), None)


def delete_file(pointer: Path, blobs: Path) -> None:
    """Delete a file of a snapshot, and the blob that it links to if that lies in `blobs`; no link leads to either."""
    root = blobs.parent.resolve()
    if not pointer.parent.resolve().is_relative_to(root / "snapshots"):
        return
    if pointer.is_symlink():
        blob = pointer.parent / pointer.readlink()
        if blob.parent.resolve() == root / "blobs":
            blob.unlink(missing_ok=True)
    pointer.unlink(missing_ok=True)
