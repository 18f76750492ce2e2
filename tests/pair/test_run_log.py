"""Runs are counted: a failed run never enters the statistics.

Tests benchmarks.pair.run_log.
"""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.pair.run_log import MAX_FAILURES_IN_A_ROW, MAX_RESTARTS, Tally
from benchmarks.power.analysis.phases import PHASES
from benchmarks.processes.protocol import WorkerFailed
from benchmarks.record import DID_NOT_FIT, LATENCY_BINS, LATENCY_HIGH_S, LATENCY_LOW_S
from tests.support.journals import make_marks


def test_failed_runs_leave_gaps_and_no_time() -> None:
    """A failed run takes its place among the planned ones, and no column holds anything of it."""
    tally = Tally(planned=3, warmup=0)
    tally.good(0, make_marks(0, 1.0))
    tally.failed("run", WorkerFailed("RuntimeError", "no"))
    tally.good(2, make_marks(5, 3.0))

    runs = tally.runs(1, None, None, "no sensor")
    assert runs is not None
    assert runs["run"] == [0, 2]
    assert runs["latency_s"] == [1.0, 3.0]
    assert runs["start_s"] == [0.0, 5.0]
    assert tally.counts()["failed"] == 1
    assert tally.failures()["by_reason"] == {"RuntimeError": 1}
    assert tally.tokens_per_sec == 4.0


def test_columns_are_the_spans_between_marks() -> None:
    """Preprocessing, vision, prefill, TTFT and decode are the spans between their marks, in seconds."""
    tally = Tally(planned=1, warmup=0)
    tally.good(0, make_marks(0, 2.0))

    runs = tally.runs(1, None, None, "no sensor")
    assert runs is not None
    assert runs["preprocess_s"] == pytest.approx([0.2])
    assert runs["vision_s"] == pytest.approx([0.4])
    assert runs["prefill_s"] == pytest.approx([0.4])
    assert runs["ttft_s"] == pytest.approx([1.0])
    assert runs["decode_s"] == pytest.approx([1.0])


def test_a_missing_vision_mark_voids_its_columns() -> None:
    """Where one run has no vision mark, both columns beside it are null, with the reason."""
    tally = Tally(planned=2, warmup=0)
    tally.good(0, make_marks())
    tally.good(1, make_marks(vision=None))

    runs = tally.runs(1, None, None, "no sensor")
    assert runs is not None
    assert (runs["vision_s"], runs["prefill_s"]) == (None, None)
    assert {"vision_s", "prefill_s"} <= set(runs["reasons"])


@given(st.lists(st.tuples(st.floats(0.01, 10), st.booleans()), max_size=6))
def test_phases_partition_the_windows(runs: list[tuple[float, bool]]) -> None:
    """Phases follow each other from a run's start to its end; without a vision mark the two beside it are none."""
    tally = Tally(planned=len(runs), warmup=0)
    for index, (latency, seen) in enumerate(runs):
        tally.good(0, make_marks(20.0 * index, latency, vision=0.3 if seen else None))
    phases = tally.phases

    assert tuple(phases) == PHASES
    assert (phases["vision"] is None) == (phases["prefill"] is None) == (not all(seen for _, seen in runs))
    known = [found for found in phases.values() if found is not None]
    assert [found[index][0] for index in range(len(runs)) for found in known[:1]] == [w[0] for w in tally.windows]
    assert [found[index][1] for index in range(len(runs)) for found in known[-1:]] == [w[1] for w in tally.windows]
    if len(known) == 4:
        for earlier, later in itertools.pairwise(known):
            assert [end for _, end in earlier] == [start for start, _ in later]


@pytest.mark.parametrize("stage", ["load", "warmup"])
def test_what_cannot_begin_is_given_up(stage: str) -> None:
    """A load or a warm-up that fails ends the pair: 2500 repetitions would say no more."""
    tally = Tally(planned=2500, warmup=3)
    tally.failed(stage, WorkerFailed("OSError", "no"))

    assert tally.given_up
    assert tally.attempted == 0


