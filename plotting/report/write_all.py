"""Write all products of a table into one folder."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmarks.record import MEASURED
from plotting import files
from plotting.analysis.conditions import describe_order
from plotting.figures import FIGURES, data
from plotting.figures.alt_text import describe_figure
from plotting.figures.save import render
from plotting.figures.theme import THEMES
from plotting.load import Saves
from plotting.output import Output
from plotting.report import csv_files
from plotting.report.page import describe_saves, write_page
from plotting.report.summary import count_statuses, write_summary
from plotting.table.series import HARDWARE
from plotting.table.work_groups import drop_foreign_holes
from plotting.text import count

MOST_SAVES = 12  # the terminal lists this many saves; the page lists all


def write_all(out: Path, table: pd.DataFrame, saves: Saves, output: Output | None = None) -> list[Path]:
    """Write CSV files, summary, page, and figures with their numbers into `out`, and return their paths."""
    output, table = output or Output(), drop_foreign_holes(table)
    texts = {
        "vision_model_metrics.csv": csv_files.write_measured(table),
        "unmeasured_pairs.csv": csv_files.write_unmeasured(table),
        "benchmark_summary_report.txt": write_summary(table, saves.problems),
        "README.md": write_page(table, saves.files, saves.problems, output),
    }
    files.prepare(out, texts)  # reported before the figures are drawn
    contents = {name: content.encode() for name, content in texts.items()}
    return files.write_together(out, contents | dict(_draw_figures(table, output)))


def _draw_figures(table: pd.DataFrame, output: Output) -> Iterator[tuple[str, bytes]]:
    """Yield each figure in every format, and its numbers: (file, content)."""
    for name, spec in FIGURES.items():
        figure, alt = spec.draw(table, THEMES[output.theme]), describe_figure(table, spec.title, spec.metrics)
        for form, file in output.files(name).items():
            yield file, render(figure, form, spec.title, alt, output.dpi)
        numbers = data.write_numbers(table, spec.metrics)
        yield f"{data.FOLDER}/{name.replace('.png', '.csv')}", numbers.encode()


def describe_input(table: pd.DataFrame, saves: Saves) -> str:
    """Return the last lines for the terminal: how much was read, and what each of several saves holds."""
    table = drop_foreign_holes(table)
    left = f"; {len(saves.problems)} left out, named above" if saves.problems else ""
    counts = f"{count(len(saves.files), 'save')}, {count(_count_devices(table), 'device')}"
    read = "\n".join([*describe_order(table), f"{counts}, pairs: {count_statuses(table)}{left}."])
    if len(saves.files) < 2:
        return read
    found = describe_saves(table, saves.files)
    lines = [f"  {name}: {holds}" for name, holds in found.items()]
    more = [f"  and {len(lines) - MOST_SAVES} more"] if len(lines) > MOST_SAVES else []
    alone = f"The figures show all of them; for one alone: python -m plotting {list(found)[-1].removesuffix('.json')}"
    return "\n".join(["Read from:", *lines[:MOST_SAVES], *more, alone, read])


def _count_devices(table: pd.DataFrame) -> int:
    """Return the number of devices; a row that failed may lack its hardware."""
    known = table.loc[table["status"] == MEASURED, ["device_name", *HARDWARE]].drop_duplicates()
    return max(len(known), int(table["device_name"].nunique()))
