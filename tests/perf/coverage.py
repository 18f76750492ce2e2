"""`python -m tests.perf.coverage`: how often the stated uncertainty of energy covers the truth, as a table of Markdown.

Each cell is 200 simulated sessions (`tests/support/simulated_power.py`), in minutes on two cores.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from tests.support.simulated_power import SENSORS, SHAPES, Cell, Cover, cover

RUNS_S = (0.08, 0.3, 1.0, 5.0, 20.0)
JITTERS = (0.001, 0.2)
FROM, TO = 0.90, 0.99


def list_cells() -> list[Cell]:
    """Return the cells of the table, row by row."""
    rows = itertools.product(RUNS_S, SENSORS)
    columns = list(itertools.product(SHAPES, JITTERS))
    return [Cell(s, run_s, jitter, kind, hertz) for run_s, (kind, hertz) in rows for s, jitter in columns]


def write_table(cells: list[Cell], found: list[Cover]) -> list[str]:
    """Return the table's lines: error (rms), stated u (rms), and the share of sessions with the truth within 2u."""
    columns = list(itertools.product(SHAPES, JITTERS))
    heads = [f"{shape}, {jitter:.1%}" for shape, jitter in columns]
    lines = [f"| run | sensor | {' | '.join(heads)} |", "|---|---|" + "---|" * len(heads)]
    for at in range(0, len(cells), len(columns)):
        first = cells[at]
        shown = [
            f"{one.error:.2%} / {one.stated:.2%} / {one.share:.1%}{one.mark}" for one in found[at : at + len(columns)]
        ]
        lines.append(f"| {first.run_s:g} s | {first.sensor}, {first.hertz:g} Hz | {' | '.join(shown)} |")
    return lines


def summarise(cells: list[Cell], found: list[Cover]) -> list[str]:
    """Return in how many cells the share lies in the bounds, with and without gain error and offset.

    Averages and counters are off by their edges alone then, the same in every session: all of them lie within 2u.
    """
    lines = []
    sampled = [one.own_share for cell, one in zip(cells, found, strict=True) if cell.sensor == "instant"]
    others = [one.own_share for cell, one in zip(cells, found, strict=True) if cell.sensor != "instant"]
    for what, shares in (
        ("All errors", [one.share for one in found]),
        ("Without gain error and offset, instant power", sampled),
        ("Without gain error and offset, averages and counters", others),
    ):
        inside = np.mean([FROM <= share <= TO for share in shares])
        span = f"{min(shares):.1%} to {max(shares):.1%}"
        lines.append(f"{what}: {inside:.0%} of {len(shares)} cells from {FROM:.0%} to {TO:.0%}; all {span}.")
    flagged = sum(bool(one.mark) for one in found)
    return [*lines, f"{flagged} cells are marked (*): most of their sessions are null or flagged."]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    sessions = parser.parse_args().sessions
    cells = list_cells()
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(cover, cells, itertools.repeat(sessions)))
    print("\n".join([*write_table(cells, found), "", *summarise(cells, found)]))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
