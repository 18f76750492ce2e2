"""Checks of sensors that are small files of the kernel."""

from pathlib import Path

from benchmarks.machine import sysfs
from benchmarks.power.base import SensorUnavailable


def check_number(sensor: str, file: Path, remedy: str) -> None:
    """Raise SensorUnavailable if a file holds no number; `remedy` helps against a denied permission."""
    try:
        file.read_bytes()
    except OSError as error:
        helps = f"; {remedy}" if isinstance(error, PermissionError) else ""
        raise SensorUnavailable(f"{sensor}: {file} cannot be read ({error.strerror}){helps}.") from error
    if sysfs.read_number(file) is None:
        raise SensorUnavailable(f"{sensor}: {file} contains no number.")
