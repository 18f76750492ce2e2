"""The real jtop service on made-up sysfs files, in a mount namespace of its own; run by test_jtop_service.py.

    unshare -m -p -f --kill-child --mount-proc python -m tests.support.jtop_stage SCENE FOLDER

What the service reads and writes is mounted over here first, and ends with this process: /sys, /run and /etc/group.
Prints what the scene saw as JSON.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.power.base import PowerTarget, SensorUnavailable
from benchmarks.power.sampler import Sampler
from benchmarks.power.sensors.jtop import JtopMonitor

if TYPE_CHECKING:
    from collections.abc import Callable

I2C = Path("/sys/bus/i2c/devices")
SOCKET = Path("/run/jtop.sock")
# {i2c device: (driver, {rail: (mV, mA)})}: what the boards' device trees name, facts of the kernel's ina3221 driver
ORIN = {
    "1-0040": ("ina3221", {"VDD_GPU_SOC": (19000, 400), "VDD_CPU_CV": (19000, 120), "VIN_SYS_5V0": (5000, 900)}),
    "1-0041": ("ina3221", {"NC1": (0, 0), "VDDQ_VDD2_1V8AO": (5000, 60), "NC2": (0, 0)}),
}
THOR = {
    "2-0040": ("ina3221", {"VDD_GPU": (12000, 3000), "VDD_CPU_SOC_MSS": (12000, 1500), "VIN_SYS_5V0": (5000, 3600)}),
    "2-0044": ("ina238", {"VIN": (19000, 4600)}),
}


class Brisk(JtopMonitor):
    """The monitor as it is, with less patience."""

    patience_s = 5.0
    silence_s = 1.5
    return_s = 10.0


def write(path: Path, text: object) -> None:
    """Write a file whole: the service's thread dies of an empty one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_name(f".{path.name}.new")
    whole.write_text(f"{text}\n")
    whole.replace(path)


def mount(kind: str, *arguments: str) -> None:
    """Mount something in this namespace."""
    subprocess.run(["mount", kind, *arguments], check=True)


def cover(folder: Path) -> None:
    """Mount private places over what the service reads and writes."""
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "tmpfs", "/sys")
    mount("-t", "tmpfs", "tmpfs", "/run")
    group = folder / "group"
    group.write_text(Path("/etc/group").read_text() + "jtop:x:4242:root\n")
    mount("--bind", str(group), "/etc/group")


def sysfs(board: dict[str, tuple[str, dict[str, tuple[int, int]]]]) -> None:
    """Make the files of a board's power monitors, and the little else that the service insists on."""
    write(Path("/sys/devices/virtual/dmi/id/board_name"), "stage")
    write(Path("/sys/devices/virtual/thermal/thermal_zone0/type"), "cpu-thermal")
    write(Path("/sys/devices/virtual/thermal/thermal_zone0/temp"), 45000)
    for name in ("/sys/class/power_supply", "/sys/class/devfreq", "/sys/class/thermal", "/sys/devices/system/cpu"):
        Path(name).mkdir(parents=True, exist_ok=True)
    for core in range(os.cpu_count() or 1):
        folder = Path(f"/sys/devices/system/cpu/cpu{core}/cpufreq")
        for name, khz in (("cur_freq", 1_500_000), ("min_freq", 115_200), ("max_freq", 2_201_600)):
            write(folder / f"scaling_{name}", khz)
            write(folder / f"cpuinfo_{name}", khz)
        write(folder / "scaling_governor", "schedutil")
    for place, (device, (driver, rails)) in enumerate(board.items()):
        write(I2C / device / "name", driver)
        folder = I2C / device / f"hwmon/hwmon{place + 3}"
        for number, (rail, (millivolts, milliamperes)) in enumerate(rails.items(), 1):
            if driver == "ina3221":
                write(folder / f"in{number}_label", rail)
            else:
                write(folder / f"power{number}_input", millivolts * milliamperes)
            write(folder / f"in{number}_input", millivolts)
            write(folder / f"curr{number}_input", milliamperes)


def serve(folder: Path, package: Path | None = None) -> subprocess.Popen[bytes]:
    """Start the service as systemd does, of another version if `package` is given, and wait until it listens."""
    settings = os.environ | {"JTOP_SERVICE": "True"}
    if package is not None:
        settings["PYTHONPATH"] = str(package)
    # It keeps its configuration under Python's own prefix, which is not for a test to write to.
    code = f"import sys; sys.base_prefix = {str(folder)!r}; from jtop.__main__ import main; main()"
    command = [sys.executable, "-c", code, "--force"]
    with (folder / "service.log").open("ab") as log:
        service = subprocess.Popen(command, env=settings, stdout=log, stderr=log, cwd=folder)
    wait(lambda: "service ready" in (folder / "service.log").read_text() and SOCKET.exists())
    return service


def stop(service: subprocess.Popen[bytes]) -> None:
    """Stop the service as systemd does."""
    service.send_signal(signal.SIGTERM)
    service.wait(10)


