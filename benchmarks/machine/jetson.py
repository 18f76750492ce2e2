"""Facts on a Jetson from files below `root`: module, L4T, JetPack and power mode."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from benchmarks.machine import sysfs
from benchmarks.record.not_measured import explain_nulls

MODULES = {
    "p3701-0000": "Jetson AGX Orin",  # both developer kits, which differ in memory
    "p3701-0004": "Jetson AGX Orin 32GB",
    "p3701-0005": "Jetson AGX Orin 64GB",
    "p3701-0008": "Jetson AGX Orin Industrial",
    "p3767-0000": "Jetson Orin NX 16GB",
    "p3767-0001": "Jetson Orin NX 8GB",
    "p3767-0003": "Jetson Orin Nano 8GB",
    "p3767-0004": "Jetson Orin Nano 4GB",
    "p3767-0005": "Jetson Orin Nano 8GB",
    "p3834-0008": "Jetson AGX Thor",
}
"""Part number -> module: https://docs.nvidia.com/jetson/archives/r36.4/DeveloperGuide/IN/QuickStart.html."""

JETPACKS = {
    "35.1": "5.0.2",
    "35.2": "5.1",
    "35.3": "5.1.1",
    "35.4": "5.1.2",
    "35.5": "5.1.3",
    "35.6.0": "5.1.4",
    "35.6.1": "5.1.5",
    "35.6.2": "5.1.5",
    "36.2": "6.0 DP",
    "36.3": "6.0",
    "36.4.0": "6.1",
    "36.4.3": "6.2",
    "36.4.4": "6.2.1",
    "36.4.7": "6.2.1",
    "38.2": "7.0",
    "38.4": "7.1",
    "39.2.0": "7.2",
}
"""L4T, whole or its first two numbers -> JetPack: https://developer.nvidia.com/embedded/jetpack-archive."""

NO_MODE = "/var/lib/nvpmodel/status does not contain it; mount this file into the container, or type sudo nvpmodel -m N"


class JetsonInfo(TypedDict):
    """A Jetson's part of `device.DeviceInfo`."""

    power_mode: str | None  # nvpmodel's name, and whether the clocks are locked: one series each
    power_mode_id: int | None  # nvpmodel's number
    jetson_clocks: bool | None  # whether the clocks are locked
    module: str | None  # on the carrier board
    l4t: str | None
    jetpack: str | None


@dataclass(frozen=True)
class PowerMode:
    """nvpmodel's mode."""

    name: str  # from /etc/nvpmodel.conf, such as "MAXN" or "MODE_30W"
    number: int  # nvpmodel's id
    locked: bool | None  # whether jetson_clocks has locked the clocks at their highest; None if unknown

    def __str__(self) -> str:
        return f"{self.name}, jetson_clocks" if self.locked else self.name


def is_jetson(root: Path) -> bool:
    """Return whether this is a Jetson, even if a container hides the L4T release or a carrier board the model."""
    return read_l4t(root) is not None or "Jetson" in read_model(root) or find_module(root, None) is not None


def identify(root: Path, ram_bytes: int | None) -> tuple[JetsonInfo, dict[str, str]]:
    """Return (facts on the board, the reason for each that is None)."""
    mode, release = read_power_mode(root), read_l4t(root)
    info: JetsonInfo = {
        "power_mode": None if mode is None else str(mode),
        "power_mode_id": None if mode is None else mode.number,
        "jetson_clocks": None if mode is None else mode.locked,
        "module": find_module(root, ram_bytes),
        "l4t": release,
        "jetpack": find_jetpack(release),
    }
    reasons = {
        "power_mode": NO_MODE,
        "power_mode_id": NO_MODE,
        "jetson_clocks": NO_MODE if mode is None else "the clock limits of CPU and GPU cannot be read",
        "module": "the device tree has no known part number",
        "l4t": "/etc/nv_tegra_release does not contain it",
        "jetpack": f"not known for L4T {release}",
    }
    return info, explain_nulls(info, reasons if is_jetson(root) else dict.fromkeys(reasons, "no Jetson"))


def read_l4t(root: Path) -> str | None:
    """Return the L4T release, such as "38.4.0"; None if unknown."""
    shown = sysfs.read_text(sysfs.locate(root, "etc/nv_tegra_release"))[:200]
    found = re.search(r"R(\d+).*?REVISION:\s*([\d.]+)", shown)
    return f"{found[1]}.{found[2]}" if found else None


def find_jetpack(release: str | None) -> str | None:
    """Return the JetPack of an L4T release; None if unknown."""
    parts = (release or "").split(".")
    return next((JETPACKS[key] for n in (3, 2) if (key := ".".join(parts[:n])) in JETPACKS), None)


def read_model(root: Path) -> str:
    """Return the board's name in the device tree; "" if unknown."""
    return sysfs.read_text(sysfs.locate(root, "proc/device-tree/model"))


def find_module(root: Path, ram_bytes: int | None) -> str | None:
    """Return the module on the carrier board by its part number; None if it is not in MODULES."""
    compatible = sysfs.read_text(sysfs.locate(root, "proc/device-tree/compatible"))
    numbers = re.findall(r"p\d{4}-\d{4}", compatible)
    number = next((number for number in numbers if number in MODULES), None)
    if number is None:
        return None
    size = f" {64 if ram_bytes > 40e9 else 32}GB" if number == "p3701-0000" and ram_bytes else ""
    return MODULES[number] + size


def read_power_mode(root: Path) -> PowerMode | None:
    """Return the mode that nvpmodel has set; None if its files cannot be read.

    Its id is in nvpmodel's status file, its name in the configuration. Unlike `nvpmodel -q`, this needs
    neither root nor a process.
    """
    status = sysfs.read_text(sysfs.locate(root, "var/lib/nvpmodel/status"))
    found = re.search(r"pmode:\s*(\d{1,6})", status, re.ASCII)
    if found is None:
        return None
    number = int(found[1])
    modes = re.findall(
        r"^[ \t]*<[ \t]*POWER_MODEL[ \t]+ID=(\d{1,6})[ \t]+NAME=(\S{1,60})[ \t]*>",
        sysfs.read_text(sysfs.locate(root, "etc/nvpmodel.conf")),
        re.MULTILINE | re.ASCII,
    )
    name = next((name for id_, name in modes if int(id_) == number), f"nvpmodel {number}")
    return PowerMode(name, number, are_clocks_locked(root))


def are_clocks_locked(root: Path) -> bool | None:
    """Return whether CPU and GPU have equal lowest and highest clocks, as after jetson_clocks; None if unknown."""
    policies = sysfs.find_files(root, "sys/devices/system/cpu/cpufreq/policy*")
    devices = sysfs.find_files(root, "sys/class/devfreq/*")
    gpus = [folder for folder in devices if re.search(r"gpu|ga10b|gv11b", folder.name)]
    limits = [(folder / "scaling_min_freq", folder / "scaling_max_freq") for folder in policies]
    limits += [(folder / "min_freq", folder / "max_freq") for folder in gpus]
    clocks = [(sysfs.read_number(low), sysfs.read_number(high)) for low, high in limits]
    if not policies or not gpus or any(None in pair for pair in clocks):
        return None
    return all(low == high for low, high in clocks)
