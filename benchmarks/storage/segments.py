"""What a journal knows of a pair in flight, laid out on one clock, so that it can go on.

CLOCK_MONOTONIC begins anew at each boot. The *segments* of a pair, one for each session that worked
on it, are therefore never joined: each is shifted as a whole, so that they stand one after another
with GAP_NS between them, or more where the sensor's period asks for it, so that no energy and no
window reaches from one segment into the next; what the interruption took does not matter.
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
from benchmarks.record import STATUSES, Record, brought_up, faults
from benchmarks.record.sections import Interruption
from benchmarks.record.typecheck import fits
from benchmarks.storage.journal import Contents, Damaged, Line

GAP_NS = 60_000_000_000
Window = tuple[int, int]


@dataclass(frozen=True)
class Outcome:
    """One run, restart or failure, in the order in which it happened. `marks` is None of what failed."""

    request: int = 0
    marks: RunMarks | None = None
    stage: str = ""
    reason: str = ""
    message: str = ""


@dataclass
class Segment:
    """What one session did on a pair, on that session's clock."""

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
    outcomes: list[Outcome] = field(default_factory=list)
    idle: list[tuple[str, Window]] = field(default_factory=list)
    power: list[PowerSample] = field(default_factory=list)
    memory: list[MemorySample] = field(default_factory=list)
    lost: str | None = None
    remarks: list[str] = field(default_factory=list)
    throttled: list[str] | None = None

    def shifted(self, by: int) -> Segment:
        """Return this segment with every time `by` ns later."""
        return Segment(
            **vars(self)
            | {
                "outcomes": [_shifted_outcome(outcome, by) for outcome in self.outcomes],
                "idle": [(when, (start + by, end + by)) for when, (start, end) in self.idle],
                "power": [replace(s, time_ns=s.time_ns + by) for s in self.power],
                "memory": [replace(s, time_ns=s.time_ns + by) for s in self.memory],
            }
        )

    @property
    def span(self) -> Window:
        """(first, last) ns of anything in it; (0, 0) of nothing."""
        times = [s.time_ns for s in self.power] + [s.time_ns for s in self.memory]
        times += [edge for _, window in self.idle for edge in window]
        for outcome in self.outcomes:
            if outcome.marks is not None:
                times += [outcome.marks["start_ns"], outcome.marks["end_ns"]]
        return (min(times), max(times)) if times else (0, 0)


MARKS = ("start_ns", "preprocessed_ns", "vision_ns", "first_token_ns", "end_ns")


def _shifted_outcome(outcome: Outcome, by: int) -> Outcome:
    if outcome.marks is None:
        return outcome
    given: dict[str, Any] = dict(outcome.marks)
    moved = {name: given[name] + by for name in MARKS if given[name] is not None}
    return Outcome(outcome.request, cast("RunMarks", given | moved))


def segments(lines: Iterable[Line]) -> list[Segment]:
    """Return the segments that a pair's lines tell of.

    Raises:
        KeyError, TypeError, ValueError: a line is not as this suite writes it.
    """
    found: list[Segment] = []
    for line in lines:
        if line["do"] == "segment":
            found.append(_segment(line))
        elif found:
            _add(found[-1], line)
    return found


def _segment(line: Line) -> Segment:
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


def _add(segment: Segment, line: Line) -> None:
    do = line["do"]
    if do == "run":
        segment.outcomes.append(Outcome(line["request"], line["marks"]))
    elif do == "failed":
        segment.outcomes.append(Outcome(0, None, line["stage"], line["reason"], line["message"]))
    elif do == "restart":
        segment.outcomes.append(Outcome(stage="restart"))
    elif do == "idle":
        segment.idle.append((line["when"], (line["window"][0], line["window"][1])))
    elif do == "samples":
        segment.power += [PowerSample(*sample) for sample in line["power"]]
        segment.memory += [MemorySample(*sample) for sample in line["memory"]]
        segment.lost, segment.throttled = line["lost"], line["throttled"]
        segment.remarks = line.get("remarks", [])  # journals of before have none


def laid_out(found: Sequence[Segment], before_ns: int) -> list[Segment]:
    """Return the segments shifted so that each ends GAP_NS before the next, and the last before `before_ns`.

    Behind a sensor of a longer period it is more: see `_gap_ns`.
    """
    moved: list[Segment] = []
    for segment in reversed(found):
        shifted = segment.shifted(before_ns - _gap_ns(segment) - segment.span[1])
        moved.insert(0, shifted)
        before_ns = shifted.span[0]
    return moved


def _gap_ns(segment: Segment) -> int:
    """Return what lies between a segment and the next: more than samples of its sensor may lie apart, ns."""
    period_s = 0.0 if segment.sensor is None else segment.sensor.period_s
    return max(GAP_NS, round((GAP_PERIODS + 1) * period_s * 1e9))


def interruptions(found: Sequence[Segment], resumed: tuple[str, str] | None) -> list[Interruption]:
    """Return the Record's interruptions; `resumed` is (boot, ISO time) of the session that goes on now."""
    starts = [(segment.boot, segment.resumed) for segment in found] + ([resumed] if resumed else [])
    done = 0
    listed: list[Interruption] = []
    for place, segment in enumerate(found):
        done += sum(outcome.marks is not None or outcome.stage == "run" for outcome in segment.outcomes)
        if place + 1 < len(starts):
            boot, moment = starts[place + 1]
            listed.append({"after_runs": done, "resumed": moment, "same_boot": boot == segment.boot})
    return listed


def check(contents: Contents) -> None:
    """Raise Damaged where the lines of a pair are not as this suite writes them.

    Whatever passes can be gone on with to a Record: better a sentence now than an error after hours.
    """
    for pair, lines in contents.lines.items():
        try:
            found = segments(lines)
            _check_types(pair, found, contents.record(pair))
            laid_out(found, 0)
            interruptions(found, None)
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise Damaged(
                f"the journal's lines of {pair} are damaged ({type(error).__name__}: {error}); "
                "delete the journal to begin anew."
            ) from error


def _check_types(pair: str, found: Sequence[Segment], record: Any | None) -> None:
    """Raise ValueError where a segment or a Record holds what it cannot."""
    for segment in found:
        if not fits(segment, Segment):
            raise ValueError("a value is of the wrong kind")
        for outcome in segment.outcomes:
            if outcome.marks is not None and not _in_order(outcome.marks):
                raise ValueError("the marks of a run are out of order")
    if record is not None and not (
        fits(brought_up(record), Record)
        and record["pair"]["id"] == pair
        and record["status"] in STATUSES
        and not any(faults(record))
    ):
        raise ValueError("its Record is none")


def _in_order(marks: RunMarks) -> bool:
    """Return whether a run's marks follow each other, and it took time."""
    moments = [marks["start_ns"], marks["preprocessed_ns"], marks["vision_ns"], marks["first_token_ns"]]
    known = [moment for moment in moments if moment is not None]
    return known == sorted(known) and known[-1] <= marks["end_ns"] and marks["start_ns"] < marks["end_ns"]
