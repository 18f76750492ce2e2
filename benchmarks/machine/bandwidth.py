"""MEMORIES: peak memory bandwidths as their vendors state them.

A name is matched whole, never in part: a laptop's GPU, a slice of one (MIG) or a variant that
nobody has entered has no figure, because a wrong one would be worse. A new device is one line.
"""

import re
from dataclasses import dataclass

GIGABYTE = 1e9
UNCHECKED = "vendor datasheet, not re-checked"
THIRD = "third party, "
ORIN_NANO = (
    f"{THIRD}https://www.brojogopalsapui.com/ai-foundations/sub_contents/AI_hardware/jetson_orin_nano_light.html"
)
A100_40 = "https://developer.nvidia.com/blog/nvidia-ampere-architecture-in-depth/"
H100_PCIE = "NVIDIA PB-11133-001 (H100 PCIe product brief), which says more than 2,000; the digits not re-checked"
HOPPER = f"{THIRD}https://lzwjava.github.io/nvidia-h200-gpu-specs-en"
RTX_6000 = f"{THIRD}https://www.yottalabs.ai/post/which-nvidia-rtx-6000-gpu-is-right-for-you-in-2026"
ADA = f"{THIRD}https://guru3d.com/story/rumored-nvidia-rtx-5090-specs-cores-gddr7-memory-and-bandwidth"
RTX_3060_4070 = f"{THIRD}https://cputronic.com/gpu/compare/nvidia-geforce-rtx-3060-vs-nvidia-geforce-rtx-4070"
RTX_4080_5080 = (
    f"{THIRD}https://tarekgt.com/"
    "other-skus-stay-at-28-gbps-but-the-nvidia-geforce-rtx-5080-stands-out-with-30-gbps-gddr7-memory"
)
RTX_4090_5090 = f"{THIRD}https://www.sipoch.com/en/articles/300330022705642"
RTX_5060_TI = (
    f"{THIRD}https://www.turbovs.com/compare/"
    "gigabyte-radeon-rx-9070-gaming-oc-vs-palit-geforce-rtx-5060-ti-infinity-3-16gb"
)


@dataclass(frozen=True)
class Memory:
    """One device's memory.

    Attributes:
        name: regular expression for the whole name, without "NVIDIA" and "GeForce", in any case: the GPU's
            as NVML or torch say it, or a board's as the device tree does.
        gb_per_s: peak, 1e9 bytes a second.
        source: where the figure is from.
        gb: size of the memory, GiB, where one name stands for several cards; else None.
    """

    name: str
    gb_per_s: float
    source: str = UNCHECKED
    gb: int | None = None


