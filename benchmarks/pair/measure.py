"""One pair's life: child, load, meters, warm-up, runs, Record.

Every failure on the way is data. A pair ends with a Record whatever happens: measured, failed, or
interrupted; only then does its test pass or fail. What happens goes into the journal between runs,
and a pair that an earlier session began goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from benchmarks import progress, signals
from benchmarks.hub.errors import HubTrouble
from benchmarks.machine import device
from benchmarks.models import MODELS
from benchmarks.pair import outcome
from benchmarks.pair.build_record import compose
from benchmarks.pair.memory_guard import MemoryGuard
from benchmarks.pair.meters import Meters
from benchmarks.pair.process import Runner
from benchmarks.pair.run_log import AT_RESTART, Tally
from benchmarks.planning.plan import Plan
from benchmarks.processes.protocol import Loaded, Numerics, WorkerFailed, describe_error
from benchmarks.record import DID_NOT_FIT, FAILED, INTERRUPTED, MEASURED, SKIPPED, Record
from benchmarks.record.sections import Interruption
from benchmarks.storage import segments
from benchmarks.storage.journal import Line, PairLog

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
        log: PairLog,
    ) -> None:
        self.spec = MODELS[model]
        self.precision = precision
        self.plan = plan
        self.tally = Tally(plan.runs, plan.warmup_runs)
        self.meters = Meters(plan)
        self.loaded: Loaded | None = None
        self.numerics: Numerics | None = None
        self.started = _now()
        self.interruptions: list[Interruption] = []
        self.skipped = plan.why_skipped(precision)
        self.stuck: str | None = None  # why an interrupted pair could not go on: it may next time
        self._runner = Runner(self.spec, precision, plan, show.show)
        self._show = show
        self._keep = keep
        self._log = log
        self._news: list[Line] = []
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
        done = self._log.record
        if done is not None:
            self._repeat(benchmark, done)
            return
        self._show.begin()
        benchmark.has_error = True  # until the Record says otherwise: what is cut off must not be saved as whole
        status = INTERRUPTED
        try:
            self._recover()
            self._prepare()
            benchmark.pedantic(self._run, teardown=self._after_run, rounds=self._rounds)
            status = self._status
            self._finish()
        finally:
            with signals.held():  # what is measured must be kept before anything ends this process
                if benchmark.stats is not None and self.tally.attempted >= self.plan.runs:
                    status = self._status  # stopped after its last run, a pair is whole
                self._runner.end(at_once=status == INTERRUPTED)
                self.meters.close()
                self._conclude(benchmark, status)
        outcome.end_test(status, outcome.of(self))

    @property
    def _status(self) -> str:
        """How a pair ended whose runs have come to their end."""
        if self.stuck is not None:
            return INTERRUPTED
        if self.skipped:
            return SKIPPED
        return DID_NOT_FIT if self.tally.did_not_fit else MEASURED if self.tally.marks else FAILED

    def _finish(self) -> None:
        """Take the last readings; without a loaded model there is no idle power of one."""
        worker = self._runner.worker
        if worker is not None and self.stuck is None:
            self.meters.finish()
            if not worker.alive:
                self.meters.void_last_idle()

    @property
    def _rounds(self) -> int:
        """Rounds for pytest-benchmark: at least one, so that it still writes a save where nothing can run."""
        return 1 if self.skipped or self.tally.given_up or self.stuck else max(1, self.plan.runs - self.tally.attempted)

    @property
    def memory_guard(self) -> MemoryGuard:
        """What guards the machine's memory."""
        return self._runner.memory_guard

    def _repeat(self, benchmark: BenchmarkFixture, record: Record) -> None:
        """Hand on the Record of a pair that an earlier session finished."""
        latencies = record["runs"]["latency_s"] if record["runs"] else []
        benchmark.pedantic(lambda: None, rounds=max(1, len(latencies)))
        self._hand_over(benchmark, record, latencies)
        outcome.end_test(record["status"], record["message"] or record["status"])

    def _recover(self) -> None:
        """Go back to where an earlier session was interrupted in this pair."""
        found = segments.segments(self._log.lines)
        if not found:
            return
        earlier = segments.laid_out(found, time.monotonic_ns())
        self.meters = Meters(self.plan, earlier)
        self.loaded, self.tally.finite_logits = earlier[0].loaded, earlier[0].finite_logits
        self.numerics = earlier[0].numerics
        self.started = found[0].resumed
        for run in (o for segment in earlier for o in segment.outcomes):
            self.tally.again(run.stage, run.request, run.marks, run.reason, run.message)
        self.interruptions = segments.interruptions(found, (device.read_boot_id(), _now()))

    def _prepare(self) -> None:
        """Have the model loaded and warm, and the meters running; where no run is left, nothing."""
        if self.skipped or self.tally.attempted >= self.plan.runs:
            return
        self.meters.note_baseline()
        try:
            loaded = self._runner.start()
        except WorkerFailed as failure:
            self._failed("load", failure)
            return
        except HubTrouble as error:
            self._failed("load", WorkerFailed("Hub", str(error)))
            return
        except Exception as error:  # noqa: BLE001 - a full disk under the miniature, say: the next pair must go on
            self._failed("load", WorkerFailed(**describe_error(error)))
            return
        if self.loaded is not None and (odd := changed(self.loaded, loaded)):
            self.stuck = f"{odd}: its runs cannot be joined; begin anew without --resume"
            self._runner.end()
            return
        self.loaded = self.loaded or loaded
        if self._runner.worker is not None:
            self.meters.start(self._runner.worker, loaded)
        if self._verify():
            self._warm_up()
        self._log.append(self._segment(loaded), *self.meters.news())
        self._began = time.monotonic()

    def _verify(self) -> bool:
        """Return whether the model's numbers are numbers, or may be none."""
        try:
            found = self._runner.verify()
        except WorkerFailed as failure:
            self._failed("verify", failure)
            return False
        self.numerics = self.numerics or found
        if found is None or found["first_nonfinite"] is None or self.plan.allow_nonfinite:
            return True
        self._failed("verify", WorkerFailed("NonFinite", outcome.nonfinite(found, self.precision)))
        return False

    def _warm_up(self) -> None:
        try:
            finite = self._runner.warm_up()
        except WorkerFailed as failure:
            self._failed("warmup", failure)
            return
        if self.tally.finite_logits is None:
            self.tally.finite_logits = finite

    def _segment(self, loaded: Loaded) -> Line:
        """Return the journal's line for the part of the pair that begins now."""
        found = {"loaded": loaded, "finite_logits": self.tally.finite_logits, "numerics": self.numerics}
        return {"do": "segment", "boot": device.read_boot_id(), "at": _now(), **found, **self.meters.describe()}

    def _failed(self, stage: str, failure: WorkerFailed) -> None:
        """Count a failure; one that keeps an interrupted pair from going on says nothing of its runs."""
        if stage != "run" and self.interruptions:
            self.stuck = f"{failure.reason}: {failure}"
            return
        self.tally.failed(stage, failure)
        self._news.append({"do": "failed", "stage": stage, "reason": failure.reason, "message": str(failure)})

    def _run(self) -> None:
        """One round. What fails is counted and never raised: an exception here would end the rounds."""
        if self.skipped or self.stuck or self.tally.given_up or self.tally.attempted >= self.plan.runs:
            return
        request = self.tally.attempted % self.plan.work.requests
        try:
            marks = self._runner.ask(request, text=self.plan.weights == "hub" and not self.tally.marks)
        except WorkerFailed as failure:
            self._failed("run", failure)
            if failure.died or failure.is_fatal:
                self._runner.end()
            return
        self.tally.good(request, marks)
        self._news.append({"do": "run", "request": request, "marks": marks})

    def _after_run(self) -> None:
        """Between the windows: replace a dead child, write the journal, show progress."""
        tally = self.tally
        may_go_on = not self.skipped and not self.stuck and not tally.given_up and tally.attempted < self.plan.runs
        if self._runner.worker is None and may_go_on:
            self._restart()
        if self._news:
            news, self._news = self._news, []
            self._log.append(*news, *self.meters.news())
        elapsed = time.monotonic() - self._began
        failed = tally.attempted - len(tally.marks)
        self._show.show(progress.line(self.id, tally.attempted, tally.planned, failed, tally.tokens_per_sec, elapsed))

    def _restart(self) -> None:
        self.tally.restarted()
        self._news.append({"do": "restart"})
        if self.tally.given_up:
            return
        try:
            self._runner.start()
            if self._runner.worker is not None:
                self.meters.follow(self._runner.worker)
            self._runner.warm_up()
        except WorkerFailed as failure:
            self._not_restarted(failure)
        except Exception as error:  # noqa: BLE001 - as above
            self._not_restarted(WorkerFailed(**describe_error(error)))

    def _not_restarted(self, failure: WorkerFailed) -> None:
        self._runner.end()
        self.tally.restart_failed(failure)
        self._news.append({"do": "failed", "stage": AT_RESTART, "reason": failure.reason, "message": str(failure)})

    def _conclude(self, benchmark: BenchmarkFixture, status: str) -> None:
        """Make the Record, show it to pytest-benchmark, and keep it."""
        record = compose(self, status, finished=_now())
        ended: list[Line] = [] if status == INTERRUPTED else [{"do": "done", "record": record}]
        self._log.append(*self._news, *self.meters.news(), *ended)
        # The round's time holds the pipe as well; the window is what the child measured.
        self._hand_over(benchmark, record, self.tally.latencies_s)

    def _hand_over(self, benchmark: BenchmarkFixture, record: Any, latencies_s: list[float]) -> None:
        benchmark.extra_info.update(record)
        if benchmark.stats is not None:  # None with --benchmark-disable
            benchmark.stats.stats.data[:] = latencies_s
        benchmark.has_error = record["status"] != MEASURED  # keeps it out of `benchmarks`
        self._keep(record)
        self._show.say(outcome.last_line(record))


def changed(before: Loaded, now: Loaded) -> str:
    """Return in what a model is not the one that an interrupted session had loaded, "" where it is the same."""
    names = ("revision", "adapter", "model_class", "parameters", "load_method")
    values: dict[str, tuple[object, object]] = {name: (before[name], now[name]) for name in names}  # type: ignore[literal-required]
    return "; ".join(f"its {name} was {a} and is {b}" for name, (a, b) in values.items() if a != b)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
