"""Check the lines of a journal before a session continues it: an error now is better than one after hours.

The seals show what was changed since; older journals have none. Lines that pass can be continued up to a Record.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.planning.plan import Plan
from benchmarks.processes.protocol import RunMarks
from benchmarks.record import INTERRUPTED, STATUSES, Record, add_missing_fields, find_violations
from benchmarks.record.typecheck import fits
from benchmarks.storage.journal import WRONG, Contents, Line, refuse_line
from benchmarks.storage.segments import Measured, Segment, add_line, parse_segment

MOST = 10**18  # no line has a larger number; in ns it is 31 years
LONGEST_NS = 10**15  # a run or an idle window of 11 days
LONGEST_PERIOD_S = 86400.0  # of a sensor
SIGNED = ("power", "temperature_c")
COLUMNS = ("request", "latency_s", "preprocess_s", "ttft_s", "decode_s", "prompt_tokens", "image_tokens", "new_tokens")


def check(path: Path, contents: Contents, plan: Plan) -> None:
    """Check the lines of a journal that a session with `plan` continues.

    Raises:
        Damaged: for the first line that this suite would not have written there.
    """
    pairs = {pair: PairCheck(pair, plan) for pair in contents.head["pairs"]}
    for number, line in enumerate(contents.entries, 2):
        try:
            _require(line["pair"] in pairs, "the session does not measure this pair")
            pairs[line["pair"]].add(line)
        except WRONG as error:
            raise refuse_line(path, number, error, f"{line['pair']}: ") from error


class PairCheck:
    """What a pair's lines say up to one of them."""

    def __init__(self, pair: str, plan: Plan) -> None:
        self._pair = pair
        self._plan = plan
        self._segment: Segment | None = None
        self._free_ns = 0  # when the next run may start
        self._good: list[list[int]] = []  # COLUMNS of each good run, times in ns
        self._attempted = self._restarts = 0
        self._done = False

    def add(self, line: Line) -> None:
        """Check the next line; raise one of WRONG."""
        _require(not self._done, "the pair was done before it")
        if line["do"] == "done":
            self._finish(line["record"])
            return
        _check_numbers("a value", line)
        if line["do"] == "segment":
            self._begin(parse_segment(line))
            return
        new = Measured()
        add_line(new, line)
        lengths = [{*map(len, line[name])} for name in ("power", "memory") if name in line]
        _require(all(len(found) <= 1 for found in lengths), "its samples have different lengths")
        _require(fits(new, Measured), "a value has the wrong type")
        if self._segment is not None:
            self._check(self._segment, new)
            add_line(self._segment, line)
        else:
            _require(line["do"] not in ("run", "restart"), "no segment is before it")

    def _begin(self, segment: Segment) -> None:
        sensor, before = segment.sensor, self._segment
        before = before if before and before.boot == segment.boot else None
        _require(fits(segment, Segment) and segment.loaded["pid"] > 0, "a value has the wrong type")
        datetime.fromisoformat(segment.resumed)
        _require(before is None or before.resumed != segment.resumed, "it is there twice")
        times = (1,) if sensor is None else (sensor.period_s, sensor.lag_s or 0, sensor.averaging_s or 0)
        _require(times[0] > 0 and max(times) <= LONGEST_PERIOD_S, f"its sensor has the times {times}")
        self._free_ns = before.ended_ns if before and segment.boot else 0
        self._segment = segment

    def _check(self, segment: Segment, new: Measured) -> None:
        for times in ([s.time_ns for s in new.power], [s.time_ns for s in new.memory]):
            _require(times == sorted(times), "its samples are out of order")
        for result in new.results:
            if result.marks is not None:
                self._check_run(max(segment.ended_ns, self._free_ns), result.request, result.marks)
            self._attempted += result.marks is not None or result.stage == "run"
            self._restarts += result.stage == "restart"
        _require(self._attempted <= self._plan.runs, f"it is run {self._attempted} of {self._plan.runs}")
        for _, (start, end) in new.idle:
            _require(start < end <= start + LONGEST_NS, "its window is out of order")

    def _check_run(self, free_ns: int, request: int, marks: RunMarks) -> None:
        work, start, first, end = self._plan.work, marks["start_ns"], marks["first_token_ns"], marks["end_ns"]
        known = [mark for mark in (start, marks["preprocessed_ns"], marks["vision_ns"], first, end) if mark is not None]
        due, tokens, gaps = self._attempted % work.requests, work.new_tokens * work.batch_size, marks["token_gaps_s"]
        _require(known == sorted(known) and start < end <= start + LONGEST_NS, "its time marks are out of order")
        _require(start >= free_ns, "it starts before the last run or idle window ends")
        _require(request == due, f"its request is {request} and not {due}")
        _require(marks["new_tokens"] == tokens, f"it has {marks['new_tokens']} new tokens and not {tokens}")
        seconds = (end - first) * 1e-9 + 1e-6
        _require(len(gaps) == work.new_tokens - 1 and sum(gaps) <= seconds, "its tokens do not fit its time marks")
        times = (end - start, marks["preprocessed_ns"] - start, first - start, end - first)
        self._good.append([request, *times, marks["prompt_tokens"], marks["image_tokens"], tokens])

    def _finish(self, record: Any) -> None:
        whole = fits(add_missing_fields(record), Record) and not any(find_violations(record))
        ended = whole and record["pair"]["id"] == self._pair and record["status"] in {*STATUSES} - {INTERRUPTED}
        _require(ended, "its Record does not match the schema")
        runs, good = record["runs"] or {name: [] for name in COLUMNS}, len(self._good)
        columns = [[round(v * 1e9) if name.endswith("_s") else v for v in runs[name]] for name in COLUMNS]
        told = [record["counts"][name] for name in ("planned", "attempted", "good", "failed", "warmup", "restarts")]
        failed = self._attempted - good
        counts = [self._plan.runs, self._attempted, good, failed, self._plan.warmup_runs, self._restarts]
        same = told == counts and [list(run) for run in zip(*columns, strict=True)] == self._good
        same = same and all(len(column) == good for column in runs.values() if isinstance(column, list))
        _require(same, "its Record does not match the lines before it")
        self._done = True


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
