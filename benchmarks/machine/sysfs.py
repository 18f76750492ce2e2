"""Read the small files of the kernel and the firmware, with one word or number each."""

import math
import os
from pathlib import Path

from benchmarks.errors import BenchmarkError

ROOT = "EDGE_VLM_BENCH_ROOT"
PADDING = "\0 \t\r\n"  # strings of the device tree end in a NUL


def find_root() -> Path:
    """Return the root folder of the machine's files: $EDGE_VLM_BENCH_ROOT, else /.

    The variable serves containers that mount the host's files elsewhere, and tests of a board's files.

    Raises:
        BenchmarkError: the variable names no folder.
    """
    asked = os.environ.get(ROOT) or "/"
    folder = Path(asked).absolute()
    if not folder.is_dir():
        raise BenchmarkError(f"{ROOT}={asked}: there is no such folder; type one with proc and sys, or unset it.")
    return folder


def read_text(file: Path) -> str:
    """Return a file's text, stripped; "" if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip(PADDING)
    except OSError:
        return ""


def read_number(file: Path) -> float | None:
    """Return the number in a file, exact below 2^53; None if there is no finite one."""
    try:
        value = float(read_text(file))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
