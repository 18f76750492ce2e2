"""The machine's identity, memory and health, from files in the layout of the boards. Never run on a board.

Tests benchmarks.machine.device, benchmarks.machine.health, benchmarks.machine.jetson, benchmarks.machine.memory,
benchmarks.machine.sysfs and benchmarks.machine.versions.
"""

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.errors import BenchmarkError
from benchmarks.machine import device, health, jetson, memory
from benchmarks.machine.memory import MemoryReader, MemorySample
from benchmarks.options import WEIGHTS
from benchmarks.pair.meters import choose_idle_s
from tests.support import factory, made
from tests.support.machines import L4T, MEMINFO, MODES, write_board, write_jetson


@pytest.mark.parametrize(
    ("model", "label", "kind"),
    [
        ("NVIDIA Jetson AGX Thor Developer Kit\0", "Jetson Thor", "jetson-thor"),
        ("NVIDIA Jetson AGX Orin Developer Kit\0", "Jetson AGX Orin", "jetson-agx-orin"),
        ("NVIDIA Jetson Orin Nano Developer Kit\0", "Jetson Orin Nano Developer Kit", "jetson"),
    ],
)
def test_jetsons_by_their_device_tree(tmp_path: Path, model: str, label: str, kind: str) -> None:
    """The study's boards get the study's names, other Jetsons their own, and all have unified memory."""
    root = write_board(tmp_path, proc__device_tree__model="", etc__nv_tegra_release=L4T, proc__meminfo=MEMINFO)
    (root / "proc/device-tree").mkdir()
    (root / "proc/device-tree/model").write_text(model)
    found = device.identify("cuda:0", root)

    assert (found["label"], found["kind"], found["memory_kind"]) == (label, kind, "unified")
    assert found["l4t"] == "38.4.0"
    assert found["ram_bytes"] == 128_000_000 * 1024


def clocks(root: Path, *, locked: bool) -> None:
    """Write the clock limits of CPU and GPU, as with jetson_clocks or without it."""
    low = 1_300_500_000 if locked else 306_000_000
    write_board(root, sys__class__devfreq__17000000_gpu__min_freq=f"{low}\n")
    write_board(root, sys__class__devfreq__17000000_gpu__max_freq="1300500000\n")
    for policy in ("policy0", "policy4"):
        folder = f"sys__devices__system__cpu__cpufreq__{policy}"
        write_board(root, **{f"{folder}__scaling_min_freq": "2201600\n" if locked else "729600\n"})
        write_board(root, **{f"{folder}__scaling_max_freq": "2201600\n"})


@pytest.mark.parametrize(
    ("model", "compatible", "module", "kind"),
    [
        ("NVIDIA Jetson AGX Orin Developer Kit\0", "p3737-0000+p3701-0005", "Jetson AGX Orin 64GB", "jetson-agx-orin"),
        ("NVIDIA Jetson AGX Orin Developer Kit\0", "p3737-0000+p3701-0000", "Jetson AGX Orin 64GB", "jetson-agx-orin"),
        ("Somebody's carrier board\0", "p3737-0000+p3701-0004", "Jetson AGX Orin 32GB", "jetson-agx-orin"),
        ("NVIDIA Jetson AGX Thor Developer Kit\0", "p4071-0000+p3834-0008", "Jetson AGX Thor", "jetson-thor"),
        ("NVIDIA Jetson Orin NX Engineering Reference\0", "p3768-0000+p3767-0000", "Jetson Orin NX 16GB", "jetson"),
        ("NVIDIA Jetson Orin Nano Developer Kit\0", "p3768-0000+p3767-0005", "Jetson Orin Nano 8GB", "jetson"),
        ("NVIDIA Jetson Orin Nano Developer Kit\0", "p3768-0000+p9999-0005", None, "jetson"),
    ],
)
def test_modules_by_their_part_numbers(
    tmp_path: Path, model: str, compatible: str, module: str | None, kind: str
) -> None:
    """The part number names the module, also on a third party's carrier board; an unknown module is null."""
    root = write_jetson(tmp_path, model, f"nvidia,{compatible}\0nvidia,tegra\0", "pmode:0000\n", MODES["orin"])
    found = device.identify("cuda:0", root)

    assert (found["module"], found["kind"], found["memory_kind"]) == (module, kind, "unified")
    assert ("module" in found["reasons"]) == (module is None)


@pytest.mark.parametrize(
    ("board_name", "status", "mode", "number"),
    [
        ("orin", "pmode:0000\n", "MAXN", 0),
        ("orin", "pmode:0002 fmode:quiet\n", "MODE_30W", 2),
        ("thor", "pmode:0001", "120W", 1),
        ("thor", "pmode:0007", "nvpmodel 7", 7),
    ],
)
def test_power_modes_by_name_and_id(tmp_path: Path, board_name: str, status: str, mode: str, number: int) -> None:
    """The power mode has nvpmodel's id, and its name from nvpmodel's configuration."""
    found = device.identify("cuda:0", write_jetson(tmp_path, "NVIDIA Jetson\0", "", status, MODES[board_name]))

    assert (found["power_mode"], found["power_mode_id"]) == (mode, number)
    assert found["jetson_clocks"] is None
    assert "cannot be read" in found["reasons"]["jetson_clocks"]


