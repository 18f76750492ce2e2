"""Sections: series that did unlike work (other weights, another workload) are shown apart and never ranked together."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.table.build import NEVER

Kind = tuple[str, str]
"""Weights and hash of the workload."""
Row = dict[Any, Any]
COLUMNS = ["device", "status", "weights", "workload_hash", "new_tokens", "batch_size"]
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
    works = _works(table)
    known = [work for work in works.values() if all(_kind(work))] or list(works.values())
    typical = {_kind(work): work for work in reversed(known)}
    if len(typical) == 1:
        return [Section("", table)]
    # a device of whose work nothing is known stands with the first one
    kinds = {device: _kind(work) if _kind(work) in typical else _kind(known[0]) for device, work in works.items()}
    words = _in_words({kind: typical[kind] for kind in dict.fromkeys(kinds.values())})
    of_row = table["device"].map(kinds)
    return [Section(said, _attempted(table[of_row == kind])) for kind, said in words.items()]


def own(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table without the holes that are none: pairs that only another kind of work attempted."""
    return table[table.index.isin([at for part in sections(table) for at in part.table.index])].reset_index(drop=True)


def _works(table: pd.DataFrame) -> dict[str, Row]:
    """Return what each device did, by a row that knows it: a measured one where there is one."""
    found: dict[str, Row] = {}
    for row in table[COLUMNS].to_dict("records"):
        known = found.get(row["device"])
        better = known is None or (row["status"] == MEASURED and known["status"] != MEASURED)
        if row["status"] != NEVER and better:
            found[row["device"]] = row
    return found


def _kind(work: Row) -> Kind:
    return work["weights"], work["workload_hash"]


def _attempted(rows: pd.DataFrame) -> pd.DataFrame:
    tried = rows[rows["status"] != NEVER]
    return rows[rows["model"].isin(set(tried["model"])) & rows["precision"].isin(set(tried["precision"]))]


def _in_words(typical: dict[Kind, Row]) -> dict[Kind, str]:
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
