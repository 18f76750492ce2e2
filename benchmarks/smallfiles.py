"""The kernel's and the firmware's small files: a word or a number each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

AROUND = "\0 \t\r\n"  # strings of the device tree end in a NUL


def text(file: Path) -> str:
    """Return a file's text without white space around it, "" where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip(AROUND)
    except OSError:
        return ""


def number(file: Path) -> float | None:
    """Return a file's number, exact below 2^53; None where it cannot be read, or holds none that is finite."""
    try:
        value = float(text(file))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
