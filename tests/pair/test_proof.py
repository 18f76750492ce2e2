"""A pair is reported as measured only if its work was proved, or if it says why that was not possible.

Tests benchmarks.pair.proof.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from transformers import LlavaForConditionalGeneration

from benchmarks.models import MODELS
from benchmarks.pair.handle import Handle
from benchmarks.pair.memory_guard import MemoryGuard
from benchmarks.pair.meters import Meters
from benchmarks.pair.process import PairProcess
from benchmarks.pair.proof import prove
from benchmarks.pair.run_log import RunLog
from benchmarks.pair.state import PairState
from benchmarks.processes.protocol import WorkerFailed
from benchmarks.record import FAILED, MEASURED, find_violations
from benchmarks.workload import Workload, read_photographs
from tests.support import product
from tests.support.decoding import break_cache
from tests.support.jobs import make_job
from tests.support.journals import make_marks
from tests.support.plans import make_plan

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.planning.plan import Plan

ONE_PAIR = ("--models=llava", "--precisions=bf16", "--runs=2", "--benchmark-save=thor")


class Answering(Handle):
    """A worker that gives one answer to "prove", or fails."""

    pid = 1

    def __init__(self, answer: dict[str, Any] | WorkerFailed) -> None:
        self._answer = answer

    def ask(self, request: dict[str, Any], timeout_s: float | None) -> dict[str, Any]:
        assert request["do"] == "prove"
        assert timeout_s
        if isinstance(self._answer, WorkerFailed):
            raise self._answer
        return self._answer

    def close(self, *, at_once: bool = False) -> NoReturn:
        raise AssertionError(at_once)


def make_pair(plan: Plan) -> tuple[PairState, PairProcess]:
    """Return the state of a pair with one good run, and its process, which is not started."""
    log = RunLog(1, 0)
    log.add_run(0, make_marks())
    pair = PairState(MODELS["llava"], "bf16", plan, "now", log, Meters(plan), MemoryGuard(None))
    return pair, PairProcess(pair.spec, pair.precision, plan, print)


def prove_with(answer: dict[str, Any] | WorkerFailed) -> PairState:
    """Return the state of a pair after its worker gave this answer to "prove"."""
    pair, process = make_pair(make_plan())
    process.worker = Answering(answer)
    prove(pair, process)
    return pair


@pytest.mark.parametrize(("difference", "status"), [(0.1, MEASURED), (0.1001, FAILED)])
def test_the_bound_decides(difference: float, status: str) -> None:
    """A difference up to the bound is rounding; one above it fails the pair."""
    found = {"difference": difference, "bound": 0.1, "position": 2, "tokens": 4}
    pair = prove_with(found)

    assert pair.final_status == status
    assert pair.decode_check == found


@pytest.mark.parametrize("reason", ["OutOfMemoryError", "MemoryError", "OOM kill", "did not fit"])
def test_too_little_memory_disproves_nothing(reason: str) -> None:
    """Where memory does not allow the check, the pair stays measured and says that its work was not proved."""
    pair = prove_with(WorkerFailed(reason, "no room"))

    assert pair.final_status == MEASURED
    assert pair.decode_check is None
    assert pair.not_proved == f"{reason}: no room"


def test_an_error_in_the_check_fails_the_pair() -> None:
    """A model that cannot run without a cache, or not at all any more, is not reported as measured."""
    pair = prove_with(WorkerFailed("TypeError", "forward() got an unexpected keyword argument 'cache'"))

    assert pair.final_status == FAILED
    assert pair.disproof == "TypeError: forward() got an unexpected keyword argument 'cache'"


def test_logits_that_are_not_finite_are_not_proved() -> None:
    """Where the logits are not finite (--allow-nonfinite) there is nothing to compare, and that is said."""
    pair = prove_with({"difference": None, "bound": 0.1, "position": 0, "tokens": 4})

    assert (pair.final_status, pair.not_proved) == (MEASURED, "the logits are not finite")


def test_a_pair_whose_session_ended_before_the_check_is_loaded_again() -> None:
    """Where an earlier session ended after the last run, the model is loaded once more and its work is proved."""
    job = make_job("llava")
    work = Workload(read_photographs(None)[:2], job.images, job.prompts, job.new_tokens, 1)
    pair, process = make_pair(make_plan(weights="mini", start_method="forkserver", work=work))
    prove(pair, process)
    process.end()

    assert pair.final_status == MEASURED
    assert pair.decode_check is not None
    assert pair.decode_check["tokens"] == job.new_tokens


def test_a_process_that_dies_in_the_check_is_replaced_once() -> None:
    """A process that is killed before its check answers is replaced; one that dies again disproves nothing."""
    job = make_job("llava")
    work = Workload(read_photographs(None)[:2], job.images, job.prompts, job.new_tokens, 1)
    for killed in (1, 2):
        pair, process = make_pair(make_plan(weights="mini", start_method="forkserver", work=work))
        process.start()
        assert process.worker is not None
        os.kill(process.worker.pid, signal.SIGKILL)
        prove(pair, process, again=killed == 1)
        process.end()

        assert pair.final_status == MEASURED
        if killed == 1:
            assert pair.decode_check is not None
            assert pair.run_log.summarise_failures()["by_reason"] == {"SIGKILL": 1}
        else:
            assert pair.not_proved == "SIGKILL: the process that ran the model was killed (SIGKILL)"


def test_a_model_that_cannot_be_loaded_again_is_not_proved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the model cannot be loaded again, its runs stay measured, and it is said why they are not proved."""
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pair, process = make_pair(make_plan(weights="hub"))
    prove(pair, process)

    assert pair.final_status == MEASURED
    assert pair.not_proved.startswith("the model could not be loaded for the check: llava (llava-hf/llava-1.5-7b-hf)")


def test_a_measured_pair_holds_its_proof(tmp_path: Path) -> None:
    """A session's Record has the difference that was found, the bound, and how many tokens were compared."""
    done = product.measure_here(tmp_path, *ONE_PAIR)
    (save,) = product.read_saves(tmp_path)
    found = save["benchmarks"][0]["extra_info"]["numerics"]["decode_check"]

    assert done.returncode == 0, done.stdout
    assert 0 <= found["difference"] < found["bound"] / 4
    assert found["tokens"] == product.NEW_TOKENS


def test_a_pair_with_a_broken_cache_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that loses the context in decode steps fails the pair, with the position and size of the difference."""
    whole = LlavaForConditionalGeneration.__init__

    def spoil(model: Any, *given: Any, **named: Any) -> None:
        whole(model, *given, **named)
        break_cache(model, "dropped")

    monkeypatch.setattr(LlavaForConditionalGeneration, "__init__", spoil)
    done = product.measure_here(tmp_path, *ONE_PAIR, "--isolation=none")
    (save,) = product.read_saves(tmp_path)
    (record,) = save["unmeasured"]

    assert done.returncode == 1
    assert save["benchmarks"] == []
    assert record["status"] == "failed"
    assert record["failures"]["by_reason"] == {"DecodeMismatch": 1}
    found = record["numerics"]["decode_check"]
    assert found["difference"] > found["bound"]
    sentence = (
        f"llava-bf16 on {save['machine_info']['device']['label']} was not measured: DecodeMismatch: decoding with the "
        f"cache gives other logits than one forward without it: they differ by {found['difference']:.3g} at new token "
        f"{found['position'] + 1} of {found['tokens']}, and at most 0.1 is rounding; "
    )
    assert record["message"].startswith(sentence)
    assert record["message"] in done.stdout
    assert list(find_violations(record)) == []
