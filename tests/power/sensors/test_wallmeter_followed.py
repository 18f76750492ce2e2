"""Logs of meters that grow: clock jumps, bad lines and deleted files."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

import pytest

from benchmarks.power.base import PowerTarget, SensorLost
from benchmarks.power.sensors.logs import WallMeterMonitor
from tests.support import trees
from tests.support.bench import charge
from tests.support.meter_log import HEAD, make_rows, write_log

if TYPE_CHECKING:
    from pathlib import Path

S = 1_000_000_000
TARGET = PowerTarget("cuda:0")


class Set(WallMeterMonitor):
    """The monitor on a machine whose clock is set forward by `by_s` seconds."""

    by_s = 0.0

    def _read_shift_ns(self) -> int:
        return super()._read_shift_ns() + round(self.by_s * S)


@pytest.mark.parametrize(("by_s", "said"), [(-5.0, "-5.0"), (3600.0, "+3600.0"), (0.05, "")])
def test_a_clock_that_is_set_in_the_middle_is_said(tmp_path: Path, by_s: float, said: str) -> None:
    """A jump of this machine's clock is a lasting remark; slewing is not."""
    monitor = Set(TARGET, str(write_log(tmp_path, HEAD + make_rows(50, -3, 60))))
    times = [sample.time_ns for sample in monitor.read()]
    monitor.by_s = by_s
    times += [sample.time_ns for _ in range(3) for sample in monitor.read()]

    told = (
        f"This machine slept or its clock changed by {said} s during the session: do the times of log and runs agree?"
    )
    assert monitor.remarks == ((told,) if said else ())
    assert times == sorted(times)


def test_what_was_logged_while_the_machine_slept_is_in_no_run(tmp_path: Path) -> None:
    """What the meter logged during a suspend is void, and the runs around it are complete.

    CLOCK_MONOTONIC stops in a suspend. The machine slept for 10 s, 4 s ago by its own clock, and drew 2 W.
    """
    path = write_log(tmp_path, HEAD + make_rows(50, -11, -10, 0.5))
    monitor = Set(TARGET, str(path))
    samples, zero = monitor.read(), time.monotonic_ns()
    for slept, lines in (
        (0.0, make_rows(50, -9.5, -4.5, 0.5)),
        (10.0, make_rows(2, -4, 5, 0.5) + make_rows(80, 6, 10, 0.5)),
    ):
        with path.open("a") as file:
            file.write(lines)
        monitor.by_s = slept
        samples += monitor.read()
    runs = [(zero - 9 * S, zero - 5 * S), (zero - 3 * S, zero - S)]
    found = charge("csv", monitor, samples, runs)

    assert {sample.watts for sample in samples} == {50.0, None, 80.0}
    assert found.energy_j == pytest.approx([200.0, 160.0])
    assert monitor.remarks[0].startswith("This machine slept or its clock changed by +10.0 s")


def test_a_log_is_followed(tmp_path: Path) -> None:
    """An appended line is read once, when it is complete."""
    path = write_log(tmp_path, HEAD + make_rows(50, -3, -2))
    monitor = WallMeterMonitor(TARGET, str(path))
    monitor.read()
    line = make_rows(60, -0.5, -0.5)
    found = []
    for part in (line[:-4], line[-4:]):
        with path.open("a") as file:
            file.write(part)
        found.append([sample.watts for sample in monitor.read()])

    assert found == [[], [60.0]]
    assert monitor.read() == []


def test_bad_lines_are_gaps_and_named(tmp_path: Path) -> None:
    """A line that cannot be read is a missing sample, and a remark names it."""
    path = write_log(tmp_path, HEAD + make_rows(50, -5, -4))
    monitor = WallMeterMonitor(TARGET, str(path))
    samples = monitor.read()
    with path.open("a") as file:
        file.write(make_rows(50, -3, -3) + "garbage\n" + make_rows(50, -2, -1))
    samples += monitor.read()
    times = [sample.time_ns for sample in samples]
    two = [(times[1], times[-2]), (times[-2], times[-1])]
    found = charge("csv", monitor, samples, two)

    assert [sample.watts for sample in samples] == [50.0, 50.0, None, 50.0, 50.0]
    assert times == sorted(times)
    assert found.energy_j == [None, pytest.approx(50.0, rel=1e-3)]
    assert monitor.remarks == ("The log has lines that cannot be read: line 5, 'garbage', has too few columns.",)