def wait(holds: Callable[[], bool], seconds: float = 8.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def sampled(monitor: JtopMonitor, seconds: float) -> list[float | None]:
    """Return the watts that a Sampler reads in so many seconds."""
    sampler = Sampler(monitor.read, monitor.period_s)
    sampler.start()
    time.sleep(seconds)
    sampler.stop()
    return [sample.watts for sample in sampler.samples]


def seen(monitor: JtopMonitor, watts: float | None) -> bool:
    """Return whether `watts` is what comes after some readings, and nothing else from then on."""
    sampled(monitor, 0.35)  # what was under way when the files changed
    return set(sampled(monitor, 0.5)) == {watts}


def orin(folder: Path) -> dict[str, Any]:
    """AGX Orin: known watts, a step, a rail that disappears, a service that goes away, comes back and goes again."""
    sysfs(ORIN)
    service = serve(folder)
    monitor = Brisk(PowerTarget("cuda:0"))
    found: dict[str, Any] = {"rails": monitor.rails, "source": monitor.source, "scope": monitor.scope}
    first = sampled(monitor, 1.0)
    found |= {"first": sorted(set(first), key=str), "readings": len(first)}
    readings = Sampler(monitor.read, monitor.period_s)
    readings.start()
    wait(lambda: bool(readings.samples))
    readings.stop()
    found["RAM"] = readings.samples[0].ram_bytes
    found["worth"] = [monitor.offset_uncertainty_w, monitor.resolution_w]
    current = I2C / "1-0040/hwmon/hwmon3/curr1_input"
    write(current, 2000)
    found["after a step"] = seen(monitor, 38.0)
    current.unlink()
    found["without the rail"] = seen(monitor, None)
    write(current, -20)
    found["below zero"] = seen(monitor, -0.38)
    sampler = Sampler(monitor.read, monitor.period_s)
    sampler.start()
    stop(service)
    time.sleep(0.5)
    service = serve(folder)
    wait(lambda: bool(monitor.remarks))
    time.sleep(0.4)
    found |= {"remarks": monitor.remarks, "lost": sampler.lost, "back": sampler.samples[-1].watts}
    found["void"] = [sample.watts for sample in sampler.samples].count(None)
    stop(service)
    wait(lambda: sampler.lost is not None)
    sampler.stop()
    monitor.close()
    return found | {"lost in the end": sampler.lost}


def thor(folder: Path) -> dict[str, Any]:
    """Thor: two rails make the sum, the carrier's VIN and jtop's total are no part of it; each of the two is needed."""
    sysfs(THOR)
    service = serve(folder)
    monitor = Brisk(PowerTarget("cuda:0"))
    found: dict[str, Any] = {"rails": monitor.rails, "source": monitor.source}
    found["watts"] = sorted(set(sampled(monitor, 0.6)), key=str)
    (I2C / "2-0040/hwmon/hwmon3/in2_input").unlink()
    found["without the rail"] = seen(monitor, None)
    monitor.close()
    stop(service)
    return found


def refused(**settings: float) -> str:
    """Return why the monitor refuses to open."""
    try:
        type("Hasty", (Brisk,), settings)(PowerTarget("cuda:0")).close()
    except SensorUnavailable as refusal:
        return str(refusal)
    return "nothing"


def refused_to_others() -> str:
    """Return why the monitor refuses to open for a user who is not in the group."""
    ours, theirs = os.pipe()
    if (child := os.fork()) == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        os.write(theirs, refused().encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(ours, 10_000).decode()


def other_version(folder: Path) -> Path:
    """Return the folder of a copy of jetson-stats that reports version 4.3.2."""
    spec = importlib.util.find_spec("jtop")
    assert spec is not None
    assert spec.origin is not None
    copy = shutil.copytree(Path(spec.origin).parent, folder / "other/jtop", ignore=shutil.ignore_patterns("*.pyc"))
    init = copy / "__init__.py"
    own = importlib.metadata.version("jetson-stats")
    init.write_text(init.read_text().replace(own, "4.3.2"))
    return copy.parent


def refusals(folder: Path) -> dict[str, Any]:
    """Return the refusals if the service does not run, hangs, has another version, refuses the user, or lacks rails."""
    found = {"no service": refused()}
    sysfs({"1-0040": ("ina3221", {"VIN_SYS_5V0": (5000, 900)})})
    service = serve(folder)
    found["no rails"] = refused()
    found["no permission"] = refused_to_others()
    os.kill(service.pid, signal.SIGSTOP)
    for child in Path(f"/proc/{service.pid}/task/{service.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGSTOP)
    found["it hangs"] = refused(patience_s=0.5)
    service.kill()
    SOCKET.unlink(missing_ok=True)
    service = serve(folder, other_version(folder))
    found["other version"] = refused()
    stop(service)
    return found


SCENES = {"orin": orin, "thor": thor, "refusals": refusals}

if __name__ == "__main__":
    where = Path(sys.argv[2])
    cover(where)
    print(json.dumps(SCENES[sys.argv[1]](where)), flush=True)  # noqa: T201 - the test reads it
    os._exit(0)  # the namespace ends with this process, and the service's helpers with it
