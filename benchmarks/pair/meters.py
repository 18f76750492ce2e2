"""A pair's meters: power and memory are sampled during the runs, and evaluated over their windows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from benchmarks import power
from benchmarks.machine import health, memory, sysfs
from benchmarks.machine.health import HealthSnapshot
from benchmarks.planning.plan import Plan
from benchmarks.power.analysis import attribution, warnings
from benchmarks.power.analysis.attribution import MarkedRuns
from benchmarks.power.base import PowerMonitor, PowerSample, PowerTarget, SensorFacts, SensorLost, SensorUnavailable
from benchmarks.power.sampler import Sampler
from benchmarks.processes.protocol import Loaded
from benchmarks.record.not_measured import make_null_section
from benchmarks.record.sections import Health, Memory
from benchmarks.record.typecheck import fits

if TYPE_CHECKING:
    from benchmarks.storage.segments import Segment

IDLE_S = 10.0  # how long idle power is measured before and after the runs, with the model loaded, seconds
MINI_IDLE_S = 3.0  # the same for miniatures, whose sessions take seconds
MEMORY_PERIOD_S = 0.1
"""Time between memory samples, seconds. One read of /proc takes 20 us."""
WATCH_PERIOD_S = 1.0  # time between checks for a GPU's throttling, seconds
NOT_LOADED = "the model was not loaded"
LONGEST_S = 86400  # no sensor has a longer period, lag or averaging time, seconds
OTHER_SENSOR = "the session that continued the pair found another sensor"
OTHER_ROOT = f"Device and sensor files were read from the folder ${sysfs.ROOT}, not from this system's own root."


class Meters:
    """Started with the model loaded, finished before the child ends. A meter that fails loses only its own values.

    `earlier` are the segments of earlier sessions, shifted to times before this session on its clock.
    """

    def __init__(self, plan: Plan, earlier: Sequence[Segment] = ()) -> None:
        self._plan = plan
        self._earlier = list(earlier)
        self._selection = power.Selection("none", None, NOT_LOADED)
        self._sensor: SensorFacts | None = None
        self._power: Sampler[PowerSample] | None = None
        self._memory: Sampler[memory.MemorySample] | None = None
        self._reader: memory.MemoryReader | None = None
        self._idle: list[tuple[str, tuple[int, int]]] = []
        self._before = self._after = HealthSnapshot()
        self._watch: health.ThrottleWatch | None = None
        self._watcher: Sampler[None] | None = None
        self._gpu_uuid: str | None = None
        self._taken = [0, 0, 0]  # power samples, memory samples and idle windows that `take_new_lines` has returned
        self._taken_remarks: list[str] = []
        self.baseline: int | None = None
        if self._earlier:
            first = self._earlier[0]
            self.baseline, self._before, self._sensor = first.baseline, first.before, first.sensor
            self._selection = power.Selection(
                first.sensor_name, None, first.sensor_reason, scope_mismatch=first.scope_mismatch
            )

    def renew(self) -> Meters:
        """Close these meters, and return those for another process from the start."""
        self.close()
        return Meters(self._plan, self._earlier)

    def note_baseline(self) -> None:
        """Record the machine's used memory before anything is loaded."""
        if not self._earlier:
            self.baseline = memory.read_used_bytes()

    def start(self, loaded: Loaded) -> None:
        """Start sampling; with a power sensor, measure idle power first."""
        self._gpu_uuid = loaded["gpu_uuid"]
        with suppress(Exception):  # a driver can fail in any way
            self._reader = memory.MemoryReader(self._plan.machine["memory_kind"], loaded["pid"], self._gpu_uuid)
            self._memory = Sampler(self._reader.read, MEMORY_PERIOD_S)
            self._memory.start()
        self._open_sensor()
        if not self._earlier:
            self._before = self._read_health()
        self._measure_idle("before")
        if self._plan.torch_device.startswith("cuda"):
            with suppress(Exception):
                self._watch = health.ThrottleWatch(self._gpu_uuid)
                self._watcher = Sampler(self._watch.read, WATCH_PERIOD_S, regular=True)
                self._watcher.start()

    def follow(self, loaded: Loaded) -> None:
        """Read the memory of a replacement child from now on."""
        if self._reader is not None:
            self._reader.follow(loaded["pid"])

    def finish(self) -> None:
        """Take the last readings; the model is still loaded."""
        if self._watcher is not None:
            self._watcher.stop()
        self._after = self._read_health()
        self._measure_idle("after")

    def void_last_idle(self) -> None:
        """Drop the idle window after the runs: the model was no longer loaded."""
        self._idle = [(when, window) for when, window in self._idle if when != "after"]

    def close(self) -> None:
        """Stop sampling. Can be called twice."""
        for sampler in (self._power, self._memory, self._watcher):
            if sampler is not None:
                sampler.stop()
        for meter in (self._watch, self._reader, self._selection.monitor):
            if meter is not None:
                with suppress(Exception):  # a sensor can fail in any way
                    meter.close()

    def describe(self) -> dict[str, Any]:
        """Return what the journal stores about these meters, as JSON."""
        return {
            "baseline": self.baseline,
            "sensor": None if self._sensor is None else asdict(self._sensor),
            "sensor_name": self._selection.name,
            "sensor_reason": self._selection.reason,
            "scope_mismatch": self._selection.scope_mismatch,
            "before": asdict(self._before),
        }

    def take_new_lines(self) -> list[dict[str, Any]]:
        """Return the journal's lines for everything sampled since the last call."""
        watts, sizes = _copy_samples(self._power, self._taken[0]), _copy_samples(self._memory, self._taken[1])
        idle = self._idle[self._taken[2] :]
        self._taken = [count + len(new) for count, new in zip(self._taken, (watts, sizes, idle), strict=True)]
        watts.sort(key=lambda sample: sample.time_ns)  # a copy
        lines: list[dict[str, Any]] = [{"do": "idle", "when": when, "window": window} for when, window in idle]
        remarks = self._remarks
        if watts or sizes or remarks != self._taken_remarks:
            self._taken_remarks = remarks
            lines.append(
                {
                    "do": "samples",
                    "power": [[s.time_ns, s.watts, s.energy_j, s.ram_bytes, s.refused_w] for s in watts],
                    "memory": [[s.time_ns, s.ram, s.peak, s.file, s.vram] for s in sizes],
                    "lost": self._lost,
                    "remarks": remarks,
                    "throttled": self._throttled,
                }
            )
        return lines

    def describe_health(self, *, finite_logits: bool | None) -> Health:
        """Return the Record's health."""
        why = self._watch.reason if self._watch is not None else "no throttling status is available for this device"
        return health.build_section(self._before, self._after, self._throttled, why, finite_logits=finite_logits)

    @property
    def _throttled(self) -> list[str] | None:
        """The reasons for throttling in this session and the earlier ones; None if unknown."""
        found = [segment.throttled for segment in self._earlier] + [self._watch.seen if self._watch else None]
        known = [reasons for reasons in found if reasons is not None]
        return list(dict.fromkeys(reason for reasons in known for reason in reasons)) if known else None

    @property
    def _lost(self) -> str | None:
        """Why the sensor stopped during the runs, in this session or an earlier one; None if it did not."""
        if self._power is not None and self._power.lost:
            return self._power.lost
        return next((segment.lost for segment in self._earlier if segment.lost), None)

    @property
    def _remarks(self) -> list[str]:
        """The remarks of this session's sensor so far."""
        with suppress(Exception):
            return [str(remark) for remark in getattr(self._selection.monitor, "remarks", ())]
        return []

    def _open_sensor(self) -> None:
        target = PowerTarget(self._plan.torch_device, self._gpu_uuid, self._plan.root)
        try:
            chosen = power.select(self._plan.power_monitor, target)
            facts = None if chosen.monitor is None else _read_facts(chosen.monitor)
        except Exception as error:  # noqa: BLE001 - a sensor of any kind may fail in any way; the runs must go on
            reason = str(error) if isinstance(error, SensorUnavailable) else f"{type(error).__name__}: {error}"
            chosen, facts = power.Selection(self._plan.power_monitor.partition(":")[0], None, reason), None
        if self._earlier and not _is_same_sensor(self._sensor, facts):
            with suppress(Exception):  # its energy must not be added to that of another sensor
                cast("PowerMonitor", chosen.monitor).close()
            return
        self._selection, self._sensor = chosen, facts
        if chosen.monitor is not None:
            self._power = Sampler(partial(_read_checked, chosen.monitor), chosen.monitor.period_s)
            self._power.start()

    def _read_health(self) -> HealthSnapshot:
        with suppress(Exception):
            return health.take_snapshot(self._plan.torch_device, self._gpu_uuid, self._plan.root)
        return HealthSnapshot()

    def _measure_idle(self, when: str) -> None:
        if self._power is not None:
            start = time.monotonic_ns()
            time.sleep(choose_idle_s(self._plan.weights))
            self._idle.append((when, (start, time.monotonic_ns())))

    def attribute_energy(self, marked: MarkedRuns) -> attribution.Attribution:
        """Return power and energy over the runs, whose windows are in ns of CLOCK_MONOTONIC."""
        chosen = self._selection
        if self._sensor is None:
            return attribution.describe_without_sensor(chosen.name, chosen.reason or NOT_LOADED)
        samples = [sample for segment in self._earlier for sample in segment.power] + _copy_samples(self._power)
        if not samples:
            return attribution.describe_without_sensor(
                chosen.name, f"the sensor returned no sample{f': {self._lost}' if self._lost else ''}"
            )
        idle = [window for segment in self._earlier for window in segment.idle] + self._idle
        changed = OTHER_SENSOR if self._earlier and self._reader is not None and self._power is None else None
        found = attribution.attribute(
            chosen.name,
            self._sensor,
            sorted(samples, key=lambda sample: sample.time_ns),
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

    def summarise_memory(self, windows: Sequence[tuple[int, int]], torch_peak: int | None) -> Memory:
        """Return the memory over `windows`, ns; `torch_peak` is that of torch's allocator, bytes."""
        sizes = self._summarise_samples(windows, torch_peak)
        seen, reasons = self._summarise_sensor_memory(windows)
        return cast("Memory", {**sizes, **seen, "reasons": sizes["reasons"] | reasons})

    def _summarise_samples(self, windows: Sequence[tuple[int, int]], torch_peak: int | None) -> Memory:
        kind = self._plan.machine["memory_kind"]
        samples = [sample for segment in self._earlier for sample in segment.memory] + _copy_samples(self._memory)
        if self._reader is None and not self._earlier:
            return cast("Memory", make_null_section(Memory, f"{NOT_LOADED}, or its memory cannot be read", kind=kind))
        vram_reason = memory.NO_GPU if self._reader is None else self._reader.vram_reason
        return memory.summarise(kind, vram_reason, samples, windows, self.baseline, torch_peak)

    def _summarise_sensor_memory(self, windows: Sequence[tuple[int, int]]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return (the machine's memory as the power sensor reports it, the reason for each null)."""
        if self._sensor is None or not self._sensor.ram_source:
            return memory.summarise_sensor_ram("", [], windows, "the power sensor does not report memory usage")
        source = self._sensor.ram_source
        alike = [segment for segment in self._earlier if segment.sensor and segment.sensor.ram_source == source]
        taken = [sample for segment in alike for sample in segment.power] + _copy_samples(self._power)
        samples = [memory.MemorySample(s.time_ns, s.ram_bytes) for s in taken]
        reason = "the power sensor did not report memory usage during the runs"
        return memory.summarise_sensor_ram(source, samples, windows, reason)


def choose_idle_s(weights: str) -> float:
    """Return how long idle power is measured before and after the runs, seconds."""
    return MINI_IDLE_S if weights == "mini" else IDLE_S


def _read_facts(monitor: PowerMonitor) -> SensorFacts:
    """Return the facts of an open sensor, or raise SensorUnavailable if no sensor can have them."""
    facts = SensorFacts.from_monitor(monitor)
    times = (facts.period_s, facts.lag_s, facts.averaging_s)
    if not fits(facts, SensorFacts) or facts.period_s <= 0 or max(time_s or 0 for time_s in times) > LONGEST_S:
        with suppress(Exception):
            monitor.close()
        raise SensorUnavailable(f"it describes itself with impossible values ({facts!s:.200}); report this as a bug.")
    return facts


def _read_checked(monitor: PowerMonitor) -> list[PowerSample]:
    """Return a sensor's new samples, or raise SensorLost if they are none."""
    if not fits(found := monitor.read(), list[PowerSample]):
        raise SensorLost(f"it returned {found!r:.100}, which is no list of readings")
    return found


def _is_same_sensor(then: SensorFacts | None, now: SensorFacts | None) -> bool:
    """Return whether a pair that was measured with one sensor may continue with another."""
    return then is now is None or (then is not None and now is not None and then.is_same_sensor(now))


def _copy_samples(sampler: Sampler[Any] | None, first: int = 0) -> list[Any]:
    """Return a copy of a sampler's samples from `first` on; its thread keeps adding to them."""
    return [] if sampler is None else sampler.samples[first:]
