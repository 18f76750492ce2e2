"""Sides of saves beside each other, pair by pair: values, ratios to the first side, and what they are worth.

Nothing is compared across unlike work: where two sides differ in weights, workload, precision of the
model or what the power sensor covers, the ratio is left out and the difference is said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from benchmarks.record import MEASURED
from plotting import differences, series
from plotting.differences import APART, NOT_COMPARABLE, Difference, Side
from plotting.metrics import METRICS, SAMPLED
from plotting.series import CONDITIONS, PAIR
from plotting.stats import LEAST_RUNS, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPARED = (
    "tokens_per_sec",
    "ttft_p50_s",
    "latency_p50_s",
    "joules_per_token",
    "avg_power_watts",
    "avg_ram_gb",
    "load_time_s",
)
SAME_WORK = {
    "weights": "weights",
    "checkpoint": "checkpoint",
    "revision": "revision",
    "adapter": "adapter",
    "workload_hash": "workload",
    "engine": "engine",
}
"""What must be equal for any ratio."""
SAME_POWER = {"power_scope": "power scope"}
SAME_MEMORY = {"memory_kind": "what counts as RAM"}
EXTRA = {name: SAME_POWER for name in METRICS if "joules" in name or "watt" in name} | {
    name: SAME_MEMORY for name in METRICS if "ram" in name
}
"""What must be equal besides for the ratio of a metric."""
SAID = {
    "device_name": "device",
    "processor": "processor",
    "gpu_uuid": "GPU",
    "power_mode": "power mode",
    "torch_device": "torch device",
    "driver": "driver",
    "torch": "torch",
    "transformers": "transformers",
}
"""What may be what a comparison is about: said, and no bar."""
SERIES = [*PAIR, *CONDITIONS]
SOFTWARE = ["driver", "torch", "transformers"]
NUMBER = r"^\d+_"


@dataclass(frozen=True)
class Line:
    """One metric of one pair on one side, beside the baseline's. What is not known is None.

    Attributes:
        pair, metric, unit: what is compared.
        save: the side: a save's name, or the pattern of its sessions.
        device: of its first session.
        value: its value; of several sessions their geometric mean.
        ratio: value / baseline.
        why: why there is no value, no ratio or no verdict; "" where all are there.
        sessions: how many saves have a value.
        low, high: 95% interval of `value`, from the runs of one session.
        ratio_low, ratio_high: 95% interval of `ratio`.
        verdict: better, worse, within noise or not comparable; "" of the baseline.
        basis: what the interval of the ratio is drawn from.
        p, p_adjusted: that there is no difference; corrected for the number of pairs and metrics.
        rank_p, effect: Mann-Whitney's p and Cliff's delta, of sessions, or of blocks in time.
        spread: standard deviation from session to session, relative.
        differs: in what two comparable sides differ all the same.
    """

    pair: str
    metric: str
    unit: str
    save: str
    device: str
    value: float | None
    ratio: float | None = None
    why: str = ""
    sessions: int = 0
    low: float | None = None
    high: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    verdict: str = ""
    basis: str = ""
    p: float | None = None
    p_adjusted: float | None = None
    rank_p: float | None = None
    effect: float | None = None
    spread: float | None = None
    differs: str = ""


def lines(
    sides: dict[str, pd.DataFrame], others: pd.DataFrame | None = None, metrics: Sequence[str] = COMPARED
) -> list[Line]:
    """Return the comparison of {name of side: its table, a row for each session and pair}; the first is the baseline.

    `others` are rows of further saves, which tell how far sessions of a series lie apart.
    """
    sides, baseline = _labelled(sides), next(iter(sides))
    others = None if others is None or others.empty else _further(sides, others)
    found, drawn = [], []
    for pair in dict.fromkeys(pair for table in sides.values() for pair in _pairs(table)):
        rows = {name: _sessions(table, pair) for name, table in sides.items()}
        for metric in metrics:
            for name in sides:
                line, difference = _line(pair, metric, name, rows[name], rows[baseline], others, first=name == baseline)
                found.append(line)
                drawn.append(difference)
    return _judged(found, drawn)


def alike(tables: Sequence[pd.DataFrame]) -> bool:
    """Return whether saves may be sessions of one side: of one device, and no pair in two series."""
    rows = pd.concat(tables)
    measured = rows.loc[rows["status"] == MEASURED, SERIES].drop_duplicates()
    return len(set(measured["device_name"])) <= 1 and not measured.duplicated(list(PAIR)).any()


def _labelled(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables with each device's label saying in what it differs between them, such as the power mode."""
    rows = {name: table.to_dict("records") for name, table in tables.items()}
    series.label([row for of_table in rows.values() for row in of_table])
    return {name: table.assign(device=[row["device"] for row in rows[name]]) for name, table in tables.items()}


