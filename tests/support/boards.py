"""The three boards of the study as a stranger's machine can be them: their files below a folder, and NVIDIA's library.

No GPU is in any of them, so that torch computes on the CPU, which a session must ask for.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.machine import sysfs
from tests.support import jtop_package, moving_counters, product, trees
from tests.support.machines import MODES, write_jetson

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GB10_W, ORIN_W, THOR_W, THOR_INPUT_W = 42.5, 15.2 + 5.7 + 4.5, 29.4 + 9.8, 87.5
"""Of the GPU; of the module, of GPU and SoC, and of the carrier board's input: products of the trees' mV and mA."""
CPU_W = {"intel-rapl:0": 28.0, "intel-rapl:0:0": 17.0, "intel-rapl:1": 61.0}
"""Of a package, of the cores in it, and of the platform around it."""
CPU_RAILS = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:1": "psys"}
CPU_TOP_UJ = 30_000_000
"""The counters wrap around after so much, which is about once a second."""
ORIN_30W, ORIN_MAXN = "pmode:0002 fmode:quiet\n", "pmode:0000 fmode:quiet\n"
ORIN_L4T = "# R36 (release), REVISION: 4.4, GCID: 41062509, BOARD: generic, EABI: aarch64\n"
TEGRASTATS = """#!/bin/sh
while :; do
  echo "RAM 36529/125749MB (lfb 12x4MB) CPU [2%@972] gpu@62.906C VDD_GPU 29400mW/29400mW/29400mW\
 VDD_CPU_SOC_MSS 9800mW/9800mW/9800mW VIN_SYS_5V0 5000mW/5000mW/5000mW VIN 87500mW/43750mW/87500mW"
  sleep "$(printf '0.%03d' "$2")"
done
"""


def gb10(root: Path, library: Path) -> dict[str, str]:
    """Return the environment of a Dell Pro Max GB10: its firmware's names, and a driver library that says GB10."""
    for name, text in (("sys_vendor", "Dell Inc."), ("product_name", "Dell Pro Max GB10 FCM1253")):
        trees.write(root / "sys/class/dmi/id" / name, text)
    trees.write(root / "proc/meminfo", "MemTotal: 125000000 kB\nMemAvailable: 110000000 kB")
    return {sysfs.ROOT: str(root), "LD_LIBRARY_PATH": str(library), "FAKE_MW": f"{GB10_W * 1e3:.0f}"}


def orin(root: Path, mode: str = ORIN_30W) -> dict[str, str]:
    """Return the environment of an AGX Orin in a power mode."""
    compatible = "nvidia,p3737-0000+p3701-0005\0nvidia,tegra234\0"
    write_jetson(root, "NVIDIA Jetson AGX Orin Developer Kit\0", compatible, mode, MODES["orin"], ORIN_L4T)
    trees.hwmon(root, "orin")
    return {sysfs.ROOT: str(root)}


def thor(root: Path) -> dict[str, str]:
    """Return the environment of a Thor."""
    compatible = "nvidia,p4071-0000+p3834-0008\0nvidia,tegra264\0"
    write_jetson(root, "NVIDIA Jetson AGX Thor Developer Kit\0", compatible, "pmode:0001\n", MODES["thor"])
    trees.hwmon(root, "thor")
    return {sysfs.ROOT: str(root)}


def with_tegrastats(folder: Path, path: str) -> dict[str, str]:
    """Return where an executable of that name stands first on PATH, which prints THOR_W."""
    binary = folder / "tegrastats"
    binary.parent.mkdir(exist_ok=True)
    binary.write_text(TEGRASTATS)
    binary.chmod(0o755)
    return {"PATH": f"{folder}:{path}"}


def with_jtop(folder: Path) -> dict[str, str]:
    """Return where a package in jetson-stats' place can be imported, whose service shows THOR_W."""
    rails = {"VDD_GPU": 29_400, "VDD_CPU_SOC_MSS": 9_800, "VIN_SYS_5V0": 5_000, "VIN": 87_500}
    jtop_package.install(folder, rails)
    return {"PYTHONPATH": f"{product.ROOT}:{folder}"}


def intel(root: Path) -> dict[str, str]:
    """Return the environment of a desktop CPU, whose counters stand still until `counting` moves them."""
    trees.write(root / "proc/cpuinfo", "model name\t: Intel(R) Core(TM) i9-14900K")
    trees.write(root / "proc/meminfo", "MemTotal: 64000000 kB\nMemAvailable: 60000000 kB")
    trees.rapl(root, CPU_RAILS, CPU_TOP_UJ)
    return {sysfs.ROOT: str(root)}


@contextmanager
def counting(root: Path) -> Iterator[None]:
    """Let a process move the counters below `root` at CPU_W, a step in two milliseconds; the kernel's take one."""
    files = [f"{root}/sys/class/powercap/{zone}/energy_uj={watts}" for zone, watts in CPU_W.items()]
    with subprocess.Popen([sys.executable, "-IS", moving_counters.__file__, str(CPU_TOP_UJ), *files]) as process:
        try:
            yield
        finally:
            process.kill()