def test_caps_end_a_hopeless_pair() -> None:
    """Failures in a row and restarts each end the pair at their cap, and a good run resets the row."""
    tally = Tally(planned=2500, warmup=0)
    for _ in range(MAX_FAILURES_IN_A_ROW - 1):
        tally.failed("run", WorkerFailed("RuntimeError", "no"))
    tally.good(0, make_marks())
    assert not tally.given_up

    for _ in range(MAX_FAILURES_IN_A_ROW):
        tally.failed("run", WorkerFailed("RuntimeError", "no"))
    assert tally.given_up

    restarted = Tally(planned=2500, warmup=0)
    restarted.restarts = MAX_RESTARTS
    assert not restarted.given_up
    restarted.restarts += 1
    assert restarted.given_up


def test_token_latencies_keep_their_number_and_place() -> None:
    """Each gap between tokens is in the bin of its length; what is out of range is in the end bins."""
    tally = Tally(planned=1, warmup=0)
    run = make_marks()
    run["token_gaps_s"] = [1e-9, 0.01, 0.01, 1e6]
    tally.good(0, run)

    latency = tally.token_latency()
    assert latency is not None
    counts = latency["counts"]
    place = int(math.log10(0.01 / LATENCY_LOW_S) / math.log10(LATENCY_HIGH_S / LATENCY_LOW_S) * LATENCY_BINS)
    assert (counts[0], counts[place], counts[-1], sum(counts)) == (1, 2, 1, 4)


@pytest.mark.parametrize(
    ("stage", "reason", "fits"),
    [
        ("load", "SIGKILL", False),
        ("run", "OutOfMemoryError", False),
        ("run", "SIGKILL", True),
        ("load", "OSError", True),
    ],
)
def test_what_ran_out_of_memory_did_not_fit(stage: str, reason: str, fits: bool) -> None:
    """A pair that never ran because memory ran out did not fit; one that failed otherwise failed."""
    tally = Tally(planned=10, warmup=0)
    tally.failed(stage, WorkerFailed(reason, "no"))

    assert tally.did_not_fit is not fits
    tally.good(0, make_marks())
    assert not tally.did_not_fit


def test_a_load_that_fails_after_a_failed_run_is_final_too() -> None:
    """A load failure ends the pair whatever failed before it."""
    tally = Tally(planned=10, warmup=0)
    tally.failed("run", WorkerFailed("SIGKILL", "killed", died=True))
    assert not tally.given_up

    tally.failed("load", WorkerFailed("OSError", "gone"))
    assert tally.given_up


def test_a_resumed_tally_counts_as_the_first_did() -> None:
    """What a journal tells of failures, restarts and children that could not be replaced gives the same counts."""
    first, again = Tally(10, 0), Tally(10, 0)
    first.failed("run", WorkerFailed("SIGKILL", "killed", died=True))
    first.restarted()
    first.restart_failed(WorkerFailed("OSError", "gone"))
    again.again("run", 0, None, "SIGKILL", "killed")
    again.again("restart", 0, None, "", "")
    again.again("at restart", 0, None, "OSError", "gone")

    assert again.failures() == first.failures()
    assert again.counts() == first.counts()


@pytest.mark.parametrize("at_restart", [False, True])
def test_a_model_that_does_not_fit_ends_its_pair(at_restart: bool) -> None:
    """A pair whose child was ended for want of memory, at a run or when it was replaced, did not fit."""
    tally = Tally(planned=10, warmup=0)
    tally.good(0, make_marks())
    failure = WorkerFailed(DID_NOT_FIT, "0.9 GB were available", died=True)
    if at_restart:
        tally.restart_failed(failure)
    else:
        tally.failed("run", failure)

    assert tally.given_up
    assert tally.did_not_fit
    assert tally.misfit == "0.9 GB were available"
    assert tally.counts()["good"] == 1


def test_a_cuda_error_poisons_its_process() -> None:
    """After a CUDA error a process is of no more use; after any other error it is."""
    assert WorkerFailed("AcceleratorError", "CUDA error: an illegal memory access was encountered").poisons
    assert WorkerFailed("RuntimeError", "CUDA error: device-side assert triggered").poisons
    assert not WorkerFailed("OutOfMemoryError", "CUDA out of memory. Tried to allocate 2 GiB").poisons
