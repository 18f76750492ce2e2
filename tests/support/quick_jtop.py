"""The jtop monitor with less patience, and ways to read it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks.power.base import PowerSample, PowerTarget, SensorLost
from benchmarks.power.sensors.jtop import JtopMonitor


class QuickJtop(JtopMonitor):
    """The monitor at 50 Hz, with less patience."""

    interval_s = 0.02
    patience_s = 1.0
    silence_s = 0.2
    return_s = 2.5


def open_monitor(root: Path = Path("/nonexistent")) -> JtopMonitor:
    """Open the monitor on the files below `root`."""
    return QuickJtop(PowerTarget("cuda:0", root=root))


def read_for(monitor: JtopMonitor, seconds: float = 0.2) -> list[PowerSample]:
    """Read for some time, as a Sampler does."""
    samples: list[PowerSample] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        samples += monitor.read()
        time.sleep(0.01)
    return samples


def read_watts(monitor: JtopMonitor) -> set[float | None]:
    """Return the watts of new readings; readings that are already under way are dropped."""
    read_for(monitor, 0.06)
    return {sample.watts for sample in read_for(monitor)}


def read_until_lost(monitor: JtopMonitor, seconds: float = 5.0) -> str:
    """Read until the sensor is lost, close it, and return the reason."""
    with pytest.raises(SensorLost) as lost:
        read_for(monitor, seconds)
    monitor.close()
    return str(lost.value)
