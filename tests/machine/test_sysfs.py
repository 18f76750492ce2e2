"""Another root than /: links lead where they lead on the machine whose files these are.

Tests benchmarks.machine.sysfs.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.machine import health, jetson, sysfs
from benchmarks.power.base import PowerTarget
from benchmarks.power.sensors.hwmon import HwmonMonitor
from benchmarks.power.sensors.rapl import RaplMonitor
from tests.support import trees
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
