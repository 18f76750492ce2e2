"""The chips that measure a Jetson's rails, as the kernel shows them: files of hwmon, found by their labels."""

import math
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import sysfs
from benchmarks.power.sensors import ina3221

FOLDERS = ("sys/class/hwmon/hwmon*", "sys/bus/i2c/devices/*/hwmon/hwmon*")
INPUT = "VIN"  # the INA238 of Thor has no label, and sits before the carrier board
TIMING = ("samples", "update_interval")


@dataclass(frozen=True)
class Channel:
    """One rail of a chip: watts are the product of its files' numbers times `unit`.

    Attributes:
        folder: the chip's.
        number: the channel's in the names of its files.
        files: whose numbers make up its power.
        unit: watts of their product 1.
    """

    folder: Path
    number: int
    files: tuple[str, ...]
    unit: float

    @property
    def chip(self) -> str:
        """The chip's name, with how it averages where it says: that decides what its readings are worth."""
        settings = [(word, sysfs.read_text(self.folder / word)) for word in TIMING]
        said = [f"{word} {value}" for word, value in settings if value]
        return f"{_name(self.folder)} ({', '.join(said)})" if said else _name(self.folder)

    @property
    def volts(self) -> float | None:
        """The bus voltage now, volts."""
        return _scaled(self.folder / f"in{self.number}_input", 1e-3)

    @property
    def shunt_ohm(self) -> float | None:
        """The shunt that the board's own device tree states, ohms: of an INA3221 alone the kernel shows it."""
        return _scaled(self.folder / f"shunt{self.number}_resistor", 1e-6)

    @property
    def averaging_s(self) -> float | None:
        """The longest time that a reading averages over, seconds."""
        return ina3221.averaging_s(*(sysfs.read_number(self.folder / word) for word in TIMING))

    def watts(self) -> float | None:
        """Return power, negative where current flows back; None where it cannot be read or is no number."""
        found = [sysfs.read_number(self.folder / name) for name in self.files]
        known = [value for value in found if value is not None]
        return math.prod(known) * self.unit if len(known) == len(found) else None


def channels(root: Path) -> dict[str, Channel]:
    """Return {label: channel} of the chips below `root`; a label that two channels bear says nothing."""
    found: list[tuple[str, Channel]] = []
    folders = {folder.resolve() for pattern in FOLDERS for folder in root.glob(pattern)}
    for folder in sorted(folders):
        chip = _name(folder)
        if chip == "ina3221":
            found += [(sysfs.read_text(folder / f"in{n}_label"), _of_ina3221(folder, n)) for n in (1, 2, 3)]
        elif chip == "ina238":
            # https://docs.kernel.org/hwmon/ina238.html: power1_input is in microwatts
            found.append((sysfs.read_text(folder / "in1_label") or INPUT, Channel(folder, 1, ("power1_input",), 1e-6)))
    labels = [label for label, _ in found]
    return {label: channel for label, channel in found if label and labels.count(label) == 1}


def _of_ina3221(folder: Path, n: int) -> Channel:
    """Return a channel: https://docs.kernel.org/hwmon/ina3221.html has millivolts and milliamperes."""
    return Channel(folder, n, (f"in{n}_input", f"curr{n}_input"), 1e-6)


def _name(folder: Path) -> str:
    return sysfs.read_text(folder / "name") or sysfs.read_text(folder.parent.parent / "name")


def _scaled(file: Path, unit: float) -> float | None:
    value = sysfs.read_number(file)
    return None if value is None else value * unit
