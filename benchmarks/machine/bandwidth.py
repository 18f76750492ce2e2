"""MEMORIES: peak memory bandwidths from vendors. A new device is one line.

A name must match as a whole: a laptop's GPU, a slice (MIG) or an unknown variant has no bandwidth here,
because a wrong one would be worse.
"""

import re
from dataclasses import dataclass

THIRD = "third party, "
EDGE_LLM = "https://github.com/NVIDIA/TensorRT-Edge-LLM/issues"
ORIN_NANO = (
    f"{THIRD}https://www.brojogopalsapui.com/ai-foundations/sub_contents/AI_hardware/jetson_orin_nano_light.html"
)
H100_PCIE = "NVIDIA PB-11133-001 (H100 PCIe product brief), which says 'more than 2,000'; not re-checked"
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
    """One device's memory."""

    name: str  # regular expression for the whole name in any case, without "NVIDIA" and "GeForce"
    gb_per_s: float  # peak, 1e9 bytes per second
    source: str = "vendor datasheet, not re-checked"
    gb: int | None = None  # size, GiB, if several cards have this name


MEMORIES = (
    # Boards: the model in the device tree, or a GPU that only this board has
    # GB10: LPDDR5X-9400 would give 301, which its architects presented; the product is sold with 273.
    Memory(r"GB10", 273, "https://github.com/NVIDIA/dgx-spark-playbooks/pull/91"),
    Memory(r"(Jetson )?(AGX )?Thor( T5000)?( Developer Kit)?", 273, f"{EDGE_LLM}/24"),
    Memory(r"Jetson AGX Orin( 64GB| 32GB)?( Developer Kit)?", 204.8, f"{EDGE_LLM}/60"),
    Memory(r"(Jetson )?Orin NX( 16GB| 8GB)?( Engineering Reference)?( Developer Kit)?( Super)?", 102.4),
    Memory(r"(Jetson )?Orin Nano( 8GB)?( Engineering Reference)?( Developer Kit)? Super", 102.4, ORIN_NANO),
    Memory(r"(Jetson )?Orin Nano( 8GB)?( Engineering Reference)?( Developer Kit)?", 68.3, ORIN_NANO),
    Memory(r"(Jetson )?Orin Nano 4GB( Engineering Reference)?( Developer Kit)?", 34.1),
    # Data centre
    Memory(r"H100 80GB HBM3", 3350, HOPPER),
    Memory(r"H100 PCIe", 2039, H100_PCIE),  # "greater than 2,000"
    Memory(r"H100 NVL", 3938),
    Memory(r"H200( NVL)?", 4800, HOPPER),
    Memory(r"A100-(SXM4|PCIE)-40GB", 1555, "https://developer.nvidia.com/blog/nvidia-ampere-architecture-in-depth/"),
    Memory(r"A100-SXM4-80GB", 2039),
    Memory(r"A100 80GB PCIe", 1935),
    Memory(r"L4", 300),
    Memory(r"L40S", 864),
    # Workstation
    Memory(r"RTX A6000", 768),
    Memory(r"RTX 6000 Ada Generation", 960, RTX_6000),
    # Not the Max-Q and Server Editions: sources disagree, 1597 or 1792.
    Memory(r"RTX PRO 6000 Blackwell Workstation Edition", 1792, RTX_6000),
    # GeForce, desktop. In NVML, different cards of 3060 and of 3080 have the same name.
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
"""Kinds in `device.DeviceInfo` with one board each -> a name in MEMORIES."""


def find_peak(
    device_kind: str, gpu_name: str | None, *, board: str | None = None, memory_bytes: int | None = None
) -> tuple[float, str] | None:
    """Return (peak memory bandwidth in bytes/s, its source); None if unknown, as for every CPU.

    `gpu_name` is the name in NVML or torch. `board`, the model in the device tree, replaces it for the
    kind "jetson". `memory_bytes` of the GPU distinguishes cards that share a name.
    """
    if device_kind == "cpu":
        return None
    named = BOARDS.get(device_kind) or (device_kind == "jetson" and board) or gpu_name or ""
    known = " ".join(word for word in named.split() if word not in ("NVIDIA", "GeForce"))
    size = None if memory_bytes is None else round(memory_bytes / 2**30)
    for memory in MEMORIES:
        if re.fullmatch(memory.name, known, re.IGNORECASE) and memory.gb in (None, size):
            return memory.gb_per_s * 1e9, memory.source
    return None
