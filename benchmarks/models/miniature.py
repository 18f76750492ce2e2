"""Checkpoints that are made here: miniatures, and full-size models without their weights.

A miniature has a family's own classes with a few hundred thousand weights. It is a directory that
`from_pretrained` and `AutoProcessor` load as they load a Hub checkpoint. A full-size one has the
published dimensions, tokens and processor, and no weights: those are made where they are needed
(`worker.weights`). Each is built once and cached, under a hash of everything that it is made from.
"""

import hashlib
import importlib.metadata
import importlib.util
import inspect
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.models import base, tokenizer
from benchmarks.models.base import Blueprint, ModelSpec, Size

SEED = 20260117
LIBRARIES = ("transformers", "torch", "tokenizers", "timm")


def find_cache_root() -> Path:
    """Return where miniatures are kept: $EDGE_VLM_BENCH_CACHE, else below the user's cache folder."""
    chosen = os.environ.get("EDGE_VLM_BENCH_CACHE")
    if chosen:
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "edge-vlm-bench" / "miniatures"


def compute_identity(spec: ModelSpec) -> str:
    """Return 16 hex digits that change with the builders' source and with the libraries' versions."""
    builders = [sys.modules[spec.blueprint.__module__], base, tokenizer, sys.modules[__name__]]
    sources = [inspect.getsource(module) for module in builders] + _own_sources(spec)
    parts = [spec.id, *sources, *[_version(name) for name in LIBRARIES]]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _own_sources(spec: ModelSpec) -> list[str]:
    """Return the sources of the spec's own package, which is found without being imported: it imports torch."""
    found = importlib.util.find_spec(spec.own) if spec.own else None
    folders = (found.submodule_search_locations or []) if found else []
    return [file.read_text(encoding="utf-8") for folder in folders for file in sorted(Path(folder).glob("*.py"))]


def locate(spec: ModelSpec, cache: Path, size: Size = "mini") -> Path:
    """Return where the checkpoint of `spec` that is made here is, or would be."""
    return cache / f"{spec.id}-{'' if size == 'mini' else 'full-'}{compute_identity(spec)}"


def build(spec: ModelSpec, cache: Path, size: Size = "mini") -> Path:
    """Build the checkpoint of `spec` where it is missing, and return its directory.

    It appears whole or not at all: it is built beside its place and renamed into it; of two
    builders at once, the second finds it there. Imports torch: call it in a process of its own.
    """
    target = locate(spec, cache, size)
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    workshop = Path(tempfile.mkdtemp(dir=cache, prefix=f".{spec.id}-"))
    try:
        _write(spec, workshop, size)
        workshop.rename(target)
    except OSError:
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    return target


def _write(spec: ModelSpec, folder: Path, size: Size) -> None:
    from transformers import GenerationConfig

    plan = spec.blueprint(spec, size)
    generation = GenerationConfig(**plan.generation)
    if size == "mini":
        _write_weights(plan, folder, generation)
    else:
        plan.config.save_pretrained(folder)
        generation.save_pretrained(folder)
    plan.processor().save_pretrained(folder)


def _write_weights(plan: Blueprint, folder: Path, generation: Any) -> None:
    import torch

    torch.manual_seed(SEED)
    model = plan.model_class(plan.config).to(torch.bfloat16)  # the published checkpoints' dtype
    model.generation_config = generation
    model.save_pretrained(folder)


def _version(name: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {name}"
