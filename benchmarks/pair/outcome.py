"""How a pair ended, in one sentence: for its test, its Record, and its last line on the terminal."""

from benchmarks.formatting import format_number
from benchmarks.pair.state import PairState
from benchmarks.processes.protocol import Numerics
from benchmarks.record import INTERRUPTED, Record
from benchmarks.record.headline import compute_tokens_per_sec

BEFORE_RUNS = {"load": "could not be loaded", "verify": "was not measured", "warmup": "failed in a warm-up run"}
"""Stage of the first failure -> what it kept the pair from."""


def explain_outcome(pair: PairState) -> str:
    """Return why a pair is not measured."""
    runs, where = pair.run_log, f"{pair.id} on {pair.plan.machine['label']}"
    if pair.blocked is not None:
        return (
            f"{where} was interrupted after {runs.attempted} of {runs.planned} runs "
            f"and could not continue: {pair.blocked}"
        )
    if pair.skip_reason:
        return f"{where} was skipped: {pair.skip_reason}"
    if runs.misfit is not None:
        after = f" after {len(runs.marks)} good runs of {runs.planned}" if runs.marks else ""
        return f"{where} did not fit{after}: {runs.misfit}"
    sentence = runs.cause and runs.cause.sentence
    if runs.cause and runs.failed_before_runs:
        tries = f" ({runs.repeats + 1} tries)" if runs.repeats else ""
        return f"{where} {BEFORE_RUNS[runs.cause.stage]}{tries}: {sentence}"
    if pair.disproof is not None:
        return f"{where} was not measured: {pair.disproof}"
    planned = "" if runs.attempted == runs.planned else f" of {runs.planned} planned"
    return f"{where} failed all {runs.attempted} runs{planned}: {sentence}"


def explain_status(pair: PairState, status: str) -> str:
    """Return the Record's message of a pair that ended as `status`, which is not "measured"."""
    if status == INTERRUPTED and pair.blocked is None:
        return f"{pair.id} was interrupted after {pair.run_log.attempted} of {pair.run_log.planned} runs"
    return explain_outcome(pair)


def summarise_pair(record: Record) -> str:
    """Return the last line of a pair on the terminal."""
    counts, runs = record["counts"], record["runs"]
    good = f"{counts['good']} of {counts['planned']} runs good"
    speed = f", {format_number(compute_tokens_per_sec(runs))} tok/s" if runs else ""
    return f"{record['pair']['id']}: {record['status']}, {good}{speed}"


def explain_nonfinite(found: Numerics, precision: str) -> str:
    """Return the message of a pair whose output is not finite."""
    return (
        f"the output of {found['first_nonfinite']} contains {found['kind']} in {precision}, so its tokens are "
        "meaningless; type --allow-nonfinite to measure it anyway"
    )
