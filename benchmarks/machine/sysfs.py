"""The kernel's and the firmware's small files: a word or a number each."""

import math
import os
from pathlib import Path

from benchmarks.errors import BenchmarkError

ROOT = "EDGE_VLM_BENCH_ROOT"
AROUND = "\0 \t\r\n"  # strings of the device tree end in a NUL


def find_root() -> Path:
    """Return the folder below which the machine's identity and sensors are read: $EDGE_VLM_BENCH_ROOT, else /.

    A container may have its host's files elsewhere, and a board's files can be tried on another machine.

    Raises:
        BenchmarkError: the variable names no folder.
    """
    asked = os.environ.get(ROOT) or "/"
    folder = Path(asked).absolute()
    if not folder.is_dir():
        raise BenchmarkError(f"{ROOT}={asked}: there is no such folder; name one that holds proc and sys, or unset it.")
    return folder


def read_text(file: Path) -> str:
    """Return a file's text without white space around it, "" where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip(AROUND)
    except OSError:
        return ""


def read_number(file: Path) -> float | None:
    """Return a file's number, exact below 2^53; None where it cannot be read, or holds none that is finite."""
    try:
        value = float(read_text(file))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
