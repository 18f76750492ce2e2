"""Which rails of a Jetson board are summed, by the labels that its power monitors have. Imports nothing of ours.

Sums are explicit: nobody's total is taken, because one rail may hold another (AGX Orin's VIN_SYS_5V0
feeds VDDQ_VDD2_1V8AO: https://forums.developer.nvidia.com/t/223111), and totals change with versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


@dataclass(frozen=True)
class Rails:
    """A sum of rails.

    Attributes:
        board: whose rails they are.
        scope: what their sum covers.
        labels: the rails, as the device tree labels them.
        with_cpu: whether computing on the CPU is in it: of the boards only AGX Orin can leave it out.
    """

    board: str
    scope: str
    labels: tuple[str, ...]
    with_cpu: bool = True


# Labels of the Orins: "arm64: tegra: Add power-sensors for Tegra234 boards" (tegra234-p3701.dtsi, tegra234-p3767.dtsi);
# of Thor: as its tegrastats prints them.
GPU_AND_SOC = (
    Rails("Jetson AGX Orin", "gpu+soc", ("VDD_GPU_SOC",), with_cpu=False),
    Rails("Jetson Thor", "gpu+soc", ("VDD_GPU", "VDD_CPU_SOC_MSS")),
    Rails("Jetson Orin NX or Nano", "gpu+soc", ("VDD_CPU_GPU_CV", "VDD_SOC")),
)
"""The narrowest sum that holds the GPU and the system on chip, by board."""

WHOLE = (
    Rails("Jetson AGX Orin", "module", ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0")),
    Rails("Jetson Thor", "system input", ("VIN",)),
    Rails("Jetson Orin NX or Nano", "module", ("VDD_IN",)),
)
"""The widest sum: the module, on Thor what its carrier board takes."""


def of_board(labels: Collection[str], among: Sequence[Rails] = GPU_AND_SOC) -> tuple[Rails | None, list[str]]:
    """Return (the rails to sum, those of them that are missing).

    The board is the one with a rail of GPU_AND_SOC among `labels`; (None, []) where it is none.
    """
    for narrow in GPU_AND_SOC:
        if set(narrow.labels) & set(labels):
            wanted = next(rails for rails in among if rails.board == narrow.board)
            return wanted, [label for label in wanted.labels if label not in labels]
    return None, []
