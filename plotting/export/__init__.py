"""Files for other tools, written by `python -m plotting --export=...`.

`rows` makes the tables of pairs and runs, `action` the arrays for github-action-benchmark.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

import pandas as pd

from plotting import files
from plotting.export import action, rows
from plotting.load import Saves
from plotting.selection import UsageError
from plotting.text import quote_formula


def write_all(out: Path, table: pd.DataFrame, saves: Saves, formats: Sequence[str]) -> list[Path]:
    """Write the files of each format into `out` and return their paths.

    Adds to `saves.problems` a sentence for each pair whose runs cannot be used.

    Raises:
        UsageError: a format cannot be written; then none is.
        OSError: `out` cannot be written.
    """
    tables = {}
    if set(formats) & set(TABLES):
        tables = {"pairs": rows.make_pairs(table), "runs": rows.make_runs(table, saves.problems)}
    outputs: dict[str, Callable[[Path], None]] = {}
    for name in formats:
        if name == "parquet":
            _require_pyarrow()
        if name in TABLES:
            outputs |= {f"{which}.{name}": partial(TABLES[name], made) for which, made in tables.items()}
        else:
            outputs[f"{name}.json"] = partial(_write_text, _make_array(table, name))
    out.mkdir(parents=True, exist_ok=True)
    for name, write in outputs.items():
        files.write_whole(out / name, write)
    return [out / name for name in outputs]


def _make_array(table: pd.DataFrame, tool: str) -> str:
    """Return the JSON array of one of github-action-benchmark's custom tools."""
    entries = action.list_entries(table, tool)
    if not entries:  # the action's own error for an empty array is misleading
        raise UsageError(
            f"--export={tool}: no pair has a value for it, and github-action-benchmark refuses an empty file; "
            "type python -m plotting --export=csv to see why each is missing."
        )
    return json.dumps(entries, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _require_pyarrow() -> None:
    try:
        import_module("pyarrow")
    except ImportError as error:
        raise UsageError(
            f"--export=parquet: needs pyarrow, which cannot be imported here ({error}); "
            "type pip install pyarrow, or --export=csv."
        ) from error


def _write_parquet(made: pd.DataFrame, path: Path) -> None:
    made.to_parquet(path, engine="pyarrow", index=False)


def _write_csv(made: pd.DataFrame, path: Path) -> None:
    quoted = made.copy()
    for name in quoted.columns[quoted.dtypes == rows.TEXT]:
        quoted[name] = quoted[name].map(quote_formula, na_action="ignore")
    _write_text(quoted.to_csv(index=False, lineterminator="\n"), path)


def _write_jsonl(made: pd.DataFrame, path: Path) -> None:
    plain = made.astype(object).where(made.notna(), None).to_dict("records")
    _write_text("".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in plain), path)


def _write_text(content: str, path: Path) -> None:
    path.write_bytes(content.encode())


TABLES: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "jsonl": _write_jsonl,
}
"""Format of the two tables -> how to write it."""
FORMATS = (*TABLES, *action.TOOLS)
