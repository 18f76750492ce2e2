"""What a power sensor is: open it, read it, close it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError


class SensorUnavailable(BenchmarkError):
    """There is no such sensor for this target; says why, and what to do."""


class SensorLost(Exception):
    """The sensor stopped in the middle: what it measured until then stays."""


@dataclass(frozen=True, slots=True)
class PowerSample:
    """One reading.

    Attributes:
        time_ns: CLOCK_MONOTONIC at the reading.
        watts: power of all rails; None where a rail was missing (never a smaller sum) or is no number.
        energy_j: the sensor's counter since an origin of its own; None without a counter.
        ram_bytes: the machine's memory in use, as `ram_source` counts it; None where the sensor shows none.
    """

    time_ns: int
    watts: float | None
    energy_j: float | None = None
    ram_bytes: int | None = None

    def __post_init__(self) -> None:
        for name in ("watts", "energy_j"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                object.__setattr__(self, name, None)


@dataclass(frozen=True)
class PowerTarget:
    """What is to be measured.

    Attributes:
        torch_device: where torch computes: "cuda:0", "cpu", "mps".
        gpu_uuid: UUID of that GPU, as torch gives it, with or without its "GPU-".
        root: the file system's root, for sensors that are files.
    """

    torch_device: str
    gpu_uuid: str | None = None
    root: Path = Path("/")

    @property
    def computes_on_gpu(self) -> bool:
        """Whether a GPU's sensor covers what computes."""
        return self.torch_device.startswith(("cuda", "mps"))


@dataclass(eq=False, repr=False)
class Stated:
    """What a sensor says of itself.

    Attributes:
        source: library, driver and versions, in words.
        scope: what the reading covers: "gpu", "gpu+soc", "module", ...
        rails: the sensor's channels that are summed.
        period_s: time from one reading to the next, seconds.
        gain_uncertainty: relative standard uncertainty of its gain; None where nobody states it.
        gain_source: who states it.
        offset_uncertainty_w: standard uncertainty of what it reads where nothing is drawn, watts; None where
            nobody states it.
        offset_source: who states it, or why nobody does.
        resolution_w: its scale's step, watts; None where it is to be told from the readings.
        averaging_s: the time that one reading averages over, seconds; None where nobody knows.
        lag_s: how long after the fact a reading comes, seconds: half the time that it averages over; None where
            nobody knows. Samples are moved back by a known one.
        ram_source: how it counts the machine's memory; empty where it shows none.
    """

    source: str = ""
    scope: str = ""
    rails: tuple[str, ...] = ()
    period_s: float = 0.1
    gain_uncertainty: float | None = None
    gain_source: str = ""
    offset_uncertainty_w: float | None = None
    offset_source: str = ""
    resolution_w: float | None = None
    averaging_s: float | None = None
    lag_s: float | None = None
    ram_source: str = ""


@dataclass
class SensorFacts(Stated):
    """What a PowerMonitor said of itself when it was opened, for the Record and the journal."""

    @classmethod
    def of(cls, monitor: PowerMonitor) -> SensorFacts:
        """Return the facts of an open monitor."""
        return cls(**{field.name: getattr(monitor, field.name) for field in fields(cls)})

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> SensorFacts:
        """Return the facts that `asdict` and JSON have made plain."""
        return cls(**saved | {"rails": tuple(saved["rails"])})

    def same_sensor(self, other: SensorFacts) -> bool:
        """Return whether both cover the same thing, so that their energies may be added."""
        return (self.scope, self.rails) == (other.scope, other.rails)


class PowerMonitor(Stated, ABC):
    """A sensor. Subclass it in a file of its own, and name it in `benchmarks.power.MONITORS`.

    `__init__` takes a PowerTarget and the text after the colon of `--power-monitor=NAME:TEXT`
    (None without one), and takes one real reading: a library that loads is not yet a sensor. It
    raises SensorUnavailable, with the reason and the remedy, and sets what is Stated and not the
    same for all of its kind.

    Attributes:
        of_gpu: whether it covers a GPU alone, so that it says nothing of computing on the CPU.
        of_cpu: whether it covers a CPU alone, so that it says nothing of computing on a GPU.
        wider: the --power-monitor= of the same sensor that covers computing on the CPU too; empty without one.
        takes_text: whether there may be text after the colon.
        remarks: what happened to it meanwhile that a reader must know, in sentences; flags of the Record.
    """

    of_gpu: bool = False
    of_cpu: bool = False
    wider: str = ""
    takes_text: bool = False
    remarks: tuple[str, ...] = ()

    @classmethod
    def check(cls, argument: str | None) -> None:
        """Check the text after the colon before anything is measured.

        Raises:
            SensorUnavailable: it cannot be used.
        """

    @abstractmethod
    def __init__(self, target: PowerTarget, argument: str | None = None) -> None: ...

    @abstractmethod
    def read(self) -> list[PowerSample]:
        """Return what is new since the last call, oldest first; usually one sample.

        Raises:
            SensorLost: there will be no more.
        """

    def close(self) -> None:
        """Release the sensor; harmless to repeat."""