def _pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    ordered = table.sort_values(["model_order", "precision_order"])
    return list(dict.fromkeys(zip(ordered["model"], ordered["precision"], strict=True)))


def _sessions(table: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    """Return a side's rows of a pair: one a session, of the first one's series; without any measured, the first."""
    found = table[(table["model"] == pair[0]) & (table["precision"] == pair[1])]
    measured = _distinct(found[found["status"] == MEASURED])
    if len(measured):
        return _like(measured, measured.iloc[0])
    tried = found[found["save"] != ""]  # not a hole of that session's table
    return tried[:1] if len(tried) else found[:1]


def _distinct(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows without copies of a save: a copy is no session."""
    return rows.drop_duplicates([*SERIES, "datetime", *METRICS])


def _further(sides: dict[str, pd.DataFrame], others: pd.DataFrame) -> pd.DataFrame:
    """Return the measured rows of other saves that are no copies of a side's."""
    together = pd.concat([*sides.values(), others], ignore_index=True)
    kept = _distinct(together).loc[sum(map(len, sides.values())) :]
    return kept[kept["status"] == MEASURED]


def _like(rows: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
    return rows[(rows[SERIES] == row[SERIES]).all(axis=1)]


def _line(
    pair: tuple[str, str],
    metric: str,
    name: str,
    rows: pd.DataFrame,
    before: pd.DataFrame,
    others: pd.DataFrame | None,
    *,
    first: bool,
) -> tuple[Line, Difference | None]:
    values, old = _values(rows, metric), _values(before, metric)
    line = Line(
        " ".join(pair),
        metric,
        METRICS[metric].unit,
        name,
        str(rows.iloc[0]["device"]) if len(rows) else "",
        _mean(values),
        sessions=len(values),
    )
    if not values:
        return replace(line, why=_why_none(rows, metric), verdict="" if first else NOT_COMPARABLE), None
    if len(values) == 1:
        low, high = _bounds(rows, metric)
        line = replace(line, low=_known(low), high=_known(high))
    if first:
        return line, None
    if not old:
        why = f"baseline: {_why_none(before, metric)}" if len(before) else "not in the baseline"
        return replace(line, why=why, verdict=NOT_COMPARABLE), None
    if why := _unlike(rows.iloc[0], before.iloc[0], metric):
        return replace(line, why=why, verdict=NOT_COMPARABLE), None
    line = replace(line, differs=_differs(rows.iloc[0], before.iloc[0]))
    if min(*values, *old) <= 0:
        return replace(line, why="no ratio to figures that are not above 0", verdict=NOT_COMPARABLE), None
    same = bool((rows.iloc[0][SERIES] == before.iloc[0][SERIES]).all())
    drawn = _side(before, metric, others), _side(rows, metric, others)
    difference = differences.difference(*drawn, alike=same)
    line = _with(line, difference, differences.ranks(*drawn))
    apart = same and len(values) + len(old) > 2 and _apart(rows, before)
    return replace(line, basis=f"{line.basis}, {APART}") if apart else line, difference


def _apart(rows: pd.DataFrame, before: pd.DataFrame) -> bool:
    """Return whether the sessions of one side all came before those of the other."""
    (first, last), (old_first, old_last) = ((min(side["datetime"]), max(side["datetime"])) for side in (rows, before))
    return bool(first > old_last or last < old_first)


def _with(line: Line, found: Difference, ranks: tuple[float, float]) -> Line:
    return replace(
        line,
        ratio=found.ratio,
        ratio_low=_known(found.low),
        ratio_high=_known(found.high),
        basis=found.basis,
        p=_known(found.p),
        rank_p=_known(ranks[0]),
        effect=_known(ranks[1]),
        spread=_known(found.spread),
    )


def _judged(found: Sequence[Line], drawn: Sequence[Difference | None]) -> list[Line]:
    """Return the lines with their verdicts, p corrected for all pairs and metrics of a side."""
    groups: dict[str, list[tuple[int, Difference]]] = {}
    for place, (line, difference) in enumerate(zip(found, drawn, strict=True)):
        if difference is not None:
            groups.setdefault(line.save, []).append((place, difference))
    judged = list(found)
    for group in groups.values():
        corrected = differences.adjusted([difference.p for _, difference in group])
        for (place, difference), p in zip(group, corrected, strict=True):
            judged[place] = _judge(found[place], difference, p)
    return judged


def _judge(line: Line, difference: Difference, p: float) -> Line:
    better = METRICS[line.metric].higher_is_better
    if better is None:
        return replace(line, verdict=NOT_COMPARABLE, why="neither way is better")
    verdict = differences.verdict(difference, p, higher_is_better=better)
    few = f"too few runs for an interval: it takes {LEAST_RUNS}, that of a quantile more"
    one = "one value a session, whose spread is not known: give three saves a side"
    why = "" if verdict != NOT_COMPARABLE else few if line.metric in SAMPLED else one
    return replace(line, verdict=verdict, p_adjusted=_known(p), why=why)


def _side(rows: pd.DataFrame, metric: str, others: pd.DataFrame | None) -> Side:
    values = tuple(_values(rows, metric))
    groups: tuple[tuple[float, ...], ...] = ()
    if others is not None and len(others):
        like = _like(others, rows.iloc[0])
        names = like["save"].str.replace(NUMBER, "", regex=True)  # of one name are sessions of one thing
        found = [_values(group, metric) for _, group in like.groupby([*SOFTWARE, names], sort=False)]
        groups = tuple(tuple(group) for group in found if group and min(group) > 0)
    if len(values) > 1:
        return Side(values, others=groups)
    return Side(values, _bounds(rows, metric), rows.iloc[0]["blocks"].get(metric, ()), groups)


def _bounds(rows: pd.DataFrame, metric: str) -> tuple[float, float]:
    if metric not in SAMPLED:
        return UNKNOWN
    row = rows[rows[metric].notna()].iloc[0]
    return float(row[f"{metric}_low"]), float(row[f"{metric}_high"])


def _values(rows: pd.DataFrame, metric: str) -> list[float]:
    return [float(value) for value in rows[metric] if not pd.isna(value)]


def _mean(values: Sequence[float]) -> float | None:
    if not values or min(values) <= 0:
        return sum(values) / len(values) if values else None
    return values[0] if len(values) == 1 else Side(tuple(values)).value


def _known(value: float) -> float | None:
    return None if math.isnan(value) or math.isinf(value) else value


def _why_none(rows: pd.DataFrame, metric: str) -> str:
    if not len(rows):
        return "not in this save"
    row = rows.iloc[0]
    return str(row[f"{metric}_reason"]) if row["status"] == MEASURED else str(row["status"])


def _unlike(row: pd.Series, before: pd.Series, metric: str) -> str:
    """Return what keeps two rows from being compared; empty where nothing does."""
    doubts = [side["invalid"] or ("outputs are not finite" * (not side["finite_logits"])) for side in (row, before)]
    if any(doubts):
        return f"{NOT_COMPARABLE}: {next(filter(None, doubts))}"
    required = SAME_WORK | EXTRA.get(metric, {})
    differing = [words for column, words in required.items() if row[column] != before[column]]
    return f"{NOT_COMPARABLE}: {', '.join(differing)} differ" if differing else ""


def _differs(row: pd.Series, before: pd.Series) -> str:
    """Return in what else two rows differ: `power mode: 30W, MAXN`."""
    return "; ".join(
        f"{words}: {before[column] or 'not read'}, {row[column] or 'not read'}"
        for column, words in SAID.items()
        if row[column] != before[column]
    )
