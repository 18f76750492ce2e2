"""The proof that a pair's runs did the work that they claim, from the parent's side."""

from benchmarks.formatting import format_number
from benchmarks.pair.process import PairProcess
from benchmarks.pair.run_log import MISFITS, OUT_OF_MEMORY
from benchmarks.pair.state import PairState
from benchmarks.processes.protocol import DecodeCheck, WorkerFailed, describe_error

NO_ROOM = (*OUT_OF_MEMORY, *MISFITS, "SIGKILL")
"""Reasons of failures for which memory was too small: they disprove nothing."""


def prove(pair: PairState, process: PairProcess) -> None:
    """Check the decoding of a pair with good runs, and note the result in `pair`.

    An earlier session may have ended between the last run and this check: the model is then loaded once more.
    """
    try:
        if process.worker is None and not pair.run_log.given_up:
            process.start()
    except Exception as error:  # noqa: BLE001 - the runs are measured, whatever keeps the model from loading again
        pair.not_proved = f"the model could not be loaded for the check: {describe_error(error)['message']}"
        return
    try:
        found = process.prove()
    except WorkerFailed as failure:
        if process.worker is None or failure.reason in NO_ROOM:
            pair.not_proved = f"{failure.reason}: {failure}"
        else:
            _disprove(pair, failure)
        return
    if found["difference"] is None:
        pair.not_proved = "the logits are not finite"
        return
    pair.decode_check = found
    if found["difference"] > found["bound"]:
        _disprove(pair, WorkerFailed("DecodeMismatch", explain_mismatch(found)))


def explain_mismatch(found: DecodeCheck) -> str:
    """Return the message of a pair whose decoding misses the bound."""
    return (
        f"decoding with the cache gives other logits than one forward without it: they differ by "
        f"{format_number(found['difference'] or 0.0)} at new token {found['position'] + 1} of {found['tokens']}, "
        f"and at most {format_number(found['bound'])} is rounding; this version of transformers may not suit the model"
    )


def _disprove(pair: PairState, failure: WorkerFailed) -> None:
    pair.disproof = f"{failure.reason}: {failure}"
    pair.run_log.add_failure("prove", failure)
