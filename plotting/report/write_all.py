"""All products of a table, written into one folder."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from benchmarks.record import MEASURED
from plotting import files
from plotting.figures import FIGURES, alt_text, data
from plotting.figures.save import rendered
from plotting.figures.theme import THEMES
from plotting.load import Saves
from plotting.output import Output
from plotting.report import csv_files, page, summary
from plotting.table.series import HARDWARE
from plotting.table.work_groups import drop_foreign_holes

MOST_SAVES = 12
"""So many saves are listed on the terminal; the page has all."""


def write_all(out: Path, table: pd.DataFrame, saves: Saves, output: Output | None = None) -> list[Path]:
    """Write CSV files, figures with their numbers, summary and page into `out`, each whole, and return their paths."""
    output, table = output or Output(), drop_foreign_holes(table)
    out.mkdir(parents=True, exist_ok=True)
    (out / data.FOLDER).mkdir(exist_ok=True)
    texts = {
        "vision_model_metrics.csv": csv_files.metrics_csv(table),
        "unmeasured_pairs.csv": csv_files.unmeasured_csv(table),
        "benchmark_summary_report.txt": summary.text(table, saves.problems),
        "README.md": page.markdown(table, saves.files, saves.problems, output),
    }
    for name, content in texts.items():
        files.write_text(out / name, content)
    return [*(out / name for name in texts), *_figures(out, table, output)]


def _figures(out: Path, table: pd.DataFrame, output: Output) -> Iterator[Path]:
    """Write each figure in every format, and the numbers behind it."""
    for name, spec in FIGURES.items():
        figure, alt = spec.draw(table, THEMES[output.theme]), alt_text.describe(table, spec.title, spec.metrics)
        for form, file in output.files(name).items():
            content = rendered(figure, form, spec.title, alt, output.dpi)
            files.write_whole(out / file, lambda path, content=content: path.write_bytes(content))  # type: ignore[misc]
            yield out / file
        path = out / data.FOLDER / name.replace(".png", ".csv")
        files.write_text(path, data.numbers(table, spec.metrics))
        yield path


def _devices(table: pd.DataFrame) -> int:
    """Return how many devices there are, each once whatever it did; a row that failed may not know its hardware."""
    known = table.loc[table["status"] == MEASURED, ["device_name", *HARDWARE]].drop_duplicates()
    return max(len(known), int(table["device_name"].nunique()))


def closing(table: pd.DataFrame, saves: Saves) -> str:
    """Return the last lines: how much went in, and, of several saves, what each holds."""
    table = drop_foreign_holes(table)
    states = table["status"].value_counts(sort=False)
    counts = ", ".join(f"{count} {status}" for status, count in states.items())
    left = f"; {len(saves.problems)} left out, named above" if saves.problems else ""
    read = f"{_some(len(saves.files), 'save')}, {_some(_devices(table), 'device')}, pairs: {counts}{left}."
    if len(saves.files) < 2:
        return read
    found = page.sources(table, saves.files)
    lines = [f"  {name}: {holds}" for name, holds in found.items()]
    more = [f"  and {len(lines) - MOST_SAVES} more"] if len(lines) > MOST_SAVES else []
    alone = f"Drawn together; one alone: python -m plotting {list(found)[-1].removesuffix('.json')}"
    return "\n".join(["Read from:", *lines[:MOST_SAVES], *more, alone, read])


def _some(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
