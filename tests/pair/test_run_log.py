"""Runs are counted: a failed run never enters the statistics.

Tests benchmarks.pair.run_log.
"""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.pair.run_log import MAX_FAILURES_IN_A_ROW, MAX_RESTARTS, TRIED_AGAIN, RunLog, are_in_order
from benchmarks.power.analysis.phases import PHASES
from benchmarks.processes.protocol import WorkerFailed
from benchmarks.record import DID_NOT_FIT, LATENCY_BINS, LATENCY_HIGH_S, LATENCY_LOW_S
from tests.support.journals import make_marks


def test_failed_runs_leave_gaps_and_no_time() -> None:
    """A failed run takes its place among the planned ones, and no column holds anything of it."""
    run_log = RunLog(planned=3, warmup=0)
    run_log.add_run(0, make_marks(0, 1.0))
    run_log.add_failure("run", WorkerFailed("RuntimeError", "no"))
    run_log.add_run(2, make_marks(5, 3.0))

    runs = run_log.build_columns(1, None, None, "no sensor")
    assert runs is not None
    assert runs["run"] == [0, 2]
    assert runs["latency_s"] == [1.0, 3.0]
    assert runs["start_s"] == [0.0, 5.0]
    assert run_log.count_runs()["failed"] == 1
    assert run_log.summarise_failures()["by_reason"] == {"RuntimeError": 1}
    assert run_log.tokens_per_sec == 4.0


def test_columns_are_the_spans_between_marks() -> None:
    """Preprocessing, vision, prefill, TTFT and decode are the spans between their marks, in seconds."""
    run_log = RunLog(planned=1, warmup=0)
    run_log.add_run(0, make_marks(0, 2.0))

    runs = run_log.build_columns(1, None, None, "no sensor")
    assert runs is not None
    assert runs["preprocess_s"] == pytest.approx([0.2])
    assert runs["vision_s"] == pytest.approx([0.4])
    assert runs["prefill_s"] == pytest.approx([0.4])
    assert runs["ttft_s"] == pytest.approx([1.0])
    assert runs["decode_s"] == pytest.approx([1.0])


def test_a_missing_vision_mark_voids_its_columns() -> None:
    """Where one run has no vision mark, both columns beside it are null, with the reason."""
    run_log = RunLog(planned=2, warmup=0)
    run_log.add_run(0, make_marks())
    run_log.add_run(1, make_marks(vision=None))

    runs = run_log.build_columns(1, None, None, "no sensor")
    assert runs is not None
    assert (runs["vision_s"], runs["prefill_s"]) == (None, None)
    assert {"vision_s", "prefill_s"} <= set(runs["reasons"])


@given(st.lists(st.tuples(st.floats(0.01, 10), st.booleans()), max_size=6))
def test_phases_partition_the_windows(runs: list[tuple[float, bool]]) -> None:
    """Phases follow each other from a run's start to its end; without a vision mark the two beside it are none."""
    run_log = RunLog(planned=len(runs), warmup=0)
    for index, (latency, seen) in enumerate(runs):
        run_log.add_run(0, make_marks(20.0 * index, latency, vision=0.3 if seen else None))
    phases = run_log.phases

    assert tuple(phases) == PHASES
    assert (phases["vision"] is None) == (phases["prefill"] is None) == (not all(seen for _, seen in runs))
    known = [found for found in phases.values() if found is not None]
    assert [found[index][0] for index in range(len(runs)) for found in known[:1]] == [w[0] for w in run_log.windows]
    assert [found[index][1] for index in range(len(runs)) for found in known[-1:]] == [w[1] for w in run_log.windows]
    if len(known) == 4:
        for earlier, later in itertools.pairwise(known):
            assert [end for _, end in earlier] == [start for start, _ in later]


@pytest.mark.parametrize("stage", ["load", "warmup"])
def test_what_cannot_begin_is_given_up(stage: str) -> None:
    """A load or a warm-up that fails ends the pair: 2500 repetitions would say no more."""
    run_log = RunLog(planned=2500, warmup=3)
    run_log.add_failure(stage, WorkerFailed("OSError", "no"))

    assert run_log.given_up
    assert run_log.attempted == 0


def test_caps_end_a_hopeless_pair() -> None:
    """Failures in a row and restarts each end the pair at their cap, and a good run resets the row."""
    run_log = RunLog(planned=2500, warmup=0)
    for _ in range(MAX_FAILURES_IN_A_ROW - 1):
        run_log.add_failure("run", WorkerFailed("RuntimeError", "no"))
    run_log.add_run(0, make_marks())
    assert not run_log.given_up

    for _ in range(MAX_FAILURES_IN_A_ROW):
        run_log.add_failure("run", WorkerFailed("RuntimeError", "no"))
    assert run_log.given_up

    restarted = RunLog(planned=2500, warmup=0)
    restarted.restarts = MAX_RESTARTS
    assert not restarted.given_up
    restarted.restarts += 1
    assert restarted.given_up


def test_token_latencies_keep_their_number_and_place() -> None:
    """Each gap between tokens is in the bin of its length; what is out of range is in the end bins."""
    run_log = RunLog(planned=1, warmup=0)
    run = make_marks()
    run["token_gaps_s"] = [1e-9, 0.01, 0.01, 1e6]
    run_log.add_run(0, run)

    latency = run_log.summarise_token_latency()
    assert latency is not None
    counts = latency["counts"]
    place = int(math.log10(0.01 / LATENCY_LOW_S) / math.log10(LATENCY_HIGH_S / LATENCY_LOW_S) * LATENCY_BINS)
    assert (counts[0], counts[place], counts[-1], sum(counts)) == (1, 2, 1, 4)


