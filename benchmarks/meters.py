"""A pair's meters: power and memory sampled beside it, read out against its windows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import health, memory, power
from benchmarks.health import Snapshot
from benchmarks.power import report
from benchmarks.power.base import PowerTarget, SensorUnavailable
from benchmarks.power.sampler import Sampler

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.options import Plan
    from benchmarks.power.base import PowerSample
    from benchmarks.record import Health, Memory, Power, Trace
    from benchmarks.worker.handle import Handle
    from benchmarks.worker.protocol import Loaded

IDLE_S = 3.0
"""Idle power is measured so long before and after the runs, with the model loaded, seconds."""
MEMORY_PERIOD_S = 0.1
"""Time between memory samples, seconds: a read of /proc costs 20 us, so 10 Hz costs nothing."""
NEVER_BEGAN = "the model was not loaded"


@dataclass(frozen=True)
class Reading:
    """What the meters say about a pair's windows."""

    power: Power
    energy_j: list[float | None] | None
    coverage: list[float] | None
    trace: Trace | None
    memory: Memory


class Meters:
    """Start with the model loaded, finish before the child ends. A meter that fails costs its own figures only."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._selection = power.Selection("none", None, NEVER_BEGAN)
        self._power: Sampler[PowerSample] | None = None
        self._memory: Sampler[memory.MemorySample] | None = None
        self._reader: memory.MemoryReader | None = None
        self._baseline: int | None = None
        self._idle: list[tuple[int, int] | None] = []
        self._before = self._after = Snapshot()
        self._gpu_uuid: str | None = None

    def baseline(self) -> None:
        """Note the machine's memory before anything is loaded."""
        self._baseline = memory.used_bytes()

    def start(self, worker: Handle, loaded: Loaded) -> None:
        """Begin to sample; with a power sensor, stay idle for IDLE_S first."""
        self._gpu_uuid = loaded["gpu_uuid"]
        self._reader = memory.MemoryReader(self._plan.machine["memory_kind"], worker.pid, self._gpu_uuid)
        self._memory = Sampler(self._reader.read, MEMORY_PERIOD_S)
        self._memory.start()
        self._open_sensor()
        self._before = self._look()
        self._stay_idle()

    def follow(self, worker: Handle) -> None:
        """Watch the child that replaced the first one."""
        if self._reader is not None:
            self._reader.follow(worker.pid)

    def finish(self) -> None:
        """Take the last readings, with the model still loaded."""
        if self._reader is not None:
            self._after = self._look()
            self._stay_idle()

    def close(self) -> None:
        """Stop sampling; harmless to repeat."""
        for sampler in (self._power, self._memory):
            if sampler is not None:
                sampler.stop()
        if self._reader is not None:
            self._reader.close()
        if self._selection.monitor is not None:
            self._selection.monitor.close()

    def read(self, windows: Sequence[tuple[int, int]], torch_peak: int | None) -> Reading:
        """Return what was measured in `windows`, ns of CLOCK_MONOTONIC."""
        found = self._attribution(windows)
        return Reading(found.power, found.energy_j, found.coverage, found.trace, self._memory_of(windows, torch_peak))

    def health(self, *, finite_logits: bool | None) -> Health:
        """Return the Record's health."""
        return health.section(self._before, self._after, finite_logits=finite_logits)

    def _open_sensor(self) -> None:
        target = PowerTarget(self._plan.torch_device, self._gpu_uuid)
        try:
            self._selection = power.select(self._plan.power_monitor, target)
        except Exception as error:  # noqa: BLE001 - a sensor of any kind may fail in any way; the runs must go on
            reason = str(error) if isinstance(error, SensorUnavailable) else f"{type(error).__name__}: {error}"
            self._selection = power.Selection(self._plan.power_monitor.partition(":")[0], None, reason)
        monitor = self._selection.monitor
        if monitor is not None:
            self._power = Sampler(monitor.read, monitor.period_s)
            self._power.start()

    def _look(self) -> Snapshot:
        return health.snapshot(self._plan.torch_device, self._gpu_uuid)

    def _stay_idle(self) -> None:
        if self._power is not None:
            begun = time.monotonic_ns()
            time.sleep(IDLE_S)
            self._idle.append((begun, time.monotonic_ns()))

    def _attribution(self, windows: Sequence[tuple[int, int]]) -> report.Attribution:
        chosen = self._selection
        if chosen.monitor is None or self._power is None:
            return report.without_sensor(chosen.name, chosen.reason or NEVER_BEGAN)
        if len(self._power.samples) == 0:
            return report.without_sensor(chosen.name, f"the sensor gave nothing: {self._power.lost or 'no sample'}")
        return report.attribute(
            chosen.name,
            chosen.monitor,
            self._power.samples,
            windows,
            self._idle,
            scope_mismatch=chosen.scope_mismatch,
            lost=self._power.lost,
        )

    def _memory_of(self, windows: Sequence[tuple[int, int]], torch_peak: int | None) -> Memory:
        if self._reader is None or self._memory is None:
            return memory.not_measured(self._plan.machine["memory_kind"], NEVER_BEGAN)
        return memory.summarise(self._reader, self._memory.samples, windows, self._baseline, torch_peak)
