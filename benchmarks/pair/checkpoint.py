"""The files that a pair loads: a checkpoint that is built here, or the published one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import hub
from benchmarks.machine import footprint
from benchmarks.models import miniature
from benchmarks.models.base import ModelSpec, Size
from benchmarks.planning.plan import Plan
from benchmarks.processes.helper import run_in_process
from benchmarks.worker.loading import list_weight_files


@dataclass(frozen=True)
class Source:
    """A checkpoint's directory, and its commit; None for a checkpoint that is built here."""

    folder: Path
    revision: str | None = None


def find_checkpoint(plan: Plan, spec: ModelSpec, show_progress: Callable[[str], None]) -> Source:
    """Return the checkpoint of `spec`, built or downloaded if it is missing or damaged; no load contains that time.

    Raises:
        BenchmarkError, OSError: it cannot be built or downloaded.
    """
    if plan.weights == "hub":
        found = hub.obtain(plan.describe_checkpoint(spec), show_progress)
        return Source(found.path, found.commit)
    size: Size = "mini" if plan.weights == "mini" else "full"
    cache = miniature.find_cache_root()
    folder = miniature.locate(spec, cache, size)
    miniature.sweep(cache)
    if not miniature.is_intact(folder):
        run_in_process(plan.start_method or "spawn", miniature.build, spec, cache, size)
    return Source(folder)


def predict_bytes(plan: Plan, spec: ModelSpec, source: Source) -> int | None:
    """Return the least RAM that the model needs, bytes: from its files, or from its parameter count without files."""
    if plan.weights == "random":
        return footprint.compute_least_bytes(spec.parameters)
    return footprint.predict_bytes(list_weight_files(source.folder))
