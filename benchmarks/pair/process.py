"""A pair's child process, from start to end: load, warm up, run, replace."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.models.base import ModelSpec
from benchmarks.pair import checkpoint, handle
from benchmarks.pair.memory_guard import MemoryGuard
from benchmarks.pair.run_log import are_in_order
from benchmarks.planning.plan import Plan
from benchmarks.processes.protocol import DecodeCheck, Job, Loaded, Numerics, RunMarks, WorkerFailed

LOAD_TIMEOUTS = 20  # a load may take this many times --run-timeout: the disk may be slow
PROOF_TIMEOUTS = 3  # so may the check of decoding: it is at most one run and one more prefill over a longer prompt
NO_WORKER = "NoWorker"  # reason of a failure where there is no process to ask


class PairProcess:
    """Owns the worker of one pair. Every request to it raises WorkerFailed if it fails, dies or takes too long."""

    def __init__(self, spec: ModelSpec, precision: str, plan: Plan, show_progress: Callable[[str], None]) -> None:
        self._spec = spec
        self._precision = precision
        self._plan = plan
        self._show_progress = show_progress
        self.worker: handle.Handle | None = None  # before the start, after the end and after its death
        self.memory_guard = MemoryGuard(plan.ram_floor_bytes)  # from before the load to the end

    def start(self) -> Loaded:
        """Start a worker and have it load the model; the checkpoint is built or downloaded first if it is missing."""
        plan, source = self._plan, checkpoint.find_checkpoint(self._plan, self._spec, self._show_progress)
        self.memory_guard.admit(checkpoint.predict_bytes(plan, self._spec, source))
        worker = handle.start(self._describe_job(source), isolation=plan.isolation, start_method=plan.start_method)
        self.worker = worker
        if isinstance(worker, handle.Child):  # --isolation=none is refused with a floor: there is no child to kill
            self.memory_guard.watch(worker)
        with self._explain_kill():
            return worker.load(plan.run_timeout * LOAD_TIMEOUTS)

    def verify(self) -> Numerics | None:
        """Check every module's output for the first request; None for a miniature, whose outputs our tests check."""
        if self.worker is None or self._plan.weights == "mini":
            return None
        with self._explain_kill():
            return self.worker.verify(self._plan.work.select_request(0), self._plan.run_timeout)

    def warm_up(self) -> bool | None:
        """Run the warm-ups, and return whether the logits of the first are finite; None without a warm-up."""
        finite = None
        for index in range(self._plan.warmup_runs):
            marks = self.run(index, check_logits=index == 0)
            finite = marks["finite_logits"] if index == 0 else finite
        return finite

    def run(self, index: int, *, check_logits: bool = False, keep_text: bool = False) -> RunMarks:
        """Generate for request `index` (modulo the number of requests), and return the marks."""
        if self.worker is None:
            raise WorkerFailed(NO_WORKER, "the process that runs the model could not be started again", died=True)
        work = self._plan.work
        with self._explain_kill():
            request = work.select_request(index % work.requests)
            marks = self.worker.run(request, self._plan.run_timeout, check=check_logits, text=keep_text)
        if not are_in_order(marks):
            raise WorkerFailed("TimeMarks", "its time marks are not in order, or equal: the clock cannot be trusted")
        return marks

    def prove(self) -> DecodeCheck:
        """Compare decoding with one forward without a cache, for the first request."""
        if self.worker is None:
            raise WorkerFailed(NO_WORKER, "the process that runs the model had ended", died=True)
        with self._explain_kill():
            return self.worker.prove(self._plan.work.select_request(0), self._plan.run_timeout * PROOF_TIMEOUTS)

    def end(self, *, at_once: bool = False) -> None:
        """End the worker; `at_once` kills it. Can be called twice."""
        self.memory_guard.stop()
        if self.worker is not None:
            self.worker.close(at_once=at_once)
            self.worker = None

    @contextmanager
    def _explain_kill(self) -> Iterator[None]:
        """Replace the failure of a worker that the memory guard killed by the guard's reason."""
        try:
            yield
        except WorkerFailed as failure:
            raise self.memory_guard.explain(failure) from None

    def _describe_job(self, source: checkpoint.Source) -> Job:
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
