"""Recorded power for --power-monitor=replay:FILE."""

from pathlib import Path

WATTS = 40.0


def write_trace(path: Path) -> Path:
    """Write ten minutes of a sensor at 20 Hz that always reads WATTS, with a counter."""
    rows = [f"{tick / 20},{WATTS},{WATTS * tick / 20}" for tick in range(12_000)]
    path.write_text("\n".join(["# scope: module", "# source: bench meter", "time_s,watts,energy_j", *rows]))
    return path
