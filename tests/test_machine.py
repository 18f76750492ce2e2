"""Which machine this is, its memory and its health, from files as the boards have them. Never run on a board."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from benchmarks import device, health, memory
from benchmarks.errors import BenchmarkError
from benchmarks.memory import MemoryReader, MemorySample

if TYPE_CHECKING:
    from pathlib import Path

L4T = "# R38 (release), REVISION: 4.0, GCID: 1, BOARD: generic, EABI: aarch64\n"
MEMINFO = "MemTotal:       128000000 kB\nMemFree: 1000 kB\nMemAvailable:   100000000 kB\n"


def board(root: Path, **files: str) -> Path:
    """Write files, named with `__` for `/`, below `root`."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("model", "label", "kind"),
    [
        ("NVIDIA Jetson AGX Thor Developer Kit\0", "Jetson Thor", "jetson-thor"),
        ("NVIDIA Jetson AGX Orin Developer Kit\0", "Jetson AGX Orin", "jetson-agx-orin"),
        ("NVIDIA Jetson Orin Nano Developer Kit\0", "Jetson Orin Nano Developer Kit", "jetson"),
    ],
)
def test_jetsons_by_their_device_tree(tmp_path: Path, model: str, label: str, kind: str) -> None:
    """The study's boards get the study's names, other Jetsons their own, and all share one memory."""
    root = board(tmp_path, proc__device_tree__model="", etc__nv_tegra_release=L4T, proc__meminfo=MEMINFO)
    (root / "proc/device-tree").mkdir()
    (root / "proc/device-tree/model").write_text(model)
    found = device.identify("cuda:0", root)

    assert (found["label"], found["kind"], found["memory_kind"]) == (label, kind, "unified")
    assert found["l4t"] == "38.4.0"
    assert found["ram_bytes"] == 128_000_000 * 1024


def test_a_jetson_computes_on_cuda(tmp_path: Path) -> None:
    """On a Jetson `auto` means CUDA, whether or not this torch has it: never a silent run on the CPU."""
    assert device.choose_torch_device("auto", board(tmp_path, etc__nv_tegra_release=L4T)) == "cuda:0"
    assert device.choose_torch_device("cuda", tmp_path) == "cuda:0"


def test_a_jetson_in_a_container_computes_on_cuda(tmp_path: Path) -> None:
    """Where a container hides L4T's release, the device tree still says Jetson, and `auto` means CUDA."""
    root = board(tmp_path, proc__meminfo=MEMINFO)
    (root / "proc/device-tree").mkdir()
    (root / "proc/device-tree/model").write_text("NVIDIA Jetson AGX Orin Developer Kit\0")

    assert device.choose_torch_device("auto", root) == "cuda:0"


def test_torch_names_what_nvml_does_not(tmp_path: Path) -> None:
    """A GPU that NVML does not show, or not alone, has torch's name, and a GB10 its unified memory."""
    found = device.identify("cuda:1", board(tmp_path, proc__meminfo=MEMINFO), torch_name="NVIDIA GB10")

    assert (found["label"], found["kind"], found["memory_kind"]) == ("GB10", "gb10", "unified")
    assert device.identify("cuda:1", tmp_path, torch_name="NVIDIA H200")["label"] == "NVIDIA H200"


def test_a_cpu_is_named_with_its_cores(tmp_path: Path) -> None:
    """A machine without a GPU is named by its CPU, and its memory is the process's."""
    found = device.identify("cpu", board(tmp_path, proc__cpuinfo="model name\t: Cortex-X925  v1\n"))

    assert found["label"].startswith("Cortex-X925 v1 (")
    assert (found["kind"], found["memory_kind"]) == ("cpu", "host")
    assert found["reasons"]["ram_bytes"]


def test_unknown_torch_devices_are_refused() -> None:
    """An unknown --torch-device is refused with what to type."""
    with pytest.raises(BenchmarkError, match="type auto, cuda, cuda:N, mps or cpu"):
        device.choose_torch_device("tpu")


def test_unified_memory_is_the_machines(tmp_path: Path) -> None:
    """On unified memory RAM is MemTotal - MemAvailable, and the delta is above the baseline before loading."""
    root = board(tmp_path, proc__meminfo=MEMINFO)
    reader = MemoryReader("unified", os.getpid(), root=root)
    found = memory.summarise(
        reader.kind, reader.vram_reason, reader.read(), [(0, time.monotonic_ns())], 20_000_000_000, None
    )

    assert found["ram_avg_bytes"] == 28_000_000 * 1024
    assert found["ram_delta_bytes"] == 28_000_000 * 1024 - 20_000_000_000


def test_host_memory_is_the_childs(tmp_path: Path) -> None:
    """Elsewhere RAM is the child's RssAnon + RssShmem, its peak VmHWM, and file-mapped weights stand apart."""
    status = "VmHWM:  900 kB\nRssAnon:  500 kB\nRssFile:  300 kB\nRssShmem:  40 kB\n"
    root = board(tmp_path, proc__77__status=status)
    reader = MemoryReader("host", 77, root=root)
    found = memory.summarise(reader.kind, reader.vram_reason, reader.read(), [(0, time.monotonic_ns())], None, None)

    kib = [found["ram_avg_bytes"], found["ram_peak_bytes"], found["ram_file_bytes"]]
    assert [None if value is None else value / 1024 for value in kib] == [540, 900, 300]
    assert found["ram_delta_bytes"] is None
    assert found["reasons"]["ram_delta_bytes"]


def test_only_samples_inside_the_runs_count() -> None:
    """Memory is averaged over the runs' windows; where none holds a sample, over their span, and that is said."""
    samples = [MemorySample(t, ram=t * 100) for t in range(1, 10)]
    reader = MemoryReader("unified", 1)

    inside = memory.summarise(reader.kind, reader.vram_reason, samples, [(2, 3), (5, 5)], 0, None)
    between = memory.summarise(reader.kind, reader.vram_reason, samples, [], 0, None)
    assert (inside["ram_avg_bytes"], inside["sample_count"]) == (round((200 + 300 + 500) / 3), 3)
    assert between["ram_avg_bytes"] is None
    assert between["reasons"]["ram_avg_bytes"] == "no sample was taken during the runs"


def test_a_machine_that_shows_nothing(tmp_path: Path) -> None:
    """Where /proc and /sys show nothing, memory and health are null with a reason, never 0."""
    reader = MemoryReader("host", 1, root=tmp_path)
    found = memory.summarise(reader.kind, reader.vram_reason, reader.read(), [(0, time.monotonic_ns())], None, None)
    look = health.snapshot("cpu", None, root=tmp_path)

    assert found["ram_avg_bytes"] is None
    assert found["reasons"]["ram_avg_bytes"]
    assert (look.temperature_c, look.clock_hz) == (None, None)
    assert look.reason


def test_health_of_a_cpu(tmp_path: Path) -> None:
    """A CPU's temperature is its hottest zone in Celsius, its clock the fastest core's in Hz."""
    root = board(
        tmp_path,
        sys__class__thermal__thermal_zone0__temp="41000\n",
        sys__class__thermal__thermal_zone1__temp="67500\n",
        sys__devices__system__cpu__cpu0__cpufreq__scaling_cur_freq="2100000\n",
    )
    look = health.snapshot("cpu", None, root=root)

    assert (look.temperature_c, look.clock_hz) == (67.5, 2.1e9)
