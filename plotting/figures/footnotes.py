"""Footnotes of figures: conditions and what is missing, in a dozen words each; page and CSV hold the rest."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.analysis import conditions
from plotting.analysis.ranking import name_leaders, split_for_ranking
from plotting.metrics.bootstrap import LEAST_RUNS
from plotting.metrics.registry import METRICS, SAMPLED
from plotting.table import status, whiskers
from plotting.table.build import NEVER
from plotting.table.work_groups import EXPLAINED, split_by_work

Row = dict[Any, Any]
COLUMNS = ["device", "model", "precision", "status", "attempted", "failed_runs", *status.WARNING_COLUMNS]
NAMED = 6
"""So many pairs are named for one reason; more are counted."""
PARTS = 3
"""Of more parts that are ranked apart no best is named."""
ONCE = {"load_time_s": "each pair was loaded once", "avg_ram_gb": "it is one mean over the runs"}
"""Why metrics that are not made of runs have no interval."""
BEYOND = "Decoding at the memory's peak rate (MBU 100%) is beyond the scale of every bar."
MORE = "More: README.md, unmeasured_pairs.csv and figures-data/ beside this figure."


def footnote(
    table: pd.DataFrame,
    names: Sequence[str],
    *,
    with_whiskers: bool = True,
    expected: bool = True,
    mbu: bool = False,
    mark: str = "hatched",
) -> list[str]:
    """Return the sentences under a figure of some metrics. Of several metrics no best is named.

    `with_whiskers` are drawn or not, and `expected` where a reader knows them from such figures; it shows an
    MBU or not; `mark` is what doubt looks like.
    """
    parts = split_by_work(table)
    rows = [row for part in parts for row in part.table[COLUMNS].to_dict("records")]
    bases = dict.fromkeys(whiskers.choose_basis(table, name) for name in names)
    return [
        *conditions.describe_conditions(table, figure=True, names=[*names, "mbu"] if mbu else names),
        *(_best(table, names[0]) if len(names) == 1 else []),
        *_missing(rows),
        *_failures(rows),
        *_doubts(rows, names, mark),
        *(whiskers.CAPTIONS[of] for of in bases if of and with_whiskers),
        *(_without_interval(table, names) if expected else []),
        *(conditions.describe_uncertainty(table, figure=True) if whiskers.BUDGET in bases else []),
        *([EXPLAINED] if len(parts) > 1 else []),
        MORE,
    ]


def _best(table: pd.DataFrame, name: str) -> list[str]:
    """Return the best pair of each part of a table that is ranked by itself, with those that are tied with it."""
    found = [(part.words, name_leaders(part.table, name)) for part in split_for_ranking(table, name)]
    said = [f"{where}: {words}" if where else words for where, words in found if words]
    return [f"{words[0].upper()}{words[1:]}." for words in said] if len(said) <= PARTS else []


def _missing(rows: Sequence[Row]) -> list[str]:
    """Return which pairs of a figure have no value, by state; where they are many, how many."""
    gone = [row for row in rows if row["status"] != MEASURED]
    if len({(row["status"], row["device"], row["model"]) for row in gone}) > NAMED:
        counts = Counter(status.NOT_ATTEMPTED if row["status"] == NEVER else str(row["status"]) for row in gone)
        return [f"Without a value: {', '.join(f'{count} pairs {state}' for state, count in counts.items())}."]
    found = _by_reason(rows, ((str(row["status"]), row) for row in gone))
    return [" ".join(f"{why[0].upper()}{why[1:]}: {names}." for why, names in found)] if gone else []


def _failures(rows: Sequence[Row]) -> list[str]:
    """Return in which measured pairs runs failed, how many of how many."""
    measured = [row for row in rows if row["status"] == MEASURED]
    return _listed(
        "Runs failed in measured pairs", measured, ((status.describe_failures(row), row) for row in measured)
    )


def _doubts(rows: Sequence[Row], names: Sequence[str], mark: str) -> list[str]:
    """Return which values are in doubt, and why."""
    measured = [row for row in rows if row["status"] == MEASURED]
    found = ((words, row) for row in measured for words in status.list_warnings(row, *names))
    return _listed(f"In doubt, {mark}", measured, found)


def _listed(heading: str, rows: Sequence[Row], found: Iterable[tuple[str, Row]]) -> list[str]:
    said = [f"{names}: {why}" for why, names in _by_reason(rows, found)]
    return [f"{heading}: {'; '.join(said)}."] if said else []


def _by_reason(rows: Sequence[Row], found: Iterable[tuple[str, Row]]) -> Iterator[tuple[str, str]]:
    """Yield each reason with those of the rows that it is of: (why, "LLaVA fp16/bf16, Phi fp16 (Jetson Thor)")."""
    groups: dict[str, list[Row]] = {}
    for why, row in found:
        if why:
            groups.setdefault(why, []).append(row)
    everywhere = Counter(row["device"] for row in rows)
    for why, group in groups.items():
        counts = Counter(row["device"] for row in group)
        whole = [device for device, count in counts.items() if NAMED < count == everywhere[device]]
        rest = [row for row in group if row["device"] not in whole]
        named = [f"all of {device}" for device in whole] + _names(rest[:NAMED], alone=len(everywhere) == 1)
        more = f" and {len(rest) - NAMED} more" if len(rest) > NAMED else ""
        yield why, f"{', '.join(named)}{more}"


def _names(group: Sequence[Row], *, alone: bool) -> list[str]:
    """Return pairs in words: those of one device together, and devices of the same pairs too; one `alone` unnamed."""
    of_device: dict[str, dict[str, list[str]]] = {}
    for row in group:
        of_device.setdefault(row["device"], {}).setdefault(row["model"], []).append(row["precision"])
    devices: dict[str, list[str]] = {}
    for device, models in of_device.items():
        pairs = ", ".join(f"{model} {'/'.join(precisions)}" for model, precisions in models.items())
        devices.setdefault(pairs, []).append(device)
    return [pairs if alone else f"{pairs} ({', '.join(names)})" for pairs, names in devices.items()]


def _without_interval(table: pd.DataFrame, names: Sequence[str]) -> Iterator[str]:
    """Say of each metric which values have no interval over the runs, and why."""
    for name in names:
        rows, basis = table[table[name].notna()], whiskers.choose_basis(table, name)
        bare = [row for row in rows.to_dict("records") if whiskers.compute_span(row, name, whiskers.RUNS) is None]
        if basis == whiskers.BUDGET or not bare:
            continue
        which = "has no whiskers" if len(bare) == len(rows) else f"has no whisker for {len(bare)} of {len(rows)} pairs"
        if name in SAMPLED:
            counts = sorted({int(row["runs"]) for row in bare})
            runs = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
            enough = f"an interval takes {LEAST_RUNS} runs, and there were {runs}"
            why = enough if counts[-1] < LEAST_RUNS else f"{runs} runs gave no interval"
        else:
            why = ONCE.get(name, "it is not made of runs")
        yield f"{METRICS[name].label} {which}: {why}."
