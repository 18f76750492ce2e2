"""The NVML monitor over the real nvidia-ml-py and a library without a GPU (fake_nvml.c). Never run on a board."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import product

SOURCE = Path(__file__).with_name("fake_nvml.c")
UUID = "0000000{}-0000-0000-0000-000000000000"

PROBE = """
import json, os, pathlib, sys, time
from benchmarks.power.base import PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.nvml import NvmlMonitor
uuid, gone = sys.argv[1] or None, sys.argv[2]
try:
    monitor = NvmlMonitor(PowerTarget("cuda:0", uuid))
except SensorUnavailable as refusal:
    print(json.dumps({"refused": str(refusal)})); sys.exit()
first, = monitor.read()
time.sleep(0.2)
last, = monitor.read()
seen = {"watts": last.watts, "scope": monitor.scope, "source": monitor.source, "joules": None, "lost": None}
seen |= {"averaging_s": monitor.averaging_s, "lag_s": monitor.lag_s}
if last.energy_j is not None:
    seen["joules"] = (last.energy_j - first.energy_j) / (last.time_ns - first.time_ns) * 1e9
pathlib.Path(gone).touch()
try:
    monitor.read()
except SensorLost as loss:
    seen["lost"] = str(loss)
monitor.close()
monitor.close()
print(json.dumps(seen))
"""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a libnvidia-ml.so.1 in it."""
    if (compiler := shutil.which("cc")) is None:
        pytest.skip("there is no C compiler (cc) to build the stand-in for NVIDIA's driver library")
    folder = tmp_path_factory.mktemp("nvml")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "libnvidia-ml.so.1", SOURCE], check=True)
    return folder


def ask(library: Path, code: str, *arguments: str, **fakes: str) -> Any:
    """Run `code` in a fresh interpreter that finds the library, and return what it prints as JSON."""
    settings = product.environment() | {"LD_LIBRARY_PATH": str(library), "PYTHONPATH": str(product.ROOT)} | fakes
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=settings, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def probe(library: Path, tmp_path: Path, uuid: str = "", **fakes: str) -> dict[str, Any]:
    """Open the monitor, read it twice, lose the GPU."""
    gone = str(tmp_path / f"gone-{uuid}")
    found: dict[str, Any] = ask(library, PROBE, uuid, gone, FAKE_GONE=gone, **fakes)
    return found


def test_power_and_counter(library: Path, tmp_path: Path) -> None:
    """Watts come from the instantaneous field, joules from the driver's counter, both in SI units."""
    seen = probe(library, tmp_path, FAKE_MW="42500")

    assert seen["watts"] == 42.5
    assert seen["joules"] == pytest.approx(42.5, rel=0.02)
    assert seen["scope"] == "gpu"
    assert "instantaneous power field" in seen["source"]
    assert "580.95.05" in seen["source"]


@pytest.mark.parametrize(("off", "averaging_s"), [("", None), ("I", 1.0)], ids=["instantaneous", "power usage"])
def test_what_a_reading_averages_over(library: Path, tmp_path: Path, off: str, averaging_s: float | None) -> None:
    """PowerUsage may average over 1 s and is judged by it; of the other field, and of the lag, nothing is made up."""
    seen = probe(library, tmp_path, FAKE_OFF=off)

    assert seen["averaging_s"] == averaging_s
    assert seen["lag_s"] is None


def test_a_lost_gpu_is_a_lost_sensor(library: Path, tmp_path: Path) -> None:
    """A GPU that falls off the bus is a loss of the sensor, with the reason, and no reading of 0 W."""
    assert "GPU is lost" in probe(library, tmp_path)["lost"]


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
    library: Path, tmp_path: Path, fakes: dict[str, str], source: str, scope: str, *, counts: bool
) -> None:
    """Whatever a board's driver does not support, the rest is measured, and the source says by what."""
    seen = probe(library, tmp_path, **fakes)

    assert seen["watts"] == 30.0
    assert source in seen["source"]
    assert seen["scope"] == scope
    assert (seen["joules"] is not None) == counts


@pytest.mark.parametrize(
    ("fakes", "uuid", "complaint"),
    [
        ({"FAKE_OFF": "IP"}, "", "answers no power call"),
        ({"FAKE_MIG": "1"}, "", "MIG is on"),
        ({"FAKE_GPUS": "2"}, "", "NVML shows 2 GPUs and torch did not say"),
        ({"FAKE_GPUS": "2"}, "feed", "none with the UUID feed"),
    ],
    ids=["no power call (Orin)", "MIG", "two GPUs, no UUID", "unknown UUID"],
)
def test_what_cannot_be_attributed_is_refused(
    library: Path, tmp_path: Path, fakes: dict[str, str], uuid: str, complaint: str
) -> None:
    """A library that loads is no sensor yet: without a real reading of the right GPU it is refused, with why."""
    assert complaint in probe(library, tmp_path, uuid, **fakes)["refused"]


def test_the_right_gpu_by_its_uuid(library: Path, tmp_path: Path) -> None:
    """CUDA's numbering is not NVML's: the GPU is found by the UUID that torch gives, with or without "GPU-"."""
    assert probe(library, tmp_path, UUID.format(2), FAKE_GPUS="2")["watts"] == 60.0
    assert probe(library, tmp_path, "GPU-" + UUID.format(1), FAKE_GPUS="2")["watts"] == 30.0


def test_without_a_driver(tmp_path: Path) -> None:
    """Where there is no NVIDIA driver the monitor is refused, and says so."""
    if shutil.which("nvidia-smi"):
        pytest.skip("this machine has an NVIDIA driver")

    assert "nvml: NVML did not start" in probe(tmp_path, tmp_path)["refused"]


def test_health_and_vram(library: Path) -> None:
    """Temperature, clock, throttling and the process's VRAM are read by the same library."""
    code = """
import json, os
from benchmarks import device, health, memory
look = health.snapshot("cuda:0", None)
watch = health.Watch(None)
unread = watch.seen
watch.read(); watch.read(); watch.close(); watch.close()
vram = memory.MemoryReader("discrete", os.getpid()).read()[0].vram
print(json.dumps([look.temperature_c, look.clock_hz, unread, watch.seen, vram, device.identify("cuda:0")["label"]]))
"""
    seen = ask(library, code)

    assert seen == [61.0, 2.4e9, None, ["hardware thermal slowdown"], 4_000_000_000, "GB10"]
