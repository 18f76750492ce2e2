"""What is known about a pair while it is measured: the input of its sentence (`outcome`) and of its Record."""

from dataclasses import dataclass, field

from benchmarks.models.base import ModelSpec
from benchmarks.pair.memory_guard import MemoryGuard
from benchmarks.pair.meters import Meters
from benchmarks.pair.run_log import RunLog
from benchmarks.planning.capability import Capability
from benchmarks.planning.plan import Plan
from benchmarks.processes.protocol import DecodeCheck, Loaded, Numerics
from benchmarks.record import DID_NOT_FIT, FAILED, INTERRUPTED, MEASURED, SKIPPED
from benchmarks.record.sections import Interruption


@dataclass
class PairState:
    """One pair's state."""

    spec: ModelSpec
    precision: str  # "fp16" or "bf16"
    plan: Plan
    started: str  # when the pair was started first, ISO 8601, UTC
    run_log: RunLog
    meters: Meters
    memory_guard: MemoryGuard
    loaded: Loaded | None = None  # until the model is loaded
    numerics: Numerics | None = None  # if the model was not verified
    decode_check: DecodeCheck | None = None  # if decoding was not checked
    not_proved: str = "the pair ended before its decoding was checked"  # or another reason why it was not
    disproof: str | None = None  # why its runs did not do the work that they claim; None if nothing shows that
    interruptions: list[Interruption] = field(default_factory=list)  # where earlier sessions of the pair ended
    lost: dict[str, str] = field(default_factory=dict)  # part of its Record -> why it could not be made
    blocked: str | None = None  # why an interrupted pair could not continue; the next session may be able to
    capability: Capability = field(init=False)  # of the device, after the runs; that of the plan before

    def __post_init__(self) -> None:
        self.capability = self.plan.capability

    @property
    def id(self) -> str:
        """The pair's name, as in the test's id."""
        return f"{self.spec.id}-{self.precision}"

    @property
    def skip_reason(self) -> str | None:
        """Why the pair is not measured on this device; None if it is."""
        return self.plan.find_skip_reason(self.precision)

    @property
    def all_runs_done(self) -> bool:
        """Whether every planned run was attempted."""
        return self.run_log.attempted >= self.plan.runs

    @property
    def is_over(self) -> bool:
        """Whether no further run makes sense."""
        return bool(self.skip_reason or self.blocked or self.run_log.given_up or self.all_runs_done)

    @property
    def final_status(self) -> str:
        """The status of a pair whose runs have ended without an interruption from outside."""
        if self.blocked is not None:
            return INTERRUPTED
        if self.skip_reason:
            return SKIPPED
        if self.run_log.did_not_fit:
            return DID_NOT_FIT
        return MEASURED if self.run_log.marks and self.disproof is None else FAILED
