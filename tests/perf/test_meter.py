"""What the meters take of the parent: its processor time over wall time while it samples and waits."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from benchmarks.memory import MemoryReader
from benchmarks.meters import MEMORY_PERIOD_S
from benchmarks.power.base import PowerTarget
from benchmarks.power.replay import ReplayMonitor
from benchmarks.power.sampler import Sampler

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    from benchmarks.power.base import PowerSample
    from tests.perf.conftest import Size

CLAIMED = {10: 0.02, 20: 0.05}
"""Samples a second -> the share of one core that the parent takes at most, as is claimed; judged by no test."""


def trace(folder: Path, hertz: int) -> Path:
    """Write ten minutes of a recorded sensor."""
    rows = [f"{tick / hertz},{30 + tick % 7}" for tick in range(600 * hertz)]
    path = folder / "trace.csv"
    path.write_text("\n".join(["time_s,watts", *rows]))
    return path


@pytest.mark.benchmark(group="the parent beside a run")
@pytest.mark.parametrize("hertz", CLAIMED, ids=lambda hertz: f"power at {hertz} Hz")
def test_the_parents_share_of_a_core(tmp_path: Path, benchmark: BenchmarkFixture, size: Size, hertz: int) -> None:
    """A power sensor at 10 and 20 Hz beside memory at 10 Hz: processor over wall time is in extra_info, not judged."""
    monitor = ReplayMonitor(PowerTarget("cpu"), str(trace(tmp_path, hertz)))
    watts: Sampler[PowerSample] = Sampler(monitor.read, monitor.period_s)
    sizes = Sampler(MemoryReader("host", os.getpid()).read, MEMORY_PERIOD_S)
    rounds, seconds = (3, 5.0) if size.rounds > 1 else (1, 0.5)

    watts.start()
    sizes.start()
    used, begun = time.process_time(), time.monotonic()
    benchmark.pedantic(time.sleep, args=(seconds,), rounds=rounds)
    share = (time.process_time() - used) / (time.monotonic() - begun)
    watts.stop()
    sizes.stop()
    benchmark.extra_info |= {"hertz": hertz, "cpu_share": share, "claimed_share": CLAIMED[hertz]}

    assert len(watts.samples) >= 0.5 * hertz * seconds * rounds
    assert share > 0
