"""Play back a log of power: a recorded trace, or the log of a meter that writes it during the runs.

--power-monitor=replay:FILE plays a recorded trace as if it were measured now, for tests and for a second look:

    time_s,watts[,energy_j]
    0.0,12.5

Its time counts from the opening. Comments may describe it: `# scope: gpu+soc`, `# rails: A, B`, `# source: ...`.

--power-monitor=csv:FILE follows the log of an external meter, at the wall or between a supply and its board:

    time,watts
    2026-11-24T12:00:00+00:00,51.3

The log may grow during the runs; rows with later times count when their time comes. What may mean two things is
refused, or a gap if it comes later. docs/devices.md describes the columns, separators and times.

Clocks: the log's times, less `,offset=SECONDS` by which its clock is ahead, count as this machine's CLOCK_REALTIME,
and are mapped to CLOCK_MONOTONIC, the clock of the runs. If another machine writes the log, both clocks must be right
(NTP), or their difference given. Drift is not corrected: an error of d seconds charges a run with d seconds from before
or after it. The last runs of a session have no joules if the meter writes its lines late.
"""

import itertools
import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.formatting import make_printable
from benchmarks.machine.inputs import open_regular
from benchmarks.power.base import PowerMonitor, PowerSample, PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sensors import log_format, log_header
from benchmarks.power.sensors.log_format import NS, LogOptions, Row, UnreadableLine

MOST_NEW_BYTES = 100_000  # of a log at a time, and ten times as many of a line that has no end yet
CLOCK_STEP_NS = NS // 4  # a clock that moves by more between two readings was set; slewing is far slower


class LogPlayer(PowerMonitor):
    """Give each sample of a log once, when its time comes."""

    takes_argument = True
    range_remedy = "write `# max_w: WATTS` into the trace"

    def _load(
        self, kind: str, path: Path, notes: Mapping[str, str], rows: Sequence[Row], asked_w: float | None = None
    ) -> None:
        """Take the samples of the log at `path`, which its notes describe; its user states a range of `asked_w`."""
        self._rows = deque(rows)
        self._last_ns: int | None = None
        what = f" of {notes['source']}" if "source" in notes else ""
        self.source = make_printable(f"{kind} {path.name}{what}")
        self.period_s = log_format.compute_period_s(rows)
        self.largest_w = log_format.parse_plain(notes.get("max_w", "")) if asked_w is None else asked_w
        self.range_source = self.range_remedy if self.largest_w is None else "stated by its user"

    def _take_due(self, shift_ns: int) -> list[PowerSample]:
        """Return the samples whose time has come, by a log clock that is `shift_ns` ahead of CLOCK_MONOTONIC."""
        due, now = [], time.monotonic_ns()
        while self._rows and self._rows[0].time_ns - shift_ns <= now:
            row = self._rows.popleft()
            sample = self.judge(PowerSample(row.time_ns - shift_ns, row.watts, row.energy_j))
            if self._last_ns is not None and sample.time_ns <= self._last_ns:  # this machine's clock was set
                sample = PowerSample(self._last_ns + 1, None)
            self._last_ns = sample.time_ns
            due.append(sample)
        return due


class ReplayMonitor(LogPlayer):
    """Play back a recorded trace from the moment of opening."""

    @classmethod
    def check(cls, argument: str | None) -> None:
        _read_trace(argument)

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:
        path, notes, rows = _read_trace(argument)
        self._load("recorded trace", path, notes, rows)
        self.scope = notes.get("scope", "recorded")
        self.rails = tuple(rail.strip() for rail in notes.get("rails", "recorded").split(","))
        self._end = f"the trace {path.name} ended after {rows[-1].time_ns / NS:.1f} s"
        self._opened_ns = time.monotonic_ns()

    def read(self) -> list[PowerSample]:
        due = self._take_due(-self._opened_ns)
        if not due and not self._rows:
            raise SensorLost(self._end)
        return due


