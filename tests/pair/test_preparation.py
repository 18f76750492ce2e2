"""Each stage before the runs is named in its failure, and whatever fails is a failure.

Tests benchmarks.pair.preparation.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from benchmarks.models import MODELS
from benchmarks.pair.meters import Meters
from benchmarks.pair.preparation import name_stage, prepare
from benchmarks.pair.process import PairProcess
from benchmarks.pair.run_log import RunLog
from benchmarks.pair.state import PairState
from benchmarks.processes.protocol import WorkerFailed
from benchmarks.workload import Workload, read_photographs
from tests.support.jobs import make_job
from tests.support.plans import make_plan

if TYPE_CHECKING:
    from benchmarks.processes.protocol import Numerics


class Verified(PairProcess):
    """A process that verifies a miniature too, and is killed before it does so the first time."""

    kills = 1

    def verify(self) -> Numerics | None:
        assert self.worker is not None
        if self.kills:
            self.kills -= 1
            os.kill(self.worker.pid, signal.SIGKILL)
        return self.worker.verify([(0, 0)], 60.0)


def test_a_process_that_dies_while_it_is_verified_is_replaced() -> None:
    """A death in the check of the outputs is a failure of "verify" that may pass, and the next process verifies."""
    job = make_job("llava")
    work = Workload(read_photographs(None)[:2], job.images, job.prompts, job.new_tokens, 1)
    plan = make_plan(weights="mini", start_method="forkserver", work=work, warmup_runs=0)
    process = Verified(MODELS["llava"], "bf16", plan, print)
    pair = PairState(MODELS["llava"], "bf16", plan, "now", RunLog(1, 0), Meters(plan), process.memory_guard)
    with pytest.raises(WorkerFailed) as failure:
        prepare(pair, process)
    assert (failure.value.stage, failure.value.reason, failure.value.may_pass) == ("verify", "SIGKILL", True)

    process.end(at_once=True)
    pair.meters = pair.meters.renew()
    assert prepare(pair, process) is not None
    assert pair.numerics is not None
    assert pair.numerics["first_nonfinite"] is None
    process.end()
    pair.meters.close()


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("can't start new thread"), RecursionError(), KeyError(3)]
)
def test_whatever_fails_is_a_failure(error: Exception) -> None:
    """Every error of a stage is a failure with its class: the next pair must still be measured."""
    with pytest.raises(WorkerFailed) as failure, name_stage("load"):
        raise error

    assert (failure.value.stage, failure.value.reason) == ("load", type(error).__name__)
    assert failure.value.ran_out_of_memory is isinstance(error, MemoryError)
