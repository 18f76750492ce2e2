"""Install a stand-in for jetson-stats' package below a folder: jtop_stand_in.py with a version and a socket."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import trees

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "7.2.2"
ORIN = {"VDD_GPU_SOC": 7600, "VDD_CPU_CV": 2280, "VIN_SYS_5V0": 4500}
THOR = {"VDD_GPU": 36000, "VDD_CPU_SOC_MSS": 18000, "VIN_SYS_5V0": 18000}
"""{rail: mW} of two boards."""


def make_power(rails: Mapping[str, int]) -> dict[str, Any]:
    """Return jtop's `power` for milliwatts by rail, with averages and a total that are wrong."""
    shown = {name: {"volt": 5000, "curr": 1, "power": now, "online": True, "avg": 1} for name, now in rails.items()}
    return {"rail": shown, "tot": {"power": 99_999, "avg": 99_999}}


def install(folder: Path, rails: Mapping[str, int]) -> Path:
    """Write a package whose service shows these milliwatts, and return its socket; add `folder` to sys.path."""
    socket = trees.write(folder / "jtop.sock", "")
    stand_in = Path(__file__).with_name("jtop_stand_in.py").read_text()
    code = f"{stand_in}\nfrom . import service\nservice_settings.power = {make_power(rails)!r}"
    trees.write(folder / "jtop/__init__.py", code)
    trees.write(folder / "jtop/service.py", f"JTOP_PIPE = {str(socket)!r}")
    trees.write(folder / f"jetson_stats-{VERSION}.dist-info/METADATA", f"Name: jetson-stats\nVersion: {VERSION}")
    return socket
