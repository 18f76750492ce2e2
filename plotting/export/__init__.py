"""Pairs and runs for other tools, as files: what `python -m plotting --export=...` writes.

`rows` makes the two tables, `action` the arrays of github-action-benchmark.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from plotting import files
from plotting.export import action, rows
from plotting.load import Saves
from plotting.text import harmless


class Impossible(Exception):
    """What was asked, what was found, what to type next, in one sentence."""


def write_all(out: Path, table: pd.DataFrame, saves: Saves, formats: Sequence[str]) -> list[Path]:
    """Write the files of each format into `out`, each whole, and return their paths.

    Adds to `saves.problems` a sentence for each pair whose runs cannot be used.

    Raises:
        Impossible: a format cannot be written here; nothing is, then.
        OSError: `out` cannot be written.
    """
    tables = {}
    if set(formats) & set(TABLES):
        tables = {"pairs": rows.pairs(table), "runs": rows.runs(table, saves.problems)}
    outputs: dict[str, Callable[[Path], Any]] = {}
    for name in formats:
        if name in TABLES:
            prepare, fill = TABLES[name]
            prepare()
            outputs |= {f"{which}.{name}": partial(fill, made) for which, made in tables.items()}
        else:
            outputs[f"{name}.json"] = partial(_text, _array(table, name))
    out.mkdir(parents=True, exist_ok=True)
    for name, fill_file in outputs.items():
        files.write_whole(out / name, fill_file)
    return [out / name for name in outputs]


def _array(table: pd.DataFrame, tool: str) -> str:
    """Return the JSON array of one of github-action-benchmark's custom tools."""
    entries = action.entries(table, tool)
    if not entries:  # the action fails on an empty array, with other words
        raise Impossible(
            f"--export={tool}: no pair has a value for it, and github-action-benchmark refuses an empty file; "
            "type python -m plotting --export=csv to see why each is missing."
        )
    return json.dumps(entries, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _needs_pyarrow() -> None:
    try:
        import_module("pyarrow")
    except ImportError as error:
        raise Impossible(
            f"--export=parquet: needs pyarrow, which cannot be imported here ({error}); "
            "type pip install pyarrow, or --export=csv."
        ) from error


def _parquet(made: pd.DataFrame, path: Path) -> None:
    made.to_parquet(path, engine="pyarrow", index=False)


def _csv(made: pd.DataFrame, path: Path) -> None:
    quoted = made.copy()
    for name in quoted.columns[quoted.dtypes == rows.TEXT]:
        quoted[name] = quoted[name].map(harmless, na_action="ignore")
    _text(quoted.to_csv(index=False, lineterminator="\n"), path)


def _jsonl(made: pd.DataFrame, path: Path) -> None:
    plain = made.astype(object).where(made.notna(), None).to_dict("records")
    _text("".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in plain), path)


def _text(content: str, path: Path) -> None:
    path.write_bytes(content.encode())


TABLES: dict[str, tuple[Callable[[], None], Callable[[pd.DataFrame, Path], None]]] = {
    "parquet": (_needs_pyarrow, _parquet),
    "csv": (lambda: None, _csv),
    "jsonl": (lambda: None, _jsonl),
}
"""Format of the two tables -> (check that it can be written here, write it)."""
FORMATS = (*TABLES, *action.TOOLS)
