"""Checkpoints that are built here: miniatures, and full-size models without their weights.

A miniature has a family's own classes with a few hundred thousand weights. It is a directory that
`from_pretrained` and `AutoProcessor` load like a Hub checkpoint. A full-size checkpoint has the
published dimensions, tokens and processor; `worker.weights` makes its weights in memory. Each is
built once and cached under its identity.
"""

import ast
import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.models import base, tokenizer
from benchmarks.models.base import ModelSpec, Size

SEED = 20260117
LIBRARIES = ("transformers", "torch", "tokenizers", "timm")
CHECKSUMS, HALF_BUILT = "checksums.json", ".half-built"
PROSE = frozenset({"limits", "remarks", "mini_remarks", "random_remarks", "RANDOM_WEIGHTS"})
"""Arguments and constants that hold sentences for people."""


def find_cache_root() -> Path:
    """Return the folder of these checkpoints: $EDGE_VLM_BENCH_CACHE, else one below the user's cache folder."""
    if chosen := os.environ.get("EDGE_VLM_BENCH_CACHE"):
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "edge-vlm-bench" / "miniatures"


def compute_identity(spec: ModelSpec) -> str:
    """Return 16 hex digits that change with what the checkpoint of `spec` is built from.

    The hash covers the model's id, the versions of LIBRARIES, and the code of the builders without
    its wording (`strip_wording`): the family's file, `base`, `tokenizer`, this file, and the
    package in `spec.own`.
    """
    modules = [sys.modules[spec.blueprint.__module__], base, tokenizer, sys.modules[__name__]]
    files = [Path(str(module.__file__)) for module in modules] + _list_own_files(spec)
    code = [strip_wording(file.read_text(encoding="utf-8")) for file in files]
    parts = [spec.id, *code, *[_find_version(name) for name in LIBRARIES]]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def strip_wording(source: str) -> str:
    """Return Python code without what builds nothing: comments, docstrings, PROSE, layout and texts of errors."""
    return ast.unparse(_WordingRemover().visit(ast.parse(source)))


class _WordingRemover(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> ast.AST | None:
        return None if node.arg in PROSE else self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        return None if names & PROSE else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:  # what raises builds nothing
        return ast.Raise(exc=None, cause=None)


def _list_own_files(spec: ModelSpec) -> list[Path]:
    """Return the files of the spec's own package. It is not imported, because that would import torch."""
    found = importlib.util.find_spec(spec.own) if spec.own else None
    folders = (found.submodule_search_locations or []) if found else []
    return [file for folder in folders for file in sorted(Path(folder).glob("*.py"))]


def locate(spec: ModelSpec, cache: Path, size: Size = "mini", identity: str | None = None) -> Path:
    """Return the directory of the checkpoint of `spec`, today's or that of `identity`; it need not exist."""
    return cache / f"{spec.id}-{'' if size == 'mini' else 'full-'}{identity or compute_identity(spec)}"


def is_same_checkpoint(spec: ModelSpec, identity: str, cache: Path, size: Size) -> bool:
    """Return whether the checkpoint that the cache holds under an older identity equals today's, byte for byte.

    Builds today's where it is missing, which imports torch: call it in a helper process.
    """
    old = locate(spec, cache, size, identity)
    return old.is_dir() and compute_checksums(old) == compute_checksums(build(spec, cache, size))


def is_intact(folder: Path) -> bool:
    """Return whether every file of a checkpoint is as it was built."""
    try:
        built = json.loads((folder / CHECKSUMS).read_bytes())
        return bool(built) and built.items() <= compute_checksums(folder).items()
    except Exception:  # noqa: BLE001 - a damaged file may hold anything
        return False


def compute_checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a checkpoint; `build` keeps them in CHECKSUMS."""
    files = [file for file in folder.iterdir() if file.is_file() and file.name != CHECKSUMS]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def build(spec: ModelSpec, cache: Path, size: Size = "mini") -> Path:
    """Build the checkpoint of `spec` where it is missing or damaged, and return its directory.

    It appears whole or not at all: it is built in a temporary folder, which is then renamed. If it is there, damaged
    or built by another process meanwhile, its files are replaced. Imports torch: call it in a helper process.
    """
    target = locate(spec, cache, size)
    if is_intact(target):
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with _lock(cache, shared=True):
        workshop = Path(tempfile.mkdtemp(dir=cache, prefix=f".{spec.id}-", suffix=HALF_BUILT))
        try:
            _write(spec, workshop, size)
            (workshop / CHECKSUMS).write_text(json.dumps(compute_checksums(workshop)))
            workshop.rename(target)
        except OSError:
            if not is_intact(workshop) or target.is_symlink() or not target.is_dir():
                raise
            for file in workshop.iterdir():
                file.replace(target / file.name)
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
    return target


def sweep(cache: Path) -> None:
    """Delete what killed builds left in `cache`, unless a build is running."""
    with _lock(cache, shared=False) as locked:
        for left in cache.glob(f".*{HALF_BUILT}") if locked else ():
            shutil.rmtree(left, ignore_errors=True)  # does nothing to a link


@contextlib.contextmanager
def _lock(folder: Path, *, shared: bool) -> Iterator[bool]:
    """Lock a folder, and yield whether that was possible: a lock that is not shared waits for nothing."""
    with contextlib.ExitStack() as stack:
        try:
            import fcntl

            descriptor = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (ImportError, OSError):
            yield False
        else:
            yield True


def _write(spec: ModelSpec, folder: Path, size: Size) -> None:
    from transformers import GenerationConfig

    plan = spec.blueprint(spec, size)
    generation = GenerationConfig(**plan.generation)
    if size == "mini":
        _build_model(plan, generation).save_pretrained(folder)
    else:
        plan.config.save_pretrained(folder)
        generation.save_pretrained(folder)
    plan.processor().save_pretrained(folder)


def _build_model(plan: base.Blueprint, generation: Any) -> Any:
    import torch

    torch.manual_seed(SEED)
    model: Any = plan.model_class(plan.config)
    model.generation_config = generation
    return model.to(torch.bfloat16)  # the published checkpoints' dtype


def _find_version(name: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {name}"
