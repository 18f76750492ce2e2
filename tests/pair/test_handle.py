"""The child answers with errors, and its death is seen at once.

Tests benchmarks.pair.handle and benchmarks.processes.protocol.
"""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.pair import handle
from benchmarks.processes.protocol import WorkerFailed, explain_exit
from tests.support.jobs import make_job


@pytest.mark.parametrize("isolation", ["process", "none"])
def test_errors_are_answers(isolation: str) -> None:
    """A model that cannot be loaded is an error with its class and one line of text, and the worker lives on."""
    nothing = replace(make_job("llava"), source=Path("/nonexistent"))
    worker = handle.start(nothing, isolation=isolation, start_method="forkserver")
    try:
        for _ in range(2):
            with pytest.raises(WorkerFailed) as failure:
                worker.load()
            assert not failure.value.died
            assert failure.value.reason.endswith("Error")
            assert "\n" not in str(failure.value)
    finally:
        worker.close()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSEGV])
def test_a_childs_death_is_named(end: signal.Signals) -> None:
    """A child that is killed or crashes is seen at once, with the signal that ended it."""
    worker = handle.start(make_job("llava"), isolation="process", start_method="forkserver")
    worker.load()
    os.kill(worker.pid, end)

    with pytest.raises(WorkerFailed) as failure:
        worker.run([(0, 0)])
    assert failure.value.died
    assert failure.value.reason == end.name
    worker.close()


def test_in_process_work_is_the_same() -> None:
    """--isolation=none loads and runs in this very process, for a debugger."""
    worker = handle.start(make_job("llava"), isolation="none", start_method=None)

    assert worker.pid == os.getpid()
    assert worker.load()["pid"] == os.getpid()
    assert worker.run([(0, 0)])["new_tokens"] == 5
    worker.close()
    with pytest.raises(WorkerFailed, match="was closed"):
        worker.load()


@pytest.mark.parametrize(
    ("code", "word"),
    [(0, "exit 0"), (3, "exit 3"), (-9, "SIGKILL"), (-11, "SIGSEGV"), (-99, "signal 99"), (None, "silence")],
)
def test_endings_have_names(code: int | None, word: str) -> None:
    """The reason of a failure names how the process ended."""
    failure = explain_exit(code)

    assert failure.reason == word
    assert failure.died


def test_a_month_is_a_timeout() -> None:
    """A timeout longer than the system can count is as long as it can."""
    worker = handle.start(make_job("llava"), isolation="process", start_method="forkserver")
    assert worker.load(1e9)["pid"] == worker.pid
    worker.close()
