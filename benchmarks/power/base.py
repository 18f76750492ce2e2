"""The interface of a power sensor: open it, read it, close it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.machine import sysfs
from benchmarks.machine.inputs import read_regular

LARGEST = 1e15
"""No device draws so many watts, and no counter reaches so many joules; NaN is no less."""


class SensorUnavailable(BenchmarkError):
    """The sensor cannot be opened for this target. The text says why, and what to type next."""


class SensorLost(Exception):
    """The sensor stopped while it was read. Its earlier samples stay valid."""


@dataclass(frozen=True, slots=True)
class PowerSample:
    """One reading."""

    time_ns: int  # CLOCK_MONOTONIC at the reading
    watts: float | None  # of all rails; None if a rail is missing (never a smaller sum), or for NaN and nonsense
    energy_j: float | None = None  # the sensor's energy counter, from an arbitrary origin; None without a counter
    ram_bytes: int | None = None  # the machine's memory in use, defined by `ram_source`; None if the sensor shows none
    refused_w: float | None = None  # power that the hardware cannot draw, as read; the value that it came from is None

    def __post_init__(self) -> None:
        for name in ("watts", "energy_j", "refused_w"):
            value = getattr(self, name)
            if value is not None and not abs(value) < LARGEST:
                object.__setattr__(self, name, None)


@dataclass(frozen=True)
class PowerTarget:
    """The device to measure."""

    torch_device: str  # the device that runs the model: "cuda:0", "cpu", "mps"
    gpu_uuid: str | None = None  # that GPU's, as torch gives it, with or without "GPU-"
    root: Path = Path("/")  # the root of the file system, for sensors that are files

    @property
    def is_gpu(self) -> bool:
        """Whether the model runs on a GPU."""
        return self.torch_device.startswith(("cuda", "mps"))


@dataclass
class SensorFacts:
    """The stated properties of a sensor, for the Record and the journal. None is unknown, and never invented."""

    source: str = ""  # library, driver and versions, in words
    scope: str = ""  # the part of the machine that the reading covers: "gpu", "gpu+soc", "module", ...
    rails: tuple[str, ...] = ()  # the sensor's channels that are summed
    period_s: float = 0.1  # time from one reading to the next
    gain_uncertainty: float | None = None  # gain error: relative standard uncertainty
    gain_source: str = ""  # who specifies the gain error, or why it is unknown
    offset_uncertainty_w: float | None = None  # offset error, the reading at 0 W: standard uncertainty
    offset_source: str = ""  # who specifies the offset error, or why it is unknown
    resolution_w: float | None = None  # step of the scale; None if it must be found in the readings
    averaging_s: float | None = None  # time that one reading averages over
    update_s: float | None = None  # time between updates by the sensor's own clock, if it holds each value until then
    lag_s: float | None = None  # delay of a reading, half the averaging time; a known lag is removed
    largest_w: float | None = None  # the hardware draws no more, in either direction; None if nobody states it
    range_source: str = ""  # who states that range, or why nobody does
    is_void_no_gap: bool = False  # a reading without a value is as one not taken: its neighbours stand for it
    ram_source: str = ""  # definition of the memory reading; empty if the sensor shows none

    @classmethod
    def from_monitor(cls, monitor: PowerMonitor) -> SensorFacts:
        """Return the facts of an open monitor."""
        return cls(**{field.name: getattr(monitor, field.name) for field in fields(cls)})

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> SensorFacts:
        """Return the facts that a journal holds. Older journals lack some of them."""
        return cls(**saved | {"rails": tuple(saved["rails"])})

    def is_same_sensor(self, other: SensorFacts) -> bool:
        """Return whether both cover the same rails: only then their energies may be added."""
        return (self.scope, self.rails) == (other.scope, other.rails)


class PowerMonitor(SensorFacts, ABC):
    """A sensor. Subclass it in a file of its own, and add it to `benchmarks.power.MONITORS`.

    `__init__` takes a PowerTarget and the text after the colon of `--power-monitor=NAME:TEXT` (None without one). It
    takes one real reading, because a library that loads is not yet a sensor, and sets the facts that differ from the
    class's. It raises SensorUnavailable with the reason and the remedy.
    """

    gpu_only: bool = False  # it does not cover a model that runs on the CPU
    cpu_only: bool = False  # it does not cover a model that runs on a GPU
    wider_option: str = ""  # the --power-monitor= of the same sensor that also covers the CPU
    takes_argument: bool = False  # whether text may follow the colon
    remarks: tuple[str, ...] = ()  # sentences on what happened since the opening; flags of the Record

    @classmethod
    def check(cls, argument: str | None) -> None:
        """Raise SensorUnavailable if the text after the colon cannot be used. Called before anything is measured."""

    @abstractmethod
    def __init__(self, target: PowerTarget, argument: str | None = None) -> None: ...

    @abstractmethod
    def read(self) -> list[PowerSample]:
        """Return the new samples since the last call, oldest first; raise SensorLost if no more will come."""

    def close(self) -> None:
        """Release the sensor; harmless to repeat."""

    def judge(self, sample: PowerSample) -> PowerSample:
        """Return a reading, without its watts if the hardware cannot draw them."""
        if sample.watts is None or self.largest_w is None or abs(sample.watts) <= self.largest_w:
            return sample
        return replace(sample, watts=None, refused_w=sample.watts)


def check_number(sensor: str, file: Path, remedy: str) -> None:
    """Raise SensorUnavailable if a file of the kernel holds no number; `remedy` helps against a denied permission."""
    try:
        read_regular(file, sysfs.MOST_BYTES)
    except OSError as error:
        helps = f"; {remedy}" if isinstance(error, PermissionError) else ""
        raise SensorUnavailable(f"{sensor}: {file} cannot be read ({error.strerror}){helps}.") from error
    if sysfs.read_number(file) is None:
        raise SensorUnavailable(f"{sensor}: {file} contains no number.")
