"""Rankings by category, and which rows take part in them. Pure.

A row takes part in a ranking where its logits are finite and its figures can be right, and in one of
energy where its sensor covers what computed.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.metrics.registry import METRICS, shown
from plotting.table import status, whiskers
from plotting.table.work_groups import Section, sections

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
ENERGY = frozenset(filter(status.of_power, METRICS))
NAMED = 3
"""So many that share the first place are named in a sentence; more are counted."""


@dataclass(frozen=True)
class Place:
    """A place in a ranking."""

    place: int
    tied: bool
    model: str
    device: str
    precision: str
    value: float


def eligible(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows that may be ranked by a metric."""
    return table[may_be_ranked(table, name)]


def may_be_ranked(table: pd.DataFrame, name: str) -> pd.Series:
    """Return of each row whether it may be ranked by a metric."""
    sound = table["finite_logits"].astype(bool) & (table["invalid"] == "")
    rows = (table["status"] == MEASURED) & table[name].notna() & sound
    return rows & ~table["scope_mismatch"].astype(bool) if name in ENERGY else rows


def ranked_apart(table: pd.DataFrame, name: str) -> list[Section]:
    """Return the parts of a table within which a metric may be ranked, in the table's order.

    These are its sections, and within them what a sensor covers (energy) or what counts as RAM.
    """
    column, form = ("power_scope", "{} power") if name in ENERGY else ("memory_kind", "{} memory")
    parts = []
    for part in sections(table):
        kinds = list(dict.fromkeys(eligible(part.table, name)[column])) if name in (*ENERGY, "avg_ram_gb") else []
        for kind in kinds if len(kinds) > 1 else []:
            words = ", ".join(filter(None, (part.words, form.format(kind))))
            parts.append(Section(words, part.table[part.table[column] == kind]))
        if len(kinds) < 2:
            parts.append(part)
    return parts


def ranking(table: pd.DataFrame, name: str, places: int = 3) -> list[Place]:
    """Return the best rows by a metric, up to place `places`.

    A row that is equal in three digits to the best one of a place, or not told apart from it by their
    whiskers, is a tie and shares that place.
    """
    basis = whiskers.basis(table, name)
    rows = eligible(table, name).sort_values(name, ascending=not METRICS[name].higher_is_better, kind="stable")
    records = rows[whiskers.columns(rows, name)].to_dict("records")
    numbers: list[int] = []
    for at, row in enumerate(records):
        first = records[numbers[-1] - 1] if numbers else row
        tied = bool(numbers) and _tied(first, row, name, basis)
        numbers.append(numbers[-1] if tied else at + 1)
    return [
        Place(number, numbers.count(number) > 1, row["model"], row["device"], row["precision"], row[name])
        for number, row in zip(numbers, records, strict=True)
        if number <= places
    ]


def leaders(table: pd.DataFrame, name: str) -> str:
    """Return the first place of a metric in words, with those that share it; "" of fewer than two rows."""
    found = ranking(table, name, places=1)
    words = [f"{row.model} {row.precision} on {row.device}" for row in found]
    if (among := len(eligible(table, name))) < 2:
        return ""
    if len(words) == among:
        return f"all {among} are tied"
    if len(words) == 1:
        return f"best: {words[0]}"
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return f"best, tied: {', '.join(words[:NAMED])}{more}"


def _tied(one: dict[Any, Any], other: dict[Any, Any], name: str, basis: str) -> bool:
    return shown(one[name]) == shown(other[name]) or whiskers.told_apart(one, other, name, basis) is False
