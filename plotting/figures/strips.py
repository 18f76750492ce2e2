"""Strips: rows of axes that each hold some models of a work group."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from plotting.table.work_groups import WorkGroup


@dataclass(frozen=True)
class Strip:
    """Some models of a work group in one row of axes; `first` marks the group's first strip."""

    section: WorkGroup
    models: list[str]
    first: bool


def list_ordered(table: pd.DataFrame, *columns: str) -> list[Any]:
    """Return the distinct values of a column, or tuples of several columns, sorted by their `_order` columns."""
    ordered = table.sort_values([f"{name}_order" for name in columns])
    found = dict.fromkeys(zip(*(ordered[name] for name in columns), strict=True))
    return list(found) if len(columns) > 1 else [value for (value,) in found]


def split(section: WorkGroup, count: int) -> Iterator[Strip]:
    """Yield the strips of a work group, with at most `count` models each."""
    models = list_ordered(section.table, "model")
    for at in range(0, len(models), count):
        yield Strip(section, models[at : at + count], first=at == 0)


def spread(lane: int, lanes: int, width: float) -> float:
    """Return how far the middle of one of several equal lanes is from the middle of all, which take `width`."""
    return width * ((lane + 0.5) / lanes - 0.5)
