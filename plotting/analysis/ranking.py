"""Rank rows by a metric.

A row can be ranked if at least half of the runs that were asked for are good, its logits are finite, and it is not
invalid. An MBU over 1 makes only what rests on time or traffic invalid. For a metric of energy, the sensor must also
cover the device that ran the model. On unified memory RAM is ranked by what the model added. Rows of work
that is not proved come after all others.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.metrics.registry import METRICS, format_value
from plotting.table import status, whiskers
from plotting.table.series import has_few_runs
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
RAM = "avg_ram_gb"
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
    scope: str = ""  # what the power sensor covers, for a metric of energy


def select_rankable(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows that can be ranked by a metric."""
    sound = table["finite_logits"].astype(bool) & ((table["invalid"] == "") | (not status.rests_on_time(name)))
    rows = table[(table["status"] == MEASURED) & table[name].notna() & sound & ~has_few_runs(table)]
    return rows[~rows["scope_mismatch"].astype(bool)] if name in ENERGY else rows


def _select_ranked(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows that can be ranked, with the value that is ranked: of RAM on unified memory, what is added."""
    if name != RAM:
        return select_rankable(table, name)
    added = table["ram_delta_gb"].where(table["memory_kind"] == "unified", table[name])
    return select_rankable(table.assign(**{name: added}), name)


def split_for_ranking(table: pd.DataFrame, name: str) -> list[WorkGroup]:
    """Return the parts of a table within which a metric can be ranked, in the table's order.

    A part has one kind of work. For RAM its devices count the same memory.
    """
    parts = []
    for part in split_by_work(table):
        kinds = list(dict.fromkeys(_select_ranked(part.table, name)["memory_kind"])) if name == RAM else []
        for kind in kinds if len(kinds) > 1 else []:
            words = ", ".join(filter(None, (part.words, f"{kind} memory")))
            parts.append(WorkGroup(words, part.table[part.table["memory_kind"] == kind]))
        if len(kinds) < 2:
            parts.append(part)
    return parts


def explain_ranking(table: pd.DataFrame, name: str) -> list[str]:
    """Return what a reader must know about a ranking: sensors that differ, RAM, and rows that are not ranked."""
    rows = _select_ranked(table, name)
    scopes = list(dict.fromkeys(rows["power_scope"])) if name in ENERGY else []
    differ = f"The sensors cover different parts ({', '.join(scopes)}): a wider scope includes more power."
    added = name == RAM and bool((rows["memory_kind"] == "unified").any())
    few = table[(table["status"] == MEASURED) & table[name].notna() & has_few_runs(table)].to_dict("records")
    named = [
        f"{row['model']} {row['precision']} on {row['device']} ({row['runs']:.0f} of {row['planned']:.0f} runs good)"
        for row in few
    ]
    return [
        *([differ] if len(scopes) > 1 else []),
        *(["On unified memory, RAM is what the model added."] if added else []),
        *([f"Not ranked: {', '.join(named)}."] if few else []),
    ]


def rank(table: pd.DataFrame, name: str, places: int = 3) -> list[Place]:
    """Return the best rows by a metric, up to place `places`.

    A row whose work is proved is never below one that is not. Of the same kind, a row shares the place of a better one
    if they are equal in three digits or their whiskers overlap.
    """
    basis = whiskers.choose_basis(table, name)
    ascending = not METRICS[name].higher_is_better
    rows = _select_ranked(table, name).sort_values(["proved", name], ascending=[False, ascending], kind="stable")
    records = rows[[*whiskers.list_columns(rows, name), "power_scope", "proved"]].to_dict("records")
    numbers: list[int] = []
    for at, row in enumerate(records):
        first = records[numbers[-1] - 1] if numbers else row
        tied = bool(numbers) and first["proved"] == row["proved"] and _is_tie(first, row, name, basis)
        numbers.append(numbers[-1] if tied else at + 1)
    return [
        Place(number, numbers.count(number) > 1, row["model"], row["device"], row["precision"], row[name], scope)
        for number, row in zip(numbers, records, strict=True)
        if number <= places
        for scope in [row["power_scope"] if name in ENERGY else ""]
    ]


def name_leaders(table: pd.DataFrame, name: str) -> str:
    """Return who holds the first place of a metric, in words; "" if there are fewer than two rows."""
    found = rank(table, name, places=1)
    words = [f"{row.model} {row.precision} on {row.device}" for row in found]
    if (among := len(_select_ranked(table, name))) < 2:
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
