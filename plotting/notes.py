"""Footnotes of figures: conditions and what is missing, in a dozen words each; page and CSV hold the rest."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from benchmarks.record import MEASURED
from plotting import facts, spans, states
from plotting.frame import NEVER
from plotting.sections import EXPLAINED, sections

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

Row = dict[Any, Any]
COLUMNS = ["device", "model", "precision", "status", "attempted", "failed_runs", *states.DOUBTFUL]
NAMED = 6
"""So many pairs are named in a footnote; more are counted."""


def footnote(table: pd.DataFrame, names: Sequence[str], *, whiskers: bool = True) -> list[str]:
    """Return the sentences under a figure of some metrics, which has whiskers or none."""
    parts = sections(table)
    rows = [row for part in parts for row in part.table[COLUMNS].to_dict("records")]
    bases = dict.fromkeys(spans.basis(table, name) for name in names)
    return [
        *facts.conditions(table, figure=True),
        *_missing(rows),
        *_failures(rows),
        *_doubts(rows, names),
        *(spans.SAID[of] for of in bases if of and whiskers),
        *(facts.uncertainty(table, figure=True) if spans.BUDGET in bases else []),
        *([EXPLAINED] if len(parts) > 1 else []),
        "All reasons: README.md and unmeasured_pairs.csv beside this figure.",
    ]


def _missing(rows: Sequence[Row]) -> list[str]:
    """Return which pairs of a figure have no value, by state and device; where they are many, how many."""
    gone = [row for row in rows if row["status"] != MEASURED]
    if len({(row["status"], row["device"], row["model"]) for row in gone}) > NAMED:
        counts = Counter(states.NOT_ATTEMPTED if row["status"] == NEVER else str(row["status"]) for row in gone)
        return [f"Without a value: {', '.join(f'{count} pairs {state}' for state, count in counts.items())}."]
    places = dict.fromkeys((row["status"], row["device"]) for row in gone)
    sentences = []
    for status, device in places:
        models: dict[object, list[str]] = {}
        for row in gone:
            if (row["status"], row["device"]) == (status, device):
                models.setdefault(row["model"], []).append(str(row["precision"]))
        names = ", ".join(f"{model} {'/'.join(precisions)}" for model, precisions in models.items())
        sentences.append(f"{str(status).capitalize()} on {device}: {names}.")
    return [" ".join(sentences)] if sentences else []


def _failures(rows: Sequence[Row]) -> list[str]:
    """Return in which measured pairs runs failed, how many of how many."""
    found = [(row, states.failed(row)) for row in rows if row["status"] == MEASURED]
    listed = (f"{row['model']} {row['precision']} on {row['device']} {words}" for row, words in found if words)
    return _listed("Runs failed in measured pairs", listed)


def _doubts(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """Return which values are in doubt, and why."""
    found = [(row, states.doubt(row, *names)) for row in rows]
    listed = (f"{row['model']} {row['precision']} on {row['device']} {words}" for row, words in found if words)
    return _listed("In doubt, hatched or crossed", listed)


def _listed(heading: str, found: Iterable[str]) -> list[str]:
    names = list(found)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [f"{heading}: {'; '.join(names[:NAMED])}{more}."] if names else []
