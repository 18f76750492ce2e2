"""Files for other tools, written by `python -m plotting --export=...`.

`rows` makes the tables of pairs and runs, `action` the arrays for github-action-benchmark.
"""

import json
from collections.abc import Callable, Sequence
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
        UsageError: a format cannot be written, or would replace a user's file; then none is.
        OSError: `out` cannot be written.
    """
    tables = {}
    if set(formats) & set(TABLES):
        tables = {"pairs": rows.make_pairs(table), "runs": rows.make_runs(table, saves.problems)}
    contents: dict[str, bytes] = {}
    for name in formats:
        if name == "parquet":
            _require_pyarrow()
        if name in TABLES:
            contents |= {f"{which}.{name}": TABLES[name](made) for which, made in tables.items()}
        else:
            contents[f"{name}.json"] = _make_array(table, name)
    return files.write_together(out, contents)


def _make_array(table: pd.DataFrame, tool: str) -> bytes:
    """Return the JSON array of one of github-action-benchmark's custom tools."""
    entries = action.list_entries(table, tool)
    if not entries:  # the action's own error for an empty array is misleading
        raise UsageError(
            f"--export={tool}: no pair has a value for it, and github-action-benchmark refuses an empty file; "
            "type python -m plotting --export=csv to see why each is missing."
        )
    return (json.dumps(entries, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _require_pyarrow() -> None:
    try:
        import_module("pyarrow")
    except ImportError as error:
        raise UsageError(
            f"--export=parquet: needs pyarrow, which cannot be imported here ({error}); "
            "type pip install pyarrow, or --export=csv."
        ) from error


def _write_csv(made: pd.DataFrame) -> bytes:
    quoted = made.copy()
    for name in quoted.columns[quoted.dtypes == rows.TEXT]:
        quoted[name] = quoted[name].map(quote_formula, na_action="ignore")
    return str(quoted.to_csv(index=False, lineterminator="\n")).encode()


def _write_jsonl(made: pd.DataFrame) -> bytes:
    plain = made.astype(object).where(made.notna(), None).to_dict("records")
    return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in plain).encode()


TABLES: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "parquet": lambda made: made.to_parquet(engine="pyarrow", index=False),
    "csv": _write_csv,
    "jsonl": _write_jsonl,
}
"""Format of the two tables -> how to write it."""
FORMATS = (*TABLES, *action.TOOLS)
