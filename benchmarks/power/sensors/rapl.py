"""CPUs of Intel and AMD: the energy counters of the kernel's powercap files (RAPL).

    /sys/class/powercap/intel-rapl:0/{name,energy_uj,max_energy_range_uj}      package-0
    /sys/class/powercap/intel-rapl:0:0/...                                     core, uncore, dram

Packages of all sockets are summed, and their memory where each of them counts it. `core` and
`uncore` are parts of the package, `psys` holds the packages, and `intel-rapl-mmio` counts the same
packages once more: none of them is ever added. AMD's counters stand in the same files.
https://docs.kernel.org/power/powercap/powercap.html
"""

import platform
import time
from pathlib import Path

from benchmarks.machine import sysfs
from benchmarks.power.base import PowerMonitor, PowerSample, PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sensors.kernel_files import check_number

FAMILIES = ("intel-rapl", "intel-rapl-mmio")
MOST_WATTS = 10_000.0
"""No zone draws more: a counter that would mean this was reset, and did not wrap around, or is no counter of energy."""
RENEWED_S = 1e-3
"""The counters go on in steps of about so long: two readings close together may have one between them, seconds."""
REMEDY = (
    "type sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj, and for every boot write "
    'SUBSYSTEM=="powercap", RUN+="/bin/chmod a+r %S%p/energy_uj" into /etc/udev/rules.d/60-rapl.rules'
)
"""Only root reads it since CVE-2020-8694: who reads it often enough learns something of what others compute."""


class Zone:
    """One counter, made to go on where it wraps around."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = sysfs.read_text(folder / "name")
        self._range = sysfs.read_number(folder / "max_energy_range_uj")
        self._last: float | None = None
        self._last_ns = 0
        self._total = 0.0

    def joules(self) -> float | None:
        """Return the energy since the first reading; None where it cannot be read, or has just jumped or been reset.

        With e microjoules now, e' before and range R, the step is e - e', and e - e' + R where e < e':
        a counter of 262 kJ wraps around every 44 minutes at 100 W, so that no more than one lies between.
        """
        now, now_ns = sysfs.read_number(self.folder / "energy_uj"), time.monotonic_ns()
        if now is None:
            return None
        last, self._last = self._last, now
        seconds, self._last_ns = (now_ns - self._last_ns) / 1e9, now_ns
        step = 0.0 if last is None else now - last
        if step < 0:
            step += self._range or 0.0
        if not 0 <= step <= MOST_WATTS * 1e6 * (seconds + RENEWED_S):
            return None
        self._total += step / 1e6
        return self._total


class RaplMonitor(PowerMonitor):
    """Energy of the processors' packages by their counters, 20 Hz; watts are the mean since the reading before.

    The counters are renewed about every millisecond, which is the error of a window's edges at most.
    """

    of_cpu = True
    period_s = 0.05

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:  # noqa: ARG002
        self._zones, self.scope = _zones(target.root / "sys/class/powercap")
        for zone in self._zones:
            check_number("rapl", zone.folder / "energy_uj", REMEDY)
        self.rails = tuple(zone.name for zone in self._zones)
        self.source = f"RAPL counters of {', '.join(zone.folder.name for zone in self._zones)}"
        self._before: PowerSample | None = None
        self.read()

    def read(self) -> list[PowerSample]:
        joules = [zone.joules() for zone in self._zones]
        now = time.monotonic_ns()
        if None in joules and not all(zone.folder.is_dir() for zone in self._zones):
            raise SensorLost("rapl: the kernel shows its counters no more")
        known = [value for value in joules if value is not None]
        energy = sum(known) if len(known) == len(joules) else None
        sample = PowerSample(now, _mean_watts(self._before, now, energy), energy)
        self._before = sample
        return [sample]


def _mean_watts(before: PowerSample | None, now_ns: int, energy: float | None) -> float | None:
    if before is None or before.energy_j is None or energy is None or now_ns <= before.time_ns:
        return None
    return (energy - before.energy_j) / (now_ns - before.time_ns) * 1e9


def _zones(folder: Path) -> tuple[list[Zone], str]:
    """Return (zones to sum, what they cover)."""
    for family in FAMILIES:
        zones = [Zone(path) for path in sorted(folder.glob(f"{family}:*"), key=lambda path: path.name)]
        packages = [z for z in zones if z.folder.name.count(":") == 1 and z.name.startswith("package")]
        # Memory is a zone below its package, but no part of it (Intel SDM, volume 3B, "RAPL domains").
        above = tuple(f"{package.folder.name}:" for package in packages)
        memory = [z for z in zones if z.name == "dram" and z.folder.name.startswith(above)]
        if packages:
            both = len(memory) == len(packages)
            return (packages + memory, "package+dram") if both else (packages, "package")
    if platform.machine().lower() in ("aarch64", "arm64"):
        raise SensorUnavailable(
            "rapl: an Arm processor has no such counters; type --power-monitor=csv:FILE for the log of a meter."
        )
    raise SensorUnavailable(
        "rapl: the kernel shows no counter of a processor's package (/sys/class/powercap); "
        "load intel_rapl_msr, or measure outside of the container, which hides them."
    )
