"""What machine this is: the device's name in figures, its memory, its driver. Read from files and NVML."""

import os
import platform
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.machine import jetson, nvml, sysfs
from benchmarks.machine.cpu import read_cpu_name

UNIFIED = frozenset({"gb10", "jetson-thor", "jetson-agx-orin", "jetson"})
"""Kinds whose CPU and GPU share one memory."""


class DeviceInfo(jetson.JetsonInfo):
    """`machine_info["device"]` of a save."""

    label: str  # the name in figures
    kind: str  # "gb10" | "jetson-thor" | "jetson-agx-orin" | "jetson" | "gpu" | "cpu"
    memory_kind: str  # "unified" | "discrete" | "host"
    gpu: str | None
    cpu: str | None
    cores: int
    ram_bytes: int | None
    driver: str | None
    os: str
    kernel: str
    own_root: bool  # whether its files are this system's own, and not below $EDGE_VLM_BENCH_ROOT
    reasons: dict[str, str]


@dataclass(frozen=True)
class _Gpu:
    name: str | None = None
    driver: str | None = None
    reason: str = ""


def choose_torch_device(option: str, root: Path = Path("/")) -> str:
    """Return where torch is to compute, without asking torch: "cuda:0", "cuda:1", "mps" or "cpu".

    Raises:
        BenchmarkError: no such choice.
    """
    if option == "cuda":
        return "cuda:0"
    if option in ("mps", "cpu") or re.fullmatch(r"cuda:\d{1,3}", option):
        return option
    if option != "auto":
        raise BenchmarkError(
            f"--torch-device={option}: there is no {option!r}; type auto, cuda, cuda:N, mps or cpu after the `=`."
        )
    if _has_nvidia_gpu(root):
        return "cuda:0"
    return "mps" if sys.platform == "darwin" and platform.machine() == "arm64" else "cpu"


def _has_nvidia_gpu(root: Path) -> bool:
    return any(root.glob("dev/nvidia[0-9]*")) or jetson.is_jetson(root) or nvml.has_gpu()


def identify(
    torch_device: str, root: Path = Path("/"), gpu_uuid: str | None = None, torch_name: str | None = None
) -> DeviceInfo:
    """Return what machine this is; `label` names what computes, or the board where it is one.

    `gpu_uuid` and `torch_name` are the GPU's, where torch computes on one and says. Of a GPU that MIG divides
    it is the slice that is named, never the whole board.
    """
    on_gpu = torch_device.startswith("cuda")
    gpu = _ask_gpu(gpu_uuid)
    if gpu.name is None and torch_name is not None:
        gpu = replace(gpu, name=torch_name)
    cpu, cores = read_cpu_name(root), os.cpu_count() or 1
    ram = read_ram_bytes(root)
    board, reasons = jetson.identify(root, ram)
    kind = _kind(root, gpu.name, board["module"], on_gpu=on_gpu)
    facts = (
        ("gpu", gpu.name, gpu.reason),
        ("driver", gpu.driver, gpu.reason),
        ("cpu", cpu, "/proc/cpuinfo names none"),
        ("ram_bytes", ram, "/proc/meminfo is not to be read"),
    )
    return {
        **board,
        "label": _label(root, kind, gpu.name if on_gpu else None, cpu, cores),
        "kind": kind,
        "memory_kind": "unified" if kind in UNIFIED else "discrete" if on_gpu else "host",
        "gpu": gpu.name,
        "cpu": cpu,
        "cores": cores,
        "ram_bytes": ram,
        "driver": gpu.driver,
        "os": platform.system(),
        "kernel": platform.release(),
        "own_root": root == Path("/"),
        "reasons": {key: why for key, value, why in facts if value is None} | reasons,
    }


def read_boot_id(root: Path = Path("/")) -> str:
    """Return what names this boot, "" where nothing does: CLOCK_MONOTONIC means nothing beyond it."""
    return sysfs.read_text(root / "proc/sys/kernel/random/boot_id")


def read_ram_bytes(root: Path = Path("/")) -> int | None:
    """Return MemTotal of /proc/meminfo, bytes."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", sysfs.read_text(root / "proc/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _kind(root: Path, gpu: str | None, module: str | None, *, on_gpu: bool) -> str:
    model = " ".join((jetson.read_model(root), _product(root), module or ""))  # another's carrier board names itself
    if "Thor" in model:
        return "jetson-thor"
    if "AGX Orin" in model:
        return "jetson-agx-orin"
    if jetson.is_jetson(root):
        return "jetson"
    if gpu and "GB10" in gpu:
        return "gb10"
    return "gpu" if on_gpu else "cpu"


def _label(root: Path, kind: str, gpu: str | None, cpu: str | None, cores: int) -> str:
    """Return the study's name for its boards, else the name of what computes."""
    product = _product(root)
    if kind == "gb10":
        return "Dell Pro Max GB10" if "Dell" in product else product or "GB10"
    if kind in ("jetson-thor", "jetson-agx-orin"):
        return {"jetson-thor": "Jetson Thor", "jetson-agx-orin": "Jetson AGX Orin"}[kind]
    if kind == "jetson":
        return jetson.read_model(root).removeprefix("NVIDIA ").strip() or "Jetson"
    cpu = cpu or jetson.read_model(root) or platform.machine()
    return gpu or f"{cpu} ({cores} core{'s' if cores > 1 else ''})"


def _product(root: Path) -> str:
    """Return vendor and product of the firmware's tables, "" where there are none."""
    folder = root / "sys/class/dmi/id"
    vendor, product = sysfs.read_text(folder / "sys_vendor"), sysfs.read_text(folder / "product_name")
    vendor = "Dell" if vendor.startswith("Dell") else vendor
    return product if product.startswith(vendor) else f"{vendor} {product}".strip()


def _ask_gpu(uuid: str | None) -> _Gpu:
    """Return name and driver of the GPU; of the only one where no UUID is given."""
    try:
        library, device = nvml.open_device(uuid)
    except nvml.NoGpu as error:
        return _Gpu(reason=str(error))
    try:
        return _Gpu(nvml.read_name(library, device), nvml.read_driver(library), "NVML does not say")
    finally:
        nvml.close(library)
