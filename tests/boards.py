"""The three boards of the study as a stranger's machine can be them: their files below a folder, and NVIDIA's library.

No GPU is in any of them, so that torch computes on the CPU, which a session must ask for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import smallfiles
from tests.power import trees
from tests.test_machine import MODES, tree

if TYPE_CHECKING:
    from pathlib import Path

GB10_W, ORIN_W, THOR_W, THOR_INPUT_W = 42.5, 15.2 + 5.7 + 4.5, 29.4 + 9.8, 87.5
"""Of the GPU; of the module, of GPU and SoC, and of the carrier board's input: products of the trees' mV and mA."""
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
    return {smallfiles.ROOT: str(root), "LD_LIBRARY_PATH": str(library), "FAKE_MW": f"{GB10_W * 1e3:.0f}"}


def orin(root: Path, mode: str = ORIN_30W) -> dict[str, str]:
    """Return the environment of an AGX Orin in a power mode."""
    compatible = "nvidia,p3737-0000+p3701-0005\0nvidia,tegra234\0"
    tree(root, "NVIDIA Jetson AGX Orin Developer Kit\0", compatible, mode, MODES["orin"], ORIN_L4T)
    trees.hwmon(root, "orin")
    return {smallfiles.ROOT: str(root)}


def thor(root: Path) -> dict[str, str]:
    """Return the environment of a Thor."""
    compatible = "nvidia,p4071-0000+p3834-0008\0nvidia,tegra264\0"
    tree(root, "NVIDIA Jetson AGX Thor Developer Kit\0", compatible, "pmode:0001\n", MODES["thor"])
    trees.hwmon(root, "thor")
    return {smallfiles.ROOT: str(root)}


def with_tegrastats(folder: Path, path: str) -> dict[str, str]:
    """Return where an executable of that name stands first on PATH, which prints THOR_W."""
    binary = folder / "tegrastats"
    binary.parent.mkdir(exist_ok=True)
    binary.write_text(TEGRASTATS)
    binary.chmod(0o755)
    return {"PATH": f"{folder}:{path}"}
