"""MONITORS: the sensors, and the choice among them.

A new sensor is one file with a PowerMonitor in it, and one entry here.
"""

import difflib
from dataclasses import dataclass

from benchmarks.errors import BenchmarkError
from benchmarks.power.base import PowerMonitor, PowerTarget, SensorUnavailable
from benchmarks.power.sensors.hwmon import HwmonMonitor
from benchmarks.power.sensors.jtop import JtopMonitor
from benchmarks.power.sensors.nvml import NvmlMonitor
from benchmarks.power.sensors.rapl import RaplMonitor
from benchmarks.power.sensors.replay import ReplayMonitor
from benchmarks.power.sensors.tegrastats import TegrastatsMonitor
from benchmarks.power.sensors.wallmeter import WallMeterMonitor

MONITORS: dict[str, type[PowerMonitor]] = {
    "csv": WallMeterMonitor,
    "hwmon": HwmonMonitor,
    "jtop": JtopMonitor,
    "nvml": NvmlMonitor,
    "rapl": RaplMonitor,
    "replay": ReplayMonitor,
    "tegrastats": TegrastatsMonitor,
}
"""--power-monitor's name -> its class."""

AUTO = ("hwmon", "tegrastats", "jtop", "nvml", "rapl")
"""What `auto` tries, in this order.

A Jetson's rails come before NVML: a Thor's NVML shows its GPU alone, and an Orin's initialises and answers nothing.
Among the sensors of the same rails, what disturbs the measured work least comes first: hwmon reads three files
(hwmon.py says what that costs); tegrastats is one process, and each line that it prints is a reading; jtop's service
forks a process and reads the whole board at each tick, its pace is the first client's choice, and its client gives
out old readings as if they were new. A log of a meter and a recorded trace are for whoever names them.
"""


@dataclass(frozen=True)
class Selection:
    """The sensor of a pair. Without one, `reason` says why; each sensor that was tried is in it."""

    name: str
    monitor: PowerMonitor | None
    reason: str | None
    scope_mismatch: bool = False


def check_option(option: str) -> None:
    """Raise BenchmarkError where --power-monitor names what there is not."""
    name, _, argument = option.partition(":")
    known = ("auto", "none", *MONITORS)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=2, cutoff=0.4)
        guess = f"did you mean {' or '.join(near)}? " if near else ""
        raise BenchmarkError(f"--power-monitor={option}: there is no {name!r}; {guess}there are {', '.join(known)}.")
    if argument and not (name in MONITORS and MONITORS[name].takes_text):
        raise BenchmarkError(f"--power-monitor={option}: {name} takes nothing after it; type --power-monitor={name}.")
    if name in MONITORS:
        MONITORS[name].check(argument or None)


def select(option: str, target: PowerTarget) -> Selection:
    """Open the sensor that `option` asks for.

    `auto` never pairs a GPU's sensor with computing on the CPU, nor a CPU's with computing on a GPU.
    A sensor asked for by name is opened all the same, and marked as a mismatch.

    Raises:
        SensorUnavailable: the sensor asked for by name is not to be had.
    """
    name, _, argument = option.partition(":")
    if name == "none":
        return Selection("none", None, "--power-monitor=none was asked for")
    if name == "auto":
        return _first_that_works(target)
    monitor = MONITORS[name](target, argument or None)
    return Selection(name, monitor, None, scope_mismatch=mismatch(monitor, target) is not None)


def _first_that_works(target: PowerTarget) -> Selection:
    refused: dict[str, list[str]] = {}  # reason -> whose it is: each is said once
    for name in AUTO:
        try:
            return Selection(name, _covering(name, target), None)
        except SensorUnavailable as refusal:
            reason = str(refusal).removeprefix(f"{name}: ").rstrip(".")
        except Exception as error:  # noqa: BLE001 - a sensor of any kind may fail in any way; the others may work
            reason = f"{type(error).__name__}: {error}"
        refused.setdefault(reason, []).append(name)
    told = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in refused.items())
    return Selection("none", None, f"no sensor here ({told})")


def _covering(name: str, target: PowerTarget) -> PowerMonitor:
    """Return the open sensor; raise SensorUnavailable where it is not to be had, or does not cover what computes."""
    kind = MONITORS[name]
    if why := mismatch(kind, target):
        raise SensorUnavailable(f"{name}: {why}")
    monitor = kind(target)
    if why := mismatch(monitor, target):  # some know only by their rails what they cover
        monitor.close()
        raise SensorUnavailable(f"{name}: {why}")
    return monitor


def mismatch(sensor: PowerMonitor | type[PowerMonitor], target: PowerTarget) -> str | None:
    """Return why a sensor does not cover what computes; None where it does. A class may not know yet."""
    if sensor.of_gpu and not target.computes_on_gpu:
        also = f"; type --power-monitor={sensor.wider} for all of the module, which does" if sensor.wider else ""
        return f"a GPU's sensor does not cover computing on the CPU{also}"
    if sensor.of_cpu and target.computes_on_gpu:
        return "a CPU's sensor does not cover computing on a GPU"
    return None
