"""The choice among sensors, and refused options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import power
from benchmarks.errors import BenchmarkError
from benchmarks.power.base import PowerMonitor, PowerTarget
from tests.support import trees

if TYPE_CHECKING:
    from pathlib import Path


def test_auto_never_pairs_a_gpu_sensor_with_the_cpu(tmp_path: Path) -> None:
    """On the CPU `auto` chooses no GPU sensor, and gives the reason for each sensor."""
    chosen = power.select("auto", PowerTarget("cpu", root=tmp_path))

    assert chosen.monitor is None
    assert chosen.reason is not None
    assert chosen.reason.startswith("no sensor here (hwmon: no INA3221 has the rails of a Jetson board")
    assert (
        "tegrastats, jtop, nvml: a GPU sensor does not measure a model that runs on the CPU; rapl: the" in chosen.reason
    )


def test_auto_takes_what_covers_the_cpu(tmp_path: Path) -> None:
    """`auto` measures a model on the CPU by the CPU's counters, but never a model on a GPU."""
    trees.rapl(tmp_path, {"intel-rapl:0": "package-0"})
    on_cpu, on_gpu = (power.select("auto", PowerTarget(where, root=tmp_path)) for where in ("cpu", "cuda:9"))

    assert (on_cpu.name, on_cpu.scope_mismatch) == ("rapl", False)
    assert on_gpu.name != "rapl"
    assert "rapl: a CPU sensor does not measure a model that runs on a GPU" in (on_gpu.reason or "rapl: a CPU sensor")
    assert power.select("rapl", PowerTarget("cuda:9", root=tmp_path)).scope_mismatch


@pytest.mark.parametrize(("board", "for_cpu"), [("orin", False), ("thor", True), ("nano", True)])
def test_auto_knows_by_the_rails_what_they_cover(tmp_path: Path, board: str, *, for_cpu: bool) -> None:
    """`auto` prefers a board's rails to NVML, and uses them for the CPU only if they feed it."""
    trees.hwmon(tmp_path, board)
    on_gpu, on_cpu = (power.select("auto", PowerTarget(where, root=tmp_path)) for where in ("cuda:0", "cpu"))

    assert on_gpu.name == "hwmon"
    assert (on_cpu.name == "hwmon") == for_cpu
    assert power.select("hwmon", PowerTarget("cpu", root=tmp_path)).scope_mismatch != for_cpu
    told = "hwmon: a GPU sensor does not measure a model that runs on the CPU; type --power-monitor=hwmon:whole for the"
    assert (told in (on_cpu.reason or "")) != for_cpu
    assert not power.select("hwmon:whole", PowerTarget("cpu", root=tmp_path)).scope_mismatch


def test_a_sensor_that_fails_hides_no_other(tmp_path: Path) -> None:
    """If a sensor fails with an unexpected error, `auto` reports it and tries the next one."""
    loop = tmp_path / "sys/class/hwmon/hwmon0"
    loop.parent.mkdir(parents=True)
    loop.symlink_to("hwmon0")
    alone = power.select("auto", PowerTarget("cpu", root=tmp_path))
    trees.rapl(tmp_path, {"intel-rapl:0": "package-0"})

    assert "hwmon: " in (alone.reason or "")
    assert power.select("auto", PowerTarget("cpu", root=tmp_path)).name == "rapl"


def test_none_is_no_sensor() -> None:
    """`none` measures no power, and its reason names the option."""
    chosen = power.select("none", PowerTarget("cuda:0"))

    assert (chosen.monitor, chosen.reason) == (None, "power measurement is off (--power-monitor=none)")


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
        ("tegrastat", "did you mean tegrastats"),
        ("nvml:0", "nvml takes no argument"),
        ("auto:0", "auto takes no argument"),
        ("hwmon:all", "type hwmon for GPU and SoC, or hwmon:whole"),
        ("csv", "csv needs a file; type --power-monitor=csv:FILE"),
    ],
)
def test_unknown_sensors_are_refused(option: str, complaint: str) -> None:
    """An unknown sensor is refused with the nearest name, and so is an argument that a sensor does not take."""
    with pytest.raises(BenchmarkError, match=complaint):
        power.check_option(option)


@pytest.mark.parametrize("kind", power.MONITORS.values(), ids=power.MONITORS)
def test_each_sensor_is_a_real_subclass(kind: type[PowerMonitor]) -> None:
    """Every entry of MONITORS is a complete PowerMonitor with a docstring."""
    assert issubclass(kind, PowerMonitor)
    assert not getattr(kind, "__abstractmethods__", None)
    assert kind.__doc__
