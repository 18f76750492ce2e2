"""`python -m tests.support.nvml_stage`: measure one window of a power script on the stand-in for the driver library.

Prints as JSON what monitor, sampler and attribution make of it, and with --zeus what zeus measures.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from typing import Any

from benchmarks.power.analysis import attribution
from benchmarks.power.base import PowerTarget, SensorFacts
from benchmarks.power.sampler import Sampler
from benchmarks.power.sensors.nvml import NvmlMonitor

# Seconds and watts: a load between two stretches of little power, so that a tick more or less at the window's edges,
# 12 W x 0.1 s, is under 0.4% of it. Of a step, samples are off by up to half of it x the time between them: one up and
# one down lie the same way between two samples.
POINTS = (
    *((0.0, 12.0), (0.2, 12.0), (0.5, 180.0), (0.7, 180.0)),
    *((0.7, 300.0), (1.3, 300.0), (1.3, 180.0), (1.6, 180.0), (1.9, 12.0)),
)
WINDOW = (0.0, 3.2)
BEFORE_S = 0.35  # sampling begins so long before, at 10 Hz halfway between the script's tenths of a second
AFTER_S = 0.4


def compute_joules() -> float:
    """Return the energy of the window, exactly."""
    points = [*POINTS, (WINDOW[1], POINTS[-1][1])]
    return sum((p0 + p1) / 2 * (t1 - t0) for (t0, p0), (t1, p1) in itertools.pairwise(points))


def write_script() -> str:
    """Return POINTS as the library reads them."""
    return ",".join(f"{second}:{watts * 1e3:.0f}" for second, watts in POINTS)


class Zeus:
    """An independent meter of one window: zeus, by the counter of CUDA's first GPU."""

    def __init__(self) -> None:
        from zeus.monitor import ZeusMonitor  # only if it is installed and asked for

        self._monitor = ZeusMonitor(gpu_indices=[0], cpu_indices=[])

    def begin(self) -> None:
        """Begin the window."""
        self._monitor.begin_window("script", sync_execution=False)

    def end(self) -> float:
        """End the window, and return its joules."""
        return float(self._monitor.end_window("script", sync_execution=False).gpu_energy[0])


def play(uuid: str | None, *, with_zeus: bool) -> dict[str, Any]:
    """Play the script once, measured by the project's own meter and, if asked, by zeus."""
    zeus = Zeus() if with_zeus else None
    epoch = time.monotonic() + 0.5
    os.environ |= {"FAKE_SCRIPT": write_script(), "FAKE_EPOCH": repr(epoch)}
    monitor = NvmlMonitor(PowerTarget("cuda:0", uuid))
    sampler = Sampler(monitor.read, monitor.period_s, regular=True)
    _until(epoch - BEFORE_S)
    sampler.start()
    _until(epoch + WINDOW[0])
    if zeus is not None:
        zeus.begin()
    _until(epoch + WINDOW[1])
    theirs = None if zeus is None else zeus.end()
    _until(epoch + WINDOW[1] + AFTER_S)
    sampler.stop()
    monitor.close()
    window = (round((epoch + WINDOW[0]) * 1e9), round((epoch + WINDOW[1]) * 1e9))
    found = attribution.attribute(
        "nvml",
        SensorFacts.from_monitor(monitor),
        sampler.samples,
        attribution.MarkedRuns([window], {}),
        [],
        lost=sampler.lost,
    )
    return {"energy_j": found.energy_j, "power": found.power, "zeus_j": theirs}


def _until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def main() -> int:
    """Play the script, and write what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uuid")
    parser.add_argument("--zeus", action="store_true")
    options = parser.parse_args()
    print(json.dumps(play(options.uuid, with_zeus=options.zeus)))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
