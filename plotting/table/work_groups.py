"""Split a table by kind of work: series with different weights or workloads are never compared."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.table.build import NEVER

Kind = tuple[str, str]
"""(weights, hash of the workload)"""
Row = dict[Any, Any]
COLUMNS = ["device", "status", "weights", "workload_hash", "new_tokens", "batch_size"]
EXPLAINED = "Sections have different weights or workloads: do not compare values across sections."


@dataclass(frozen=True)
class WorkGroup:
    """Series of one kind of work. `words` describe it; "" if the table has only one kind."""

    words: str
    table: pd.DataFrame


def split_by_work(table: pd.DataFrame) -> list[WorkGroup]:
    """Return one group for each kind of work, in the order of the table.

    A group has only the models and precisions that its own series attempted. A pair that only another kind of
    work attempted is not a hole in it.
    """
    works = _find_work(table)
    known = [work for work in works.values() if all(_identify(work))] or list(works.values())
    typical = {_identify(work): work for work in reversed(known)}
    if len(typical) == 1:
        return [WorkGroup("", table)]
    # a device whose work is unknown joins the first group
    kinds = {
        device: _identify(work) if _identify(work) in typical else _identify(known[0]) for device, work in works.items()
    }
    words = _describe({kind: typical[kind] for kind in dict.fromkeys(kinds.values())})
    of_row = table["device"].map(kinds)
    return [WorkGroup(said, _drop_untried(table[of_row == kind])) for kind, said in words.items()]


def drop_foreign_holes(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table without the pairs that a device never attempted and only another kind of work did."""
    kept = [at for part in split_by_work(table) for at in part.table.index]
    return table[table.index.isin(kept)].reset_index(drop=True)


def _find_work(table: pd.DataFrame) -> dict[str, Row]:
    """Return {device: a row that describes its work}, a measured row if there is one."""
    found: dict[str, Row] = {}
    for row in table.loc[table["status"] != NEVER, COLUMNS].to_dict("records"):
        known = found.get(row["device"])
        if known is None or (row["status"] == MEASURED and known["status"] != MEASURED):
            found[row["device"]] = row
    return found


def _identify(work: Row) -> Kind:
    return work["weights"], work["workload_hash"]


def _drop_untried(rows: pd.DataFrame) -> pd.DataFrame:
    tried = rows[rows["status"] != NEVER]
    return rows[rows["model"].isin(set(tried["model"])) & rows["precision"].isin(set(tried["precision"]))]


def _describe(typical: dict[Kind, Row]) -> dict[Kind, str]:
    """Return {kind: what differs from the other kinds}."""
    forms = {"weights": "{} weights", "new_tokens": "{:.0f} new tokens", "batch_size": "batch {:.0f}"}
    differing = [name for name in forms if len({row[name] for row in typical.values()}) > 1]
    words = {kind: [forms[name].format(row[name]) for name in differing] for kind, row in typical.items()}
    for kind, said in words.items():
        if list(words.values()).count(said) > 1:
            words[kind] = [*said, f"workload {kind[1][:7]}"]
    return {kind: ", ".join(said) for kind, said in words.items()}
