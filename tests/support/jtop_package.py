"""A package in the place of jetson-stats', installed below a folder: jtop_stand_in.py with a version and a socket."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import trees

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "7.2.2"


def power_of(rails: Mapping[str, int]) -> dict[str, Any]:
    """Return jtop's `power` for milliwatts by rail, with averages and a total that are wrong."""
    shown = {name: {"volt": 5000, "curr": 1, "power": now, "online": True, "avg": 1} for name, now in rails.items()}
    return {"rail": shown, "tot": {"power": 99_999, "avg": 99_999}}


def install(folder: Path, rails: Mapping[str, int]) -> Path:
    """Write a package whose service shows these milliwatts, and return its socket; `folder` is to join sys.path."""
    socket = trees.write(folder / "jtop.sock", "")
    stand_in = Path(__file__).with_name("jtop_stand_in.py").read_text()
    trees.write(folder / "jtop/__init__.py", f"{stand_in}\nfrom . import service\ntold.power = {power_of(rails)!r}")
    trees.write(folder / "jtop/service.py", f"JTOP_PIPE = {str(socket)!r}")
    trees.write(folder / f"jetson_stats-{VERSION}.dist-info/METADATA", f"Name: jetson-stats\nVersion: {VERSION}")
    return socket
