"""Compare saves pair by pair: values, ratios to the baseline, and verdicts.

Only like work is compared: where two sides differ in weights, workload, precision or what the power sensor
covers, there is no ratio, and the line names the difference.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.comparison import correction, sides, statistics
from plotting.comparison.statistics import NOT_COMPARABLE, Couple, Difference, Side
from plotting.metrics.bootstrap import LEAST_RUNS, UNKNOWN, Bounds
from plotting.metrics.registry import METRICS, SAMPLED
from plotting.text import count

COMPARED = (
    "tokens_per_sec",
    "ttft_p50_s",
    "latency_p50_s",
    "joules_per_token",
    "avg_power_watts",
    "avg_ram_gb",
    "load_time_s",
)


@dataclass(frozen=True)
class Line:
    """One metric of one pair on one side, compared with the baseline. Unknown values are None."""

    pair: str
    metric: str
    unit: str
    save: str  # the side: a save's name, or the pattern of its sessions
    device: str  # of the first session
    value: float | None  # geometric mean of the sessions
    ratio: float | None = None  # value / baseline
    why: str = ""  # why value, ratio or verdict is missing; what would decide an inconclusive one
    sessions: int = 0  # number of saves with a value
    low: float | None = None  # 95% interval of the value, from the runs of a single session
    high: float | None = None
    ratio_low: float | None = None  # 95% interval of the ratio
    ratio_high: float | None = None
    verdict: str = ""  # better, worse, within noise, inconclusive or not comparable; "" for the baseline and for watts
    basis: str = ""  # data behind the interval of the ratio
    p: float | None = None  # p-value of "no difference"
    p_adjusted: float | None = None  # corrected for the pairs and metrics that were asked about
    rank_p: float | None = None  # p-value of the Mann-Whitney test, over sessions or blocks in time
    effect: float | None = None  # Cliff's delta of the same
    spread: float | None = None  # standard deviation between sessions, relative
    differs: str = ""  # differences that allow a comparison, such as the power mode
    remark: str = ""  # failed or missing runs, and throttling
    more_sessions: int | None = None  # further ones per side that would decide an inconclusive verdict


def compare_sides(
    tables: dict[str, pd.DataFrame],
    others: pd.DataFrame | None = None,
    metrics: Sequence[str] = COMPARED,
    limits: Mapping[str, float] | None = None,
) -> list[Line]:
    """Return the comparison of {name of side: its table, a row for each session and pair}; the first is the baseline.

    `others` are rows of further saves; they show the spread between sessions of a series. `limits` are the gated
    metrics, each with the change that its gate allows (0.05 is 5%); their p is corrected for them alone.
    """
    tables, baseline = sides.label_devices(tables), next(iter(tables))
    known = pd.DataFrame() if others is None or others.empty else sides.select_further(tables, others)
    lines: list[Line] = []
    couples: dict[int, Couple] = {}  # place of a line -> what it compares
    for pair in dict.fromkeys(pair for table in tables.values() for pair in sides.list_pairs(table)):
        rows = {name: sides.select_sessions(table, pair) for name, table in tables.items()}
        for metric in metrics:
            for name in tables:
                line, couple = _describe_side(" ".join(pair), metric, name, rows[name]), None
                if name != baseline:
                    line, couple = _compare(line, rows[name], rows[baseline], known)
                if couple:
                    couples[len(lines)] = couple
                lines.append(line)
    for name in tables:
        judge_side(lines, {at: couple for at, couple in couples.items() if lines[at].save == name}, limits or {})
    return lines


def _describe_side(pair: str, metric: str, name: str, rows: pd.DataFrame) -> Line:
    """Return a side's value of a metric, or why it has none."""
    values, device = _values(rows, metric), str(rows.iloc[0]["device"]) if len(rows) else ""
    line = Line(pair, metric, METRICS[metric].unit, name, device, _mean(values), sessions=len(values))
    if not values:
        return replace(line, why=_explain_missing(rows, metric))
    low, high = _bounds(rows, metric) if len(values) == 1 else UNKNOWN
    return replace(line, remark=sides.describe_problems(rows), **_finite(low=low, high=high))


def _explain_missing(rows: pd.DataFrame, metric: str) -> str:
    if not len(rows):
        return "not in this save"
    row = rows.iloc[0]
    if row["status"] == MEASURED:
        return str(row[f"{metric}_reason"])
    return f"{row['status']}: {row['reason']}" if row["save"] and row["reason"] else str(row["status"])


def _compare(line: Line, rows: pd.DataFrame, before: pd.DataFrame, others: pd.DataFrame) -> tuple[Line, Couple | None]:
    """Return a line with the sides that it compares, or with the reason why it compares none."""
    metric = line.metric
    if why := line.why or _explain_no_ratio(rows, before, metric):
        return replace(line, why=why, verdict=NOT_COMPARABLE), None
    line = replace(line, differs=sides.describe_differences(rows, before))
    values, old_values = _values(rows, metric), _values(before, metric)
    if min(*values, *old_values) <= 0:
        return replace(line, why="a ratio needs values above 0", verdict=NOT_COMPARABLE), None
    alike = bool((rows.iloc[0][sides.SERIES] == before.iloc[0][sides.SERIES]).all())
    old, new = _make_side(before, metric, others), _make_side(rows, metric, others)
    try:
        statistics.compute_difference(old, new, alike=alike)
    except OverflowError:
        return replace(line, why="the ratio of these values is not finite", verdict=NOT_COMPARABLE), None
    rank_p, effect = statistics.compute_ranks(old, new)
    blocked = alike and len(values) + len(old_values) > 2 and sides.is_blocked(rows, before)
    ranks = _finite(rank_p=rank_p, effect=effect)
    return replace(line, basis=statistics.NOT_ALTERNATED if blocked else "", **ranks), (old, new, alike)


