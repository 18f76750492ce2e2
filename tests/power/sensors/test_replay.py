"""Recorded traces: valid and refused ones.

Tests benchmarks.power.sensors.logs.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.power.base import PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sensors.logs import ReplayMonitor

if TYPE_CHECKING:
    from pathlib import Path

TARGET = PowerTarget("cpu")
HEAD = "# scope: gpu+soc\n# rails: VDD_GPU, VIN_SYS_5V0\ntime_s,watts\n"


def trace(folder: Path, text: str) -> str:
    """Write a trace and return its path."""
    path = folder / "trace.csv"
    path.write_text(text)
    return str(path)


def test_samples_come_when_their_time_has_come(tmp_path: Path) -> None:
    """Each recorded sample comes once, with its own time; at the end the sensor is lost."""
    monitor = ReplayMonitor(TARGET, trace(tmp_path, HEAD + "0.0,10\n0.05,11\n0.1,\n"))
    first = monitor.read()
    time.sleep(0.12)
    rest = monitor.read()

    assert [sample.watts for sample in first + rest] == [10, 11, None]
    assert rest[-1].time_ns - first[0].time_ns == 100_000_000
    assert (monitor.scope, monitor.rails, monitor.period_s) == ("gpu+soc", ("VDD_GPU", "VIN_SYS_5V0"), 0.05)
    with pytest.raises(SensorLost, match="ended after"):
        monitor.read()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the first line must be"),
        ("a,b\n1,2\n", "the first line must be"),
        ("time_s,watts\n0,1\n", "at least two samples"),
        ("time_s,watts\n0,1\n0,1\n", "each later than the one before"),
        ("time_s,watts\n0,1\n1,many\n", "line 3, '1,many', must be time_s,watts"),
        ("time_s,watts\n0,1\n1,inf\n", "line 3"),
        (f"time_s,watts\n0,1\n1,{'2' * 10_000}\n", "line 3, '1,2{38}', must be time_s,watts"),
    ],
)
def test_bad_traces_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    """An invalid trace is refused in one sentence with the file and the line."""
    with pytest.raises(SensorUnavailable, match=complaint):
        ReplayMonitor(TARGET, trace(tmp_path, text))


def test_missing_files_are_refused(tmp_path: Path) -> None:
    """A missing file or name is refused with what to type."""
    with pytest.raises(SensorUnavailable, match="cannot be read"):
        ReplayMonitor(TARGET, str(tmp_path / "none.csv"))
    with pytest.raises(SensorUnavailable, match="type --power-monitor=replay:FILE"):
        ReplayMonitor(TARGET, None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.one_of(st.text(max_size=60).map(str.encode), st.binary(max_size=60)))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    """Any bytes in a trace are played back or refused."""
    path = tmp_path / "odd.csv"
    for text in (content, HEAD.encode() + content, HEAD.encode() + b"0,1\n1,1\n" + content):
        path.write_bytes(text)
        with suppress(SensorUnavailable):
            assert len(ReplayMonitor(TARGET, str(path)).read()) <= 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("pipe", "cannot be read (not a regular file); name a file of samples."),
        ("lines", "the file is larger than 100 MB or 3000000 lines; shorten it."),
        ("bytes", "the file is larger than 100 MB or 3000000 lines; shorten it."),
    ],
)
def test_traces_without_an_end_are_refused(tmp_path: Path, name: str, said: str) -> None:
    """A pipe, 10 GB, or more lines than are kept in memory is refused at once."""
    if name == "pipe":
        os.mkfifo(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(HEAD.encode() + b"\n" * 3_000_001 * (name == "lines"))
    if name == "bytes":
        os.truncate(tmp_path / name, 10_000_000_000)

    with pytest.raises(SensorUnavailable) as refusal:
        ReplayMonitor.check(str(tmp_path / name))
    assert str(refusal.value) == f"--power-monitor=replay:{tmp_path}/{name}: {said}"


def test_what_a_trace_says_of_itself_is_cut_and_printable(tmp_path: Path) -> None:
    """Of a comment in a trace, 200 characters without terminal codes come into the Record."""
    monitor = ReplayMonitor(TARGET, trace(tmp_path, f"# source: \x1b[31m{'x' * 500}\n{HEAD}0,1\n1,1\n"))

    assert monitor.source.isprintable()
    assert monitor.source.count("x") < 200
