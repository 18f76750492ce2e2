"""Measure one pair: start its child, load, verify, warm up, run, prove its work, and build its Record.

A pair always ends with a Record: measured, failed or interrupted. Only then does its test pass or fail, so every
failure on the way is counted as data. What happens is written to the journal between runs, and a pair that an
earlier session started continues from there.
"""

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from benchmarks import harness, progress, signals
from benchmarks.errors import BenchmarkError
from benchmarks.machine import device
from benchmarks.models import MODELS
from benchmarks.pair import outcome, preparation, proof
from benchmarks.pair.build_record import build_record
from benchmarks.pair.meters import Meters
from benchmarks.pair.process import PairProcess
from benchmarks.pair.run_log import AT_RESTART, TRIED_AGAIN, RunLog
from benchmarks.pair.state import PairState
from benchmarks.planning.capability import measure_again
from benchmarks.planning.plan import Plan
from benchmarks.processes.protocol import Loaded, WorkerFailed
from benchmarks.record import INTERRUPTED, MEASURED, Record
from benchmarks.storage import segments
from benchmarks.storage.journal import Line, PairJournal

TRIES = 3  # how often a pair whose process dies before its runs is prepared at most

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


class PairSession:
    """Measures one pair as `plan` says, and hands its Record to `keep`."""

    def __init__(
        self,
        model: str,
        precision: str,
        plan: Plan,
        show: progress.Progress,
        keep: Callable[[Record], None],
        journal: PairJournal,
    ) -> None:
        spec = MODELS[model]
        self._process = PairProcess(spec, precision, plan, show.show)
        self.pair = PairState(
            spec=spec,
            precision=precision,
            plan=plan,
            started=_now(),
            run_log=RunLog(plan.runs, plan.warmup_runs),
            meters=Meters(plan),
            memory_guard=self._process.memory_guard,
        )
        self._plan = plan
        self._show = show
        self._keep = keep
        self._journal = journal
        self._new_lines: list[Line] = []
        self._first_run_at = 0.0
        self._turns = iter((True,))

    def measure(self, benchmark: "BenchmarkFixture") -> tuple[str, str]:
        """Measure the pair in rounds of `benchmark`, and return its status with the reason if it is not measured.

        An interruption from outside (KeyboardInterrupt) is raised again after the Record is kept as interrupted.
        """
        if next(self._turns, None) is None:  # two threads cannot both get the one
            raise BenchmarkError(f"{self.pair.id} is measured once; leave out what repeats or multiplies its test.")
        finished = self._journal.record
        if finished is not None:
            return self._repeat(benchmark, finished)
        self._show.begin()
        harness.hold_back(benchmark)
        status = INTERRUPTED
        try:
            self._recover()
            self._prepare()
            benchmark.pedantic(self._run, teardown=self._after_run, rounds=self._rounds)
            self._finish()
            self._prove()
            status = self.pair.final_status
            self._repeat_copy(status)
        finally:
            with signals.hold():  # the Record is kept before a signal ends this process
                if harness.has_run(benchmark) and self.pair.all_runs_done:
                    status = self.pair.final_status  # a pair that is stopped after its last run is complete
                self._process.end(at_once=status == INTERRUPTED)
                self.pair.meters.close()
                self._conclude(benchmark, status)
        return status, "" if status == MEASURED else outcome.explain_outcome(self.pair)

    @property
    def _rounds(self) -> int:
        """Rounds for pytest-benchmark: at least one, because it writes no save without any."""
        return 1 if self.pair.is_over else self._plan.runs - self.pair.run_log.attempted

    def _repeat(self, benchmark: "BenchmarkFixture", record: Record) -> tuple[str, str]:
        """Hand over the Record of a pair that an earlier session finished."""
        latencies = record["runs"]["latency_s"] if record["runs"] else []
        benchmark.pedantic(lambda: None, rounds=max(1, len(latencies)))
        self._hand_over(benchmark, record, latencies)
        return record["status"], record["message"] or record["status"]

    def _recover(self) -> None:
        """Restore what an earlier session measured of this pair before it was interrupted."""
        found = segments.read_segments(self._journal.lines)
        if not found:
            return
        earlier = segments.align_clocks(found, time.monotonic_ns())
        pair, first = self.pair, earlier[0]
        pair.meters = Meters(self._plan, earlier)
        pair.loaded, pair.numerics, pair.started = first.loaded, first.numerics, found[0].resumed
        pair.run_log.finite_logits = first.finite_logits
        for result in (result for segment in earlier for result in segment.results):
            pair.run_log.replay(result.stage, result.request, result.marks, result.reason, result.message)
        pair.interruptions = segments.list_interruptions(found, (device.read_boot_id(), _now()))

    def _prepare(self) -> None:
        """Load the model, start the meters and warm up; do nothing if no run is left."""
        pair = self.pair
        if pair.skip_reason or pair.all_runs_done:
            return
        loaded = self._try_to_prepare(TRIES)
        if loaded is not None:
            self._journal.append(self._describe_segment(loaded), *pair.meters.take_new_lines())
        self._first_run_at = time.monotonic()

    def _try_to_prepare(self, tries: int) -> Loaded | None:
        """Prepare the pair, from the start again if its process dies; None if it cannot run."""
        pair = self.pair
        try:
            return preparation.prepare(pair, self._process)
        except WorkerFailed as failure:
            again = TRIED_AGAIN if tries > 1 and failure.may_pass else ""
            self._count_failure(failure.stage + again, failure)
        if not again:
            return None
        self._process.end(at_once=True)
        pair.meters = pair.meters.renew()
        return self._try_to_prepare(tries - 1)

    def _describe_segment(self, loaded: Loaded) -> Line:
        """Return the journal's line for the part of the pair that starts now."""
        pair = self.pair
        found = {"loaded": loaded, "finite_logits": pair.run_log.finite_logits, "numerics": pair.numerics}
        return {"do": "segment", "boot": device.read_boot_id(), "at": _now(), **found, **pair.meters.describe()}

    def _count_failure(self, stage: str, failure: WorkerFailed) -> None:
        """Count a failure. Before the runs of an interrupted pair it blocks the pair: the next session may succeed."""
        again = stage.endswith(TRIED_AGAIN)
        if again:
            self._show.say(f"{self.pair.id}: {failure.sentence}; it is tried again")
        elif stage != "run" and self.pair.interruptions:
            self.pair.blocked = failure.sentence
            return
        self.pair.run_log.add_failure(stage, failure)
        self._note_failure(AT_RESTART if again else stage, failure)  # a journal's other stages end the pair

    def _note_failure(self, stage: str, failure: WorkerFailed) -> None:
        self._new_lines.append({"do": "failed", "stage": stage, "reason": failure.reason, "message": str(failure)})

    def _run(self) -> None:
        """Run one round. A failure is counted and never raised: an exception here would end all rounds."""
        if self.pair.is_over:
            return
        run_log = self.pair.run_log
        request = run_log.attempted % self._plan.work.requests
        try:
            marks = self._process.run(request, keep_text=self._plan.weights == "hub" and not run_log.marks)
        except WorkerFailed as failure:
            self._count_failure("run", failure)
            if failure.died or failure.is_fatal:
                self._process.end()
            return
        run_log.add_run(request, marks)
        self._new_lines.append({"do": "run", "request": request, "marks": marks})

    def _after_run(self) -> None:
        """Between two windows: replace a dead child, write the journal, show progress."""
        pair, run_log = self.pair, self.pair.run_log
        while self._process.worker is None and not pair.is_over:
            self._restart()
        if self._new_lines:
            with signals.hold():  # else a signal may lose a line that the Record counts
                lines, self._new_lines = self._new_lines, []
                self._journal.append(*lines, *pair.meters.take_new_lines())
        elapsed = time.monotonic() - self._first_run_at
        failed = run_log.attempted - len(run_log.marks)
        done, speed = run_log.attempted, run_log.tokens_per_sec
        self._show.show(progress.format_progress(pair.id, done, run_log.planned, failed, speed, elapsed))

    def _restart(self) -> None:
        self.pair.run_log.add_restart()
        self._new_lines.append({"do": "restart"})
        if self.pair.run_log.given_up:
            return
        try:
            with preparation.name_stage(AT_RESTART):
                self.pair.meters.follow(self._process.start())
                self._process.warm_up()
        except WorkerFailed as failure:
            self._process.end()
            self.pair.run_log.add_failed_restart(failure)
            self._note_failure(AT_RESTART, failure)

    def _finish(self) -> None:
        """Take the last readings. If the child has died there is no idle power with the model loaded."""
        worker = self._process.worker
        if worker is not None and self.pair.blocked is None:
            self.pair.meters.finish()
            if not worker.alive:
                self.pair.meters.void_last_idle()

    def _prove(self) -> None:
        """Check what the runs did. It comes after the last reading: it takes more memory than a run."""
        if self.pair.final_status == MEASURED:
            self.pair.meters.close()
            self._show.show(f"{self.pair.id}  checking the decoding")
            proof.prove(self.pair, self._process)
            last = self.pair.run_log.last
            if last is not None and last.stage == f"prove{TRIED_AGAIN}":
                self._show.say(f"{self.pair.id}: {last.sentence}; its work was checked again")

    def _repeat_copy(self, status: str) -> None:
        """Measure the memory's bandwidth again: after the runs, and without the child, whose memory it needs."""
        if status == MEASURED and self._plan.capability.copies:
            self._process.end()
            plan = self._plan
            self.pair.capability = measure_again(plan.capability, plan.torch_device, plan.start_method or "spawn")

    def _conclude(self, benchmark: "BenchmarkFixture", status: str) -> None:
        """Build the Record, write it to the journal unless the pair was interrupted, and hand it over."""
        record = build_record(self.pair, status, finished=_now())
        last: list[Line] = [] if status == INTERRUPTED else [{"do": "done", "record": record}]
        if self._first_run_at:  # without a segment its readings would join another's
            last = self.pair.meters.take_new_lines() + last
        self._journal.append(*self._new_lines, *last)
        self._hand_over(benchmark, record, self.pair.run_log.latencies_s)
        for name, why in self.pair.lost.items():
            if name != "power" or status != MEASURED:  # the table's notes say why there is no energy
                self._show.say(f"{self.pair.id}: the {name} of its Record could not be made ({why}); its runs are kept")

    def _hand_over(self, benchmark: "BenchmarkFixture", record: Any, latencies_s: list[float]) -> None:
        harness.publish(benchmark, record, latencies_s)
        self._keep(record)
        self._show.say(outcome.summarise_pair(record))


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
