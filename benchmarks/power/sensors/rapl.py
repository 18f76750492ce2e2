"""CPUs of Intel and AMD: the energy counters of the kernel's powercap files (RAPL).

    /sys/class/powercap/intel-rapl:0/{name,energy_uj,max_energy_range_uj}      package-0
    /sys/class/powercap/intel-rapl:0:0/...                                     core, uncore, dram

The packages of all sockets are summed, and their memory where each of them counts it. `core` and `uncore` are parts of
the package, `psys` includes the packages, and `intel-rapl-mmio` counts the same packages again: none of them is ever
added. AMD's counters are in the same files. https://docs.kernel.org/power/powercap/powercap.html
"""

import platform
import time
from pathlib import Path

from benchmarks.machine import sysfs
from benchmarks.power.base import PowerMonitor, PowerSample, PowerTarget, SensorLost, SensorUnavailable, check_number
from benchmarks.power.sensors import ranges

MOST_WATTS = 10_000.0
"""No zone draws more. A counter that implies more was reset, did not wrap around, or does not count energy."""
LIMITS = ("constraint_*_max_power_uw", "constraint_*_power_limit_uw")  # of a processor, where the kernel shows them
STEP_S = 1e-3  # the counters move about this often; two close readings may have one step between them
REMEDY = (
    "type sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj, and for every boot write "
    'SUBSYSTEM=="powercap", RUN+="/bin/chmod a+r %S%p/energy_uj" into /etc/udev/rules.d/60-rapl.rules'
)
"""Only root reads it since CVE-2020-8694: frequent readings reveal what other processes compute."""


class Zone:
    """One counter, continued where it wraps around."""

    largest_w = MOST_WATTS  # the most that its zone draws, watts
    refused_w: float | None = None  # what the last reading implies, watts, if the zone cannot draw that; else None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = sysfs.read_text(folder / "name")
        self._range = sysfs.read_number(folder / "max_energy_range_uj")
        self._last: tuple[float, int] | None = None
        self._refused: tuple[float, int] | None = None
        self._total = 0.0

    def read_joules(self) -> float | None:
        """Return the energy since the first reading; None if the file holds no number, or the energy is unknown.

        A reading that implies too much power is refused, and the next one continues from the last good one: no energy
        is lost. Where that one is refused too but continues the refused one, the counter was reset in between.
        """
        self.refused_w = None
        now, now_ns = sysfs.read_number(self.folder / "energy_uj"), time.monotonic_ns()
        if now is None:
            return None
        watts, step = self._compute_step(self._last, now, now_ns)
        was_refused, self._refused = self._refused, None
        is_reset = False
        if not self._is_possible(watts):
            after, step = self._compute_step(was_refused, now, now_ns)
            is_reset = was_refused is not None and self._is_possible(after)
            if not is_reset:
                self._refused, self.refused_w = (now, now_ns), watts
                return None
        self._last, self._total = (now, now_ns), self._total + step
        return None if is_reset else self._total

    def _is_possible(self, watts: float) -> bool:
        return 0 <= watts <= self.largest_w

    def _compute_step(self, before: tuple[float, int] | None, now: float, now_ns: int) -> tuple[float, float]:
        """Return (watts, joules) since a reading.

        With e microjoules now, e' before and range R, the step is e - e', or e - e' + R where e < e'. A counter of
        262 kJ wraps around every 44 minutes at 100 W, so at most one wrap lies between two readings.
        """
        if before is None:
            return 0.0, 0.0
        step = now - before[0]
        if step < 0:
            step += self._range or 0.0
        return step / 1e6 / ((now_ns - before[1]) / 1e9 + STEP_S), step / 1e6


class RaplMonitor(PowerMonitor):
    """Energy of the processors' packages at 20 Hz; watts are the mean since the previous reading."""

    cpu_only = True
    period_s = 0.05

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:
        self._zones, self.scope = _find_zones(target.root)
        for zone in self._zones:
            check_number("rapl", zone.folder / "energy_uj", REMEDY)
        self.rails = tuple(zone.name for zone in self._zones)
        self.source = f"RAPL counters of {', '.join(zone.folder.name for zone in self._zones)}"
        self._previous = PowerSample(0, None)
        self._find_range()
        self.read()

    def _find_range(self) -> None:
        """Set what the zones can draw at most; memory draws less than its package, and has no limit here."""
        packages = [zone for zone in self._zones if zone.name != "dram"]
        limits = [_find_limit_w(zone.folder) for zone in packages]
        known = [limit for limit in limits if limit is not None]
        self.range_source = f"the kernel's files state no limit of a package; up to {MOST_WATTS:g} W count"
        if len(known) == len(packages):
            self.range_source = ranges.describe(max(known), "the highest limit in the kernel's files, for each zone")
            for zone in self._zones:
                zone.largest_w = min(MOST_WATTS, ranges.compute_largest_w(max(known)))
            self.largest_w = sum(zone.largest_w for zone in self._zones)

    def read(self) -> list[PowerSample]:
        joules = [zone.read_joules() for zone in self._zones]
        now, previous = time.monotonic_ns(), self._previous
        if None in joules and not all(zone.folder.is_dir() for zone in self._zones):
            raise SensorLost("rapl: the kernel no longer exposes the counters")
        known = [value for value in joules if value is not None]
        energy = sum(known) if len(known) == len(joules) else None
        watts = None
        if energy is not None and previous.energy_j is not None and now > previous.time_ns:
            watts = (energy - previous.energy_j) / (now - previous.time_ns) * 1e9
        refused = max((zone.refused_w for zone in self._zones if zone.refused_w is not None), key=abs, default=None)
        sample = PowerSample(now, watts, energy, refused_w=refused)
        if refused is None:
            self._previous = sample
        return [sample]


def _find_limit_w(zone: Path) -> float | None:
    """Return the highest power limit of a zone, watts; None if its files state none."""
    limits = [sysfs.read_number(file) for name in LIMITS for file in zone.glob(name)]
    return max((limit / 1e6 for limit in limits if limit is not None and limit > 0), default=None)


def _find_zones(root: Path) -> tuple[list[Zone], str]:
    """Return (zones to sum, what they cover)."""
    for family in ("intel-rapl", "intel-rapl-mmio"):
        zones = [Zone(folder) for folder in sysfs.find_files(root, f"sys/class/powercap/{family}:*")]
        packages = [z for z in zones if z.folder.name.count(":") == 1 and z.name.startswith("package")]
        # Memory is a zone below its package, but not part of it (Intel SDM, volume 3B, "RAPL domains").
        above = tuple(f"{package.folder.name}:" for package in packages)
        memory = [z for z in zones if z.name == "dram" and z.folder.name.startswith(above)]
        if packages:
            both = len(memory) == len(packages)
            return (packages + memory, "package+dram") if both else (packages, "package")
    if platform.machine().lower() in ("aarch64", "arm64"):
        remedy = "type --power-monitor=csv:FILE for the log of a meter"
        raise SensorUnavailable(f"rapl: an Arm processor has no such counters; {remedy}.")
    raise SensorUnavailable(
        "rapl: the kernel exposes no energy counter of a processor package (/sys/class/powercap); "
        "load intel_rapl_msr, or measure outside the container: containers hide these counters."
    )
