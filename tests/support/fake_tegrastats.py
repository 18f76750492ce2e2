"""Shell scripts in the place of tegrastats, and the recorded lines that they print."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.power.sensors.tegrastats import TegrastatsMonitor
from tests.support import product

if TYPE_CHECKING:
    from collections.abc import Callable

LINES = {path.stem: path.read_text().strip() for path in sorted((product.ROOT / "tests/data/tegrastats").glob("*.log"))}
"""{board and L4T release: a recorded line}."""
THOR = LINES["r39_thor"]
THOR_W = (37528 + 18961) / 1000


class QuickTegrastats(TegrastatsMonitor):
    """The monitor at 20 Hz, with less patience."""

    interval_ms = 50
    patience_s = 1.0
    silence_s = 1.0


def write_script(path: Path, body: str) -> None:
    """Write a shell script in tegrastats' place; $2 is the interval in ms."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def print_forever(*lines: str) -> str:
    """Return shell code that prints lines, one an interval, again and again."""
    pause = 'sleep "$(printf "0.%03d" "$2")"'
    return "while :; do " + "".join(f"printf '%s\\n' '{line}'; {pause}; " for line in lines) + "done"


def print_times(line: str, times: int = 5) -> str:
    """Return shell code that prints a line some times, one an interval."""
    return print_forever(line).replace("while :; do", f"for _ in {' '.join('x' * times)}; do")


def list_processes(text: str) -> list[str]:
    """Return the command lines of the living processes that hold `text`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if text in line]


def wait_until(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    """Wait until something holds, and return whether it did."""
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()
