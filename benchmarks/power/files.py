"""Sensors that are small files of the kernel: a number or a word each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from benchmarks.power.base import SensorUnavailable

if TYPE_CHECKING:
    from pathlib import Path


def text(file: Path) -> str:
    """Return a file's text without white space around it, "" where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def number(file: Path) -> float | None:
    """Return a file's number, exact below 2^53; None where it cannot be read, or holds none that is finite."""
    try:
        value = float(file.read_text(encoding="ascii", errors="replace"))
    except (OSError, ValueError):  # hwmon's files answer ENODATA while their channel is switched off
        return None
    return value if math.isfinite(value) else None


def check_number(asked: str, file: Path, remedy: str) -> None:
    """Raise SensorUnavailable where a file does not hold a number; `remedy` is what helps against EACCES."""
    try:
        file.read_bytes()
    except OSError as error:
        helps = f"; {remedy}" if isinstance(error, PermissionError) else ""
        raise SensorUnavailable(f"{asked}: {file} cannot be read ({error.strerror}){helps}.") from error
    if number(file) is None:
        raise SensorUnavailable(f"{asked}: {file} holds no number.")
