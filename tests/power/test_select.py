"""The choice among sensors, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import power
from benchmarks.errors import BenchmarkError
from benchmarks.power.base import PowerMonitor, PowerTarget

if TYPE_CHECKING:
    from pathlib import Path


def test_auto_never_pairs_a_gpu_sensor_with_the_cpu() -> None:
    """Where torch computes on the CPU, `auto` takes no GPU's sensor, and says why."""
    chosen = power.select("auto", PowerTarget("cpu"))

    assert chosen.monitor is None
    assert chosen.reason is not None
    for name in power.AUTO:
        assert f"{name}: a GPU's sensor does not cover computing on the CPU" in chosen.reason


def test_none_is_no_sensor() -> None:
    """`none` measures no power, and the Record will say that this was asked for."""
    chosen = power.select("none", PowerTarget("cuda:0"))

    assert (chosen.monitor, chosen.reason) == (None, "--power-monitor=none was asked for")


def test_replay_is_opened_by_name(tmp_path: Path) -> None:
    """`replay:FILE` opens the trace."""
    trace = tmp_path / "trace.csv"
    trace.write_text("time_s,watts\n0,1\n1,1\n")
    chosen = power.select(f"replay:{trace}", PowerTarget("cpu"))

    assert chosen.name == "replay"
    assert chosen.monitor is not None


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("nvlm", "did you mean nvml"),
        ("rapl", "that sensor is not in this version"),
        ("nvml:0", "nvml takes nothing after it"),
    ],
)
def test_unknown_sensors_are_refused(option: str, complaint: str) -> None:
    """An unknown sensor is refused with the nearest name, a planned one with what there is instead."""
    with pytest.raises(BenchmarkError, match=complaint):
        power.check_option(option)


@pytest.mark.parametrize("kind", power.MONITORS.values(), ids=power.MONITORS)
def test_each_sensor_is_a_real_subclass(kind: type[PowerMonitor]) -> None:
    """Every entry of MONITORS is a PowerMonitor that can be made, with a docstring."""
    assert issubclass(kind, PowerMonitor)
    assert not getattr(kind, "__abstractmethods__", None)
    assert kind.__doc__
