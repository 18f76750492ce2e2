"""Sections: series that did unlike work (other weights, another workload) are shown apart and never ranked together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.record import MEASURED
from plotting.frame import NEVER

if TYPE_CHECKING:
    import pandas as pd

Kind = tuple[str, str]
"""Weights and hash of the workload."""
EXPLAINED = "Sections hold unlike work apart: what stands in different ones is not to be compared."


@dataclass(frozen=True)
class Section:
    """Series of one kind of work. `words` say which; "" where a table has one kind only."""

    words: str
    table: pd.DataFrame


def sections(table: pd.DataFrame) -> list[Section]:
    """Return the table's parts by kind of work, in its order.

    A part holds the models and precisions that were attempted in it: what only another kind of work
    attempted is no hole in this one.
    """
    kinds = _kinds(table)
    found = list(dict.fromkeys(kinds.values()))
    if len(found) == 1:
        return [Section("", table)]
    words = _in_words({kind: _typical(table[table["device"].map(kinds) == kind]) for kind in found})
    return [Section(words[kind], _attempted(table[table["device"].map(kinds) == kind])) for kind in found]


def _kinds(table: pd.DataFrame) -> dict[str, Kind]:
    """Return the kind of each device's work; a device of which nothing is known stands with the first one."""
    kinds: dict[str, Kind] = {}
    for device, rows in table.groupby("device", sort=False):
        typical = _typical(rows)
        kinds[str(device)] = (typical["weights"], typical["workload_hash"])
    known = [kind for kind in kinds.values() if all(kind)]
    return {device: kind if all(kind) or not known else known[0] for device, kind in kinds.items()}


def _typical(rows: pd.DataFrame) -> dict[str, Any]:
    """Return a row that knows what its series did: a measured one where there is one."""
    tried = rows[rows["status"] == MEASURED] if (rows["status"] == MEASURED).any() else rows[rows["status"] != NEVER]
    first: dict[str, Any] = tried.iloc[0].to_dict()
    return first


def _attempted(rows: pd.DataFrame) -> pd.DataFrame:
    tried = rows[rows["status"] != NEVER]
    return rows[rows["model"].isin(set(tried["model"])) & rows["precision"].isin(set(tried["precision"]))]


def _in_words(typical: dict[Kind, dict[str, Any]]) -> dict[Kind, str]:
    """Return of each kind in what it differs from the others."""
    rows = list(typical.values())
    words: dict[Kind, list[str]] = {kind: [] for kind in typical}
    for name, form in (("weights", "{} weights"), ("new_tokens", "{:.0f} new tokens"), ("batch_size", "batch {:.0f}")):
        if len({row[name] for row in rows}) > 1:
            for kind, row in typical.items():
                words[kind].append(form.format(row[name]))
    for kind, said in words.items():
        if list(words.values()).count(said) > 1:
            words[kind] = [*said, f"workload {kind[1][:7]}"]
    return {kind: ", ".join(said) for kind, said in words.items()}
