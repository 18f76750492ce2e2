"""The table at the end of a session, where the save went, and what to type next."""

import shlex
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from benchmarks.formatting import align_columns, format_number
from benchmarks.record import MEASURED, Record
from benchmarks.record.headline import compute_joules_per_token, compute_tokens_per_sec
from benchmarks.record.not_measured import NotMeasured
from benchmarks.record.sections import Runs
from benchmarks.state import Study

HEADER = ("pair", "tokens/s", "TTFT s", "J/token", "RAM GB", "failed")
MOST_NAMED = 4
"""Pairs that are named before what is said of them; of the others their number is."""
UNKNOWN = "-"
RESULTS = "results"
"""Where `python -m plotting` looks by itself."""


def write_summary(
    reporter: pytest.TerminalReporter, study: Study, saved: Path | None, stored: Sequence[str] = ()
) -> None:
    """Write the study's table, its notes, and the next commands."""
    reporter.section("edge-vlm-bench", sep="=")
    for text in align_columns([HEADER, *(row(record) for record in study.records)]):
        reporter.write_line(text)
    for note in notes(study.records):
        reporter.write_line(note)
    reporter.write_line("")
    for text in directions(study, saved, stored):
        reporter.write_line(text)


def row(record: Record) -> tuple[str, ...]:
    """Return one line of the table; `-` is what was not measured."""
    counts, runs = record["counts"], record["runs"]
    failed = f"{counts['failed']}/{counts['attempted']}"
    if record["status"] != MEASURED or runs is None:
        return (record["pair"]["id"], *[record["status"], *[UNKNOWN] * 3], failed)
    ram = record["memory"]["ram_avg_bytes"]
    return (
        record["pair"]["id"],
        _number(compute_tokens_per_sec(runs)),
        _number(_median(runs["ttft_s"])),
        _number(_joules_per_token(runs)),
        _number(None if ram is None else ram / 1e9),
        failed,
    )


def notes(records: list[Record]) -> list[str]:
    """Return, each once, why something is missing or doubtful, and of which pairs that is said."""
    found: dict[str, list[str]] = {}
    for record in records:
        for sentence in _of_all(record):
            found.setdefault(sentence, [])
        for sentence in _of_pair(record):
            found.setdefault(sentence, []).append(record["pair"]["id"])
    return [f"{_named(pairs, len(records))}{sentence}" for sentence, pairs in found.items()]


def _named(pairs: list[str], all_pairs: int) -> str:
    """Return the pairs that a sentence is about, before it; "" of one that is about none."""
    if len(pairs) == all_pairs > 1:
        return f"all {all_pairs} pairs: "
    more = len(pairs) - MOST_NAMED
    named = ", ".join(pairs[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{named}: " if pairs else ""


def _of_all(record: Record) -> Iterator[str]:
    """Yield what is said without naming a pair, or names it itself."""
    reason = record["power"]["reasons"].get("method")
    if reason and record["status"] == MEASURED:
        yield f"No joules: {reason}"
    if record["message"]:
        yield record["message"]


def _of_pair(record: Record) -> Iterator[str]:
    """Yield what is doubtful of a pair."""
    yield from _doubts(record)
    yield from dict.fromkeys(record["power"]["flags"])
    if record["numerics"]["first_nonfinite"] and record["status"] == MEASURED:
        yield f"measured although the output of {record['numerics']['first_nonfinite']} is not finite."
    if record["health"]["finite_logits"] is False:
        yield "its logits are not finite, so its tokens mean nothing."
    if record["checkpoint"]["weights"] == "hub":
        yield from dict.fromkeys(record["checkpoint"]["remarks"])


def _doubts(record: Record) -> Iterator[str]:
    """Yield what a reader of a measured pair's row must know besides."""
    counts = record["counts"]
    if record["status"] != MEASURED or record["runs"] is None:
        return
    if counts["attempted"] < counts["planned"]:
        yield f"given up after {counts['attempted']} of {counts['planned']} runs."
    if counts["failed"] or counts["restarts"]:
        first, restarts = record["failures"]["first_message"], counts["restarts"]
        yield f"{counts['failed']} runs failed and its process was replaced {restarts} times, first: {first}"
    if record["health"]["throttled"]:
        yield f"throttled ({', '.join(record['health']['throttled'])})."
    if record["runs"]["energy_j"] is not None and _joules_per_token(record["runs"]) is None:
        yield "no J/token, because the power samples cover too few of its runs."


def directions(study: Study, saved: Path | None, stored: Sequence[str] = ()) -> list[str]:
    """Return where the save went and the commands that follow; `stored` says what went elsewhere than into files."""
    unfinished = [] if study.complete else ["Some pairs are not finished: type the same with --resume to go on."]
    if saved is None and stored:
        return [*study.troubles, *unfinished, *stored]
    if saved is None:
        return study.troubles or ["Nothing was saved in this session (as --benchmark-disable asks)."]
    unasked = " (saved under the device's name; name it yourself with --benchmark-save=NAME)"
    folder = _short(saved.parent.parent)  # the save lies in its machine's folder
    elsewhere = "" if folder == RESULTS else f" --results {shlex.quote(folder)}"
    return [
        *study.troubles,
        *unfinished,
        *stored,
        f"Saved: {_short(saved)}{unasked if study.saved_unasked else ''}",
        f"Figures, CSV and report:  python -m plotting{elsewhere}",
        f"Compare with another:     python -m plotting compare {saved.stem} OTHER{elsewhere}",
    ]


def _short(path: Path) -> str:
    """Return a path as one would type it here: relative where it lies below this folder."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else format_number(value)


def _joules_per_token(runs: Runs) -> float | None:
    try:
        return compute_joules_per_token(runs)
    except NotMeasured:
        return None


def _median(values: list[float] | None) -> float | None:
    return statistics.median(values) if values else None
