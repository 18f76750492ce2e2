"""Footnotes of figures: conditions and missing values in a few words; page and CSV hold the rest."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.analysis import conditions
from plotting.analysis.ranking import name_leaders, split_for_ranking
from plotting.figures import letters, limits
from plotting.metrics.bootstrap import LEAST_RUNS
from plotting.metrics.registry import METRICS, SAMPLED
from plotting.table import status, whiskers
from plotting.table.build import NEVER
from plotting.table.work_groups import EXPLAINED, split_by_work

Row = dict[Any, Any]
COLUMNS = ["device", "model", "precision", "status", "attempted", "failed_runs", *status.WARNING_COLUMNS]
MOST_NAMED = 6  # pairs that are named for one reason; further ones are counted
NOT_SAMPLED = {"load_time_s": "each pair was loaded once", "avg_ram_gb": "it is a single mean over the runs"}
"""Why a metric that is not computed from runs has no interval."""
BEYOND = "Decoding at the memory's peak rate (MBU 100%) is off the scale for every bar."
MORE = "Details: README.md, unmeasured_pairs.csv and figures-data/ next to this figure."


def list_sentences(
    table: pd.DataFrame,
    names: Sequence[str],
    *,
    with_whiskers: bool = True,
    explain_whiskers: bool = True,
    mbu: bool = False,
    mark: str = "hatched",
) -> list[str]:
    """Return the sentences under a figure of some metrics; the best pair is named for a single metric.

    `explain_whiskers`: say why some are missing. `mark`: how the figure marks a value with a warning.
    """
    groups = split_by_work(table)
    rows = [row for group in groups for row in group.table[COLUMNS].to_dict("records")]
    measured = [row for row in rows if row["status"] == MEASURED]
    warnings = ((words, row) for row in measured for words in status.list_warnings(row, *names))
    bases = dict.fromkeys(whiskers.choose_basis(table, name) for name in names)
    left_out = table.attrs.get(limits.LEFT_OUT, [])
    labels = "".join(row[key] for row in rows for key in ("device", "model", "precision"))
    return [
        *left_out,
        *conditions.describe_conditions(table, figure=True, names=[*names, "mbu"] if mbu else names),
        *(_name_best(table, names[0]) if len(names) == 1 and not left_out else []),
        *_list_missing(rows),
        *_list_pairs(
            "Measured pairs with failed runs", measured, ((status.describe_failures(row), row) for row in measured)
        ),
        *_list_pairs(f"With a warning ({mark})", measured, warnings),
        *(whiskers.CAPTIONS[basis] for basis in bases if basis and with_whiskers),
        *(_explain_missing_whiskers(table, names) if explain_whiskers else []),
        *(conditions.describe_uncertainty(table, figure=True) if whiskers.BUDGET in bases else []),
        *([EXPLAINED] if len(groups) > 1 else []),
        *([letters.EXPLAINED] if letters.replace_missing(labels) != labels else []),
        MORE,
    ]


def _name_best(table: pd.DataFrame, name: str) -> list[str]:
    """Return the best pair, with ties, of each group that is ranked separately, unless there are more than three."""
    found = [(part.words, name_leaders(part.table, name)) for part in split_for_ranking(table, name)]
    said = [f"{where}: {words}" if where else words for where, words in found if words]
    return [f"{words[0].upper()}{words[1:]}." for words in said] if len(said) <= 3 else []


def _list_missing(rows: Sequence[Row]) -> list[str]:
    """Return which pairs have no value, by status, or how many if there are many."""
    lost = [row for row in rows if row["status"] != MEASURED]
    if len({(row["status"], row["device"], row["model"]) for row in lost}) > MOST_NAMED:
        counts = Counter(status.NOT_ATTEMPTED if row["status"] == NEVER else str(row["status"]) for row in lost)
        return [f"Without a value: {', '.join(f'{count} pairs {state}' for state, count in counts.items())}."]
    found = _group_by_reason(rows, ((str(row["status"]), row) for row in lost))
    return [" ".join(f"{why[0].upper()}{why[1:]}: {names}." for why, names in found)] if lost else []


def _list_pairs(heading: str, rows: Sequence[Row], found: Iterable[tuple[str, Row]]) -> list[str]:
    """Return one sentence with the pairs of each reason, or nothing."""
    said = [f"{names}: {why}" for why, names in _group_by_reason(rows, found)]
    return [f"{heading}: {'; '.join(said)}."] if said else []


def _group_by_reason(rows: Sequence[Row], found: Iterable[tuple[str, Row]]) -> Iterator[tuple[str, str]]:
    """Yield each reason with its pairs: (why, "LLaVA fp16/bf16, Phi fp16 (Jetson Thor)")."""
    groups: dict[str, list[Row]] = {}
    for why, row in found:
        if why:
            groups.setdefault(why, []).append(row)
    everywhere = Counter(row["device"] for row in rows)
    for why, group in groups.items():
        counts = Counter(row["device"] for row in group)
        whole = [device for device, count in counts.items() if MOST_NAMED < count == everywhere[device]]
        rest = [row for row in group if row["device"] not in whole]
        named = [f"all of {device}" for device in whole]
        named += _name_pairs(rest[:MOST_NAMED], with_device=len(everywhere) > 1)
        more = f" and {len(rest) - MOST_NAMED} more" if len(rest) > MOST_NAMED else ""
        yield why, f"{', '.join(named)}{more}"


def _name_pairs(group: Sequence[Row], *, with_device: bool) -> list[str]:
    """Return pairs in words; devices with the same pairs share one mention."""
    models: dict[str, dict[str, list[str]]] = {}
    for row in group:
        models.setdefault(row["device"], {}).setdefault(row["model"], []).append(row["precision"])
    devices: dict[str, list[str]] = {}
    for device, found in models.items():
        pairs = ", ".join(f"{model} {'/'.join(precisions)}" for model, precisions in found.items())
        devices.setdefault(pairs, []).append(device)
    return [f"{pairs} ({', '.join(names)})" if with_device else pairs for pairs, names in devices.items()]


def _explain_missing_whiskers(table: pd.DataFrame, names: Sequence[str]) -> Iterator[str]:
    """Yield for each metric which values have no interval over the runs, and why."""
    for name in names:
        rows = table[table[name].notna()]
        bare = [row for row in rows.to_dict("records") if whiskers.compute_span(row, name, whiskers.RUNS) is None]
        if whiskers.choose_basis(table, name) == whiskers.BUDGET or not bare:
            continue
        which = "has no whiskers" if len(bare) == len(rows) else f"has no whisker for {len(bare)} of {len(rows)} pairs"
        why = NOT_SAMPLED.get(name, "it is not computed from runs")
        if name in SAMPLED:
            least, most = min(row["runs"] for row in bare), max(row["runs"] for row in bare)
            runs = f"{least:.0f}" if least == most else f"{least:.0f} to {most:.0f}"
            few = f"an interval needs {LEAST_RUNS} runs, but there were {runs}"
            why = few if most < LEAST_RUNS else f"{runs} runs gave no interval"
        yield f"{METRICS[name].label} {which}: {why}."