@pytest.mark.parametrize(
    ("stage", "reason", "message", "fits"),
    [
        ("load", "SIGKILL", "the process that ran the model was killed (SIGKILL)", True),
        ("load", "OOM kill", "the kernel ran out of memory", False),
        ("load", "MemoryError", "no", False),
        ("warmup", "RuntimeError", "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes", False),
        ("load", "RuntimeError", "CUDA error: out of memory", False),
        ("load", "OSError", "[Errno 12] Cannot allocate memory", False),
        ("run", "OutOfMemoryError", "no", False),
        ("run", "SIGKILL", "no", True),
        ("load", "OSError", "no", True),
    ],
)
def test_what_ran_out_of_memory_did_not_fit(stage: str, reason: str, message: str, fits: bool) -> None:
    """A pair that never ran because memory, by its own words, ran out did not fit; one that failed otherwise failed."""
    run_log = RunLog(planned=10, warmup=0)
    run_log.add_failure(stage, WorkerFailed(reason, message))

    assert run_log.did_not_fit is not fits
    run_log.add_run(0, make_marks())
    assert not run_log.did_not_fit


def test_a_load_that_fails_after_a_failed_run_is_final_too() -> None:
    """A load failure ends the pair whatever failed before it."""
    run_log = RunLog(planned=10, warmup=0)
    run_log.add_failure("run", WorkerFailed("SIGKILL", "killed", died=True))
    assert not run_log.given_up

    run_log.add_failure("load", WorkerFailed("OSError", "gone"))
    assert run_log.given_up


def test_a_resumed_tally_counts_as_the_first_did() -> None:
    """What a journal tells of failures, restarts and children that could not be replaced gives the same counts."""
    first, again = RunLog(10, 0), RunLog(10, 0)
    first.add_failure("run", WorkerFailed("SIGKILL", "killed", died=True))
    first.add_restart()
    first.add_failed_restart(WorkerFailed("OSError", "gone"))
    again.replay("run", 0, None, "SIGKILL", "killed")
    again.replay("restart", 0, None, "", "")
    again.replay("at restart", 0, None, "OSError", "gone")

    assert again.summarise_failures() == first.summarise_failures()
    assert again.count_runs() == first.count_runs()


@pytest.mark.parametrize("at_restart", [False, True])
def test_a_model_that_does_not_fit_ends_its_pair(at_restart: bool) -> None:
    """A pair whose child was ended for want of memory, at a run or when it was replaced, did not fit."""
    run_log = RunLog(planned=10, warmup=0)
    run_log.add_run(0, make_marks())
    failure = WorkerFailed(DID_NOT_FIT, "0.9 GB were available", died=True)
    if at_restart:
        run_log.add_failed_restart(failure)
    else:
        run_log.add_failure("run", failure)

    assert run_log.given_up
    assert run_log.did_not_fit
    assert run_log.misfit == "0.9 GB were available"
    assert run_log.count_runs()["good"] == 1


def test_marks_of_one_moment_are_no_run() -> None:
    """Marks that stand still or go back are those of a broken clock: no rate can be made of them."""
    assert are_in_order(make_marks())
    assert are_in_order(make_marks(vision=None))
    assert not are_in_order(make_marks(latency_s=0.0))
    assert not are_in_order(make_marks(latency_s=-1.0))
    assert not are_in_order(make_marks(vision=0.6))


def test_what_is_tried_again_ends_no_pair() -> None:
    """A failure after which everything is repeated is counted and named, and the next one says why the pair failed."""
    run_log = RunLog(planned=10, warmup=0)
    run_log.add_failure(f"load{TRIED_AGAIN}", WorkerFailed("SIGKILL", "killed", died=True))
    assert not run_log.given_up

    run_log.add_failure("warmup", WorkerFailed("MemoryError", "no"))
    counted = run_log.summarise_failures()
    assert (counted["stage"], counted["by_reason"]) == ("load", {"SIGKILL": 1, "MemoryError": 1})
    assert run_log.given_up
    assert run_log.did_not_fit


@pytest.mark.parametrize(
    ("stage", "failure", "may_pass"),
    [
        ("load", WorkerFailed("SIGKILL", "killed", died=True), True),
        ("warmup", WorkerFailed("timeout", "no answer", died=True), True),
        ("verify", WorkerFailed("AcceleratorError", "CUDA error: device-side assert triggered"), True),
        ("load", WorkerFailed("timeout", "no answer", died=True), False),
        ("load", WorkerFailed("OOM kill", "the kernel ran out of memory", died=True), False),
        ("load", WorkerFailed("SafetensorError", "incomplete"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(stage: str, failure: WorkerFailed, may_pass: bool) -> None:
    """What ended its process may pass in another one, unless memory was too small or the load took hours."""
    failure.stage = stage

    assert failure.may_pass is may_pass


def test_a_cuda_error_poisons_its_process() -> None:
    """After a CUDA error a process is of no more use; after any other error it is."""
    assert WorkerFailed("AcceleratorError", "CUDA error: an illegal memory access was encountered").is_fatal
    assert WorkerFailed("RuntimeError", "CUDA error: device-side assert triggered").is_fatal
    assert not WorkerFailed("OutOfMemoryError", "CUDA out of memory. Tried to allocate 2 GiB").is_fatal