MEMORIES = (
    # Boards: the device tree's model, or the GPU that is nowhere else
    # GB10: LPDDR5X-9400 would make 301, as its architects have shown it; the product is sold with 273.
    Memory(r"GB10", 273, "https://github.com/NVIDIA/dgx-spark-playbooks/pull/91"),
    Memory(
        r"(Jetson )?(AGX )?Thor( T5000)?( Developer Kit)?", 273, "https://github.com/NVIDIA/TensorRT-Edge-LLM/issues/24"
    ),
    Memory(
        r"Jetson AGX Orin( 64GB| 32GB)?( Developer Kit)?",
        204.8,
        "https://github.com/NVIDIA/TensorRT-Edge-LLM/issues/60",
    ),
    Memory(r"(Jetson )?Orin NX( 16GB| 8GB)?( Engineering Reference)?( Developer Kit)?( Super)?", 102.4),
    Memory(r"(Jetson )?Orin Nano( 8GB)?( Engineering Reference)?( Developer Kit)? Super", 102.4, ORIN_NANO),
    Memory(r"(Jetson )?Orin Nano( 8GB)?( Engineering Reference)?( Developer Kit)?", 68.3, ORIN_NANO),
    Memory(r"(Jetson )?Orin Nano 4GB( Engineering Reference)?( Developer Kit)?", 34.1),
    # Data centre
    Memory(r"H100 80GB HBM3", 3350, HOPPER),
    Memory(r"H100 PCIe", 2039, H100_PCIE),  # "greater than 2,000"
    Memory(r"H100 NVL", 3938),
    Memory(r"H200( NVL)?", 4800, HOPPER),
    Memory(r"A100-(SXM4|PCIE)-40GB", 1555, A100_40),
    Memory(r"A100-SXM4-80GB", 2039),
    Memory(r"A100 80GB PCIe", 1935),
    Memory(r"L4", 300),
    Memory(r"L40S", 864),
    # Workstation
    Memory(r"RTX A6000", 768),
    Memory(r"RTX 6000 Ada Generation", 960, RTX_6000),
    # Not the Max-Q and Server Editions: what is written about them says 1597 of either and 1792 of both.
    Memory(r"RTX PRO 6000 Blackwell Workstation Edition", 1792, RTX_6000),
    # GeForce, desktop. NVML says the same name for cards of 3060 and 3080 that are not the same.
    Memory(r"RTX 3060", 360, RTX_3060_4070, gb=12),
    Memory(r"RTX 3060", 240, gb=8),
    Memory(r"RTX 3070", 448),
    Memory(r"RTX 3070 Ti", 608.3),
    Memory(r"RTX 3080", 760.3, gb=10),
    Memory(r"RTX 3080", 912.4, gb=12),
    Memory(r"RTX 3080 Ti", 912.4),
    Memory(r"RTX 3090", 936.2),
    Memory(r"RTX 3090 Ti", 1008),
    Memory(r"RTX 4060", 272, ADA),
    Memory(r"RTX 4060 Ti", 288, ADA),
    Memory(r"RTX 4070", 504.2, RTX_3060_4070),
    Memory(r"RTX 4070 SUPER", 504.2),
    Memory(r"RTX 4070 Ti", 504.2, ADA),
    Memory(r"RTX 4070 Ti SUPER", 672.3),
    Memory(r"RTX 4080", 716.8, RTX_4080_5080),
    Memory(r"RTX 4080 SUPER", 736.3),
    Memory(r"RTX 4090", 1008, RTX_4090_5090),
    Memory(r"RTX 5060", 448),
    Memory(r"RTX 5060 Ti", 448, RTX_5060_TI),
    Memory(r"RTX 5070", 672),
    Memory(r"RTX 5070 Ti", 896),
    Memory(r"RTX 5080", 960, RTX_4080_5080),
    Memory(r"RTX 5090", 1792, RTX_4090_5090),
)

BOARDS = {"gb10": "GB10", "jetson-thor": "Jetson Thor", "jetson-agx-orin": "Jetson AGX Orin"}
"""Kinds of device (`device.DeviceInfo`) that are one board, whatever its GPU is called."""


def find_peak(
    device_kind: str, gpu_name: str | None, *, board: str | None = None, memory_bytes: int | None = None
) -> tuple[float, str] | None:
    """Return (peak memory bandwidth in bytes/s, its source), or None where none is known for sure.

    Args:
        device_kind: `kind` of `device.DeviceInfo`; "cpu" has no table: measure it.
        gpu_name: as NVML or torch say it.
        board: the device tree's model, which tells apart what is simply "jetson".
        memory_bytes: of the GPU, where it is known; some names stand for two cards that differ in it.
    """
    if device_kind == "cpu":
        return None
    known = _plain(BOARDS.get(device_kind) or (device_kind == "jetson" and board) or gpu_name or "")
    size = None if memory_bytes is None else round(memory_bytes / 2**30)
    for memory in MEMORIES:
        if re.fullmatch(memory.name, known, re.IGNORECASE) and memory.gb in (None, size):
            return memory.gb_per_s * GIGABYTE, memory.source
    return None


def _plain(name: str) -> str:
    """Return a name without the words that say nothing: "NVIDIA GeForce RTX 4090" is "RTX 4090"."""
    return " ".join(word for word in name.split() if word not in ("NVIDIA", "GeForce"))
