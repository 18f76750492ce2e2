"""Which files a pair loads: a checkpoint that is made here, or the published one."""

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
    """A checkpoint's directory; `revision` is its commit, None of one that is made here."""

    folder: Path
    revision: str | None = None


def find(plan: Plan, spec: ModelSpec, show: Callable[[str], None]) -> Source:
    """Return where the checkpoint of `spec` is; it is made or fetched where it is missing, which is no part of a load.

    `show` is told how far a download is.

    Raises:
        BenchmarkError, OSError: it cannot be had.
    """
    if plan.weights == "hub":
        found = hub.obtain(plan.checkpoint(spec), show)
        return Source(found.path, found.commit)
    size: Size = "mini" if plan.weights == "mini" else "full"
    cache = miniature.find_cache_root()
    folder = miniature.locate(spec, cache, size)
    if not folder.is_dir():
        run_in_process(plan.start_method or "spawn", miniature.build, spec, cache, size)
    return Source(folder)


def predicted_bytes(plan: Plan, spec: ModelSpec, source: Source) -> int | None:
    """Return the least that the model takes in RAM, bytes: by its files, or by its dimensions where it has none."""
    if plan.weights == "random":
        return footprint.compute_least_bytes(spec.parameters)
    return footprint.predict_bytes(list_weight_files(source.folder))
