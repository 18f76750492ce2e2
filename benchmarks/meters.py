"""A pair's meters: power and memory sampled beside it, read out against its windows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import health, memory, power
from benchmarks.power import report
from benchmarks.power.base import PowerTarget
from benchmarks.power.sampler import Sampler

if TYPE_CHECKING:
    from benchmarks.options import Plan
    from benchmarks.record import Health, Memory, Power, Trace
    from benchmarks.worker.handle import Handle
    from benchmarks.worker.protocol import Loaded

IDLE_S = 3.0
"""Idle power is measured so long before and after the runs, with the model loaded, seconds."""
MEMORY_PERIOD_S = 0.1
"""Time between memory samples, seconds: a read of /proc costs 20 us, so 10 Hz costs nothing."""


@dataclass(frozen=True)
class Reading:
    """What the meters say about a pair's windows."""

    power: Power
    energy_j: list[float | None] | None
    coverage: list[float] | None
    trace: Trace | None
    memory: Memory


class Meters:
    """Opens with the model loaded, closes before the child ends; a meter that fails costs its own figures only."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._selection: power.Selection = power.not_measured("the model was not loaded")
        self._power: Sampler | None = None
        self._memory: Sampler | None = None
        self._reader: memory.MemoryReader | None = None
        self._baseline: memory.MemorySample | None = None
        self._idle: list[tuple[int, int]] = []
        self._uuid: str | None = None
        self._health: list[health.Snapshot] = []
        self._torch_peak: int | None = None
