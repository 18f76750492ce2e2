"""Rank rows by a metric.

A row can be ranked if its logits are finite and it is not invalid. For a metric of energy, its sensor must also
cover the device that ran the model. Rows whose work is not proved come after all others.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.metrics.registry import METRICS, format_value
from plotting.table import status, whiskers
from plotting.table.work_groups import WorkGroup, split_by_work

CATEGORIES = (
    "tokens_per_sec",
    "decode_tokens_per_sec",
    "ttft_p50_s",
    "tps_per_watt",
    "joules_per_token",
    "avg_ram_gb",
    "load_time_s",
)
HEADLINES = ("tokens_per_sec", "tps_per_watt", "joules_per_token")
ENERGY = frozenset(filter(status.is_power_metric, METRICS))
NAMED = 3
"""Most rows of a shared first place that a sentence names; it counts the others."""


@dataclass(frozen=True)
class Place:
    """A place in a ranking."""

    place: int
    tied: bool
    model: str
    device: str
    precision: str
    value: float


def select_rankable(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows that can be ranked by a metric."""
    sound = table["finite_logits"].astype(bool) & (table["invalid"] == "")
    rows = table[(table["status"] == MEASURED) & table[name].notna() & sound]
    return rows[~rows["scope_mismatch"].astype(bool)] if name in ENERGY else rows


def split_for_ranking(table: pd.DataFrame, name: str) -> list[WorkGroup]:
    """Return the parts of a table within which a metric can be ranked, in the table's order.

    A part has one kind of work. For energy its sensors cover the same, and for RAM its devices count the same memory.
    """
    column, form = ("power_scope", "{} power") if name in ENERGY else ("memory_kind", "{} memory")
    parts = []
    for part in split_by_work(table):
        kinds = (
            list(dict.fromkeys(select_rankable(part.table, name)[column])) if name in (*ENERGY, "avg_ram_gb") else []
        )
        for kind in kinds if len(kinds) > 1 else []:
            words = ", ".join(filter(None, (part.words, form.format(kind))))
            parts.append(WorkGroup(words, part.table[part.table[column] == kind]))
        if len(kinds) < 2:
            parts.append(part)
    return parts


def rank(table: pd.DataFrame, name: str, places: int = 3) -> list[Place]:
    """Return the best rows by a metric, up to place `places`.

    A row whose work is proved is never below one that is not. Of the same kind, a row shares the place of a better one
    if they are equal in three digits or their whiskers overlap.
    """
    basis = whiskers.choose_basis(table, name)
    ascending = not METRICS[name].higher_is_better
    rows = select_rankable(table, name).sort_values(["proved", name], ascending=[False, ascending], kind="stable")
    records = rows[[*whiskers.list_columns(rows, name), "proved"]].to_dict("records")
    numbers: list[int] = []
    for at, row in enumerate(records):
        first = records[numbers[-1] - 1] if numbers else row
        tied = bool(numbers) and first["proved"] == row["proved"] and _is_tie(first, row, name, basis)
        numbers.append(numbers[-1] if tied else at + 1)
    return [
        Place(number, numbers.count(number) > 1, row["model"], row["device"], row["precision"], row[name])
        for number, row in zip(numbers, records, strict=True)
        if number <= places
    ]


def name_leaders(table: pd.DataFrame, name: str) -> str:
    """Return who holds the first place of a metric, in words; "" if there are fewer than two rows."""
    found = rank(table, name, places=1)
    words = [f"{row.model} {row.precision} on {row.device}" for row in found]
    if (among := len(select_rankable(table, name))) < 2:
        return ""
    if len(words) == among:
        return f"all {among} are tied"
    if len(words) == 1:
        return f"best: {words[0]}"
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return f"best, tied: {', '.join(words[:NAMED])}{more}"


def _is_tie(one: dict[Any, Any], other: dict[Any, Any], name: str, basis: str) -> bool:
    return (
        format_value(one[name]) == format_value(other[name])
        or whiskers.differ_beyond_noise(one, other, name, basis) is False
    )
