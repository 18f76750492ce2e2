"""Sides of saves beside each other, pair by pair: values, ratios to the first side, and what they are worth.

Nothing is compared across unlike work: where two sides differ in weights, workload, precision of the
model or what the power sensor covers, the ratio is left out and the difference is said.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from benchmarks.record import MEASURED
from plotting.comparison import sides, statistics
from plotting.comparison.sides import SERIES
from plotting.comparison.statistics import APART, NOT_COMPARABLE, Difference, Side
from plotting.metrics.bootstrap import LEAST_RUNS, UNKNOWN
from plotting.metrics.registry import METRICS, SAMPLED

COMPARED = (
    "tokens_per_sec",
    "ttft_p50_s",
    "latency_p50_s",
    "joules_per_token",
    "avg_power_watts",
    "avg_ram_gb",
    "load_time_s",
)
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
        remark: what is to be known of its sessions: runs that failed or are missing, throttling.
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
    remark: str = ""


def lines(
    tables: dict[str, pd.DataFrame], others: pd.DataFrame | None = None, metrics: Sequence[str] = COMPARED
) -> list[Line]:
    """Return the comparison of {name of side: its table, a row for each session and pair}; the first is the baseline.

    `others` are rows of further saves, which tell how far sessions of a series lie apart.
    """
    tables, baseline = sides.labelled(tables), next(iter(tables))
    others = None if others is None or others.empty else sides.further(tables, others)
    found, drawn = [], []
    for pair in dict.fromkeys(pair for table in tables.values() for pair in sides.pairs(table)):
        rows = {name: sides.sessions(table, pair) for name, table in tables.items()}
        for metric in metrics:
            for name in tables:
                line, difference = _line(pair, metric, name, rows[name], rows[baseline], others, first=name == baseline)
                found.append(line)
                drawn.append(difference)
    return _judged(found, drawn)


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
    line = _alone(" ".join(pair), metric, name, rows)
    if first:
        return line, None
    if why := line.why or _bar(rows, before, metric):
        return replace(line, why=why, verdict=NOT_COMPARABLE), None
    line = replace(line, differs=sides.differs(rows, before))
    values, old = _values(rows, metric), _values(before, metric)
    if min(*values, *old) <= 0:
        return replace(line, why="no ratio to figures that are not above 0", verdict=NOT_COMPARABLE), None
    same = bool((rows.iloc[0][SERIES] == before.iloc[0][SERIES]).all())
    drawn = _side(before, metric, others), _side(rows, metric, others)
    try:
        difference = statistics.difference(*drawn, alike=same)
    except OverflowError:
        return replace(line, why="no ratio of these figures is finite", verdict=NOT_COMPARABLE), None
    line = _with(line, difference, statistics.ranks(*drawn))
    apart = same and len(values) + len(old) > 2 and sides.apart(rows, before)
    return replace(line, basis=f"{line.basis}, {APART}") if apart else line, difference


def _alone(pair: str, metric: str, name: str, rows: pd.DataFrame) -> Line:
    """Return a side's figure of a metric, or why it has none."""
    values = _values(rows, metric)
    line = Line(
        pair,
        metric,
        METRICS[metric].unit,
        name,
        str(rows.iloc[0]["device"]) if len(rows) else "",
        _mean(values),
        sessions=len(values),
    )
    if not values:
        return replace(line, why=_why_none(rows, metric))
    low, high = _bounds(rows, metric) if len(values) == 1 else UNKNOWN
    return replace(line, low=_known(low), high=_known(high), remark=sides.remark(rows))


def _bar(rows: pd.DataFrame, before: pd.DataFrame, metric: str) -> str:
    """Return what keeps a side's figure from being compared; empty where nothing does."""
    if not len(before):
        return "not in the baseline"
    if before.iloc[0]["status"] != MEASURED:
        return f"baseline: {before.iloc[0]['status']}"
    if not _values(before, metric):
        return "the baseline has none"
    return sides.unlike(rows.iloc[0], before.iloc[0], metric)


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
        corrected = statistics.adjusted([difference.p for _, difference in group])
        for (place, difference), p in zip(group, corrected, strict=True):
            judged[place] = _judge(found[place], difference, p)
    return judged


def _judge(line: Line, difference: Difference, p: float) -> Line:
    better = METRICS[line.metric].higher_is_better
    if better is None:
        return replace(line, verdict=NOT_COMPARABLE, why="neither way is better")
    verdict = statistics.verdict(difference, p, higher_is_better=better)
    few = f"too few runs for an interval: it takes {LEAST_RUNS}, that of a quantile more"
    one = "one value a session, whose spread is not known: give three saves a side"
    why = "" if verdict != NOT_COMPARABLE else few if line.metric in SAMPLED else one
    return replace(line, verdict=verdict, p_adjusted=_known(p), why=why)


def _side(rows: pd.DataFrame, metric: str, others: pd.DataFrame | None) -> Side:
    values = tuple(_values(rows, metric))
    groups: tuple[tuple[float, ...], ...] = ()
    if others is not None and len(others):
        like = sides.like(others, rows.iloc[0])
        names = like["save"].str.replace(NUMBER, "", regex=True)  # of one name are sessions of one thing
        found = [_values(group, metric) for _, group in like.groupby([*SOFTWARE, names], sort=False)]
        groups = tuple(tuple(group) for group in found if group and min(group) > 0)
    if len(values) > 1:
        return Side(values, others=groups)
    return Side(values, _bounds(rows, metric), _one(rows, metric)["blocks"].get(metric, ()), groups)


def _bounds(rows: pd.DataFrame, metric: str) -> tuple[float, float]:
    if metric not in SAMPLED:
        return UNKNOWN
    row = _one(rows, metric)
    return float(row[f"{metric}_low"]), float(row[f"{metric}_high"])


def _one(rows: pd.DataFrame, metric: str) -> pd.Series:
    """Return the first session that has a value."""
    return rows[rows[metric].notna()].iloc[0]


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
    if row["status"] == MEASURED:
        return str(row[f"{metric}_reason"])
    return f"{row['status']}: {row['reason']}" if row["save"] and row["reason"] else str(row["status"])
