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
from benchmarks.processes.protocol import Loaded, Numerics, RunMarks  # `fits` reads the annotations
from benchmarks.record import STATUSES, Record, add_missing_fields, find_violations
from benchmarks.record.sections import Interruption
from benchmarks.record.typecheck import fits
from benchmarks.storage.journal import Contents, Damaged, Line

GAP_NS = 60_000_000_000
Window = tuple[int, int]


@dataclass(frozen=True)
class RunResult:
    """One run, restart or failure, in order of time. `marks` is None except for a good run."""

    request: int = 0
    marks: RunMarks | None = None
    stage: str = ""
    reason: str = ""
    message: str = ""


@dataclass
class Segment:
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
    results: list[RunResult] = field(default_factory=list)
    idle: list[tuple[str, Window]] = field(default_factory=list)
    power: list[PowerSample] = field(default_factory=list)
    memory: list[MemorySample] = field(default_factory=list)
    lost: str | None = None
    remarks: list[str] = field(default_factory=list)
    throttled: list[str] | None = None

    def shift(self, by: int) -> Segment:
        """Return this segment with every time `by` ns later."""
        return Segment(
            **vars(self)
            | {
                "results": [_shift_result(result, by) for result in self.results],
                "idle": [(when, (start + by, end + by)) for when, (start, end) in self.idle],
                "power": [replace(s, time_ns=s.time_ns + by) for s in self.power],
                "memory": [replace(s, time_ns=s.time_ns + by) for s in self.memory],
            }
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


MARKS = ("start_ns", "preprocessed_ns", "vision_ns", "first_token_ns", "end_ns")


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
            found.append(_parse_segment(line))
        elif found:
            _add_line(found[-1], line)
    return found


def _parse_segment(line: Line) -> Segment:
    sensor = line["sensor"]
    return Segment(
        boot=line["boot"],
        resumed=line["at"],
        loaded=line["loaded"],
        baseline=line["baseline"],
        sensor=None if sensor is None else SensorFacts.from_json(sensor),
        sensor_name=line["sensor_name"],
        sensor_reason=line["sensor_reason"],
        scope_mismatch=line["scope_mismatch"],
        before=HealthSnapshot(**line["before"]),
        finite_logits=line["finite_logits"],
        numerics=line["numerics"],
    )


def _add_line(segment: Segment, line: Line) -> None:
    do = line["do"]
    if do == "run":
        segment.results.append(RunResult(line["request"], line["marks"]))
    elif do == "failed":
        segment.results.append(RunResult(0, None, line["stage"], line["reason"], line["message"]))
    elif do == "restart":
        segment.results.append(RunResult(stage="restart"))
    elif do == "idle":
        segment.idle.append((line["when"], (line["window"][0], line["window"][1])))
    elif do == "samples":
        segment.power += [PowerSample(*sample) for sample in line["power"]]
        segment.memory += [MemorySample(*sample) for sample in line["memory"]]
        segment.lost, segment.throttled = line["lost"], line["throttled"]
        segment.remarks = line.get("remarks", [])  # older journals have none


def align_clocks(found: Sequence[Segment], before_ns: int) -> list[Segment]:
    """Return the segments shifted so that each ends GAP_NS before the next, and the last before `before_ns`.

    For a sensor with a long period the gap is longer: see `_find_gap_ns`.
    """
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


def check(contents: Contents) -> None:
    """Raise Damaged if the lines of a pair are not in the format that this suite writes.

    Lines that pass can be continued up to a Record: an error now is better than one after hours.
    """
    for pair, lines in contents.lines.items():
        try:
            found = read_segments(lines)
            _check_types(pair, found, contents.record(pair))
            align_clocks(found, 0)
            list_interruptions(found, None)
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise Damaged(
                f"the journal's lines of {pair} are damaged ({type(error).__name__}: {error}); "
                "delete the journal to start over."
            ) from error


def _check_types(pair: str, found: Sequence[Segment], record: Any | None) -> None:
    """Raise ValueError if a segment or a Record contains an invalid value."""
    for segment in found:
        if not fits(segment, Segment):
            raise ValueError("a value has the wrong type")
        for result in segment.results:
            if result.marks is not None and not _is_in_order(result.marks):
                raise ValueError("the time marks of a run are out of order")
    if record is not None and not (
        fits(add_missing_fields(record), Record)
        and record["pair"]["id"] == pair
        and record["status"] in STATUSES
        and not any(find_violations(record))
    ):
        raise ValueError("its Record does not match the schema")


def _is_in_order(marks: RunMarks) -> bool:
    """Return whether a run's time marks are in order, and its end is after its start."""
    moments = [marks["start_ns"], marks["preprocessed_ns"], marks["vision_ns"], marks["first_token_ns"]]
    known = [moment for moment in moments if moment is not None]
    return known == sorted(known) and known[-1] <= marks["end_ns"] and marks["start_ns"] < marks["end_ns"]
