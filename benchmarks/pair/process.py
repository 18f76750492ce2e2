"""A pair's child, from its start to its end: load, warm up, run, replace."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.models.base import ModelSpec
from benchmarks.pair import checkpoint as sources
from benchmarks.pair import handle
from benchmarks.pair.memory_guard import MemoryGuard
from benchmarks.planning.plan import Plan
from benchmarks.processes.protocol import Job, Loaded, Numerics, RunMarks, WorkerFailed

LOAD_TIMES = 20
"""A load may take so many times --run-timeout: it may have to read from a slow disk."""


class Runner:
    """Owns the worker of one pair. `worker` is None before the start, after the end and after its death.

    `show` is told how far a download is. `memory_guard` guards the machine's memory from before the load to the end.
    """

    def __init__(self, spec: ModelSpec, precision: str, plan: Plan, show: Callable[[str], None]) -> None:
        self._spec = spec
        self._precision = precision
        self._plan = plan
        self._show = show
        self.worker: handle.Handle | None = None
        self.memory_guard = MemoryGuard(plan.ram_floor_bytes)

    def start(self) -> Loaded:
        """Start a worker and have it load the model.

        Raises:
            WorkerFailed: it could not, or it does not fit into memory.
        """
        plan, source = self._plan, sources.find(self._plan, self._spec, self._show)
        self.memory_guard.admit(sources.predicted_bytes(plan, self._spec, source))
        worker = handle.start(self._job(source), isolation=plan.isolation, start_method=plan.start_method)
        self.worker = worker
        if isinstance(worker, handle.Child):  # in one process the meter would end itself: options refuse a floor there
            self.memory_guard.watch(worker)
        with self._explained():
            return worker.load(plan.run_timeout_s * LOAD_TIMES)

    def verify(self) -> Numerics | None:
        """Look at what every module makes of the first request; None of a miniature, which is finite by its tests.

        Raises:
            WorkerFailed: it could not.
        """
        if self.worker is None or self._plan.weights == "mini":
            return None
        with self._explained():
            return self.worker.verify(self._plan.work.select_request(0), self._plan.run_timeout_s)

    def warm_up(self) -> bool | None:
        """Run the warm-ups; the first also looks whether the logits are finite, which is returned."""
        finite = None
        for index in range(self._plan.warmup_runs):
            marks = self.ask(index, check=index == 0)
            finite = marks["finite_logits"] if index == 0 else finite
        return finite

    def ask(self, index: int, *, check: bool = False, text: bool = False) -> RunMarks:
        """Have run `index` done; `check` has the logits looked at, `text` keeps what is said.

        Raises:
            WorkerFailed: it failed, took too long, or there is no worker.
        """
        if self.worker is None:
            raise WorkerFailed("NoWorker", "the worker could not be started again", died=True)
        work = self._plan.work
        with self._explained():
            request = work.select_request(index % work.requests)
            return self.worker.run(request, self._plan.run_timeout_s, check=check, text=text)

    def end(self, *, at_once: bool = False) -> None:
        """End the worker, `at_once` without waiting for what it does; harmless to repeat."""
        self.memory_guard.stop()
        if self.worker is not None:
            self.worker.close(at_once=at_once)
            self.worker = None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Have a worker that the guard killed fail for that reason."""
        try:
            yield
        except WorkerFailed as failure:
            raise self.memory_guard.explain(failure) from None

    def _job(self, source: sources.Source) -> Job:
        plan = self._plan
        return Job(
            model=self._spec.id,
            precision=self._precision,
            weights=plan.weights,
            source=source.folder,
            revision=source.revision,
            torch_device=plan.torch_device,
            images=plan.work.encoded,
            prompts=plan.work.prompts,
            new_tokens=plan.work.new_tokens,
            batch_size=plan.work.batch_size,
            trust_remote_code=plan.trust_remote_code,
        )
