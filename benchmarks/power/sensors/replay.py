"""A recorded trace, played back as if it were measured now. For tests, and for looking again.

    time_s,watts[,energy_j]
    0.0,12.5

Lines that begin with # are comments; `# scope: gpu+soc`, `# rails: A, B` and `# source: ...` say what
the recording covers. Time counts from the moment that the monitor is opened.
"""

import itertools
import time
from pathlib import Path

from benchmarks.power.base import PowerMonitor, PowerSample, PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sensors import log_format

COLUMNS = ("time_s", "watts", "energy_j")


class ReplayMonitor(PowerMonitor):
    """Gives each recorded sample when its time has come, stamped with that time, and once."""

    takes_text = True

    @classmethod
    def check(cls, argument: str | None) -> None:
        _parse(argument)

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:  # noqa: ARG002
        self._path = Path(argument or "")
        notes, self._rows = _parse(argument)
        self.source = f"recorded trace {self._path.name}" + (f" of {notes['source']}" if "source" in notes else "")
        self.scope = notes.get("scope", "recorded")
        self.rails = tuple(rail.strip() for rail in notes.get("rails", "recorded").split(","))
        self.period_s = log_format.median_step([row[0] for row in self._rows])
        self._given = 0
        self._opened_ns = time.monotonic_ns()

    def read(self) -> list[PowerSample]:
        elapsed = (time.monotonic_ns() - self._opened_ns) / 1e9
        due: list[PowerSample] = []
        while self._given < len(self._rows) and self._rows[self._given][0] <= elapsed:
            seconds, watts, energy = self._rows[self._given]
            due.append(PowerSample(self._opened_ns + round(seconds * 1e9), watts, energy))
            self._given += 1
        if not due and self._given == len(self._rows):
            raise SensorLost(f"the trace {self._path.name} ended after {self._rows[-1][0]:.1f} s")
        return due


Row = tuple[float, float | None, float | None]


def _parse(argument: str | None) -> tuple[dict[str, str], list[Row]]:
    """Return (notes from comments, rows) of a trace file."""
    if not argument:
        raise SensorUnavailable("--power-monitor=replay needs a file; type --power-monitor=replay:FILE.")
    path, asked = Path(argument), f"--power-monitor=replay:{argument}"
    lines = log_format.decode(asked, log_format.read(asked, path)).splitlines()
    numbered = [(number, line) for number, line in enumerate(lines, 1) if log_format.is_sample(line)]
    if not numbered or tuple(numbered[0][1].replace(" ", "").split(",")) not in (COLUMNS[:2], COLUMNS):
        raise SensorUnavailable(f"--power-monitor=replay:{path}: the first line must be `time_s,watts[,energy_j]`.")
    rows = [_row(path, number, line) for number, line in numbered[1:]]
    _check(path, rows)
    return log_format.notes(lines), rows


def _row(path: Path, number: int, line: str) -> Row:
    cells = log_format.cells(line)
    numbers = [log_format.number(cell) for cell in cells]
    finite = all(value is not None or not cell for value, cell in zip(numbers, cells, strict=True))
    if not 2 <= len(numbers) <= 3 or numbers[0] is None or not finite:
        raise SensorUnavailable(
            f"--power-monitor=replay:{path}: line {number} is {line[:40]!r}, and needs time_s,watts[,energy_j]."
        )
    return numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None


def _check(path: Path, rows: list[Row]) -> None:
    times = [row[0] for row in rows]
    if len(rows) < 2 or any(b <= a for a, b in itertools.pairwise(times)):
        raise SensorUnavailable(
            f"--power-monitor=replay:{path}: needs at least two samples, each later than the one before."
        )
