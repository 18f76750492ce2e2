"""What a journal contains about an unfinished pair, shifted to one clock, so that the pair can continue.

CLOCK_MONOTONIC restarts at each boot. A pair has one *segment* for each session that worked on it. Segments are never
joined: each is shifted as a whole, so that they follow one another with GAP_NS between them (more for a sensor with a
long period). No energy and no window then crosses from one segment into the next. How long the interruption took
does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from benchmarks.machine.health import HealthSnapshot
from benchmarks.machine.memory import MemorySample
from benchmarks.power.analysis.energy import GAP_PERIODS
from benchmarks.power.base import PowerSample, SensorFacts
from benchmarks.processes.protocol import MARKS, Loaded, Numerics, RunMarks  # `fits` reads the annotations
from benchmarks.record.sections import Interruption
from benchmarks.storage.journal import Line

GAP_NS = 60_000_000_000
STAGES = ("load", "verify", "warmup", "run", "at restart")  # of a failure
Window = tuple[int, int]


@dataclass(frozen=True)
class RunResult:
    """One run, restart or failure, in order of time. `marks` is None except for a good run."""

    request: int = 0
    marks: RunMarks | None = None
    stage: str = ""
    reason: str = ""
    message: str = ""


@dataclass(kw_only=True)
class Measured:
    """What one session measured of a pair in its runs, or what one line says of that."""

    results: list[RunResult] = field(default_factory=list)
    idle: list[tuple[str, Window]] = field(default_factory=list)
    power: list[PowerSample] = field(default_factory=list)
    memory: list[MemorySample] = field(default_factory=list)
    lost: str | None = None
    remarks: list[str] = field(default_factory=list)
    throttled: list[str] | None = None
    ended_ns: int = 0  # end of the last run or idle window


@dataclass(kw_only=True)
class Segment(Measured):
    """What one session measured of a pair, on that session's clock."""

    boot: str
    resumed: str  # ISO 8601, UTC
    loaded: Loaded
    baseline: int | None
    sensor: SensorFacts | None
    sensor_name: str
    sensor_reason: str | None
    scope_mismatch: bool
    before: HealthSnapshot
    finite_logits: bool | None
    numerics: Numerics | None

    def shift(self, by: int) -> Segment:
        """Return this segment with every time `by` ns later."""
        return replace(
            self,
            results=[_shift_result(result, by) for result in self.results],
            idle=[(when, (start + by, end + by)) for when, (start, end) in self.idle],
            power=[replace(s, time_ns=s.time_ns + by) for s in self.power],
            memory=[replace(s, time_ns=s.time_ns + by) for s in self.memory],
        )

    @property
    def span(self) -> Window:
        """(first, last) time of anything in it, ns; (0, 0) if it is empty."""
        times = [s.time_ns for s in self.power] + [s.time_ns for s in self.memory]
        times += [edge for _, window in self.idle for edge in window]
        for result in self.results:
            if result.marks is not None:
                times += [result.marks["start_ns"], result.marks["end_ns"]]
        return (min(times), max(times)) if times else (0, 0)


def _shift_result(result: RunResult, by: int) -> RunResult:
    if result.marks is None:
        return result
    given: dict[str, Any] = dict(result.marks)
    moved = {name: given[name] + by for name in MARKS if given[name] is not None}
    return RunResult(result.request, cast("RunMarks", given | moved))


def read_segments(lines: Iterable[Line]) -> list[Segment]:
    """Return the segments in a pair's lines.

    Raises:
        KeyError, TypeError, ValueError: a line is not in the format that this suite writes.
    """
    found: list[Segment] = []
    for line in lines:
        if line["do"] == "segment":
            found.append(parse_segment(line))
        elif found:
            add_line(found[-1], line)
    return found


def parse_segment(line: Line) -> Segment:
    """Return the segment that a line begins; raise as `read_segments` does."""
    names = [name for name in Segment.__annotations__ if name not in ("resumed", "sensor", "before")]
    sensor = None if line["sensor"] is None else SensorFacts.from_json(line["sensor"])
    before = HealthSnapshot(**line["before"])
    return Segment(resumed=line["at"], sensor=sensor, before=before, **{name: line[name] for name in names})


def add_line(segment: Measured, line: Line) -> None:
    """Add what a line says, unless it goes back in time; raise as `read_segments` does."""
    do = line["do"]
    if do == "run":
        segment.results.append(RunResult(line["request"], line["marks"]))
        segment.ended_ns = line["marks"]["end_ns"]
    elif do == "failed" and line["stage"] in STAGES:
        segment.results.append(RunResult(0, None, line["stage"], line["reason"], line["message"]))
    elif do == "restart":
        segment.results.append(RunResult(stage="restart"))
    elif do == "idle" and line["when"] in ("before", "after"):
        start, end = line["window"]
        if start >= segment.ended_ns:
            segment.idle.append((line["when"], (start, end)))
            segment.ended_ns = end
    elif do == "samples":
        _add_samples(segment, line)
    else:
        raise ValueError(f"no session does this: {str(line)[:100]}")


def _add_samples(segment: Measured, line: Line) -> None:
    """Add samples, unless they are of a session that ended before its segment: older versions wrote those too."""
    power, memory = [PowerSample(*s) for s in line["power"]], [MemorySample(*s) for s in line["memory"]]
    pairs = ((segment.power, power), (segment.memory, memory))
    if not any(old and new and new[0].time_ns < old[-1].time_ns for old, new in pairs):
        segment.power += power
        segment.memory += memory
        segment.lost, segment.throttled = line["lost"], line["throttled"]
        segment.remarks = line.get("remarks", [])  # older journals have none


def align_clocks(found: Sequence[Segment], before_ns: int) -> list[Segment]:
    """Return the segments shifted so that each ends GAP_NS or more before the next, and the last before `before_ns`."""
    moved: list[Segment] = []
    for segment in reversed(found):
        shifted = segment.shift(before_ns - _find_gap_ns(segment) - segment.span[1])
        moved.insert(0, shifted)
        before_ns = shifted.span[0]
    return moved


def _find_gap_ns(segment: Segment) -> int:
    """Return the gap after a segment, ns: longer than any gap between samples that still counts as covered."""
    period_s = 0.0 if segment.sensor is None else segment.sensor.period_s
    return max(GAP_NS, round((GAP_PERIODS + 1) * period_s * 1e9))


def list_interruptions(found: Sequence[Segment], resumed: tuple[str, str] | None) -> list[Interruption]:
    """Return the Record's interruptions; `resumed` is (boot, ISO time) of the session that continues now."""
    starts = [(segment.boot, segment.resumed) for segment in found] + ([resumed] if resumed else [])
    done = 0
    listed: list[Interruption] = []
    for place, segment in enumerate(found):
        done += sum(result.marks is not None or result.stage == "run" for result in segment.results)
        if place + 1 < len(starts):
            boot, moment = starts[place + 1]
            listed.append({"after_runs": done, "resumed": moment, "same_boot": boot == segment.boot})
    return listed
