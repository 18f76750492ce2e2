"""Check the lines of a journal before a session continues it: an error now is better than one after hours.

The seals show what was changed since; older journals have none. Lines that pass can be continued up to a Record.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.planning.plan import Plan
from benchmarks.processes.protocol import RunMarks, list_moments
from benchmarks.record import INTERRUPTED, STATUSES, Record, add_missing_fields, find_violations
from benchmarks.record.typecheck import fits
from benchmarks.storage.journal import WRONG, Contents, Line, refuse_line
from benchmarks.storage.segments import Measured, Segment, add_line, parse_segment

MOST = 10**18  # no line has a larger number; in ns it is 31 years
LONGEST_NS = 10**15  # of a run or an idle window: 11 days
LONGEST_S = 86400  # of a sensor's times
SIGNED = ("power", "temperature_c")  # what can be negative
COLUMNS = ("request", "latency_s", "preprocess_s", "ttft_s", "decode_s", "prompt_tokens", "image_tokens", "new_tokens")


def check(plan: Plan, path: Path, contents: Contents) -> None:
    """Raise Damaged for the first line of a journal that a session with `plan` would not have written there."""
    pairs = {pair: PairCheck(pair, plan) for pair in contents.head["pairs"]}
    for number, line in enumerate(contents.entries, 2):
        try:
            _require(line["pair"] in pairs, "the session does not measure this pair")
            pairs[line["pair"]].add(line)
        except WRONG as error:
            raise refuse_line(path, number, error, f"{line['pair']}: ") from error


@dataclass
class PairCheck:
    """What a pair's lines say up to one of them."""

    pair: str
    plan: Plan
    segment: Segment | None = None
    free_ns: int = 0  # when the next run may start
    good: list[list[int]] = field(default_factory=list)  # COLUMNS of each good run, times in ns
    attempted: int = 0
    restarts: int = 0
    done: bool = False

    def add(self, line: Line) -> None:
        """Check the next line; raise one of WRONG."""
        _require(not self.done, "the pair was done before it")
        if line["do"] == "done":
            self._finish(line["record"])
            return
        _check_numbers("a value", line)
        if line["do"] == "segment":
            self._begin(parse_segment(line), self.segment)
        else:
            self._continue(line)

    def _begin(self, segment: Segment, before: Segment | None) -> None:
        sensor, before = segment.sensor, before if before and before.boot == segment.boot else None
        _require(fits(segment, Segment) and segment.loaded["pid"] > 0, "a value has the wrong type")
        datetime.fromisoformat(segment.resumed)
        _require(before is None or before.resumed != segment.resumed, "it is there twice")
        times = (1,) if sensor is None else (sensor.period_s, sensor.lag_s or 0, sensor.averaging_s or 0)
        _require(times[0] > 0 and max(times) <= LONGEST_S, f"its sensor has the times {times}")
        self.free_ns = before.ended_ns if before and segment.boot else 0
        self.segment = segment

    def _continue(self, line: Line) -> None:
        new = Measured()
        add_line(new, line)
        lengths = [{*map(len, line[name])} for name in ("power", "memory") if name in line]
        _require(all(len(found) <= 1 for found in lengths), "its samples have different lengths")
        _require(fits(new, Measured), "a value has the wrong type")
        for times in ([s.time_ns for s in new.power], [s.time_ns for s in new.memory]):
            _require(times == sorted(times), "its samples are out of order")
        for _, (start, end) in new.idle:
            _require(start < end <= start + LONGEST_NS, "its window is out of order")
        if self.segment is None:
            _require(line["do"] not in ("run", "restart"), "no segment is before it")
            return
        for result in new.results:
            if result.marks is not None:
                self._check_run(max(self.segment.ended_ns, self.free_ns), result.request, result.marks)
            self.attempted += result.marks is not None or result.stage == "run"
            self.restarts += result.stage == "restart"
        _require(self.attempted <= self.plan.runs, f"it is run {self.attempted} of {self.plan.runs}")
        add_line(self.segment, line)

    def _check_run(self, free_ns: int, request: int, marks: RunMarks) -> None:
        work, start, first, end = self.plan.work, marks["start_ns"], marks["first_token_ns"], marks["end_ns"]
        known = list_moments(marks)
        due, tokens, gaps = self.attempted % work.requests, work.new_tokens * work.batch_size, marks["token_gaps_s"]
        _require(known == sorted(known) and start < end <= start + LONGEST_NS, "its time marks are out of order")
        _require(start >= free_ns, "it starts before the last run or idle window ends")
        _require(request == due, f"its request is {request} and not {due}")
        _require(marks["new_tokens"] == tokens, f"it has {marks['new_tokens']} new tokens and not {tokens}")
        seconds = (end - first) * 1e-9 + 1e-6
        _require(len(gaps) == work.new_tokens - 1 and sum(gaps) <= seconds, "its tokens do not fit its time marks")
        times = (end - start, marks["preprocessed_ns"] - start, first - start, end - first)
        self.good.append([request, *times, marks["prompt_tokens"], marks["image_tokens"], tokens])

    def _finish(self, record: Any) -> None:
        whole = fits(add_missing_fields(record), Record) and not any(find_violations(record))
        ended = whole and record["pair"]["id"] == self.pair and record["status"] in {*STATUSES} - {INTERRUPTED}
        _require(ended, "its Record does not match the schema")
        runs, good, tried = record["runs"] or {name: [] for name in COLUMNS}, len(self.good), self.attempted
        columns = [[round(v * 1e9) if name.endswith("_s") else v for v in runs[name]] for name in COLUMNS]
        told = [record["counts"][name] for name in ("planned", "attempted", "good", "failed", "warmup", "restarts")]
        counts = [self.plan.runs, tried, good, tried - good, self.plan.warmup_runs, self.restarts]
        same = told == counts and [list(run) for run in zip(*columns, strict=True)] == self.good
        same = same and all(len(column) == good for column in runs.values() if isinstance(column, list))
        _require(same, "its Record does not match the lines before it")
        self.done = True


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _check_numbers(name: str, value: Any, least: int = 0) -> None:
    """Raise ValueError for a number that no line has: too large, or negative outside of SIGNED."""
    if isinstance(value, dict):
        for key, item in value.items():
            _check_numbers(key, item, -MOST if key in SIGNED else least)
    elif isinstance(value, list):
        for item in value:
            _check_numbers(name, item, least)
    elif isinstance(value, int | float):
        _require(least <= value <= MOST, f"{name} is {value}")
