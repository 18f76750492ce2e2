"""All products of a table, written into one folder."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from plotting import page, summary, tables, write
from plotting.figures import FIGURES

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from plotting.load import Saves


def write_all(out: Path, table: pd.DataFrame, saves: Saves) -> list[Path]:
    """Write CSV files, figures, summary and page into `out`, each whole, and return their paths."""
    out.mkdir(parents=True, exist_ok=True)
    texts = {
        "vision_model_metrics.csv": tables.metrics_csv(table),
        "unmeasured_pairs.csv": tables.unmeasured_csv(table),
        "benchmark_summary_report.txt": summary.text(table, saves.problems),
        "README.md": page.markdown(table, saves.files, saves.problems),
    }
    for name, content in texts.items():
        write.text(out / name, content)
    for name, spec in FIGURES.items():
        # Without the software's version in it the same saves give the same bytes
        figure = spec.draw(table)
        write.whole(out / name, partial(figure.savefig, metadata={"Software": None}))
    return [out / name for name in (*texts, *FIGURES)]


def closing(table: pd.DataFrame, saves: Saves) -> str:
    """Return the last line: how much went in."""
    states = table["status"].value_counts(sort=False)
    counts = ", ".join(f"{count} {status}" for status, count in states.items())
    left = f"; {len(saves.problems)} left out, named above" if saves.problems else ""
    return f"{_some(len(saves.files), 'save')}, {_some(table['device'].nunique(), 'device')}, pairs: {counts}{left}."


def _some(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
