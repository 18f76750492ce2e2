"""What the meters take of the parent: its processor time over wall time while it samples and waits.

Processor time means something on a shared machine too. The watched things are stand-ins: a board's own files cost
a transfer over I2C each, in which the reader sleeps, and jtop's own client unpickles more than its stand-in does.
"""

from __future__ import annotations

import ctypes
import os
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.machine.memory import MemoryReader
from benchmarks.pair.meters import MEMORY_PERIOD_S
from benchmarks.power import MONITORS
from benchmarks.power.base import PowerTarget
from benchmarks.power.sampler import Sampler
from benchmarks.power.sensors.jtop import JtopMonitor
from benchmarks.power.sensors.tegrastats import TegrastatsMonitor
from tests.support import boards, trees

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    from benchmarks.power.base import PowerMonitor, PowerSample
    from tests.perf.conftest import Size

CLAIMED = {10: 0.02, 20: 0.05}
"""Samples a second -> the share of one core that the parent takes at most; too short a look judges nothing."""


@pytest.fixture
def opened(
    tmp_path: Path, nvml_library: Path, jtop_service: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, int], PowerMonitor]:
    """Return what opens a monitor of MONITORS at so many Hz, over what stands in for its sensor."""
    import pynvml  # no test but this one needs it

    monkeypatch.setattr(pynvml, "nvmlLib", ctypes.CDLL(str(nvml_library / "libnvidia-ml.so.1")))
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    monkeypatch.setenv("PATH", boards.with_tegrastats(tmp_path / "bin", os.environ["PATH"])["PATH"])
    jtop_service.power = {"rail": {name: {"power": 9800, "online": True} for name in ("VDD_GPU", "VDD_CPU_SOC_MSS")}}
    trees.hwmon(tmp_path, "thor")
    trees.rapl(tmp_path, {"intel-rapl:0": "package-0", "intel-rapl:1": "package-1"})
    target = PowerTarget("cpu", root=tmp_path)

    def open_at(name: str, hertz: int) -> PowerMonitor:
        """Open it: two sensors are asked for their pace, two have it in their file, the others are asked at it."""
        paces: dict[str, type[PowerMonitor]] = {
            "jtop": type("At", (JtopMonitor,), {"interval_s": 1 / hertz}),
            "tegrastats": type("At", (TegrastatsMonitor,), {"interval_ms": 1000 // hertz}),
        }
        argument = str(recorded(tmp_path, name, hertz)) if name in ("csv", "replay") else None
        return paces.get(name, MONITORS[name])(target, argument)

    return open_at


def recorded(folder: Path, name: str, hertz: int) -> Path:
    """Write ten minutes of a recorded sensor, or of a meter's log from now on."""
    head, begins = ("time,watts", time.time() - 1) if name == "csv" else ("time_s,watts", 0.0)
    rows = [f"{begins + tick / hertz:.6f},{30 + tick % 7}" for tick in range(600 * hertz)]
    path = folder / f"{name}.csv"
    path.write_text("\n".join([head, *rows, ""]))
    return path


@pytest.mark.benchmark(group="the parent beside a run")
@pytest.mark.parametrize("hertz", CLAIMED, ids=lambda hertz: f"{hertz} Hz")
@pytest.mark.parametrize("name", MONITORS)
def test_the_parents_share_of_a_core(
    opened: Callable[[str, int], PowerMonitor], benchmark: BenchmarkFixture, size: Size, name: str, hertz: int
) -> None:
    """With each sensor, and memory at 10 Hz beside it, the parent takes under 2% of a core at 10 Hz, 5% at 20 Hz."""
    rounds, seconds = (3, 5.0) if size.rounds > 1 else (1, 0.5)
    with closing(opened(name, hertz)) as monitor:
        watts: Sampler[PowerSample] = Sampler(monitor.read, 1 / hertz)
        sizes = Sampler(MemoryReader("host", os.getpid()).read, MEMORY_PERIOD_S)
        watts.start()
        sizes.start()
        used, begun = time.process_time(), time.monotonic()
        benchmark.pedantic(time.sleep, args=(seconds,), rounds=rounds)
        share = (time.process_time() - used) / (time.monotonic() - begun)
        watts.stop()
        sizes.stop()
    benchmark.extra_info |= {"monitor": name, "hertz": hertz, "cpu_share": share, "claimed_share": CLAIMED[hertz]}

    assert watts.lost is None
    assert len(watts.samples) >= 0.3 * hertz * seconds * rounds
    assert share > 0
    if size.rounds > 1:
        assert share < CLAIMED[hertz]
