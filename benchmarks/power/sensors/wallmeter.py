"""The log of an external meter, at the wall or between a supply and its board: --power-monitor=csv:FILE.

    time,watts
    2026-11-24T12:00:00+00:00,51.3

It may grow while the runs are measured, and is followed then; rows that are there beforehand with later
times count when their time has come. Either way at least two samples stand in it when the session begins.

Columns are found by their names: one of time, timestamp, datetime, date, unix, epoch, seconds or elapsed,
and one of watts, power, W, mW or kW, in any case and with a unit behind it. Commas, semicolons or tabs
separate them; with the latter two, numbers may have decimal commas. Times are ISO 8601 with their zone,
UNIX seconds, or seconds since the log began, for which `,start=TIME` says when that was.

Clocks: the log's times less `,offset=SECONDS`, by which its clock is ahead, are taken for this machine's
CLOCK_REALTIME, and mapped at each reading to CLOCK_MONOTONIC, which runs are timed by. Where another machine
writes the log, both clocks must be right (NTP), or their difference given: it is not found by itself, a drift is
not corrected, and an error of d seconds charges a run with d seconds of what was before or after it. A meter
that writes its lines late loses the last runs of a session: they have no joules then.
"""

import os
import time
from collections import deque

from benchmarks.power.base import PowerMonitor, PowerSample, PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sensors import log_format
from benchmarks.power.sensors.meterlog import NS, Asked, Row, Unreadable, asked_for, row_of, table_of

BAD_LINES = 10
STALE_PERIODS = 60
SET_NS = NS // 4
"""A clock that jumps by more from one reading to the next was set; slewing moves it by far less."""


class WallMeterMonitor(PowerMonitor):
    """Gives each sample of a meter's log when its time has come, once.

    Attributes:
        remarks: in sentences, lines that could not be read, which have no joules around them, and a clock in doubt.
    """

    scope = "wall"
    takes_text = True
    remarks: tuple[str, ...] = ()

    @classmethod
    def check(cls, argument: str | None) -> None:
        Log(asked_for(argument))

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:  # noqa: ARG002
        self._asked = asked_for(argument)
        self._log = Log(self._asked)
        self._rows = deque(self._log.rows)
        self.period_s = log_format.median_step([row.time_ns / NS for row in self._rows])
        self.rails = (self._log.table.name,)
        meter = self._log.notes.get("source")
        ahead = f", its clock {self._asked.offset_ns / NS:+g} s" if self._asked.offset_ns else ""
        self.source = f"log {self._asked.path.name}" + (f" of {meter}" if meter else "") + ahead
        self._last_ns: int | None = None
        self._shift = self._shift_ns()
        now = self._shift + time.monotonic_ns()
        while len(self._rows) > 1 and self._rows[1].time_ns <= now:
            self._rows.popleft()  # of what was logged before, only the last sample has a part in what comes
        self._stale = self._off(now)
        self._was_set: tuple[str, ...] = ()

    def read(self) -> list[PowerSample]:
        if more := self._log.more():
            self._rows += more
            self._stale = ()
        bad = (f"The log has lines that cannot be read, {self._log.bad[-1]}.",) if self._log.bad else ()
        shift, now, due = self._shift_ns(), time.monotonic_ns(), []
        if abs(jump := shift - self._shift) > SET_NS:
            self._was_set = (
                f"This machine slept or its clock was set, by {jump / NS:+.1f} s in the middle: do log and runs agree?",
            )
        self._shift = shift
        self.remarks = self._stale + self._was_set + bad
        while self._rows and self._rows[0].time_ns - shift <= now:
            row = self._rows.popleft()
            due.append(self._in_order(PowerSample(row.time_ns - shift, row.watts)))
        if not due and self._log.bad_in_a_row >= BAD_LINES:
            raise SensorLost(f"{self._asked.path.name} has only bad lines by now, {self._log.bad[-1]}")
        return due

    def _off(self, now_ns: int) -> tuple[str, ...]:
        """Return what there is to say where no sample of the log is of about now, by its own clock."""
        late_s = (now_ns - self._rows[0].time_ns) / NS
        if -STALE_PERIODS * self.period_s <= late_s <= STALE_PERIODS * self.period_s or (
            late_s > 0 and len(self._rows) > 1
        ):
            return ()
        where = "old" if late_s > 0 else "ahead"
        return (f"The log's nearest sample was {abs(late_s):.0f} s {where} at the start: is its clock right?",)

    def _in_order(self, sample: PowerSample) -> PowerSample:
        """Return a sample, or a missing one where this machine's clock was set and it would go back in time."""
        if self._last_ns is not None and sample.time_ns <= self._last_ns:
            sample = PowerSample(self._last_ns + 1, None)
        self._last_ns = sample.time_ns
        return sample

    def _shift_ns(self) -> int:
        """Return the log's clock less CLOCK_MONOTONIC."""
        before, real = time.monotonic_ns(), time.time_ns()
        return real + self._asked.offset_ns - (before + time.monotonic_ns()) // 2


class Log:
    """A log that is there, and what is appended to it later.

    Attributes:
        table: its layout.
        notes: what its comments say.
        rows: the samples that it held when it was opened.
        bad: lines that came later and could not be read, in words.
        bad_in_a_row: how many of them stand at the end.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        raw = log_format.read(str(asked), asked.path)
        self._size, self._file = len(raw), _identity(asked.path.stat())
        whole, _, self._rest = raw.rpartition(b"\n")
        lines = log_format.decode(str(asked), whole).split("\n")
        self.notes = log_format.notes(lines)
        head = next((place for place, line in enumerate(lines) if log_format.is_sample(line)), 0)
        self.table = table_of(asked, lines[head])
        self._number, self._newest_ns = head + 1, -(10**18)
        self.bad: list[str] = []
        self.bad_in_a_row = 0
        self.rows = self._take(lines[head + 1 :])
        if self.bad:
            raise SensorUnavailable(f"{asked}: {self.bad[0]}.")
        if len(self.rows) < 2:
            raise SensorUnavailable(f"{asked}: holds {len(self.rows)} samples, and two show its pace; start it first.")

    def more(self) -> list[Row]:
        """Return the samples of lines that were completed since the last call; a bad line is a missing sample.

        Raises:
            SensorLost: the file is gone, cut short or another one.
        """
        try:
            with self._asked.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if _identity(status) != self._file or status.st_size < self._size:
                    raise SensorLost(f"{self._asked.path.name} was replaced or cut short; a log must be appended to")
                file.seek(self._size)
                raw = file.read()
        except OSError as error:
            raise SensorLost(f"{self._asked.path.name} cannot be read any more ({error.strerror})") from error
        self._size += len(raw)
        whole, newline, rest = (self._rest + raw).rpartition(b"\n")
        self._rest = rest
        return self._take(whole.decode("utf-8", errors="replace").split("\n")) if newline else []

    def _take(self, lines: list[str]) -> list[Row]:
        rows = []
        for line in lines:
            self._number += 1
            if not log_format.is_sample(line):
                continue
            try:
                row = row_of(self._asked, self.table, line, self._newest_ns)
                self.bad_in_a_row = 0
            except Unreadable as why:
                self.bad_in_a_row += 1
                self.bad.append(f"line {self._number}, {line.strip()[:40]!r}, {why}")
                row = Row(self._newest_ns + 1, None)  # ends what is covered: nobody knows what the line said
            self._newest_ns = row.time_ns
            rows.append(row)
        return rows


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
