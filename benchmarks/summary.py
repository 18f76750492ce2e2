"""The table at the end of a session, where the save is, and what to type next."""

import shlex
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.formatting import align_columns, format_number, make_printable
from benchmarks.record import MEASURED, Record
from benchmarks.record.headline import compute_joules_per_token, compute_tokens_per_sec
from benchmarks.record.not_measured import NotMeasured
from benchmarks.record.sections import Runs
from benchmarks.state import SessionState

HEADER = ("pair", "tokens/s", "TTFT s", "J/token", "RAM GB", "failed")
MOST_NAMED = 4  # how many pairs a note names; the others are counted
UNKNOWN = "-"
RESULTS = "results"  # where `python -m plotting` looks by default


def write_summary(reporter: pytest.TerminalReporter, state: SessionState, saved: Path | None) -> None:
    """Write the session's table, its notes, and the next commands."""
    reporter.section("edge-vlm-bench", sep="=")
    if state.records:
        for text in align_columns([HEADER, *(make_row(record) for record in state.records)]):
            reporter.write_line(text)
    resuming = describe_resuming(reporter, state)
    for text in [*list_notes(state.records), "", *list_next_steps(state, saved, resuming)]:
        reporter.write_line(make_printable(text))


def make_row(record: Record) -> tuple[str, ...]:
    """Return one row of the table; `-` means not measured."""
    counts, runs = record["counts"], record["runs"]
    failed = f"{counts['failed']}/{counts['attempted']}"
    if record["status"] != MEASURED or runs is None:
        return (record["pair"]["id"], *[record["status"], *[UNKNOWN] * 3], failed)
    ram = record["memory"]["ram_avg_bytes"]
    return (
        record["pair"]["id"],
        format_number(compute_tokens_per_sec(runs)),
        _format(statistics.median(runs["ttft_s"]) if runs["ttft_s"] else None),
        _format(_joules_per_token(runs)),
        _format(None if ram is None else ram / 1e9),
        failed,
    )


def list_notes(records: list[Record]) -> list[str]:
    """Return why values are missing or doubtful: each reason once, with its pairs."""
    found: dict[str, list[str]] = {}
    for record in records:
        for sentence in _list_session_notes(record):
            found.setdefault(sentence, [])
        for sentence in _list_pair_notes(record):
            found.setdefault(sentence, []).append(record["pair"]["id"])
    return [f"{_name_pairs(pairs, len(records))}{sentence}" for sentence, pairs in found.items()]


def _name_pairs(pairs: list[str], all_pairs: int) -> str:
    """Return the start of a note: the pairs that it is about; "" if it names its pair itself."""
    if len(pairs) == all_pairs > 1:
        return f"all {all_pairs} pairs: "
    more = len(pairs) - MOST_NAMED
    named = ", ".join(pairs[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{named}: " if pairs else ""


def _list_session_notes(record: Record) -> Iterator[str]:
    """Yield the notes that need no pair in front of them."""
    reason = record["power"]["reasons"].get("method")
    if reason and record["status"] == MEASURED:
        yield f"No energy: {reason}"
    if record["message"]:
        yield record["message"]


def _list_pair_notes(record: Record) -> Iterator[str]:
    """Yield the notes on one pair."""
    yield from _list_warnings(record)
    yield from dict.fromkeys(record["power"]["flags"])
    if record["numerics"]["first_nonfinite"] and record["status"] == MEASURED:
        yield f"measured although the output of {record['numerics']['first_nonfinite']} is not finite."
    if record["health"]["finite_logits"] is False:
        yield "its logits are not finite, so its tokens are meaningless."
    if record["checkpoint"]["weights"] == "hub":
        yield from dict.fromkeys(record["checkpoint"]["remarks"])


def _list_warnings(record: Record) -> Iterator[str]:
    """Yield what makes the numbers of a measured pair doubtful."""
    counts = record["counts"]
    if record["status"] != MEASURED or record["runs"] is None:
        return
    if counts["attempted"] < counts["planned"]:
        yield f"given up after {counts['attempted']} of {counts['planned']} runs."
    if counts["failed"] or counts["restarts"]:
        first, restarts = record["failures"]["first_message"], counts["restarts"]
        yield f"{counts['failed']} runs failed and its process was replaced {restarts} times; first failure: {first}"
    if record["health"]["throttled"]:
        yield f"throttled ({', '.join(record['health']['throttled'])})."
    if record["runs"]["energy_j"] is not None and _joules_per_token(record["runs"]) is None:
        yield "no J/token, because the power samples cover too few of its runs."


def describe_resuming(reporter: pytest.TerminalReporter, state: SessionState) -> list[str]:
    """Return what to type if the session's journal is still there: the line that continues it, or saves what it has."""
    if state.journal is None or not state.journal.path.exists():
        return []
    get = reporter.config.getoption
    renamed = get("benchmark_autosave") and not get("benchmark_save")  # the next session would have another name
    flags = f"--benchmark-save={shlex.quote(state.journal.contents.head['save'])} --resume" if renamed else "--resume"
    if state.complete:
        again = f"Type the same command with {flags} to save what the journal contains; that is not measured again."
        return [again] if state.problems else []  # a storage that is not ours never takes an unmeasured pair
    stops = 0 < (get("maxfail") or 0) <= len(reporter.stats.get("failed", []))  # it would stop there again
    without = ", and without -x or --maxfail," if stops else ""
    return [f"Some pairs are not finished: type the same command with {flags}{without} to continue."]


def list_next_steps(state: SessionState, saved: Path | None, resuming: Sequence[str] = ()) -> list[str]:
    """Return where the save is, and the commands to type next."""
    if saved is None:
        return [*(state.problems or ["No file was saved in this session."]), *resuming]
    default = " (named after the device; choose a name with --benchmark-save=NAME)" if state.saved_by_default else ""
    folder = _shorten(saved.parent.parent)  # the save is in its machine's folder
    results = "" if folder == RESULTS else f" --results {shlex.quote(folder)}"
    return [
        *state.problems,
        *resuming,
        f"Saved: {_shorten(saved)}{default}",
        f"Figures, CSV and report:  python -m plotting{results}",
        f"Compare with another:     python -m plotting compare {shlex.quote(saved.stem)} OTHER{results}",
    ]


def _shorten(path: Path) -> str:
    """Return a path as one would type it: relative if it is below the current folder."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _format(value: float | None) -> str:
    return UNKNOWN if value is None else format_number(value)


def _joules_per_token(runs: Runs) -> float | None:
    try:
        return compute_joules_per_token(runs)
    except NotMeasured:
        return None
