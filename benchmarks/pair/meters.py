"""A pair's meters: power and memory sampled beside it, read out against its windows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from benchmarks import power
from benchmarks.machine import health, memory, sysfs
from benchmarks.machine.health import Snapshot
from benchmarks.pair.handle import Handle
from benchmarks.planning.plan import Plan
from benchmarks.power.analysis import attribution, warnings
from benchmarks.power.analysis.attribution import MarkedRuns
from benchmarks.power.base import PowerSample, PowerTarget, SensorFacts, SensorUnavailable
from benchmarks.power.sampler import Sampler
from benchmarks.processes.protocol import Loaded
from benchmarks.record.sections import Health, Memory, Power, Trace

if TYPE_CHECKING:
    from benchmarks.storage.segments import Segment

IDLE_S = 10.0
"""Idle power is measured so long before and after the runs, with the model loaded, seconds."""
MINI_IDLE_S = 3.0
"""The same with miniatures, whose figures nobody quotes and whose sessions take seconds."""
MEMORY_PERIOD_S = 0.1
"""Time between memory samples, seconds: a read of /proc costs 20 us, so 10 Hz costs nothing."""
WATCH_PERIOD_S = 1.0
"""Time between looks at a GPU's throttling, seconds."""
NEVER_BEGAN = "the model was not loaded"
OTHER_SENSOR = "the session that went on found another sensor"
OTHER_ROOT = f"Device and sensors were looked for below ${sysfs.ROOT}, not in this system's own files."


@dataclass(frozen=True)
class Reading:
    """What the meters say about a pair's windows."""

    power: Power
    energy_j: list[float | None] | None
    coverage: list[float] | None
    trace: Trace | None
    memory: Memory


