"""Text for other programs: Markdown without foreign markup, CSV without formulas, aligned columns."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from plotting.table.columns import WHOLE

SPECIAL = re.compile(r"([\\`*_\[\]<>|#~$&])")
LIST = re.compile(r"^(\d*)([-+.)])(?=[-+\s])")
LINKED = re.compile(r"(?<=@)(?=\S)|(?<=#)(?=\d)|(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)
GAP = "&#8203;"
"""A space of no width. GitHub makes links of bare addresses, @names and #numbers, escaped or not."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a cell with such a start as a formula


class Verbatim(str):
    """Text that is already Markdown."""

    __slots__ = ()


def escape(value: Any) -> Any:
    """Return text without active Markdown; names and error messages come from outside."""
    if isinstance(value, Verbatim):
        return value
    return LINKED.sub(GAP, LIST.sub(r"\1\\\2", SPECIAL.sub(r"\\\1", str(value))))


def count(number: int, noun: str) -> str:
    """Return `1 save` or `2 saves`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def join_names(found: Iterable[tuple[Any, str]]) -> dict[Any, str]:
    """Return {key: its names in their order, each once, with commas}."""
    names: dict[Any, dict[str, None]] = {}
    for key, name in found:
        names.setdefault(key, {})[name] = None
    return {key: ", ".join(of_key) for key, of_key in names.items()}


def align_columns(rows: Sequence[Sequence[str]], left: int = 2) -> list[str]:
    """Return rows as lines of aligned columns: the first `left` ones to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def write_csv(rows: pd.DataFrame, columns: list[str]) -> str:
    """Return some columns as CSV: nine digits, counts whole, no cell a formula, and None empty."""
    chosen = rows.loc[:, columns].copy()
    for name in columns:
        if name in WHOLE:
            chosen[name] = ["" if pd.isna(value) else f"{value:.15g}" for value in chosen[name]]
        elif chosen[name].dtype != "float64":
            chosen[name] = ["" if value is None else quote_formula(value) for value in chosen[name]]
    return str(chosen.to_csv(index=False, float_format="%.9g", lineterminator="\n"))


def quote_formula(value: object) -> str:
    """Return a cell that a spreadsheet shows as text instead of running it."""
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
