"""--prefetch: download every checkpoint, so that the device can measure without a network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import hub
from benchmarks.errors import BenchmarkError
from benchmarks.formatting import format_size
from benchmarks.hub import client
from benchmarks.hub.checkpoint import Checkpoint, DownloadPlan, Snapshot
from benchmarks.hub.errors import HubError
from benchmarks.hub.progress import compare_with_disk
from benchmarks.processes.helper import run_in_process

COMMIT_DIGITS = 12


@dataclass(frozen=True)
class DownloadResult:
    """The snapshot of one checkpoint, or the error that prevented it."""

    checkpoint: Checkpoint
    snapshot: Snapshot | None = None
    error: BenchmarkError | None = None

    def __str__(self) -> str:
        if self.snapshot is None:
            return f"{self.checkpoint.model}: not fetched. {self.error}"
        return f"{self.checkpoint.model}: complete at {self.snapshot.commit[:COMMIT_DIGITS]}"


def prefetch(
    checkpoints: Sequence[Checkpoint], say: Callable[[str], None], show: Callable[[str], None]
) -> list[DownloadResult]:
    """Download what is missing of each checkpoint once; a failed one does not stop the others.

    `say` receives lines that stay, `show` the progress, about twice a second.
    """
    chosen = list(dict.fromkeys(checkpoints))
    plans = run_in_process("spawn", client.plan_downloads, chosen)
    for line in build_table(chosen, plans):
        say(line)
    results = []
    for checkpoint, plan in zip(chosen, plans, strict=True):
        try:
            results.append(DownloadResult(checkpoint, hub.get_snapshot(checkpoint, plan, show)))
        except BenchmarkError as error:  # a HubError, or a helper process that died
            results.append(DownloadResult(checkpoint, error=error))
        say(str(results[-1]))
    return results


def build_table(checkpoints: Sequence[Checkpoint], plans: Sequence[DownloadPlan | HubError]) -> list[str]:
    """Return a table of the downloads, and whether the disk has room for them."""
    rows = [("model", "repository", "revision", "download", "already here")]
    for checkpoint, plan in zip(checkpoints, plans, strict=True):
        if isinstance(plan, HubError):
            cells = checkpoint.revision or "main", plan.reason, "?"
        else:
            cells = plan.commit[:COMMIT_DIGITS], format_size(plan.missing_bytes), format_size(plan.cached_bytes)
        rows.append((checkpoint.model, checkpoint.repo, *cells))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join([*map(str.ljust, row[:3], widths), *(cell.rjust(12) for cell in row[3:])]) for row in rows]
    return [*lines, *compare_with_disk([plan for plan in plans if isinstance(plan, DownloadPlan)])]
