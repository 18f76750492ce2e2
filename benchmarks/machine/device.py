"""Identify the machine: its name in figures, its memory and its driver, from files and NVML."""

import os
import platform
import re
import sys
from pathlib import Path
from typing import Any, cast

from benchmarks.errors import BenchmarkError
from benchmarks.formatting import make_printable
from benchmarks.machine import jetson, memory, nvml, sysfs
from benchmarks.machine.cpu import read_cpu_name
from benchmarks.record.not_measured import explain_nulls

UNIFIED = frozenset({"gb10", "jetson-thor", "jetson-agx-orin", "jetson"})
"""Kinds of devices whose CPU and GPU share one memory."""


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
    own_root: bool  # false if its files are those below $EDGE_VLM_BENCH_ROOT
    reasons: dict[str, str]


def choose_torch_device(option: str, root: Path = Path("/")) -> str:
    """Return torch's device for --torch-device, without importing torch: "cuda:0", "cuda:1", "mps" or "cpu".

    Raises:
        BenchmarkError: the option names no device.
    """
    if option == "cuda":
        return "cuda:0"
    if option in ("mps", "cpu") or re.fullmatch(r"cuda:\d{1,3}", option):
        return option
    if option != "auto":
        remedy = "type auto, cuda, cuda:N, mps or cpu after the `=`"
        raise BenchmarkError(f"--torch-device={option}: there is no {option!r}; {remedy}.")
    if sysfs.find_files(root, "dev/nvidia[0-9]*") or jetson.is_jetson(root) or nvml.has_gpu():
        return "cuda:0"
    return "mps" if sys.platform == "darwin" and platform.machine() == "arm64" else "cpu"


def identify(
    torch_device: str, root: Path = Path("/"), gpu_uuid: str | None = None, torch_name: str | None = None
) -> DeviceInfo:
    """Return the facts on this machine; `label` is the name of the board, or of the device that runs the models.

    `gpu_uuid` and `torch_name` are those of torch's GPU, or of its slice (MIG), if torch names one.
    """
    on_gpu = torch_device.startswith("cuda")
    gpu, driver, gpu_reason = _read_gpu(gpu_uuid)
    cpu, cores, ram = read_cpu_name(root), os.cpu_count() or 1, read_ram_bytes(root)
    facts: dict[str, Any] = {"gpu": gpu or torch_name, "driver": driver, "cpu": cpu, "ram_bytes": ram}
    reasons = {"gpu": gpu_reason, "driver": gpu_reason}
    reasons |= {"cpu": "/proc/cpuinfo does not contain it", "ram_bytes": "/proc/meminfo cannot be read"}
    board, board_reasons = jetson.identify(root, ram)
    kind = _choose_kind(root, facts["gpu"], board["module"], on_gpu=on_gpu)
    whole = {
        **board,
        **facts,
        "label": _choose_label(root, kind, facts["gpu"] if on_gpu else None, cpu, cores),
        "kind": kind,
        "memory_kind": "unified" if kind in UNIFIED else "discrete" if on_gpu else "host",
        "cores": cores,
        "os": platform.system(),
        "kernel": platform.release(),
        "own_root": root == Path("/"),
        "reasons": explain_nulls(facts, reasons) | board_reasons,
    }
    clean = {name: make_printable(value)[:200] if isinstance(value, str) else value for name, value in whole.items()}
    return cast("DeviceInfo", clean)


def read_boot_id(root: Path = Path("/")) -> str:
    """Return the id of this boot, which CLOCK_MONOTONIC counts from; "" if unknown."""
    return sysfs.read_text(sysfs.locate(root, "proc/sys/kernel/random/boot_id"))


def read_ram_bytes(root: Path = Path("/")) -> int | None:
    """Return MemTotal of /proc/meminfo, bytes."""
    return memory.read_fields(root, "meminfo").get("MemTotal")


def _choose_kind(root: Path, gpu: str | None, module: str | None, *, on_gpu: bool) -> str:
    # a third party's carrier board has its own name
    model = " ".join((jetson.read_model(root), _read_product(root), module or ""))
    if "Thor" in model:
        return "jetson-thor"
    if "AGX Orin" in model:
        return "jetson-agx-orin"
    if jetson.is_jetson(root):
        return "jetson"
    if gpu and "GB10" in gpu:
        return "gb10"
    return "gpu" if on_gpu else "cpu"


def _choose_label(root: Path, kind: str, gpu: str | None, cpu: str | None, cores: int) -> str:
    """Return the study's name for its boards, else the name of the GPU or the CPU."""
    product = _read_product(root)
    if kind == "gb10":
        return "Dell Pro Max GB10" if "Dell" in product else product or "GB10"
    if kind in ("jetson-thor", "jetson-agx-orin"):
        return {"jetson-thor": "Jetson Thor", "jetson-agx-orin": "Jetson AGX Orin"}[kind]
    if kind == "jetson":
        return jetson.read_model(root).removeprefix("NVIDIA ").strip() or "Jetson"
    cpu = cpu or jetson.read_model(root) or platform.machine()
    return gpu or f"{cpu} ({cores} core{'s' if cores > 1 else ''})"


def _read_product(root: Path) -> str:
    """Return vendor and product from the firmware's tables; "" if unknown."""
    names = ("sys_vendor", "product_name")
    vendor, product = (sysfs.read_text(sysfs.locate(root, f"sys/class/dmi/id/{name}")) for name in names)
    vendor = "Dell" if vendor.startswith("Dell") else vendor
    return product if product.startswith(vendor) else f"{vendor} {product}".strip()


def _read_gpu(uuid: str | None) -> tuple[str | None, str | None, str]:
    """Return (name, driver, why one of them is None) of the GPU, or of the only one without a UUID."""
    try:
        with nvml.use_device(uuid) as (library, device):
            return nvml.read_name(library, device), nvml.read_driver(library), nvml.NOT_REPORTED
    except nvml.NoGpu as error:
        return None, None, str(error)
