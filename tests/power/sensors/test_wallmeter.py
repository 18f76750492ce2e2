"""Logs of meters: formats, clocks, and a session.

Tests benchmarks.power.sensors.log_format.
"""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.power.base import PowerTarget, SensorUnavailable
from benchmarks.power.sensors import log_format
from benchmarks.power.sensors.logs import WallMeterMonitor
from tests.support import product
from tests.support.meter_log import HEAD, make_rows, write_log

if TYPE_CHECKING:
    from pathlib import Path

S = 1_000_000_000
TARGET = PowerTarget("cuda:0")


@pytest.mark.parametrize(
    ("header", "line", "watts"),
    [
        ("time,watts", "2026-11-24T12:00:00+00:00,51.25", 51.25),
        ("Timestamp;Power (W)", "2026-11-24 13:00:00,000 +01:00;51,25", 51.25),
        ("Date/Time\tActive Power [W]\tVoltage", "2026-11-24T12:00:00Z\t51,25\t230,1", 51.25),
        ("unix,voltage,power_w", "1795521600,230.1,51.25", 51.25),
        ('"Unix Time","P (mW)"', "1795521600.0,51250", 51.25),
        ("elapsed_s,W", "0,51.25", 51.25),
        ("date time;kW", "2026-11-24T06:30:00-0530;0,05125", 51.25),
        ("time,watts", "2026-11-24T12:00:00+00:00,", None),
        ("time,watts", "2026-11-24T12:00:00+00:00,NaN", None),
        ("time,watts", "2026-11-24T12:00:00+00:00,-0.4", -0.4),
        ("time,watts", "2026-11-24T12:00:00+00:00,51.25,", 51.25),
    ],
)
def test_formats(tmp_path: Path, header: str, line: str, watts: float | None) -> None:
    """All supported layouts of time and power give the same sample."""
    asked = log_format.parse_options(f"{tmp_path / 'wall.csv'},start=1795521600")
    table = log_format.find_layout(asked, header)
    found = log_format.parse_row(asked, table, line, 0)

    assert found.time_ns == 1_795_521_600 * S
    assert found.watts == (None if watts is None else pytest.approx(watts))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the first line is ''; it must contain one time column and one power column"),
        ("time,volts\n1795521600,5\n", "must contain one time column and one power column"),
        ("time,watts,power\n", "must contain one time column and one power column"),
        ("time_ms,watts\n", "must contain one time column and one power column"),
        (
            HEAD + "1795521600,5\n",
            "contains 1 samples, but at least two are needed; start the meter before the session",
        ),
        (
            HEAD + "2026-11-24T12:00:00,5\n",
            "line 2, .* has a time without a time zone; write it as 2026-11-24T12:00:00",
        ),
        (HEAD + "2026-13-24T12:00:00Z,5\n", "line 2, .* has an invalid time"),
        (HEAD + "1795521600,5\n1795521601,many\n", "line 3, '1795521601,many', has no valid power"),
        (HEAD + "1795521600,5\n\n# noon\n1795521600,5\n", "line 5, .* is not later than the line before"),
        (HEAD + "1795521600000,5\n", "line 2, .* has no time in seconds"),
        (HEAD + "1795521600\n", "line 2, '1795521600', has too few columns"),
        (HEAD + f"1795521600,{' ' * 10_000}51\n", "line 2, .* has too few columns"),
        ("\t" * 1_000_000 + "\n1,2\n", "must contain one time column and one power column"),
        (HEAD + "1795521600,51,3\n", "line 2, .* has more columns than the first line; decimal commas need semicolons"),
        (
            HEAD + "0.0,5\n1.0,5\n",
            "counts time from the start of the log; type the log's start time: .*,start=2026-11-24T12",
        ),
    ],
)
def test_bad_logs_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    """An invalid log is refused before anything is measured, in a sentence with its line."""
    with pytest.raises(SensorUnavailable, match=f"--power-monitor=csv:.*wall.csv: .*{complaint}"):
        WallMeterMonitor.check(str(write_log(tmp_path, text)))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_logs_of_windows(tmp_path: Path, encoding: str) -> None:
    """A byte order mark and Windows' line ends are accepted, and UTF-16 is refused."""
    path = tmp_path / "wall.csv"
    path.write_bytes((HEAD + make_rows(50, -3, -1)).replace("\n", "\r\n").encode(encoding))
    if encoding == "utf-16":
        with pytest.raises(SensorUnavailable, match=r"cannot be read .not UTF-8 text.; save it as UTF-8"):
            WallMeterMonitor.check(str(path))
        return
    monitor = WallMeterMonitor(TARGET, str(path))
    first = [sample.watts for sample in monitor.read()]
    with path.open("ab") as file:
        file.write(make_rows(60, -0.5, -0.5).replace("\n", "\r\n").encode())

    assert first + [sample.watts for sample in monitor.read()] == [50.0, 60.0]
    assert monitor.remarks == ()


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        (None, "csv needs a file; type --power-monitor=csv:FILE"),
        (",offset=1", "csv needs a file"),
        ("wall.csv,offset=much", "offset=much: not a number of seconds; type one such as 2.5"),
        ("wall.csv,offset=inf", "not a number of seconds"),
        ("wall.csv,start=noon", "type ,start=2026-11-24T12:00:00"),
        ("/nonexistent/wall.csv", "cannot be read .No such file or directory.; name a file of samples"),
        ("/dev/null", "cannot be read .not a regular file.; name a file of samples"),
        ("/a b;c", "--power-monitor='csv:/a b;c': cannot be read"),
    ],
)
def test_what_is_asked_is_checked(argument: str | None, complaint: str) -> None:
    """A missing log or an invalid option is refused with what to type."""
    with pytest.raises(SensorUnavailable, match=complaint):
        WallMeterMonitor.check(argument)