def test_gaps_are_gaps(tmp_path: Path) -> None:
    """A pause of over three periods is charged to no run."""
    path = write_log(tmp_path, HEAD + make_rows(50, -30, -29))
    monitor = WallMeterMonitor(TARGET, str(path))
    with path.open("a") as file:
        file.write(make_rows(50, -28, -20) + make_rows(50, -10, -1))
    samples = monitor.read()
    zero = time.monotonic_ns()
    windows = [(zero - 27 * S, zero - 22 * S), (zero - 18 * S, zero - 12 * S), (zero - 9 * S, zero - 2 * S)]
    found = charge("csv", monitor, samples, windows)

    assert found.energy_j == [pytest.approx(250, rel=0.005), None, pytest.approx(350, rel=0.005)]


def test_permissions_that_change_while_it_runs() -> None:
    """A log that becomes unreadable is a lost sensor with a reason."""
    with trees.readable_by_all() as folder:
        path = write_log(folder, HEAD + make_rows(50, -3, -2))
        with trees.as_nobody():
            monitor = WallMeterMonitor(TARGET, str(path))
            monitor.read()
        path.chmod(0)
        with trees.as_nobody(), pytest.raises(SensorLost, match=r"wall.csv can no longer be read .Permission denied"):
            monitor.read()


@pytest.mark.parametrize("what", ["gone", "cut short", "replaced", "only bad lines"])
def test_a_log_that_ends_is_a_lost_sensor(tmp_path: Path, what: str) -> None:
    """A log that is deleted, cut short, replaced or full of bad lines is a lost sensor with a reason."""
    path = write_log(tmp_path, HEAD + make_rows(50, -3, -2))
    monitor = WallMeterMonitor(TARGET, str(path))
    monitor.read()
    if what == "gone":
        path.unlink()
    elif what == "cut short":
        path.write_text(HEAD)
    elif what == "replaced":
        path.rename(tmp_path / "old.csv")
        write_log(tmp_path, HEAD + make_rows(50, -3, 3))
    else:
        with path.open("a") as file:
            file.write("ERR 17\n" * 10)
        assert [sample.watts for sample in monitor.read()] == [None] * 10

    complaint = {
        "gone": "can no longer be read",
        "only bad lines": "the last 10 lines of wall.csv cannot be read: line 13, 'ERR 17'",
    }
    with pytest.raises(
        SensorLost, match=complaint.get(what, "was replaced or cut short; a meter must only append to its log")
    ):
        monitor.read()


@pytest.mark.parametrize(
    ("what", "said"),
    [("pipe", "can no longer be read (not a regular file)"), ("endless line", "has a line without an end")],
)
def test_a_log_without_an_end_is_a_lost_sensor(tmp_path: Path, what: str, said: str) -> None:
    """A log that becomes a pipe, or a line that never ends, is a lost sensor; nothing waits for it or keeps it all."""
    path = write_log(tmp_path, HEAD + make_rows(50, -3, -2))
    monitor = WallMeterMonitor(TARGET, str(path))
    if what == "pipe":
        path.unlink()
        os.mkfifo(path)
    else:
        with path.open("ab") as file:
            file.truncate(2_000_000_000)

    with pytest.raises(SensorLost, match=re.escape(f"wall.csv {said}")):  # noqa: PT012
        for _ in range(12):
            monitor.read()


def test_a_log_that_grows_fast_is_read_bit_by_bit(tmp_path: Path) -> None:
    """What a meter appends at once beyond 100 kB is read by later readings, and none of it is left out."""
    path = write_log(tmp_path, HEAD + make_rows(50, -3, -2))
    monitor = WallMeterMonitor(TARGET, str(path))
    monitor.read()
    with path.open("a") as file:
        file.write(
            "# restarted\n" * 7_000 + make_rows(60, -1.5, -1.5) + "# restarted\n" * 7_000 + make_rows(70, -1, -1)
        )

    assert [[sample.watts for sample in monitor.read()] for _ in range(3)] == [[60.0], [70.0], []]
