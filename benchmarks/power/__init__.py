"""MONITORS, the registry of sensors, and the choice among them.

To add a sensor, write one file with a PowerMonitor and add one entry here.
"""

import difflib
from dataclasses import dataclass

from benchmarks.errors import BenchmarkError
from benchmarks.power.base import PowerMonitor, PowerTarget, SensorUnavailable
from benchmarks.power.sensors.hwmon import HwmonMonitor
from benchmarks.power.sensors.jtop import JtopMonitor
from benchmarks.power.sensors.logs import ReplayMonitor, WallMeterMonitor
from benchmarks.power.sensors.nvml import NvmlMonitor
from benchmarks.power.sensors.rapl import RaplMonitor
from benchmarks.power.sensors.tegrastats import TegrastatsMonitor

MONITORS: dict[str, type[PowerMonitor]] = {
    "csv": WallMeterMonitor,
    "hwmon": HwmonMonitor,
    "jtop": JtopMonitor,
    "nvml": NvmlMonitor,
    "rapl": RaplMonitor,
    "replay": ReplayMonitor,
    "tegrastats": TegrastatsMonitor,
}
"""{name for --power-monitor: class}"""

AUTO = ("hwmon", "tegrastats", "jtop", "nvml", "rapl")
"""The sensors that `auto` tries, in this order.

A Jetson's rails come before NVML: a Thor's NVML shows its GPU alone, and an Orin's starts and answers no call. Among
the sensors of the same rails, the one that disturbs the measured work least comes first. hwmon reads three files
(hwmon.py gives the cost). tegrastats is one more process, and each of its lines is a reading. jtop's service forks a
process and reads the whole board at each tick, at the pace of its first client, and its client repeats old readings.
"""


@dataclass(frozen=True)
class Selection:
    """The sensor of a pair. Without one, `reason` names each sensor that was tried and why it failed."""

    name: str
    monitor: PowerMonitor | None
    reason: str | None
    scope_mismatch: bool = False


def check_option(option: str) -> None:
    """Raise BenchmarkError if --power-monitor is not valid."""
    name, _, argument = option.partition(":")
    known = ("auto", "none", *MONITORS)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=2, cutoff=0.4)
        guess = f"did you mean {' or '.join(near)}? " if near else ""
        raise BenchmarkError(f"--power-monitor={option}: there is no {name!r}; {guess}choose from {', '.join(known)}.")
    if argument and not (name in MONITORS and MONITORS[name].takes_argument):
        raise BenchmarkError(f"--power-monitor={option}: {name} takes no argument; type --power-monitor={name}.")
    if name in MONITORS:
        MONITORS[name].check(argument or None)


def select(option: str, target: PowerTarget) -> Selection:
    """Open the sensor that `option` names, or raise SensorUnavailable.

    `auto` chooses no sensor that does not cover the device that runs the model. One that `option` names is opened
    anyway, and marked as a mismatch.
    """
    name, _, argument = option.partition(":")
    if name == "none":
        return Selection("none", None, "power measurement is off (--power-monitor=none)")
    if name == "auto":
        return _select_first_working(target)
    monitor = MONITORS[name](target, argument or None)
    return Selection(name, monitor, None, scope_mismatch=find_mismatch(monitor, target) is not None)


def find_mismatch(sensor: PowerMonitor | type[PowerMonitor], target: PowerTarget) -> str | None:
    """Return why a sensor does not cover the device that runs the model; None if it does, or if a class cannot tell."""
    if sensor.gpu_only and not target.is_gpu:
        wider = f"; type --power-monitor={sensor.wider_option} for the whole module" if sensor.wider_option else ""
        return f"a GPU sensor does not measure a model that runs on the CPU{wider}"
    if sensor.cpu_only and target.is_gpu:
        return "a CPU sensor does not measure a model that runs on a GPU"
    return None


def _select_first_working(target: PowerTarget) -> Selection:
    refusals: dict[str, list[str]] = {}  # {reason: sensors}: each reason appears once
    for name in AUTO:
        try:
            return Selection(name, _open_matching(name, target), None)
        except SensorUnavailable as refusal:
            reason = str(refusal).removeprefix(f"{name}: ").rstrip(".")
        except Exception as error:  # noqa: BLE001 - a sensor of any kind may fail in any way; the others may work
            reason = f"{type(error).__name__}: {error}"
        refusals.setdefault(reason, []).append(name)
    details = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in refusals.items())
    return Selection("none", None, f"no sensor here ({details})")


def _open_matching(name: str, target: PowerTarget) -> PowerMonitor:
    """Open a sensor; raise SensorUnavailable if it cannot be opened or does not cover the target."""
    kind = MONITORS[name]
    if mismatch := find_mismatch(kind, target):
        raise SensorUnavailable(f"{name}: {mismatch}")
    monitor = kind(target)
    if mismatch := find_mismatch(monitor, target):  # a Jetson sensor knows only from its rails what it covers
        monitor.close()
        raise SensorUnavailable(f"{name}: {mismatch}")
    return monitor
