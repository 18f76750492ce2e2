"""Folders of the kernel's small files, as boards and CPUs have them, below a folder of a test.

Layouts: https://docs.kernel.org/hwmon/ina3221.html and ina238.html; rails and addresses of the Orins from the
device trees tegra234-p3701.dtsi and tegra234-p3767.dtsi; Thor's rails from its tegrastats, the address of its
INA238 is invented; https://docs.kernel.org/power/powercap/powercap.html.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOBODY = 65534
BOARDS = {
    # {I2C device: [(label, mV, mA)]}; the numbers make 15.2 W, 39.2 W, 13.3 W and 6 W of GPU and SoC
    "orin": {
        "1-0040": [("VDD_GPU_SOC", 19000, 800), ("VDD_CPU_CV", 19000, 300), ("VIN_SYS_5V0", 5000, 900)],
        "1-0041": [("NC", 0, 0), ("VDDQ_VDD2_1V8AO", 1800, 400), ("NC", 0, 0)],
    },
    "thor": {"1-0040": [("VDD_GPU", 19600, 1500), ("VDD_CPU_SOC_MSS", 19600, 500), ("VIN_SYS_5V0", 5000, 1000)]},
    "xavier": {
        "1-0040": [("GPU", 19000, 500), ("CPU", 19000, 300), ("SOC", 19000, 200)],
        "1-0041": [("CV", 19000, 0), ("VDDRQ", 19000, 100), ("SYS5V", 5000, 400)],
    },
    "nano": {"1-0040": [("VDD_IN", 5000, 2000), ("VDD_CPU_GPU_CV", 5000, 800), ("VDD_SOC", 5000, 400)]},
}
INPUT_UW = 87_500_000  # Thor's VIN


def write(path: Path, text: object) -> Path:
    """Write a file with a newline at its end, as the kernel does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")
    return path


def hwmon(root: Path, board: str, shunt_uohm: int | None = None) -> dict[str, Path]:
    """Build a board's sensors and return {label: file of its current, or of its power}, with shunts if given."""
    found = {}
    for number, (device, channels) in enumerate(BOARDS[board].items(), 3):
        folder = chip(root, device, number, "ina3221")
        write(folder / "samples", 1)
        write(folder / "update_interval", 7)
        for n, (label, millivolts, milliamperes) in enumerate(channels, 1):
            write(folder / f"in{n}_label", label)
            write(folder / f"in{n}_input", millivolts)
            found[label] = write(folder / f"curr{n}_input", milliamperes)
            if shunt_uohm is not None:
                write(folder / f"shunt{n}_resistor", shunt_uohm)
        write(folder / "in7_label", "sum of shunt voltages")
    if board == "thor":
        folder = chip(root, "1-0044", 9, "ina238")
        write(folder / "in1_input", 19_600)
        write(folder / "curr1_input", 4_464)
        found["VIN"] = write(folder / "power1_input", INPUT_UW)
    return found


def chip(root: Path, device: str, number: int, name: str) -> Path:
    """Return the folder of a new hwmon chip, which both of its paths lead to."""
    folder = root / f"sys/bus/i2c/devices/{device}/hwmon/hwmon{number}"
    write(folder / "name", name)
    link = root / f"sys/class/hwmon/hwmon{number}"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(folder)
    return folder


def rapl(root: Path, zones: Mapping[str, str], top_uj: int | None = 262_143_328_850) -> dict[str, Path]:
    """Build {zone: name} at 0 J and return {zone: file of its counter}."""
    found = {}
    for zone, name in zones.items():
        folder = root / "sys/class/powercap" / zone
        write(folder / "name", name)
        if top_uj is not None:
            write(folder / "max_energy_range_uj", top_uj)
        found[zone] = write(folder / "energy_uj", 0)
    return found


@contextmanager
def readable_by_all() -> Iterator[Path]:
    """Give a folder that anyone may read: pytest's own are their user's alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be an unprivileged user if these tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
