"""A meter's log that grows while it is read."""

import os

from benchmarks.power.base import SensorLost, SensorUnavailable
from benchmarks.power.sensors import log_format
from benchmarks.power.sensors.log_format import LogOptions, Row, UnreadableLine


class FollowedLog:
    """A log's layout, notes and first rows, and what the meter appends later.

    `bad` describes the later lines that cannot be read, and `bad_in_a_row` counts those at the end.
    """

    def __init__(self, options: LogOptions) -> None:
        self._options = options
        raw = log_format.read_bytes(str(options), options.path)
        self._size, self._file = len(raw), _identify(options.path.stat())
        whole, _, self._rest = raw.rpartition(b"\n")
        lines = log_format.decode(str(options), whole).split("\n")
        self.notes = log_format.parse_notes(lines)
        header = next((place for place, line in enumerate(lines) if log_format.is_sample(line)), 0)
        self.layout = log_format.find_layout(options, lines[header])
        self._number, self._newest_ns = header + 1, -(10**18)
        self.bad: list[str] = []
        self.bad_in_a_row = 0
        self.rows = self._parse_lines(lines[header + 1 :])
        if self.bad:
            raise SensorUnavailable(f"{options}: {self.bad[0]}.")
        if len(self.rows) < 2:
            raise SensorUnavailable(
                f"{options}: the log holds {len(self.rows)} samples and needs two; start the meter before the session."
            )

    def read_new_rows(self) -> list[Row]:
        """Return the samples of the lines that were completed since the last call. A bad line is a missing sample.

        Raises:
            SensorLost: the file was deleted, cut short or replaced.
        """
        name = self._options.path.name
        try:
            with self._options.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if _identify(status) != self._file or status.st_size < self._size:
                    raise SensorLost(f"{name} was replaced or cut short; a meter must only append to its log")
                file.seek(self._size)
                raw = file.read()
        except OSError as error:
            raise SensorLost(f"{name} can no longer be read ({error.strerror})") from error
        self._size += len(raw)
        whole, newline, self._rest = (self._rest + raw).rpartition(b"\n")
        return self._parse_lines(whole.decode("utf-8", errors="replace").split("\n")) if newline else []

    def _parse_lines(self, lines: list[str]) -> list[Row]:
        rows = []
        for line in lines:
            self._number += 1
            if not log_format.is_sample(line):
                continue
            try:
                row = log_format.parse_row(self._options, self.layout, line, self._newest_ns)
                self.bad_in_a_row = 0
            except UnreadableLine as why:
                self.bad_in_a_row += 1
                self.bad.append(f"line {self._number}, {line.strip()[:40]!r}, {why}")
                row = Row(self._newest_ns + 1, None)  # a gap: the line's power is unknown
            self._newest_ns = row.time_ns
            rows.append(row)
        return rows


def _identify(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
