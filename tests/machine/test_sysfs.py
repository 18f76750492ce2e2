"""Another root than /: links lead where they lead on the machine whose files these are.

Tests benchmarks.machine.sysfs.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.machine import device, health, jetson, sysfs
from benchmarks.machine.cpu import read_cpu_cache_bytes
from benchmarks.power.base import PowerTarget, SensorUnavailable
from benchmarks.power.sensors.hwmon import HwmonMonitor
from benchmarks.power.sensors.rapl import RaplMonitor
from tests.support import boards, trees
from tests.support.machines import L4T, MODES


def link(root: Path, name: str, target: str) -> None:
    """Make a link below `root` with exactly this target."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def test_absolute_links_lead_inside_the_root(tmp_path: Path) -> None:
    """A board's absolute links are followed below the root: its device tree, its power modes, its release."""
    trees.write(tmp_path / "etc/nvpmodel/nvpmodel_p3701_0005.conf", MODES["orin"])
    trees.write(tmp_path / "var/lib/nvpmodel/status", "pmode:0002")
    trees.write(tmp_path / "sys/firmware/devicetree/base/model", "NVIDIA Jetson AGX Orin Developer Kit\0")
    trees.write(tmp_path / "usr/share/l4t", L4T)
    link(tmp_path, "etc/nvpmodel.conf", "/etc/nvpmodel/nvpmodel_p3701_0005.conf")
    link(tmp_path, "proc/device-tree", "/sys/firmware/devicetree/base")
    link(tmp_path, "etc/nv_tegra_release", "/etc/alternatives/l4t")
    link(tmp_path, "etc/alternatives", "../usr/../usr/share")

    assert str(jetson.read_power_mode(tmp_path)) == "MODE_30W"
    assert jetson.read_model(tmp_path) == "NVIDIA Jetson AGX Orin Developer Kit"
    assert jetson.read_l4t(tmp_path) == "38.4.0"


@pytest.mark.parametrize(
    ("target", "leads_to"),
    [
        ("/etc/passwd", "etc/passwd"),
        ("../../../../../../../../etc/passwd", "etc/passwd"),
        ("/../../etc/passwd", "etc/passwd"),
        ("/etc/loop", None),
    ],
)
def test_no_link_leads_out_of_the_root(tmp_path: Path, target: str, leads_to: str | None) -> None:
    """A link to a file that the root lacks leads to nothing, and never to this machine's own file."""
    link(tmp_path, "etc/loop", "/etc/odd")
    link(tmp_path, "etc/odd" if leads_to is None else "etc/name", target)
    found = sysfs.locate(tmp_path, "etc/loop" if leads_to is None else "etc/name")

    assert found == (Path("/dev/null") if leads_to is None else tmp_path / leads_to)
    assert sysfs.read_text(found) == ""


def test_sensors_behind_absolute_links_are_found(tmp_path: Path) -> None:
    """Chips, counters and thermal zones behind absolute links are read below the root, also if /sys is one."""
    board, cpu = tmp_path / "board", tmp_path / "cpu"
    trees.hwmon(board, "orin")
    (board / "sys").rename(board / "host")
    link(board, "sys", "/host")
    for entry in (board / "host/class/hwmon").iterdir():
        target = "/" + str(entry.readlink().relative_to(board))
        entry.unlink()
        entry.symlink_to(target)
    counter = trees.rapl(cpu / "elsewhere", {"intel-rapl:0": "package-0"})["intel-rapl:0"].parent
    link(cpu, "sys/class/powercap/intel-rapl:0", "/" + str(counter.relative_to(cpu)))
    trees.write(cpu / "elsewhere/zone/temp", 51_000)
    link(cpu, "sys/class/thermal/thermal_zone0", "/elsewhere/zone")

    assert HwmonMonitor(PowerTarget("cuda:0", root=board)).read()[0].watts == pytest.approx(15.2)
    assert RaplMonitor(PowerTarget("cpu", root=cpu)).source == "RAPL counters of intel-rapl:0"
    assert health.take_snapshot("cpu", None, cpu).temperature_c == 51.0


def test_links_that_contain_the_root_already_are_followed(tmp_path: Path) -> None:
    """A link that was made below the root by its full path leads there too."""
    trees.write(tmp_path / "real/name", "word")
    link(tmp_path, "etc/name", str(tmp_path / "real/name"))

    assert sysfs.read_text(sysfs.locate(tmp_path, "etc/name")) == "word"


@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "digits", "escapes", "one line"])
def test_odd_files_of_a_board_stop_nothing(tmp_path: Path, kind: str) -> None:
    """Pipes, devices, loops and endless texts in the place of all files of a board are read as no facts."""
    boards.orin(tmp_path)
    trees.write(tmp_path / "proc/cpuinfo", "")
    trees.write(tmp_path / "proc/meminfo", "")
    trees.write(tmp_path / "sys/devices/system/cpu/cpu0/cache/index0/size", "32K")
    for file in [path for path in tmp_path.rglob("*") if path.is_file()]:
        file.unlink()
        if kind == "pipe":
            os.mkfifo(file)
        elif kind in ("device", "loop"):
            file.symlink_to("../" * 20 + "dev/zero" if kind == "device" else file.name)
        else:
            file.write_bytes({"digits": b"9", "escapes": b"\x1b]0;\xff\n", "one line": b"R1 MemTotal:"}[kind] * 100_000)

    with pytest.raises(SensorUnavailable, match=r"no INA3221 has the rails of a Jetson board .found no rails at all"):
        HwmonMonitor(PowerTarget("cuda:0", root=tmp_path))
    found = device.identify("cuda:0", tmp_path)
    assert (found["ram_bytes"], found["power_mode"], found["l4t"]) == (None, None, None)
    assert all(value.isprintable() for value in found.values() if isinstance(value, str))
    assert health.take_snapshot("cpu", None, tmp_path).clock_hz is None
    assert read_cpu_cache_bytes(tmp_path) is None


def test_a_pipe_in_the_place_of_a_reading_is_refused(tmp_path: Path) -> None:
    """A pipe instead of a chip's reading is named when the sensor is opened, and a missing reading later."""
    current = trees.hwmon(tmp_path, "orin")["VDD_GPU_SOC"]
    monitor = HwmonMonitor(PowerTarget("cuda:0", root=tmp_path))
    current.unlink()
    os.mkfifo(current)

    assert [sample.watts for sample in monitor.read()] == [None]
    with pytest.raises(SensorUnavailable, match=r"curr1_input cannot be read \(not a regular file\)"):
        HwmonMonitor(PowerTarget("cuda:0", root=tmp_path))


def test_a_root_with_a_name_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A root whose name no folder can have is refused like any other that is no folder."""
    monkeypatch.setenv(sysfs.ROOT, "/" + "x" * 5000)

    with pytest.raises(BenchmarkError, match="there is no such folder; type one with proc and sys, or unset it"):
        sysfs.find_root()