def test_a_power_mode_that_is_hidden(tmp_path: Path) -> None:
    """If a container hides nvpmodel's file, the mode is null with a remedy; other machines have none."""
    found = device.identify("cuda:0", write_board(tmp_path / "board", etc__nv_tegra_release=L4T))
    other = device.identify("cpu", tmp_path)

    assert (found["power_mode"], found["jetpack"]) == (None, "7.1")
    assert "mount this file into the container" in found["reasons"]["power_mode"]
    assert (other["power_mode"], other["reasons"]["power_mode"], other["reasons"]["jetpack"]) == (
        None,
        "no Jetson",
        "no Jetson",
    )


def test_30_w_and_maxn_are_two_series(tmp_path: Path) -> None:
    """A board in two power modes, and with its clocks locked, is three series with three names."""
    for number, (status, locked) in enumerate([("pmode:0000", False), ("pmode:0002", False), ("pmode:0002", True)]):
        root = write_jetson(
            tmp_path / f"board{number}", "NVIDIA Jetson AGX Orin Developer Kit\0", "", status, MODES["orin"]
        )
        clocks(root, locked=locked)
        found = device.identify("cuda:0", root)
        factory.save(tmp_path / f"saves/000{number + 1}_orin.json", [factory.record()], **found)

    assert sorted(made.table(tmp_path / "saves")["device"]) == [
        "Jetson AGX Orin (MAXN)",
        "Jetson AGX Orin (MODE_30W)",
        "Jetson AGX Orin (MODE_30W, jetson_clocks)",
    ]


@pytest.mark.parametrize(
    ("release", "jetpack"),
    [("35.4.1", "5.1.2"), ("36.4.4", "6.2.1"), ("36.4.9", None), ("38.2.1", "7.0"), ("39.2.0", "7.2"), (None, None)],
)
def test_jetpack_of_l4t(release: str | None, jetpack: str | None) -> None:
    """JetPack's version follows from the L4T release, and is never guessed."""
    assert jetson.find_jetpack(release) == jetpack


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_are_a_machine(tmp_path: Path, first: bytes, second: bytes, third: bytes) -> None:
    """A board is identified for any bytes in its files, with a reason for each null."""
    root = write_jetson(tmp_path, "", "", "", "")
    files = ("proc/device-tree/model", "proc/device-tree/compatible", "etc/nv_tegra_release", "etc/nvpmodel.conf")
    for name in (*files, "var/lib/nvpmodel/status", "proc/meminfo"):
        (root / name).write_bytes(b"pmode:" + first if "status" in name else second + first + third)
    found = device.identify("cpu", root)

    assert set(found["reasons"]) >= {key for key in ("power_mode", "module", "l4t") if dict(found)[key] is None}


def test_a_jetson_computes_on_cuda(tmp_path: Path) -> None:
    """On a Jetson `auto` means CUDA, even if torch has no CUDA, so it never falls back to the CPU silently."""
    assert device.choose_torch_device("auto", write_board(tmp_path, etc__nv_tegra_release=L4T)) == "cuda:0"
    assert device.choose_torch_device("cuda", tmp_path) == "cuda:0"


def test_a_jetson_in_a_container_computes_on_cuda(tmp_path: Path) -> None:
    """If a container hides the L4T release, the device tree identifies the Jetson, and `auto` means CUDA."""
    root = write_board(tmp_path, proc__meminfo=MEMINFO)
    (root / "proc/device-tree").mkdir()
    (root / "proc/device-tree/model").write_text("NVIDIA Jetson AGX Orin Developer Kit\0")

    assert device.choose_torch_device("auto", root) == "cuda:0"


def test_torch_names_what_nvml_does_not(tmp_path: Path) -> None:
    """A GPU that NVML does not show has torch's name, and a GB10 has unified memory."""
    found = device.identify("cuda:1", write_board(tmp_path, proc__meminfo=MEMINFO), torch_name="NVIDIA GB10")

    assert (found["label"], found["kind"], found["memory_kind"]) == ("GB10", "gb10", "unified")
    assert device.identify("cuda:1", tmp_path, torch_name="NVIDIA H200")["label"] == "NVIDIA H200"


def test_a_cpu_is_named_with_its_cores(tmp_path: Path) -> None:
    """A machine without a GPU is named by its CPU, and its memory is the process's."""
    found = device.identify("cpu", write_board(tmp_path, proc__cpuinfo="model name\t: Cortex-X925  v1\n"))

    assert found["label"].startswith("Cortex-X925 v1 (")
    assert (found["kind"], found["memory_kind"]) == ("cpu", "host")
    assert found["reasons"]["ram_bytes"]


