"""BOARDS: the rails of the Jetson boards, which of them are summed, and what their power monitors are.

Imports nothing of ours; a new board is one entry.

A board is told by the labels that a sensor shows, so that this works in a container, where the board's name cannot be
read. Sums are explicit: nobody's total is taken, because one rail may hold another (AGX Orin's VIN_SYS_5V0 feeds
VDDQ_VDD2_1V8AO: https://forums.developer.nvidia.com/t/223111), and totals change with versions
(https://github.com/rbonghi/jetson_stats/pull/900).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rail:
    """One channel of a board's power monitors.

    Attributes:
        label: as the device tree has it.
        volts: at which it is run, nominally; None where that is not known.
        shunt_ohm: the resistance that its current is measured by; None where nobody states it.
    """

    label: str
    volts: float | None = None
    shunt_ohm: float | None = None


@dataclass(frozen=True)
class Sum:
    """A sum of rails.

    Attributes:
        scope: what it covers.
        labels: the rails that are added up.
        holds: what they feed, in words, because boards differ in what cannot be told apart.
        with_cpu: whether computing on the CPU is in it.
    """

    scope: str
    labels: tuple[str, ...]
    holds: str
    with_cpu: bool


@dataclass(frozen=True)
class Board:
    """A board, or several that show the same rails.

    Attributes:
        name: in words.
        rails: those of `gpu_soc` and `whole`.
        gpu_soc: the narrowest sum that holds the GPU and the system on chip.
        whole: the widest sum; None where nobody says which rails make it up.
        source: who states labels and shunts.
    """

    name: str
    rails: tuple[Rail, ...]
    gpu_soc: Sum
    whole: Sum | None
    source: str

    def rail(self, label: str) -> Rail:
        """Return a rail by its label; one of which nothing else is known where there is none."""
        return next((rail for rail in self.rails if rail.label == label), Rail(label))


BOARDS = (
    Board(
        "Jetson AGX Orin",
        # The steps of its recorded readings, 390 mW and 402 mW, are 20 mA at 19.5 V and 20.1 V.
        (Rail("VDD_GPU_SOC", 20.0, 0.002), Rail("VDD_CPU_CV", 20.0, 0.002), Rail("VIN_SYS_5V0", 5.0, 0.002)),
        Sum("gpu+soc", ("VDD_GPU_SOC",), "GPU and SOC", with_cpu=False),
        Sum("module", ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"), "the module", with_cpu=True),
        "tegra234-p3701.dtsi of Linux",
    ),
    Board(
        "Jetson Thor",
        (Rail("VDD_GPU"), Rail("VDD_CPU_SOC_MSS"), Rail("VIN")),
        Sum("gpu+soc", ("VDD_GPU", "VDD_CPU_SOC_MSS"), "GPU, and SOC with CPU and memory subsystem", with_cpu=True),
        Sum("system input", ("VIN",), "what the carrier board takes", with_cpu=True),
        "its tegrastats, which tells of no shunt",
    ),
    Board(
        "Jetson Orin NX or Nano, Xavier NX",
        (Rail("VDD_IN", 5.0, 0.005), Rail("VDD_CPU_GPU_CV", 5.0, 0.005), Rail("VDD_SOC", 5.0, 0.005)),
        Sum("gpu+soc", ("VDD_CPU_GPU_CV", "VDD_SOC"), "GPU with CPU and CV, and SOC", with_cpu=True),
        Sum("module", ("VDD_IN",), "the module", with_cpu=True),
        "tegra234-p3767.dtsi and tegra194-p3668.dtsi of Linux",
    ),
    Board(
        "Jetson AGX Xavier",
        # The steps of its recorded readings, 156 mW, are 8 mA at 19.5 V.
        (Rail("GPU", 19.5, 0.005), Rail("SOC", 19.5, 0.005)),
        Sum("gpu+soc", ("GPU", "SOC"), "GPU and SOC", with_cpu=False),
        None,
        "tegra194-p2888.dtsi of Linux",
    ),
)
"""The boards that L4T 35 to 39 run on. VIN, VDD_IN and VIN_SYS_5V0 feed more than GPU and SOC.

Labels and shunts: https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git, arch/arm64/boot/dts/nvidia.
"""


def board_of(labels: Collection[str]) -> Board | None:
    """Return the board with a rail of its GPU and SOC among `labels`; None where it is none of BOARDS."""
    return next((board for board in BOARDS if set(board.gpu_soc.labels) & set(labels)), None)


def showing(labels: Collection[str]) -> Board | None:
    """Return the board all of whose rails of GPU and SOC are among `labels`; None where there is none."""
    return next((board for board in BOARDS if set(labels).issuperset(board.gpu_soc.labels)), None)


def missing(chosen: Sum, labels: Collection[str]) -> list[str]:
    """Return the rails of a sum that are not among `labels`."""
    return [label for label in chosen.labels if label not in labels]


def watts_of(milliwatts: Mapping[str, int], labels: Sequence[str]) -> float | None:
    """Return the sum of the rails `labels`, watts; None where one is missing, because a smaller sum is no reading."""
    if any(label not in milliwatts for label in labels):
        return None
    return sum(milliwatts[label] for label in labels) / 1e3
