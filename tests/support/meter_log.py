"""The log of a wall meter, as a test writes it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "time,watts\n"


def write_log(folder: Path, text: str) -> Path:
    """Write a log into a folder, and return its path."""
    path = folder / "wall.csv"
    path.write_text(text, encoding="utf-8")
    return path


def make_rows(watts: float, since_s: float, until_s: float, step_s: float = 1.0) -> str:
    """Return the lines of a constant power, by UNIX time, from `since_s` to `until_s` seconds after now."""
    now = time.time()
    count = round((until_s - since_s) / step_s) + 1
    return "".join(f"{now + since_s + n * step_s:.6f},{watts}\n" for n in range(count))