class Meters:
    """Start with the model loaded, finish before the child ends. A meter that fails costs its own figures only.

    `earlier` are the segments of the sessions before this one, laid out before it on its clock.
    """

    def __init__(self, plan: Plan, earlier: Sequence[Segment] = ()) -> None:
        self._plan = plan
        self._earlier = list(earlier)
        self._selection = power.Selection("none", None, NEVER_BEGAN)
        self._sensor: SensorFacts | None = None
        self._power: Sampler[PowerSample] | None = None
        self._memory: Sampler[memory.MemorySample] | None = None
        self._reader: memory.MemoryReader | None = None
        self._idle: list[tuple[str, tuple[int, int]]] = []
        self._before = self._after = Snapshot()
        self._watch: health.Watch | None = None
        self._watcher: Sampler[None] | None = None
        self._gpu_uuid: str | None = None
        self._told = [0, 0, 0]  # power samples, memory samples and idle windows that `news` has given
        self._told_remarks: list[str] = []
        self.baseline: int | None = None
        if self._earlier:
            first = self._earlier[0]
            self.baseline, self._before, self._sensor = first.baseline, first.before, first.sensor
            self._selection = power.Selection(
                first.sensor_name, None, first.sensor_reason, scope_mismatch=first.scope_mismatch
            )

    def note_baseline(self) -> None:
        """Note the machine's memory before anything is loaded."""
        if not self._earlier:
            self.baseline = memory.used_bytes()

    def start(self, worker: Handle, loaded: Loaded) -> None:
        """Begin to sample; with a power sensor, stay idle for `idle_s` first."""
        self._gpu_uuid = loaded["gpu_uuid"]
        self._reader = memory.MemoryReader(self._plan.machine["memory_kind"], worker.pid, self._gpu_uuid)
        self._memory = Sampler(self._reader.read, MEMORY_PERIOD_S)
        self._memory.start()
        self._open_sensor()
        if not self._earlier:
            self._before = self._look()
        self._stay_idle("before")
        if self._plan.torch_device.startswith("cuda"):
            self._watch = health.Watch(self._gpu_uuid)
            self._watcher = Sampler(self._watch.read, WATCH_PERIOD_S)
            self._watcher.start()

    def follow(self, worker: Handle) -> None:
        """Watch the child that replaced the first one."""
        if self._reader is not None:
            self._reader.follow(worker.pid)

    def finish(self) -> None:
        """Take the last readings, with the model still loaded."""
        if self._watcher is not None:
            self._watcher.stop()
        if self._reader is not None:
            self._after = self._look()
            self._stay_idle("after")

    def void_last_idle(self) -> None:
        """Take back the idle time after the runs: the model was not there any more."""
        self._idle = [(when, window) for when, window in self._idle if when != "after"]

    def close(self) -> None:
        """Stop sampling; harmless to repeat."""
        for sampler in (self._power, self._memory, self._watcher):
            if sampler is not None:
                sampler.stop()
        if self._watch is not None:
            self._watch.close()
        if self._reader is not None:
            self._reader.close()
        if self._selection.monitor is not None:
            with suppress(Exception):  # a sensor of any kind may fail in any way
                self._selection.monitor.close()

    def describe(self) -> dict[str, Any]:
        """Return what a journal needs to know of these meters, as JSON has it."""
        return {
            "baseline": self.baseline,
            "sensor": None if self._sensor is None else asdict(self._sensor),
            "sensor_name": self._selection.name,
            "sensor_reason": self._selection.reason,
            "scope_mismatch": self._selection.scope_mismatch,
            "before": asdict(self._before),
        }

    def news(self) -> list[dict[str, Any]]:
        """Return the journal's lines for what has been sampled since the last call."""
        watts, sizes = _after(self._power, self._told[0]), _after(self._memory, self._told[1])
        idle = self._idle[self._told[2] :]
        self._told = [told + len(new) for told, new in zip(self._told, (watts, sizes, idle), strict=True)]
        lines: list[dict[str, Any]] = [{"do": "idle", "when": when, "window": window} for when, window in idle]
        remarks = self._remarks
        if watts or sizes or remarks != self._told_remarks:
            self._told_remarks = remarks
            lines.append(
                {
                    "do": "samples",
                    "power": [[s.time_ns, s.watts, s.energy_j, s.ram_bytes] for s in watts],
                    "memory": [[s.time_ns, s.ram, s.peak, s.file, s.vram] for s in sizes],
                    "lost": self._lost,
                    "remarks": remarks,
                    "throttled": self._throttled,
                }
            )
        return lines

    def read(self, marked: MarkedRuns, torch_peak: int | None) -> Reading:
        """Return what was measured in the runs, whose windows are in ns of CLOCK_MONOTONIC."""
        found = self._attribution(marked)
        sizes = self._memory_of(marked.windows, torch_peak)
        seen, reasons = self._seen_by_sensor(marked.windows)
        sizes = cast("Memory", {**sizes, **seen, "reasons": sizes["reasons"] | reasons})
        return Reading(found.power, found.energy_j, found.coverage, found.trace, sizes)

    def health(self, *, finite_logits: bool | None) -> Health:
        """Return the Record's health."""
        why = self._watch.reason if self._watch is not None else "the kernel shows none for what computes"
        return health.section(self._before, self._after, self._throttled, why, finite_logits=finite_logits)

    @property
    def _throttled(self) -> list[str] | None:
        """Why what computes was slower than it can be, in this session and the earlier ones; None is not known."""
        looks = [segment.throttled for segment in self._earlier] + [self._watch.seen if self._watch else None]
        known = [seen for seen in looks if seen is not None]
        return list(dict.fromkeys(reason for seen in known for reason in seen)) if known else None

    @property
    def _lost(self) -> str | None:
        """Why the sensor stopped in the middle, in this session or an earlier one."""
        if self._power is not None and self._power.lost:
            return self._power.lost
        return next((segment.lost for segment in self._earlier if segment.lost), None)

    @property
    def _remarks(self) -> list[str]:
        """What a reader must know of the sensor of this session, until now."""
        return [] if self._selection.monitor is None else list(self._selection.monitor.remarks)

    def _open_sensor(self) -> None:
        target = PowerTarget(self._plan.torch_device, self._gpu_uuid, self._plan.root)
        try:
            chosen = power.select(self._plan.power_monitor, target)
        except Exception as error:  # noqa: BLE001 - a sensor of any kind may fail in any way; the runs must go on
            reason = str(error) if isinstance(error, SensorUnavailable) else f"{type(error).__name__}: {error}"
            chosen = power.Selection(self._plan.power_monitor.partition(":")[0], None, reason)
        facts = None if chosen.monitor is None else SensorFacts.from_monitor(chosen.monitor)
        if self._earlier and not _goes_on(self._sensor, facts):
            if chosen.monitor is not None:  # its joules must not be added to those of another sensor
                chosen.monitor.close()
            return
        self._selection, self._sensor = chosen, facts
        if chosen.monitor is not None:
            self._power = Sampler(chosen.monitor.read, chosen.monitor.period_s)
            self._power.start()

    def _look(self) -> Snapshot:
        return health.snapshot(self._plan.torch_device, self._gpu_uuid, self._plan.root)

    def _stay_idle(self, when: str) -> None:
        if self._power is not None:
            begun = time.monotonic_ns()
            time.sleep(idle_s(self._plan.weights))
            self._idle.append((when, (begun, time.monotonic_ns())))

    def _attribution(self, marked: MarkedRuns) -> attribution.Attribution:
        chosen = self._selection
        if self._sensor is None:
            return attribution.describe_without_sensor(chosen.name, chosen.reason or NEVER_BEGAN)
        samples = [sample for segment in self._earlier for sample in segment.power] + _after(self._power)
        if not samples:
            return attribution.describe_without_sensor(
                chosen.name, f"the sensor gave nothing: {self._lost or 'no sample'}"
            )
        idle = [window for segment in self._earlier for window in segment.idle] + self._idle
        changed = OTHER_SENSOR if self._earlier and self._reader is not None and self._power is None else None
        found = attribution.attribute(
            chosen.name,
            self._sensor,
            samples,
            marked,
            idle,
            scope_mismatch=chosen.scope_mismatch,
            lost=self._lost or changed,
        )
        read_by = [segment.sensor_name for segment in self._earlier if segment.power] + [chosen.name]
        found.power["flags"] += warnings.warn_of_mixed_sensors(read_by)
        said = [remark for segment in self._earlier for remark in segment.remarks] + self._remarks
        found.power["flags"] += dict.fromkeys(said)
        found.power["flags"] += [] if self._plan.machine["own_root"] else [OTHER_ROOT]
        return found

    def _memory_of(self, windows: Sequence[tuple[int, int]], torch_peak: int | None) -> Memory:
        kind = self._plan.machine["memory_kind"]
        samples = [sample for segment in self._earlier for sample in segment.memory] + _after(self._memory)
        if self._reader is None and not self._earlier:
            return memory.not_measured(kind, NEVER_BEGAN)
        vram_reason = memory.NO_GPU if self._reader is None else self._reader.vram_reason
        return memory.summarise(kind, vram_reason, samples, windows, self.baseline, torch_peak)

    def _seen_by_sensor(self, windows: Sequence[tuple[int, int]]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return (the memory as the power sensor saw it, why what is None is so)."""
        source = "" if self._sensor is None else self._sensor.ram_source
        alike = [segment for segment in self._earlier if segment.sensor and segment.sensor.ram_source == source]
        taken = [sample for segment in alike for sample in segment.power] + _after(self._power)
        samples = [memory.MemorySample(s.time_ns, s.ram_bytes) for s in taken] if source else []
        reason = "the power sensor shows no memory" if not source else "the power sensor showed none in the runs"
        return memory.of_sensor(source, samples, windows, reason)


def idle_s(weights: str) -> float:
    """Return how long the machine is left idle before and after the runs, seconds."""
    return MINI_IDLE_S if weights == "mini" else IDLE_S


def _goes_on(then: SensorFacts | None, now: SensorFacts | None) -> bool:
    """Return whether a pair that was measured with one sensor may go on with another."""
    return then is now is None or (then is not None and now is not None and then.is_same_sensor(now))


def _after(sampler: Sampler[Any] | None, place: int = 0) -> list[Any]:
    """Return a copy of a sampler's samples from `place` on: its thread goes on adding to them."""
    return [] if sampler is None else sampler.samples[place:]
