"""BOARDS: the rails of the Jetson boards, which of them are summed, and what their power monitors are.

A new board is one entry. A board is identified by the labels that a sensor shows, because a container cannot read the
board's name. Sums are explicit, never a sensor's own total: one rail may feed another (AGX Orin's VIN_SYS_5V0 feeds
VDDQ_VDD2_1V8AO: https://forums.developer.nvidia.com/t/223111), and totals change with versions
(https://github.com/rbonghi/jetson_stats/pull/900).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rail:
    """One channel: its label in the device tree, nominal voltage, and the shunt that measures its current, if known."""

    label: str
    volts: float | None = None
    shunt_ohm: float | None = None


@dataclass(frozen=True)
class RailSum:
    """A sum of rails: its scope, the labels to add, what they feed in words, and whether that includes the CPU."""

    scope: str
    labels: tuple[str, ...]
    feeds: str
    includes_cpu: bool


@dataclass(frozen=True)
class Board:
    """A board, or several with the same rails."""

    name: str
    rails: tuple[Rail, ...]
    gpu_soc: RailSum  # the narrowest sum that includes the GPU and the system on chip
    whole: RailSum | None  # the widest one
    source: str  # who states the labels and shunts
    rated_w: float  # the most that NVIDIA's data sheets state for a module with these rails, watts
    rated: str  # that module


BOARDS = (
    Board(
        "Jetson AGX Orin",
        # The steps of its recorded readings, 390 mW and 402 mW, are 20 mA at 19.5 V and 20.1 V.
        (Rail("VDD_GPU_SOC", 20.0, 0.002), Rail("VDD_CPU_CV", 20.0, 0.002), Rail("VIN_SYS_5V0", 5.0, 0.002)),
        RailSum("gpu+soc", ("VDD_GPU_SOC",), "GPU and SOC", includes_cpu=False),
        RailSum("module", ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"), "the module", includes_cpu=True),
        "tegra234-p3701.dtsi of Linux",
        75.0,
        "AGX Orin Industrial",
    ),
    Board(
        "Jetson Thor",
        (Rail("VDD_GPU"), Rail("VDD_CPU_SOC_MSS"), Rail("VIN")),
        RailSum(
            "gpu+soc", ("VDD_GPU", "VDD_CPU_SOC_MSS"), "GPU, and SOC with CPU and memory subsystem", includes_cpu=True
        ),
        RailSum("system input", ("VIN",), "the carrier board", includes_cpu=True),
        "its tegrastats, which does not report the shunts",
        130.0,
        "Jetson T5000",
    ),
    Board(
        "Jetson Orin NX or Nano, Xavier NX",
        (Rail("VDD_IN", 5.0, 0.005), Rail("VDD_CPU_GPU_CV", 5.0, 0.005), Rail("VDD_SOC", 5.0, 0.005)),
        RailSum("gpu+soc", ("VDD_CPU_GPU_CV", "VDD_SOC"), "GPU with CPU and CV, and SOC", includes_cpu=True),
        RailSum("module", ("VDD_IN",), "the module", includes_cpu=True),
        "tegra234-p3767.dtsi and tegra194-p3668.dtsi of Linux",
        40.0,
        "Orin NX 16GB",
    ),
    Board(
        "Jetson AGX Xavier",
        # The steps of its recorded readings, 156 mW, are 8 mA at 19.5 V.
        (Rail("GPU", 19.5, 0.005), Rail("SOC", 19.5, 0.005)),
        RailSum("gpu+soc", ("GPU", "SOC"), "GPU and SOC", includes_cpu=False),
        None,
        "tegra194-p2888.dtsi of Linux",
        40.0,
        "AGX Xavier Industrial",
    ),
)
"""The boards of L4T 35 to 39. VIN, VDD_IN and VIN_SYS_5V0 feed more than GPU and SOC.

Labels and shunts: https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git, arch/arm64/boot/dts/nvidia.
"""


def find_board(labels: Collection[str]) -> Board | None:
    """Return the board with at least one rail of its GPU and SOC among `labels`."""
    return next((board for board in BOARDS if set(board.gpu_soc.labels) & set(labels)), None)


def find_complete_board(labels: Collection[str]) -> Board | None:
    """Return the board with all rails of its GPU and SOC among `labels`."""
    return next((board for board in BOARDS if set(labels).issuperset(board.gpu_soc.labels)), None)


def list_missing(rail_sum: RailSum, labels: Collection[str]) -> list[str]:
    """Return the rails of a sum that are not among `labels`."""
    return [label for label in rail_sum.labels if label not in labels]


def sum_watts(milliwatts: Mapping[str, int], labels: Sequence[str]) -> float | None:
    """Return the sum of the rails `labels`, watts; None if one is missing: a smaller sum is not a reading."""
    if any(label not in milliwatts for label in labels):
        return None
    return sum(milliwatts[label] for label in labels) / 1e3
