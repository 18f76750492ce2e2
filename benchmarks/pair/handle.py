"""The parent's side of a worker: start it, send requests, notice its death, end it. Imports no torch."""

import contextlib
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, cast

from benchmarks.processes.protocol import DecodeCheck, Job, Loaded, Numerics, RunMarks, WorkerFailed, explain_exit
from benchmarks.processes.start_methods import explain_forkserver_death, explain_refusal, get_context
from benchmarks.worker.child import Worker, attempt, main

LONGEST_S = 2_000_000.0  # the longest timeout of poll(2), which counts milliseconds in an int: 23 days
ORPHANED = 255  # multiprocessing's exit code of a child whose forkserver died
CLOSE_S = 5.0  # how long a child may take to exit before it is killed, seconds


class Handle(ABC):
    """A worker, seen from the parent."""

    pid: int  # of its process

    @property
    def alive(self) -> bool:
        """Whether the worker is running."""
        return True

    @abstractmethod
    def ask(self, request: dict[str, Any], timeout_s: float | None) -> dict[str, Any]:
        """Return the worker's answer. Blocks and never spins.

        Raises:
            WorkerFailed: the worker answered with an error, died, or took longer than `timeout_s`
                and was killed.
        """

    @abstractmethod
    def close(self, *, at_once: bool = False) -> None:
        """End the worker; `at_once` kills it."""

    def load(self, timeout_s: float | None = None) -> Loaded:
        """Have the worker load its model."""
        return cast("Loaded", self.ask({"do": "load"}, timeout_s))

    def verify(self, request: Sequence[tuple[int, int]], timeout_s: float | None = None) -> Numerics:
        """Have the worker check the output of every module for one request."""
        return cast("Numerics", self.ask({"do": "verify", "request": list(request)}, timeout_s))

    def prove(self, request: Sequence[tuple[int, int]], timeout_s: float | None = None) -> DecodeCheck:
        """Have the worker compare decoding with one forward without a cache, for one request."""
        return cast("DecodeCheck", self.ask({"do": "prove", "request": list(request)}, timeout_s))

    def run(
        self,
        request: Sequence[tuple[int, int]],
        timeout_s: float | None = None,
        *,
        check: bool = False,
        text: bool = False,
    ) -> RunMarks:
        """Have the worker generate for one request; `check` also checks the logits, `text` also returns the text."""
        asked = {"do": "run", "request": list(request), "check": check, "text": text}
        return cast("RunMarks", self.ask(asked, timeout_s))


class Child(Handle):
    """A worker in a process of its own."""

    def __init__(self, job: Job, start_method: str) -> None:
        name = f"worker-{job.model}-{job.precision}"
        with explain_refusal():
            processes = get_context(start_method)
            self._connection, theirs = processes.Pipe()
            # Not a daemon process: it may have children, and the kernel kills it when this process ends.
            self._process = processes.Process(target=main, args=(theirs, job), name=name)
            self._process.start()
        theirs.close()  # the pipe then ends with the child
        self.pid = self._process.pid or 0

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def ask(self, request: dict[str, Any], timeout_s: float | None) -> dict[str, Any]:
        try:
            self._connection.send_bytes(json.dumps(request).encode())
            if not self._connection.poll(None if timeout_s is None else min(timeout_s, LONGEST_S)):
                self._process.kill()
                raise WorkerFailed("timeout", f"no answer within {timeout_s:g} s (--run-timeout)", died=True)
            answer = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError, ValueError) as error:
            raise self._explain_death() from error
        return _unwrap(answer)

    def _explain_death(self) -> WorkerFailed:
        self._process.join(CLOSE_S)
        code = self._process.exitcode
        return (explain_forkserver_death() if code == ORPHANED else None) or explain_exit(code)

    def kill(self) -> None:
        """Kill the child from another thread."""
        with contextlib.suppress(ValueError):  # it was closed in the meantime
            self._process.kill()

    def close(self, *, at_once: bool = False) -> None:
        if at_once:
            self._process.kill()
        with contextlib.suppress(OSError):  # it may be gone already
            self._connection.send_bytes(b'{"do": "close"}')
        self._connection.close()
        self._process.join(CLOSE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(CLOSE_S)
        with contextlib.suppress(ValueError):  # it hangs in a driver, and not even SIGKILL ends it
            self._process.close()


class InProcess(Handle):
    """A worker in this process, for a debugger; imports torch here."""

    def __init__(self, job: Job) -> None:
        self._worker: Worker | None = Worker(job)
        self.pid = os.getpid()

    def ask(self, request: dict[str, Any], timeout_s: float | None) -> dict[str, Any]:
        if self._worker is None:
            raise WorkerFailed("Closed", "the process that ran the model was closed", died=True)
        return _unwrap(attempt(self._worker, request))

    def close(self, *, at_once: bool = False) -> None:
        self._worker = None


def start(job: Job, *, isolation: str, start_method: str | None) -> Handle:
    """Start a worker: in a child process, or in this process if `isolation` is "none"."""
    return InProcess(job) if isolation == "none" or start_method is None else Child(job, start_method)


def _unwrap(answer: dict[str, Any]) -> dict[str, Any]:
    if "reason" in answer:
        raise WorkerFailed(answer["reason"], answer["message"])
    return answer
