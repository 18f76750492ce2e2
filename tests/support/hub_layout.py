"""Write a cache by hand as huggingface_hub does: blobs by hash, refs, snapshots of links."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def weights(megabytes: float = 0.001) -> bytes:
    """Return a safetensors file of about this size."""
    count = int(megabytes * 1e6 / 8)
    return save({"weight": np.arange(count, dtype="float64")})


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a checkpoint's folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lay_out(home: Path, repo: str, files: Mapping[str, bytes], refs: tuple[str, ...] = ()) -> Path:
    """Put a repository into the cache of HF_HOME=`home` and return its snapshot's folder."""
    root = home / "hub" / f"models--{repo.replace('/', '--')}"
    for ref in refs:
        place = root / "refs" / ref
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(COMMIT)
    snapshot = root / "snapshots" / COMMIT
    for name, content in files.items():
        blob = root / "blobs" / hashlib.sha256(content).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        pointer = snapshot / name
        pointer.parent.mkdir(parents=True, exist_ok=True)
        pointer.symlink_to("../" * (2 + name.count("/")) + f"blobs/{blob.name}")
    return snapshot