def test_samples_come_when_their_time_has_come(tmp_path: Path) -> None:
    """The last earlier sample comes first, then each later one when its time comes."""
    monitor = WallMeterMonitor(TARGET, str(write_log(tmp_path, HEAD + make_rows(50, -1.95, 5.05, 0.1))))
    first = monitor.read()
    time.sleep(0.25)
    then = monitor.read()

    assert len(first) == 1
    assert 2 <= len(then) <= 4
    assert then[-1].time_ns <= time.monotonic_ns()
    assert {sample.watts for sample in first + then} == {50.0}
    assert monitor.period_s == pytest.approx(0.1, abs=0.001)
    assert (monitor.scope, monitor.rails, monitor.source) == ("wall", ("watts",), "log wall.csv")


@pytest.mark.parametrize("ahead_s", [0.0, 7200.25, -3.5])
def test_the_logs_clock_is_mapped(tmp_path: Path, ahead_s: float) -> None:
    """A sample logged 1 s ago is 1 s old on the runs' clock, less the given offset."""
    path = write_log(tmp_path, HEAD + make_rows(50, ahead_s - 2, ahead_s - 1))
    (sample,) = WallMeterMonitor(TARGET, f"{path},offset={ahead_s}").read()

    assert (time.monotonic_ns() - sample.time_ns) / S == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize(("from_s", "said"), [(-3600, "3599 s old"), (3600, "3600 s ahead"), (-1, ""), (0.5, "")])
def test_a_clock_in_doubt_is_said(tmp_path: Path, from_s: float, said: str) -> None:
    """A log without a sample near now has a remark until it grows."""
    path = write_log(tmp_path, HEAD + make_rows(50, from_s, from_s + 1))
    monitor = WallMeterMonitor(TARGET, str(path))
    monitor.read()
    before = monitor.remarks
    with path.open("a") as file:
        file.write(make_rows(50, from_s + 2, from_s + 2))
    monitor.read()

    assert before == (
        (f"The log's nearest sample was {said} at the start: is the meter's clock right?",) if said else ()
    )
    assert monitor.remarks == ()


def test_a_log_that_counts_from_its_start(tmp_path: Path) -> None:
    """`start` sets the time of second 0, as ISO 8601 or UNIX seconds."""
    path = write_log(tmp_path, "# source: WT310\nelapsed,W\n0,40\n1,41\n")
    began = datetime.now(timezone.utc) - timedelta(seconds=5)
    for start in (began.isoformat(), str(began.timestamp())):
        monitor = WallMeterMonitor(TARGET, f"{path},start={start}")
        (sample,) = monitor.read()

        assert (time.monotonic_ns() - sample.time_ns) / S == pytest.approx(4.0, abs=0.5)
        assert (sample.watts, monitor.source) == (41.0, "log wall.csv of WT310")


ODD = st.one_of(st.text(max_size=60), st.from_regex(r"[\d;,:.TZ+ \-]{0,40}", fullmatch=True))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(header=st.sampled_from(["time,watts", "t;W", "unix\tp"]), lines=st.lists(ODD, max_size=5), more=st.binary())
def test_any_text_is_no_crash(tmp_path: Path, header: str, lines: list[str], more: bytes) -> None:
    """Any log and arguments are read or refused, and appended bytes raise no error."""
    path = tmp_path / "odd.csv"
    separator = next(mark for mark in ",;\t" if mark in header)
    good = [header, f"1795521600{separator}5", f"1795521601{separator}5"]
    for text in ([header, *lines], [*good, *lines], lines):
        path.write_text("\n".join(text) + "\n", encoding="utf-8", errors="replace")
        for argument in (str(path), f"{path},start={lines[0] if lines else 0}", f"{path},offset={''.join(lines)}"):
            try:
                monitor = WallMeterMonitor(TARGET, argument)
            except SensorUnavailable:
                continue
            with path.open("ab") as file:
                file.write(more + b"\n")
            times = [sample.time_ns for sample in monitor.read()]
            assert times == sorted(times)


def test_a_session_beside_a_meter(tmp_path: Path) -> None:
    """A meter at 50 W gives 50 W x the windows of a session, with the scope `wall`."""
    path = write_log(tmp_path, HEAD + make_rows(50, -5, 240))
    done = product.measure_here(
        tmp_path / "results", "--models=llava", "--precisions=bf16", "--runs=3", "--warmup-runs=1",
        f"--power-monitor=csv:{path}",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (save,) = (tmp_path / "results").rglob("*.json")
    (benchmark,) = json.loads(save.read_text())["benchmarks"]
    record = benchmark["extra_info"]
    tokens = sum(record["runs"]["new_tokens"])

    joules_per_token = sum(record["runs"]["energy_j"]) / tokens
    assert joules_per_token == pytest.approx(50 * benchmark["stats"]["total"] / tokens, rel=0.005)
    assert (record["power"]["monitor"], record["power"]["scope"]) == ("csv", "wall")
    assert (record["power"]["method"], record["power"]["scope_mismatch"]) == ("integration", False)
    assert record["power"]["idle_w"] == pytest.approx(50)
