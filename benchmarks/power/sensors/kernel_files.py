"""What sensors that are small files of the kernel share."""

from pathlib import Path

from benchmarks.machine import sysfs
from benchmarks.power.base import SensorUnavailable


def check_number(asked: str, file: Path, remedy: str) -> None:
    """Raise SensorUnavailable where a file does not hold a number; `remedy` is what helps against EACCES."""
    try:
        file.read_bytes()
    except OSError as error:
        helps = f"; {remedy}" if isinstance(error, PermissionError) else ""
        raise SensorUnavailable(f"{asked}: {file} cannot be read ({error.strerror}){helps}.") from error
    if sysfs.read_number(file) is None:
        raise SensorUnavailable(f"{asked}: {file} holds no number.")
