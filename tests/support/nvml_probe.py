"""Run the NVML monitor in a process of its own, on the stand-in for NVIDIA's driver library (fake_nvml.c)."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tests.support import nvml_stage, product

if TYPE_CHECKING:
    from pathlib import Path

UUID = "0000000{}-0000-0000-0000-000000000000"
SLICE = "00000103-0000-0000-0000-000000000000"  # the second slice of the first GPU
KNOWN_J = nvml_stage.compute_joules()

PROBE = """
import json, os, pathlib, sys, time
from benchmarks.power.base import PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sensors.nvml import NvmlMonitor
uuid, gone = sys.argv[1] or None, sys.argv[2]
try:
    monitor = NvmlMonitor(PowerTarget("cuda:0", uuid))
except SensorUnavailable as refusal:
    print(json.dumps({"refused": str(refusal)})); sys.exit()
first, = monitor.read()
time.sleep(0.2)
last, = monitor.read()
seen = {"watts": last.watts, "scope": monitor.scope, "source": monitor.source, "joules": None, "lost": None}
seen |= {"averaging_s": monitor.averaging_s, "lag_s": monitor.lag_s, "gain": monitor.gain_uncertainty}
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


def run_code(library: Path, code: str, *arguments: str, **fakes: str) -> Any:
    """Run `code` in a fresh interpreter that finds the library, and return what it prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=_environment(library) | fakes,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def probe_monitor(library: Path, folder: Path, uuid: str = "", **fakes: str) -> dict[str, Any]:
    """Open the monitor, read it twice, then let its GPU fall off the bus."""
    gone = str(folder / f"gone-{uuid}")
    found: dict[str, Any] = run_code(library, PROBE, uuid, gone, FAKE_GONE=gone, **fakes)
    return found


def play_scenes(library: Path, scenes: dict[str, dict[str, str]], *arguments: str) -> dict[str, dict[str, Any]]:
    """Play nvml_stage's power script in all scenes at once, each with its fakes, and return what each one found."""
    command = [sys.executable, "-m", "tests.support.nvml_stage", *arguments]
    started = {
        name: subprocess.Popen(
            command, env=_environment(library) | fakes, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for name, fakes in scenes.items()
    }
    found = {}
    for name, process in started.items():
        out, complaint = process.communicate(timeout=60)
        assert process.returncode == 0, complaint
        found[name] = json.loads(out)
    return found


def _environment(library: Path) -> dict[str, str]:
    return product.environment() | {"LD_LIBRARY_PATH": str(library), "PYTHONPATH": str(product.ROOT)}