class FollowedLog:
    """A log's layout, notes and first rows, and what the meter appends later."""

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        raw = log_format.read_bytes(str(options), options.path)
        self._size, self._file = len(raw), options.path.stat()
        whole, _, self._rest = raw.rpartition(b"\n")
        lines = log_format.decode(str(options), whole)
        self.notes = log_format.parse_notes(lines)
        self._separators = log_header.SEPARATORS
        self._newest_line = ""
        self._unclear = ""  # why the lines after a header cannot be read
        self._number, self._newest_ns = self._find_header(lines), -(10**18)
        self.bad: list[str] = []  # the lines that cannot be read
        self.bad_in_a_row = 0  # those at the end
        self.rows = self._parse_lines(lines[self._number :])
        if self.bad:
            raise SensorUnavailable(f"{options}: {self.bad[0]}.")
        if len(self.rows) < 2:
            raise SensorUnavailable(
                f"{options}: the log contains {len(self.rows)} samples, but at least two are needed; "
                "start the meter before the session."
            )
        log_format.check_seconds(options, self.layout, self._newest_line, self.rows)

    def read_new_rows(self) -> list[Row]:
        """Return the samples of the lines that were completed since the last call; a bad line is a missing sample.

        Raise SensorLost if the file was deleted, cut short or replaced, or its time is seen not to count in seconds.
        """
        name = self._options.path.name
        try:
            with open_regular(self._options.path) as file:
                status = os.fstat(file.fileno())
                if not os.path.samestat(status, self._file) or status.st_size < self._size:
                    raise SensorLost(f"{name} was replaced or cut short; a meter must only append to its log")
                file.seek(self._size)
                raw = file.read(MOST_NEW_BYTES) or b""
        except OSError as error:
            raise SensorLost(f"{name} can no longer be read ({error.strerror})") from error
        self._size += len(raw)
        whole, newline, self._rest = (self._rest + raw).rpartition(b"\n")
        if len(self._rest) > 10 * MOST_NEW_BYTES:
            raise SensorLost(f"{name} has a line without an end")
        rows = self._parse_lines(whole.decode("utf-8", errors="replace").split("\n")) if newline else []
        try:
            log_format.check_seconds(self._options, self.layout, self._newest_line, rows[-1:])
        except SensorUnavailable as why:
            raise SensorLost(str(why)) from why
        return rows

    def _find_header(self, lines: list[str]) -> int:
        """Set the layout by the first header, else by the last comment that is one; return how many lines precede."""
        comment = ""
        for place, line in enumerate(lines):
            if separator := log_header.find_separator(line):
                self._separators = separator
            elif not log_format.is_sample(line):
                comment = line if log_header.states_columns(line) else comment
            else:
                is_first_sample = bool(comment) and not log_header.is_like_header(line)
                header = comment if is_first_sample else line
                self.layout = log_format.find_layout(self._options, header, self._separators)
                return place if is_first_sample else place + 1
        self.layout = log_format.find_layout(self._options, comment, self._separators)
        return len(lines)

    def _parse_lines(self, lines: list[str]) -> list[Row]:
        self.layout = log_format.find_marks(self._options, self.layout, lines)
        rows = []
        for line in lines:
            self._number += 1
            try:
                row = self._parse_line(line)
            except UnreadableLine as why:
                self.bad_in_a_row += 1
                self.bad.append(f"line {self._number}, {line.strip()[:40]!r}, {why}")
                row = Row(self._newest_ns + 1, None)  # a gap: the line's power is unknown
            if row is not None:
                self._newest_ns = row.time_ns
                rows.append(row)
        return rows

    def _parse_line(self, line: str) -> Row | None:
        """Return a line's sample; None if it is blank, a comment or a header. Raise UnreadableLine if it is neither."""
        if separator := log_header.find_separator(line):
            self._separators, self._unclear = separator, "follows a line `sep=` without a header"
            return None
        if not log_format.is_sample(line):
            if log_header.states_columns(line):
                self._take_header(line)
            return None
        if self._unclear and not log_header.is_like_header(line):
            raise UnreadableLine(self._unclear)
        try:
            row = None if self._unclear else log_format.parse_row(self._options, self.layout, line, self._newest_ns)
        except UnreadableLine:
            if not log_header.is_like_header(line):
                raise
            row = None
        if row is None:
            self._take_header(line)
        else:
            self.bad_in_a_row, self._newest_line = 0, line
        return row

    def _take_header(self, line: str) -> None:
        """Use the columns of a header that came again, as after a restart; raise UnreadableLine if it states none."""
        try:
            layout = log_format.find_layout(self._options, line, self._separators)
        except SensorUnavailable as why:
            self._unclear = "follows a header that cannot be read"
            raise UnreadableLine("is a header that cannot be read") from why
        self._unclear, self._newest_line = "", ""
        is_same = layout.separator == self.layout.separator
        self.layout = replace(layout, marks=self.layout.marks) if is_same else layout


