"""One pair's life: child, load, meters, warm-up, runs, Record.

Every failure on the way is data. A pair ends with a Record whatever happens: measured, failed, or
interrupted; only then does its test pass or fail.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import aside, progress
from benchmarks.compose import compose
from benchmarks.meters import Meters
from benchmarks.models import MODELS, miniature
from benchmarks.record import FAILED, INTERRUPTED, MEASURED
from benchmarks.tally import Tally
from benchmarks.worker import handle
from benchmarks.worker.protocol import Job, WorkerFailed, trouble

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    from benchmarks.options import Plan
    from benchmarks.record import Interruption, Record
    from benchmarks.worker.protocol import Loaded


class PairSession:
    """Measures one pair as `plan` says, and hands its Record to `keep`."""

    def __init__(
        self, model: str, precision: str, plan: Plan, show: progress.Progress, keep: Callable[[Record], None]
    ) -> None:
        self.spec = MODELS[model]
        self.precision = precision
        self.plan = plan
        self.tally = Tally(plan.runs, plan.warmup_runs)
        self.meters = Meters(plan)
        self.worker: handle.Handle | None = None
        self.loaded: Loaded | None = None
        self.started = _now()
        self.interruptions: list[Interruption] = []
        self._show = show
        self._keep = keep
        self._began = 0.0

    @property
    def id(self) -> str:
        """The pair's name, as in the test's id."""
        return f"{self.spec.id}-{self.precision}"

    def measure(self, benchmark: BenchmarkFixture) -> None:
        """Measure the pair in rounds of `benchmark` and put the Record into its extra_info.

        Fails the test where no run was good. An interruption passes through, after the pair was
        kept as interrupted: pytest-benchmark alone would save what there is as if it were whole.
        """
        self._show.begin()
        status = INTERRUPTED
        try:
            self._prepare()
            benchmark.pedantic(self._run, teardown=self._after_run, rounds=self._rounds)
            self.meters.finish()
            status = MEASURED if self.tally.marks else FAILED
        finally:
            self.meters.close()
            self._end_worker()
            self._conclude(benchmark, status)
        if status == FAILED:
            pytest.fail(self.verdict, pytrace=False)

    @property
    def _rounds(self) -> int:
        """Rounds for pytest-benchmark: one where nothing can run, so that it still writes a save."""
        return 1 if self.tally.given_up else self.plan.runs

    @property
    def verdict(self) -> str:
        """Why the pair has no good run, in one sentence."""
        tally = self.tally
        where = f"{self.id} on {self.plan.machine['label']}"
        if tally.stage == "load":
            return f"{where} could not be loaded: {tally.first_message}"
        if tally.stage == "warmup":
            return f"{where} failed in a warm-up run: {tally.first_message}"
        of = "" if tally.attempted == tally.planned else f" of {tally.planned} planned"
        return f"{where} failed all {tally.attempted} runs{of}: {tally.first_message}"

    @property
    def weights_id(self) -> str:
        """What the weights are: for a miniature, the hash of all that it is made from."""
        return miniature.identity(self.spec)

    def _prepare(self) -> None:
        """Have the model loaded and warm, and the meters running."""
        self.meters.note_baseline()
        try:
            self._start_worker()
        except WorkerFailed as failure:
            self.tally.failed("load", failure)
            return
        except Exception as error:  # noqa: BLE001 - a full disk under the miniature, say: the next pair must go on
            self.tally.failed("load", WorkerFailed(**trouble(error)))
            return
        if self.worker is not None and self.loaded is not None:
            self.meters.start(self.worker, self.loaded)
        try:
            self._warm_up()
        except WorkerFailed as failure:
            self.tally.failed("warmup", failure)
        self._began = time.monotonic()

    def _start_worker(self) -> None:
        """Start a worker and have it load the model."""
        self.worker = handle.start(self._job(), isolation=self.plan.isolation, start_method=self.plan.start_method)
        self.loaded = self.worker.load()

    def _job(self) -> Job:
        work = self.plan.work
        return Job(
            model=self.spec.id,
            precision=self.precision,
            weights=self.plan.weights,
            source=self._checkpoint(),
            torch_device=self.plan.torch_device,
            images=work.encoded,
            prompts=work.prompts,
            new_tokens=work.new_tokens,
        )

    def _checkpoint(self) -> Path:
        """Return the miniature's directory; building it, where it is missing, is no part of the load."""
        found = miniature.directory(self.spec, miniature.cache_root())
        if not found.is_dir():
            method = self.plan.start_method or "spawn"
            aside.call(method, miniature.build, self.spec, miniature.cache_root())
        return found

    def _warm_up(self) -> None:
        """Run the warm-ups; the first also looks whether the logits are finite."""
        for index in range(self.plan.warmup_runs):
            marks = self._ask(index, check=index == 0)
            if index == 0:
                self.tally.finite_logits = marks["finite_logits"]

    def _ask(self, index: int, *, check: bool = False) -> Any:
        if self.worker is None:
            raise WorkerFailed("NoWorker", "the worker could not be started again", died=True)
        work = self.plan.work
        return self.worker.run(work.request(index % work.requests), check=check)

    def _run(self) -> None:
        """One round. What fails is counted and never raised: an exception here would end the rounds."""
        if self.tally.given_up or self.tally.attempted >= self.plan.runs:
            return
        request = self.tally.attempted % self.plan.work.requests
        try:
            self.tally.good(request, self._ask(request))
        except WorkerFailed as failure:
            self.tally.failed("run", failure)
            if failure.died:
                self._end_worker()

    def _after_run(self) -> None:
        """Between the windows: replace a dead child, show progress."""
        tally = self.tally
        if self.worker is None and not tally.given_up and tally.attempted < self.plan.runs:
            self._restart()
        elapsed = time.monotonic() - self._began
        failed = tally.attempted - len(tally.marks)
        self._show.show(progress.line(self.id, tally.attempted, tally.planned, failed, tally.tokens_per_sec, elapsed))

    def _restart(self) -> None:
        self.tally.restarts += 1
        if self.tally.given_up:
            return
        try:
            self._start_worker()
            if self.worker is not None:
                self.meters.follow(self.worker)
            self._warm_up()
        except WorkerFailed as failure:
            self._end_worker()
            self.tally.reasons[f"{failure.reason} at restart"] += 1

    def _end_worker(self) -> None:
        if self.worker is not None:
            self.worker.close()
            self.worker = None

    def _conclude(self, benchmark: BenchmarkFixture, status: str) -> None:
        """Make the Record, show it to pytest-benchmark, and keep it."""
        record = compose(self, status, finished=_now())
        benchmark.extra_info.update(record)
        if benchmark.stats is not None:  # None with --benchmark-disable
            # The round's time holds the pipe as well; the window is what the child measured.
            benchmark.stats.stats.data[:] = self.tally.latencies_s
        if status != MEASURED:
            benchmark.has_error = True  # keeps it out of `benchmarks`; empty data would break the save
        self._keep(record)
        self._show.say(outcome(record, self.tally.tokens_per_sec))


def outcome(record: Record, tokens_per_sec: float | None) -> str:
    """Return the line that closes a pair."""
    counts = record["counts"]
    runs = f"{counts['good']} of {counts['planned']} runs good"
    speed = "" if tokens_per_sec is None else f", {tokens_per_sec:.1f} tok/s"
    return f"{record['pair']['id']}: {record['status']}, {runs}{speed}"


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
