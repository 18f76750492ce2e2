"""--prefetch: have every checkpoint in the cache before a day without network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import hub
from benchmarks.errors import BenchmarkError
from benchmarks.formatting import format_size
from benchmarks.hub import client
from benchmarks.hub.checkpoint import Checkpoint, Listing, Snapshot
from benchmarks.hub.errors import HubTrouble
from benchmarks.processes.helper import run_in_process

SHORT = 12
"""Digits of a commit that are shown."""


@dataclass(frozen=True)
class Outcome:
    """What became of one checkpoint: its snapshot, or the trouble that kept it away."""

    checkpoint: Checkpoint
    snapshot: Snapshot | None = None
    trouble: BenchmarkError | None = None


def prefetch(
    wanted: Sequence[Checkpoint], say: Callable[[str], None], show: Callable[[str], None] | None = None
) -> list[Outcome]:
    """Download what is missing of each checkpoint, one after another, and return what became of each.

    A checkpoint that is wanted twice is fetched once; one that fails does not stop the others.
    `say` is told lines that stay; `show`, or else `say`, the progress, about twice a second.
    """
    chosen = list(dict.fromkeys(wanted))
    plans = run_in_process("spawn", client.survey, chosen)
    for line in table(chosen, plans):
        say(line)
    outcomes = []
    for checkpoint, plan in zip(chosen, plans, strict=True):
        outcomes.append(_had(checkpoint, plan, show or say))
        say(told(outcomes[-1]))
    return outcomes


def table(wanted: Sequence[Checkpoint], plans: Sequence[Listing | HubTrouble]) -> list[str]:
    """Return the lines that say what is to be downloaded, and whether the disk has room for it."""
    rows = [("model", "repository", "revision", "download", "already here")]
    rows += [_row(checkpoint, plan) for checkpoint, plan in zip(wanted, plans, strict=True)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join([*map(str.ljust, row[:3], widths), *(cell.rjust(12) for cell in row[3:])]) for row in rows]
    known = [plan for plan in plans if not isinstance(plan, HubTrouble)]
    return [*lines, *hub.against_disk(known)]


def told(outcome: Outcome) -> str:
    """Return in one line what became of a checkpoint."""
    if outcome.snapshot is None:
        return f"{outcome.checkpoint.model}: not fetched. {outcome.trouble}"
    return f"{outcome.checkpoint.model}: complete at {outcome.snapshot.commit[:SHORT]}"


def _had(checkpoint: Checkpoint, plan: Listing | HubTrouble, show: Callable[[str], None]) -> Outcome:
    if isinstance(plan, HubTrouble):
        return Outcome(checkpoint, trouble=plan)
    try:
        return Outcome(checkpoint, hub.had(checkpoint, plan, show))
    except BenchmarkError as trouble:  # a helper that died, too
        return Outcome(checkpoint, trouble=trouble)


def _row(checkpoint: Checkpoint, plan: Listing | HubTrouble) -> tuple[str, str, str, str, str]:
    if isinstance(plan, HubTrouble):
        return checkpoint.model, checkpoint.repo, checkpoint.revision or "main", plan.reason, "?"
    return (
        checkpoint.model,
        checkpoint.repo,
        plan.commit[:SHORT],
        format_size(plan.missing_bytes),
        format_size(plan.here_bytes),
    )