class WallMeterMonitor(LogPlayer):
    """Follow the log of an external meter. Its remarks name bad lines and clocks that may be wrong."""

    scope = "wall"
    range_remedy = "type csv:FILE,max=WATTS with what the meter reads at most"

    @classmethod
    def check(cls, argument: str | None) -> None:
        FollowedLog(log_format.parse_options(argument))

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:
        self._options = log_format.parse_options(argument)
        self._log = FollowedLog(self._options)
        self._load("log", self._options.path, self._log.notes, self._log.rows, self._options.largest_w)
        self.rails = (self._log.layout.power_name,)
        if self._options.offset_ns:
            self.source += f", its clock {self._options.offset_ns / NS:+g} s"
        self._shift = self._read_shift_ns()
        now = self._shift + time.monotonic_ns()
        while len(self._rows) > 1 and self._rows[1].time_ns <= now:
            self._rows.popleft()  # only the last sample before now is next to those that follow
        self._stale = self._describe_distance(now)
        self._clock_step: tuple[str, ...] = ()

    def read(self) -> list[PowerSample]:
        if rows := self._log.read_new_rows():
            self._rows += rows
            self._stale = ()
        bad = (f"The log has lines that cannot be read: {self._log.bad[-1]}.",) if self._log.bad else ()
        shift = self._read_shift_ns()
        if abs(step := shift - self._shift) > CLOCK_STEP_NS:
            event = f"This machine slept or its clock changed by {step / NS:+.1f} s during the session"
            self._clock_step = (f"{event}: do the times of log and runs agree?",)
        self._shift = shift
        self.remarks = self._stale + self._clock_step + bad
        due = self._take_due(shift)
        if not due and self._log.bad_in_a_row >= 10:
            count = self._log.bad_in_a_row
            raise SensorLost(f"the last {count} lines of {self._options.path.name} cannot be read: {self._log.bad[-1]}")
        return due

    def _describe_distance(self, now_ns: int) -> tuple[str, ...]:
        """Return a remark if no sample of the log is near now, by the log's clock."""
        late_s = (now_ns - self._rows[0].time_ns) / NS
        spans_now = late_s > 0 and len(self._rows) > 1
        if spans_now or abs(late_s) <= 60 * self.period_s:
            return ()
        where = "old" if late_s > 0 else "ahead"
        return (f"The log's nearest sample was {abs(late_s):.0f} s {where} at the start: is the meter's clock right?",)

    def _read_shift_ns(self) -> int:
        """Return the log's clock less CLOCK_MONOTONIC."""
        before, real = time.monotonic_ns(), time.time_ns()
        return real + self._options.offset_ns - (before + time.monotonic_ns()) // 2


def _read_trace(argument: str | None) -> tuple[Path, dict[str, str], list[Row]]:
    """Return (path, notes, samples) of a recorded trace, or raise SensorUnavailable."""
    if not argument:
        raise SensorUnavailable("--power-monitor=replay needs a file; type --power-monitor=replay:FILE.")
    path, option = Path(argument), f"--power-monitor=replay:{argument}"
    lines = log_format.decode(option, log_format.read_bytes(option, path))
    numbered = [(number, line) for number, line in enumerate(lines, 1) if log_format.is_sample(line)]
    columns = tuple(numbered[0][1].replace(" ", "").split(",")) if numbered else ()
    if columns not in (log_format.TRACE_COLUMNS[:2], log_format.TRACE_COLUMNS):
        raise SensorUnavailable(f"{option}: the first line must be `time_s,watts[,energy_j]`.")
    rows = []
    for number, line in numbered[1:]:
        try:
            rows.append(log_format.parse_trace_row(line))
        except UnreadableLine as why:
            raise SensorUnavailable(f"{option}: line {number}, {line[:40]!r}, {why}.") from why
    if len(rows) < 2 or any(b.time_ns <= a.time_ns for a, b in itertools.pairwise(rows)):
        raise SensorUnavailable(f"{option}: needs at least two samples, each later than the one before.")
    return path, log_format.parse_notes(lines), rows
