"""The NVML monitor with the real nvidia-ml-py and a stand-in for the driver (fake_nvml.c). Never run on a board.

Tests benchmarks.machine.nvml and benchmarks.power.sensors.nvml.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pynvml
import pytest

from tests.support import product
from tests.support.nvml_probe import SLICE, UUID, probe_monitor, run_code


def test_power_and_counter(nvml_library: Path, tmp_path: Path) -> None:
    """Watts come from the instantaneous field, joules from the driver's counter, both in SI units."""
    seen = probe_monitor(nvml_library, tmp_path, FAKE_MW="42500")

    assert seen["watts"] == 42.5
    assert seen["joules"] == pytest.approx(42.5, rel=0.02)
    assert seen["scope"] == "gpu"
    assert "instantaneous power field" in seen["source"]
    assert "580.95.05" in seen["source"]


@pytest.mark.parametrize(("off", "averaging_s"), [("", None), ("I", 1.0)], ids=["instantaneous", "power usage"])
def test_what_a_reading_averages_over(nvml_library: Path, tmp_path: Path, off: str, averaging_s: float | None) -> None:
    """PowerUsage counts as an average over 1 s; the other field's averaging time and the lag stay unknown."""
    seen = probe_monitor(nvml_library, tmp_path, FAKE_OFF=off)

    assert seen["averaging_s"] == averaging_s
    assert seen["lag_s"] is None


@pytest.mark.parametrize(("profile", "gain"), [("RTX", 0.05), ("H200", None), ("GB10", None), ("Thor", None)])
def test_a_gain_is_stated_of_what_was_compared(
    nvml_library: Path, tmp_path: Path, profile: str, gain: float | None
) -> None:
    """The gain error is specified for Ampere and Ada boards, and null for all others."""
    assert probe_monitor(nvml_library, tmp_path, FAKE_PROFILE=profile)["gain"] == gain


@pytest.mark.parametrize("off", ["", "K"], ids=["nothing answers", "its UUID is remembered"])
def test_a_lost_gpu_is_a_lost_sensor(nvml_library: Path, tmp_path: Path, off: str) -> None:
    """A GPU that falls off the bus is a lost sensor with a reason, not a reading of 0 W."""
    assert "GPU is lost" in probe_monitor(nvml_library, tmp_path, FAKE_OFF=off)["lost"]


def test_a_missing_reading_is_no_lost_sensor(nvml_library: Path) -> None:
    """One missing value voids the reading, and the sensor continues, even on a GPU without a UUID."""
    code = """
import json, os
from benchmarks.power.base import PowerTarget
from benchmarks.power.sensors.nvml import NvmlMonitor
monitor, seen = NvmlMonitor(PowerTarget("cuda:0")), []
for off in ("D", "DIP", "D"):
    os.environ["FAKE_OFF"] = off
    seen += [sample.watts for sample in monitor.read()]
print(json.dumps(seen))
"""
    assert run_code(nvml_library, code) == [30.0, None, 30.0]


@pytest.mark.parametrize("milliwatts", ["0", "-1"], ids=["0", "NVML_VALUE_NOT_AVAILABLE"])
def test_a_number_that_says_unknown_is_no_power(nvml_library: Path, tmp_path: Path, milliwatts: str) -> None:
    """0 W and NVML's number for an unknown value (4.3 MW) are not readings."""
    assert "supports no power call" in probe_monitor(nvml_library, tmp_path, FAKE_MW=milliwatts)["refused"]


@pytest.mark.parametrize(
    ("fakes", "source", "scope", "counts"),
    [
        ({"FAKE_OFF": "I"}, "nvmlDeviceGetPowerUsage", "gpu", True),
        ({"FAKE_OFF": "E"}, "instantaneous power field", "gpu", False),
        ({"FAKE_OFF": "IEMTCRV"}, "nvmlDeviceGetPowerUsage", "gpu", False),
        ({"FAKE_MODULE_ONLY": "1"}, "instantaneous power field", "module", True),
    ],
    ids=["no instantaneous field", "no counter (GB10)", "power usage alone", "module scope alone"],
)
def test_any_optional_call_may_be_missing(
    nvml_library: Path, tmp_path: Path, fakes: dict[str, str], source: str, scope: str, *, counts: bool
) -> None:
    """If a driver lacks a call, the others are used, and the source names them."""
    seen = probe_monitor(nvml_library, tmp_path, **fakes)

    assert seen["watts"] == 30.0
    assert source in seen["source"]
    assert seen["scope"] == scope
    assert (seen["joules"] is not None) == counts


@pytest.mark.parametrize(
    ("fakes", "uuid", "complaint"),
    [
        ({"FAKE_OFF": "IP"}, "", "supports no power call"),
        ({"FAKE_GPUS": "2"}, "", "NVML lists 2 GPUs, and torch did not report which one it uses"),
        ({"FAKE_GPUS": "2"}, "feed", "none with the UUID feed"),
    ],
    ids=["no power call (Orin)", "two GPUs, no UUID", "unknown UUID"],
)
def test_what_cannot_be_attributed_is_refused(
    nvml_library: Path, tmp_path: Path, fakes: dict[str, str], uuid: str, complaint: str
) -> None:
    """Without a real reading of the right GPU the sensor is refused with the reason."""
    assert complaint in probe_monitor(nvml_library, tmp_path, uuid, **fakes)["refused"]


