"""Text for files of other kinds: Markdown without markup from outside, CSV without formulas, aligned columns."""

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from plotting.table.columns import WHOLE

SPECIAL = re.compile(r"([\\`*_\[\]<>|#~$])")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula, and would run what a save's author wrote."""


class Verbatim(str):
    """Text that is Markdown already."""

    __slots__ = ()


def escape(value: Any) -> Any:
    """Return text in which nothing is Markdown: names and error messages come from outside."""
    return value if isinstance(value, Verbatim) else SPECIAL.sub(r"\\\1", str(value))


def aligned(cells: Sequence[Sequence[str]], left: int = 2) -> list[str]:
    """Return rows as lines, the first `left` columns to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def csv(rows: pd.DataFrame, columns: list[str]) -> str:
    """Return some columns as CSV: nine digits, counts whole, no cell a formula."""
    chosen = rows.loc[:, columns].copy()
    for name in columns:
        if name in WHOLE:
            chosen[name] = ["" if pd.isna(value) else f"{value:.15g}" for value in chosen[name]]
        elif chosen[name].dtype != "float64":
            chosen[name] = [harmless(value) for value in chosen[name]]
    written: str = chosen.to_csv(index=False, float_format="%.9g", lineterminator="\n")
    return written


def harmless(value: object) -> str:
    """Return a cell that a spreadsheet shows and does not run."""
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
