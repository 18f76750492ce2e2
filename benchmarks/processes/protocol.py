"""The messages between parent and child: JSON over a pipe, never pickles."""

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from benchmarks import redact
from benchmarks.errors import BenchmarkError
from benchmarks.formatting import make_printable
from benchmarks.machine.roofline import Traffic
from benchmarks.record import DID_NOT_FIT


@dataclass(frozen=True)
class Job:
    """What a child needs to measure one pair. `images` are encoded bytes."""

    model: str  # id in MODELS
    precision: str  # id in PRECISIONS
    weights: str  # "hub" | "random" | "mini"
    source: Path  # directory of the checkpoint
    torch_device: str
    images: tuple[bytes, ...]
    prompts: tuple[str, ...]
    new_tokens: int
    batch_size: int = 1
    revision: str | None = None  # commit of a published checkpoint
    trust_remote_code: bool = False


class LoadFacts(TypedDict):
    """What a load took, and how it was done."""

    load_time_s: float | None  # null for weights that are made in memory
    load_method: str
    load_peak_ram_bytes: int | None
    load_peak_vram_bytes: int | None
    adapter: str | None
    adapter_reason: str  # why no adapter is attached
    import_s: float | None
    processor_s: float
    context_s: float | None
    file_bytes: int
    page_cache_share: float | None


class Loaded(LoadFacts):
    """The child's answer to "load"."""

    pid: int
    gpu_uuid: str | None
    revision: str | None  # as in the job
    model_class: str
    parameters: int
    torch_device_name: str | None
    attention: str | None
    threads: int
    mark_method: str
    versions: dict[str, str]
    traffic: Traffic
    cache_bytes: int | None  # last-level cache of the device that runs the model


class RunMarks(TypedDict):
    """The child's answer to "run": time marks in ns of CLOCK_MONOTONIC, and counts of all sequences together."""

    start_ns: int
    preprocessed_ns: int
    vision_ns: int | None
    first_token_ns: int
    end_ns: int
    token_gaps_s: list[float]  # time between decode steps
    prompt_tokens: int
    image_tokens: int
    new_tokens: int
    finite_logits: bool | None  # null unless asked for
    torch_peak_bytes: int | None
    text: str | None  # of the first sequence; null unless asked for


MARKS = ("start_ns", "preprocessed_ns", "vision_ns", "first_token_ns", "end_ns")


def list_moments(marks: Mapping[str, Any]) -> list[int]:
    """Return the time marks that a run has, in the order in which they are set."""
    return [marks[name] for name in MARKS if marks[name] is not None]


class Numerics(TypedDict):
    """The child's answer to "verify"."""

    first_nonfinite: str | None  # the first module whose output is not finite
    kind: str | None  # "inf" or "nan"
    modules: int  # number of modules checked


class DecodeCheck(TypedDict):
    """The child's answer to "prove"; `benchmarks.worker.decode_check` defines the difference."""

    difference: float | None  # the largest over the new positions; null if logits are not finite
    bound: float  # the largest that is accepted in this precision
    position: int  # of the largest difference: the index of a new token
    tokens: int  # new tokens of a sequence that were compared


class ErrorReport(TypedDict):
    """The child's answer when a request raised an error."""

    reason: str  # the error's class
    message: str


def describe_error(error: Exception) -> ErrorReport:
    """Return an error's class and the first line of its text: printable, without secrets, at most 500 characters."""
    lines = str(error).strip().splitlines()
    message = make_printable(redact.hide_secrets(lines[0]))[:500] if lines else ""
    return {"reason": type(error).__name__, "message": message or type(error).__name__}


NO_MEMORY = re.compile(r"out of memory|can(no|')t allocate memory|STATUS_ALLOC_FAILED|NvMapMemAlloc", re.IGNORECASE)
"""What errors of libraries say that have no class of their own for it."""
OOM_KILL = "OOM kill"
OUT_OF_MEMORY = ("MemoryError", "OutOfMemoryError", OOM_KILL, DID_NOT_FIT, "BatchTooLarge")
"""Reasons of failures for which memory was too small."""


class WorkerFailed(Exception):
    """The worker answered with an error, or died."""

    def __init__(self, reason: str, message: str, *, died: bool = False) -> None:
        super().__init__(message)
        self.reason = reason  # the class of the error, or how the process ended, e.g. "SIGKILL"
        self.died = died  # whether the process has ended
        self.stage = "run"  # where it failed: "load", "verify", "warmup", "run", "prove"

    @property
    def sentence(self) -> str:
        """The reason with its message."""
        return f"{self.reason}: {self}"

    @property
    def is_fatal(self) -> bool:
        """Whether the process cannot be used any more: after a CUDA error every later call fails too."""
        return self.reason == "AcceleratorError" or "CUDA error" in str(self)

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether memory was too small, in the failure's own words or the kernel's."""
        return self.reason in OUT_OF_MEMORY or NO_MEMORY.search(str(self)) is not None

    @property
    def may_pass(self) -> bool:
        """Whether it may succeed in a new process; a load that took too long would cost hours once more."""
        too_long = self.stage == "load" and self.reason == "timeout"
        return (self.died or self.is_fatal) and not too_long and not self.ran_out_of_memory


class ProcessDied(WorkerFailed, BenchmarkError):
    """A process died, or could not be started: a sentence for users."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message, died=True)


def explain_exit(exitcode: int | None, what: str = "the process that ran the model") -> ProcessDied:
    """Return the failure of a child that ended with `exitcode`; None if it has closed its pipe and still runs.

    Its reason, which the Record counts, is the name of the signal, "exit 3", or "silence".
    """
    if exitcode is None:
        return ProcessDied("silence", f"{what} stopped answering")
    if exitcode >= 0:
        return ProcessDied(f"exit {exitcode}", f"{what} exited with code {exitcode}")
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = f"signal {-exitcode}"
    return ProcessDied(name, f"{what} was killed ({name})")