def test_the_right_gpu_by_its_uuid(nvml_library: Path, tmp_path: Path) -> None:
    """The GPU is found by torch's UUID, with or without "GPU-", because CUDA and NVML number GPUs differently."""
    two = {"FAKE_GPUS": "2", "CUDA_VISIBLE_DEVICES": "1"}
    assert probe_monitor(nvml_library, tmp_path, UUID.format(2), **two)["watts"] == 60.0
    assert probe_monitor(nvml_library, tmp_path, "GPU-" + UUID.format(1), FAKE_GPUS="2")["watts"] == 30.0


def test_a_neighbour_that_failed_hides_no_gpu(nvml_library: Path, tmp_path: Path) -> None:
    """A GPU is found although the one before it failed; the failed one is not."""
    assert probe_monitor(nvml_library, tmp_path, UUID.format(2), FAKE_GPUS="2", FAKE_DEAD="0")["watts"] == 60.0
    assert (
        "none with the UUID"
        in probe_monitor(nvml_library, tmp_path, UUID.format(1), FAKE_GPUS="2", FAKE_DEAD="0")["refused"]
    )
    assert "lists no GPU that works" in probe_monitor(nvml_library, tmp_path, FAKE_DEAD="0")["refused"]


def test_without_a_driver(tmp_path: Path) -> None:
    """Without an NVIDIA driver the monitor is refused with that reason."""
    if shutil.which("nvidia-smi"):
        pytest.skip("this machine has an NVIDIA driver")

    refused = probe_monitor(tmp_path, tmp_path)["refused"]
    assert "nvml: NVML did not start" in refused
    assert "expected if there is no NVIDIA GPU; otherwise install its driver" in refused
    assert "a container with --gpus all or --runtime nvidia" in refused


def test_health_and_vram(nvml_library: Path) -> None:
    """Temperature, clock, throttling and the process's VRAM come from the same library."""
    code = """
import json, os
from benchmarks.machine import device, health, memory
look = health.take_snapshot("cuda:0", None)
watch = health.ThrottleWatch(None)
unread = watch.seen
watch.read(); watch.read(); watch.close(); watch.close()
vram = memory.MemoryReader("discrete", os.getpid()).read()[0].vram
print(json.dumps([look.temperature_c, look.clock_hz, unread, watch.seen, vram, device.identify("cuda:0")["label"]]))
"""
    seen = run_code(nvml_library, code)

    assert seen == [61.0, 2.4e9, None, ["hardware thermal slowdown"], 4_000_000_000, "GB10"]


def test_several_gpus_are_no_cpu(nvml_library: Path, tmp_path: Path) -> None:
    """If the driver shows GPUs and no device files (WSL), the torch device `auto` is CUDA."""
    code = """
import json, pathlib, sys
from benchmarks.machine import device
print(json.dumps(device.choose_torch_device("auto", pathlib.Path(sys.argv[1]))))
"""
    for fakes in ({"FAKE_GPUS": "2"}, {"FAKE_MIG": "1"}, {}):
        assert run_code(nvml_library, code, str(tmp_path), **fakes) == "cuda:0"


@pytest.mark.parametrize("fakes", [{"FAKE_OFF": "IP"}, {"FAKE_MIG": "1"}, {"FAKE_GPUS": "2"}])
def test_a_refusal_lets_go_of_the_library(nvml_library: Path, fakes: dict[str, str]) -> None:
    """A refused sensor leaves NVML as it found it."""
    code = """
import json, sys
from benchmarks.power.base import PowerTarget, SensorUnavailable
from benchmarks.power.sensors.nvml import NvmlMonitor
refused = 0
for uuid in (None, sys.argv[1]):
    try:
        NvmlMonitor(PowerTarget("cuda:0", uuid)).close()
    except SensorUnavailable:
        refused += 1
import pynvml
print(json.dumps([refused > 0, pynvml._nvmlLib_refcount]))
"""
    assert run_code(nvml_library, code, SLICE, **fakes) == [True, 0]


def test_the_unofficial_pynvml_is_refused(nvml_library: Path, tmp_path: Path) -> None:
    """The unofficial pynvml package, which hides NVIDIA's own, is refused with what to type."""
    package = tmp_path / "pynvml"
    package.mkdir()
    (package / "__init__.py").write_text("from .nvml import *\n")  # as theirs, it hides the names with an underscore
    (package / "nvml.py").write_text("def nvmlInit(): ...\ndef _nvmlGetFunctionPointer(name): ...\n")
    paths = os.pathsep.join([str(tmp_path), str(product.ROOT)])

    assert probe_monitor(nvml_library, tmp_path, PYTHONPATH=paths)["refused"] == (
        "nvml: the unofficial pynvml package hides nvidia-ml-py (pip uninstall pynvml; pip install nvidia-ml-py)."
    )


def test_nvidia_s_file_alone_is_enough(nvml_library: Path, tmp_path: Path) -> None:
    """The sensor works if a distribution ships NVIDIA's file under its own package name."""
    site = tmp_path / "site"
    site.mkdir()
    shutil.copy(Path(pynvml.__file__), site)
    code = f"""
import sys
sys.path[:] = [place for place in sys.path if not place.endswith("site-packages")] + [{str(site)!r}]
import json
from benchmarks.power.base import PowerTarget
from benchmarks.power.sensors.nvml import NvmlMonitor
print(json.dumps(NvmlMonitor(PowerTarget("cuda:0")).source))
"""
    assert "nvidia-ml-py of unknown version" in run_code(nvml_library, code)