def _explain_no_ratio(rows: pd.DataFrame, before: pd.DataFrame, metric: str) -> str:
    """Return why a side's value cannot be compared; "" if it can."""
    if not len(before):
        return "not in the baseline"
    if before.iloc[0]["status"] != MEASURED:
        return f"baseline: {before.iloc[0]['status']}"
    if not _values(before, metric):
        return "the baseline has no value"
    return sides.explain_unlike(rows.iloc[0], before.iloc[0], metric)


def judge_side(lines: list[Line], couples: Mapping[int, Couple], limits: Mapping[str, float]) -> None:
    """Replace the lines at these places by lines with their difference and verdict.

    The p of a gated metric is corrected for the gated ones, that of any other for all.
    """
    found: dict[int, Difference] = {}
    for metric in dict.fromkeys(lines[at].metric for at in couples):
        places = [at for at in couples if lines[at].metric == metric]
        found |= zip(places, statistics.compute_differences([couples[at] for at in places]), strict=True)
    known = [at for at, drawn in found.items() if math.isfinite(drawn.p)]
    every = [at for at in known if METRICS[lines[at].metric].higher_is_better is not None]
    gated = [at for at in every if lines[at].metric in limits]
    asked = {name: _count_questions(lines, couples, places) for name, places in (("every", every), ("gated", gated))}
    for at, drawn in found.items():
        matters = max(statistics.LEAST_CHANGE, limits.get(lines[at].metric, statistics.MATTERS))
        lines[at] = _judge(lines[at], drawn, asked["gated" if at in gated else "every"], matters)


def _count_questions(lines: Sequence[Line], couples: Mapping[int, Couple], places: Iterable[int]) -> float:
    """Return how many questions these lines ask."""
    values: dict[str, dict[str, tuple[Sequence[float], ...]]] = {}
    for at in places:
        values.setdefault(lines[at].metric, {})[lines[at].pair] = tuple(side.sessions for side in couples[at][:2])
    return correction.count_questions(values)


def _judge(line: Line, found: Difference, questions: float, matters: float) -> Line:
    """Return a line with its difference and verdict."""
    basis = ", ".join(filter(None, (found.basis, line.basis)))
    known = _finite(ratio_low=found.low, ratio_high=found.high, p=found.p, spread=found.spread)
    line, better = replace(line, ratio=found.ratio, basis=basis, **known), METRICS[line.metric].higher_is_better
    if better is None:
        return replace(line, why="no verdict: neither a higher nor a lower value of this metric is better")
    p = correction.adjust_p([found.p], questions)[0]
    line = replace(line, **_finite(p_adjusted=p))
    verdict = statistics.judge(found, p, higher_is_better=better, matters=matters)
    if verdict == statistics.INCONCLUSIVE:
        more = statistics.count_further_sessions(found, questions, matters)
        enough = f"not even {statistics.MOST_SESSIONS} sessions" if more is None else count(more, "more session")
        return replace(line, verdict=verdict, why=f"{enough} per side would decide it", more_sessions=more)
    few = f"too few runs for a confidence interval: at least {LEAST_RUNS} are needed, and more for a quantile"
    one = "one session per side gives one value, whose variation is unknown: compare three saves per side"
    why = "" if verdict != NOT_COMPARABLE else few if line.metric in SAMPLED else one
    return replace(line, verdict=verdict, why=why)


def _make_side(rows: pd.DataFrame, metric: str, others: pd.DataFrame) -> Side:
    values = tuple(_values(rows, metric))
    groups: tuple[tuple[float, ...], ...] = ()
    if len(others):
        like = sides.select_series(others, rows.iloc[0])
        names = like["save"].str.replace(r"^\d+_", "", regex=True)  # saves of one name repeat one measurement
        alike = like.groupby(["driver", "torch", "transformers", names], sort=False)
        found = [_values(group, metric) for _, group in alike]
        groups = tuple(tuple(group) for group in found if group and min(group) > 0)
    if len(values) > 1:
        return Side(values, others=groups)
    [blocks] = rows.loc[rows[metric].notna(), "blocks"]
    return Side(values, _bounds(rows, metric), blocks.get(metric, ()), groups)


def _bounds(rows: pd.DataFrame, metric: str) -> Bounds:
    """Return the interval of the only session with a value."""
    if metric not in SAMPLED:
        return UNKNOWN
    [(low, high)] = rows.loc[rows[metric].notna(), [f"{metric}_low", f"{metric}_high"]].to_numpy(dtype=float)
    return float(low), float(high)


def _values(rows: pd.DataFrame, metric: str) -> list[float]:
    return [float(value) for value in rows[metric].dropna()]


def _mean(values: Sequence[float]) -> float | None:
    """Return the geometric mean; the arithmetic mean if a value is not positive."""
    if not values or min(values) <= 0:
        return sum(values) / len(values) if values else None
    return values[0] if len(values) == 1 else Side(tuple(values)).value


def _finite(**values: float) -> dict[str, Any]:
    """Return these fields of a Line, None where a value is not finite."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
