"""The proof that a pair's runs did the work that they claim, from the parent's side."""

from benchmarks.formatting import format_number
from benchmarks.pair.preparation import name_stage
from benchmarks.pair.process import PairProcess
from benchmarks.pair.run_log import TRIED_AGAIN
from benchmarks.pair.state import PairState
from benchmarks.processes.protocol import DecodeCheck, WorkerFailed


def prove(pair: PairState, process: PairProcess, *, again: bool = True) -> None:
    """Check the decoding of a pair with good runs, and note the result in `pair`.

    An earlier session may have ended between the last run and this check: the model is then loaded once more. So it is
    if its process dies, with `again`. A death disproves nothing.
    """
    try:
        if process.worker is None and not pair.run_log.given_up:
            with name_stage("load"):
                process.start()
        with name_stage("prove"):
            _judge(pair, process.prove())
    except WorkerFailed as failure:
        if process.worker is not None and again and failure.may_pass:
            pair.run_log.add_failure(failure.stage + TRIED_AGAIN, failure)
            process.end(at_once=True)
            prove(pair, process, again=False)
        elif failure.stage == "load":
            pair.not_proved = f"the model could not be loaded for the check: {failure}"
        elif process.worker is None or failure.died or failure.ran_out_of_memory:
            pair.not_proved = failure.sentence
        else:
            _disprove(pair, failure)


def _judge(pair: PairState, found: DecodeCheck) -> None:
    if found["difference"] is None:
        pair.not_proved = "the logits are not finite"
        return
    pair.decode_check = found
    if found["difference"] > found["bound"]:
        message = (
            f"decoding with the cache gives other logits than one forward without it: they differ by "
            f"{format_number(found['difference'])} at new token {found['position'] + 1} of {found['tokens']}, and at "
            f"most {format_number(found['bound'])} is rounding; this version of transformers may not suit the model"
        )
        _disprove(pair, WorkerFailed("DecodeMismatch", message))


def _disprove(pair: PairState, failure: WorkerFailed) -> None:
    pair.disproof = failure.sentence
    pair.run_log.add_failure("prove", failure)
