"""The chips that measure a Jetson's rails: the kernel's hwmon files, found by their labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import sysfs
from benchmarks.power.sensors import ina3221

FOLDERS = ("sys/class/hwmon/hwmon*", "sys/bus/i2c/devices/*/hwmon/hwmon*")
TIMING = ("samples", "update_interval")


@dataclass(frozen=True)
class Channel:
    """One rail of a chip, numbered in the names of its files; its microwatts are the product of `files`."""

    folder: Path
    number: int
    files: tuple[str, ...]

    @property
    def chip(self) -> str:
        """The chip's name, and how it averages if the kernel shows that."""
        settings = [(word, sysfs.read_text(self.folder / word)) for word in TIMING]
        shown = [f"{word} {value}" for word, value in settings if value]
        return f"{_read_name(self.folder)} ({', '.join(shown)})" if shown else _read_name(self.folder)

    @property
    def volts(self) -> float | None:
        """The bus voltage now, volts."""
        return _read_scaled(self.folder / f"in{self.number}_input", 1e-3)

    @property
    def shunt_ohm(self) -> float | None:
        """The shunt that the board's device tree states, ohms; the kernel shows it for an INA3221 alone."""
        return _read_scaled(self.folder / f"shunt{self.number}_resistor", 1e-6)

    @property
    def averaging_s(self) -> float | None:
        """The time that a reading averages over, seconds; None if unknown, as for an INA238."""
        if not self.is_ina3221:
            return None
        return ina3221.compute_averaging_s(*(sysfs.read_number(self.folder / word) for word in TIMING))

    def read(self) -> tuple[float, ...] | None:
        """Return the numbers of `files`; None if a file holds none."""
        numbers = [sysfs.read_number(self.folder / name) for name in self.files]
        known = tuple(number for number in numbers if number is not None)
        return known if len(known) == len(numbers) else None

    def is_beyond(self, numbers: Sequence[float], ohms: float | None) -> bool:
        """Return whether a reading lies outside the range of the chip, whose shunt has `ohms`, None if unknown."""
        return self.is_ina3221 and ina3221.is_beyond(numbers[0] / 1e3, numbers[1] / 1e3, ohms)

    @property
    def is_ina3221(self) -> bool:
        """Whether the chip is an INA3221, which shows volts and amperes but no watts."""
        return len(self.files) == 2


def find_channels(root: Path) -> dict[str, Channel]:
    """Return {label: channel} of the chips below `root`. A label of two channels is ambiguous, and left out.

    Units: https://docs.kernel.org/hwmon/ina3221.html has millivolts and milliamperes, ina238.html microwatts.
    """
    found: list[tuple[str, Channel]] = []
    for folder in sorted({folder.resolve() for pattern in FOLDERS for folder in sysfs.find_files(root, pattern)}):
        chip = _read_name(folder)
        if chip == "ina3221":
            for n in (1, 2, 3):
                files = (f"in{n}_input", f"curr{n}_input")
                found.append((sysfs.read_text(folder / f"in{n}_label"), Channel(folder, n, files)))
        elif chip == "ina238":
            # Thor's has no label; it measures the carrier board's input.
            found.append((sysfs.read_text(folder / "in1_label") or "VIN", Channel(folder, 1, ("power1_input",))))
    labels = [label for label, _ in found]
    return {label: channel for label, channel in found if label and labels.count(label) == 1}


def _read_name(folder: Path) -> str:
    return sysfs.read_text(folder / "name") or sysfs.read_text(folder.parent.parent / "name")


def _read_scaled(file: Path, unit: float) -> float | None:
    value = sysfs.read_number(file)
    return None if value is None else value * unit
