"""Which files of a repository are a checkpoint, and whether they are whole. No network, no huggingface_hub."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from benchmarks.hub.checkpoint import Checkpoint

PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken")
"""The files that transformers loads a checkpoint from: weights, settings, chat template, tokenizer."""
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
SHARDS = "model*-of-*.safetensors"
CHUNK_BYTES = 1 << 20


def wanted(names: Iterable[str], checkpoint: Checkpoint) -> list[str]:
    """Return which files of a repository are wanted: never its other formats, nor duplicates of the weights."""
    names = sorted(names)
    patterns = (*PATTERNS, "*.py") if checkpoint.remote_code else PATTERNS
    root = [name for name in names if "/" not in name and _matches(name, patterns)]
    shards = [name for name in root if fnmatchcase(name, SHARDS)] if INDEX in root else []
    weights = shards or [name for name in root if name == SINGLE] or root
    chosen = [name for name in root if not name.endswith(".safetensors") or name in weights]
    folders = checkpoint.extra_folders
    return chosen + [n for n in names if n.rpartition("/")[0] in folders and _matches(n, PATTERNS)]


def cut_short(path: Path, size: int | None) -> bool:
    """Return whether a file has another size than it should; a safetensors file says its own in its header.

    An index of weights that cannot be read is cut short too.
    """
    actual = path.stat().st_size
    if size is not None and actual != size:
        return True
    if path.name == INDEX:
        return not _shards(path)
    if path.suffix != ".safetensors":
        return False
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(min(length, actual)))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError):
            return True
    return bool(actual != 8 + length + max(ends, default=0))


def intact(pointer: Path) -> bool:
    """Return whether a file of a snapshot has the bytes that its blob is named for.

    A blob's name is the SHA-256 of a large file, or git's SHA-1 of a small one. huggingface_hub
    compares sizes only. Where the system has no links there is no name to compare with.
    """
    if not pointer.is_symlink():
        return pointer.is_file()
    name = pointer.readlink().name
    if len(name) not in (40, 64):
        return True
    size = pointer.stat().st_size
    digest = hashlib.sha256() if len(name) == 64 else hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with pointer.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == name


def expected(snapshot: Path, checkpoint: Checkpoint, known: Mapping[str, int]) -> dict[str, int | None]:
    """Return {file: bytes, or None where unknown} of all that a complete snapshot holds."""
    files: dict[str, int | None] = {name: known[name] for name in wanted(known, checkpoint)}
    files.setdefault("config.json", None)
    for name in _weights(snapshot):
        files.setdefault(name, None)
    for extra in checkpoint.extra_folders:
        weights = [f"{extra}/{path.name}" for path in (snapshot / extra).glob("*.safetensors")]
        for name in weights or [f"{extra}/*.safetensors"]:
            files.setdefault(name, None)
    return files


def _weights(snapshot: Path) -> list[str]:
    """Return the weight files that a snapshot should hold: those of its index, if it has one."""
    if (snapshot / INDEX).is_file():
        return _shards(snapshot / INDEX) or [INDEX]
    others = [path.name for path in snapshot.glob("*.safetensors")]
    return [SINGLE] if SINGLE in others or not others else others


def _shards(index: Path) -> list[str]:
    """Return the weight files that an index names; none where it cannot be read."""
    try:
        return sorted({str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def settings(snapshot: Path) -> dict[str, Any]:
    """Return what config.json says; nothing where it cannot be read."""
    try:
        found = json.loads((snapshot / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def lacking(files: Mapping[str, int], checkpoint: Checkpoint) -> list[str]:
    """Return what a repository lacks to be a checkpoint."""
    lacks = [] if "config.json" in files else ["config.json"]
    held = {name.rpartition("/")[0] for name in files if name.endswith(".safetensors")}
    return lacks + [
        f"{folder}/*.safetensors".lstrip("/") for folder in ("", *checkpoint.extra_folders) if folder not in held
    ]


def drop(pointer: Path) -> None:
    """Delete a file of a snapshot and its blob, if they are there."""
    if pointer.is_symlink():
        pointer.resolve().unlink(missing_ok=True)
    pointer.unlink(missing_ok=True)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.rpartition("/")[2], pattern) for pattern in patterns)