def test_unknown_torch_devices_are_refused() -> None:
    """An unknown --torch-device is refused with the known ones."""
    with pytest.raises(BenchmarkError, match="type auto, cuda, cuda:N, mps or cpu"):
        device.choose_torch_device("tpu")


def test_unified_memory_is_the_machines(tmp_path: Path) -> None:
    """On unified memory RAM is MemTotal - MemAvailable, and the delta is above the baseline before loading."""
    root = write_board(tmp_path, proc__meminfo=MEMINFO)
    reader = MemoryReader("unified", os.getpid(), root=root)
    found = memory.summarise(
        reader.kind, reader.vram_reason, reader.read(), [(0, time.monotonic_ns())], 20_000_000_000, None
    )

    assert found["ram_avg_bytes"] == 28_000_000 * 1024
    assert found["ram_delta_bytes"] == 28_000_000 * 1024 - 20_000_000_000


def test_host_memory_is_the_childs(tmp_path: Path) -> None:
    """Elsewhere RAM is the child's RssAnon + RssShmem, its peak is VmHWM, and mapped weights are separate."""
    status = "VmHWM:  900 kB\nRssAnon:  500 kB\nRssFile:  300 kB\nRssShmem:  40 kB\n"
    root = write_board(tmp_path, proc__77__status=status)
    reader = MemoryReader("host", 77, root=root)
    found = memory.summarise(reader.kind, reader.vram_reason, reader.read(), [(0, time.monotonic_ns())], None, None)

    kib = [found["ram_avg_bytes"], found["ram_peak_bytes"], found["ram_file_bytes"]]
    assert [None if value is None else value / 1024 for value in kib] == [540, 900, 300]
    assert found["ram_delta_bytes"] is None
    assert found["reasons"]["ram_delta_bytes"]


def test_only_samples_inside_the_runs_count() -> None:
    """Memory is averaged over the samples in the runs' windows; without a good run it is null."""
    samples = [MemorySample(t, ram=t * 100) for t in range(1, 10)]
    reader = MemoryReader("unified", 1)

    inside = memory.summarise(reader.kind, reader.vram_reason, samples, [(2, 3), (5, 5)], 0, None)
    between = memory.summarise(reader.kind, reader.vram_reason, samples, [], 0, None)
    assert (inside["ram_avg_bytes"], inside["sample_count"]) == (round((200 + 300 + 500) / 3), 3)
    assert between["ram_avg_bytes"] is None
    assert between["reasons"]["ram_avg_bytes"] == "no sample was taken during the runs"


def test_ram_as_a_sensor_saw_it() -> None:
    """A power sensor's RAM is the mean and the peak of its readings in the runs, with its source."""
    samples = [MemorySample(t, ram=None if t == 4 else t * 100) for t in range(1, 10)]
    found, reasons = memory.summarise_sensor_ram("tegrastats", samples, [(2, 4), (7, 7)], "none")

    assert (found, reasons) == (
        {"sensor_ram_avg_bytes": 400, "sensor_ram_peak_bytes": 700, "sensor_ram_source": "tegrastats"},
        {},
    )
    for windows, readings in (([(2, 4)], []), ([], samples), ([(4, 4)], samples)):
        nothing, reasons = memory.summarise_sensor_ram("tegrastats", readings, windows, "it is blind")
        assert set(nothing.values()) == {None}
        assert reasons == dict.fromkeys(nothing, "it is blind")


@pytest.mark.parametrize("weights", WEIGHTS)
def test_how_long_the_machine_is_left_idle(weights: str) -> None:
    """Idle power is measured over at least 10 s, except with miniatures."""
    assert (choose_idle_s(weights) >= 10) == (weights != "mini")


def test_a_machine_that_shows_nothing(tmp_path: Path) -> None:
    """Without /proc and /sys, memory and health are null with a reason, never 0."""
    reader = MemoryReader("host", 1, root=tmp_path)
    found = memory.summarise(reader.kind, reader.vram_reason, reader.read(), [(0, time.monotonic_ns())], None, None)
    look = health.take_snapshot("cpu", None, root=tmp_path)

    assert found["ram_avg_bytes"] is None
    assert found["reasons"]["ram_avg_bytes"]
    assert (look.temperature_c, look.clock_hz) == (None, None)
    assert look.reason


def test_health_of_a_cpu(tmp_path: Path) -> None:
    """A CPU's temperature is its hottest zone in Celsius, its clock the fastest core's in Hz."""
    root = write_board(
        tmp_path,
        sys__class__thermal__thermal_zone0__temp="41000\n",
        sys__class__thermal__thermal_zone1__temp="67500\n",
        sys__devices__system__cpu__cpu0__cpufreq__scaling_cur_freq="2100000\n",
    )
    look = health.take_snapshot("cpu", None, root=root)

    assert (look.temperature_c, look.clock_hz) == (67.5, 2.1e9)
