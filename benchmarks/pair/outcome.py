"""How a pair ended, in a sentence: for its test, its Record, and its last line on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.formatting import format_number
from benchmarks.processes.protocol import Numerics
from benchmarks.record import MEASURED, SKIPPED, Record
from benchmarks.record.headline import compute_tokens_per_sec

if TYPE_CHECKING:
    from benchmarks.pair.measure import PairSession


def of(session: PairSession) -> str:
    """Return why a pair is not measured."""
    tally = session.tally
    where = f"{session.id} on {session.plan.machine['label']}"
    if session.stuck is not None:
        done = f"was interrupted after {tally.attempted} of {tally.planned} runs"
        return f"{where} {done} and could not go on: {session.stuck}"
    if session.skipped:
        return f"{where} was skipped: {session.skipped}"
    if tally.misfit is not None:
        after = f" after {len(tally.marks)} good runs of {tally.planned}" if tally.marks else ""
        return f"{where} did not fit{after}: {tally.misfit}"
    before_runs = {
        "load": "could not be loaded",
        "verify": "was not measured",
        "warmup": "failed in a warm-up run",
    }
    if tally.stage in before_runs:
        return f"{where} {before_runs[tally.stage]}: {tally.first_message}"
    planned = "" if tally.attempted == tally.planned else f" of {tally.planned} planned"
    return f"{where} failed all {tally.attempted} runs{planned}: {tally.first_message}"


def end_test(status: str, sentence: str) -> None:
    """End the test of a pair that was not measured: it failed, or was skipped."""
    if status == SKIPPED:
        pytest.skip(sentence)
    if status != MEASURED:
        pytest.fail(sentence, pytrace=False)


def last_line(record: Record) -> str:
    """Return the line that closes a pair."""
    counts, runs = record["counts"], record["runs"]
    good = f"{counts['good']} of {counts['planned']} runs good"
    speed = f", {format_number(compute_tokens_per_sec(runs))} tok/s" if runs else ""
    return f"{record['pair']['id']}: {record['status']}, {good}{speed}"


def nonfinite(found: Numerics, precision: str) -> str:
    """Return what a pair that overflows is reported with."""
    return (
        f"the output of {found['first_nonfinite']} holds {found['kind']} in {precision}, so its tokens would mean "
        "nothing; --allow-nonfinite measures it all the same"
    )
