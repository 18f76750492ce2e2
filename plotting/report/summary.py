"""benchmark_summary_report.txt: leaders, models, statistics, what is missing, conditions. Table -> text."""

import textwrap
from collections.abc import Sequence

import pandas as pd

from benchmarks.record import MEASURED
from plotting.analysis import conditions
from plotting.analysis.observations import list_observations
from plotting.analysis.ranking import CATEGORIES, Place, rank, select_rankable, split_for_ranking
from plotting.metrics.registry import METRICS, Metric, format_value
from plotting.table.row import STATISTICAL_ONLY
from plotting.table.work_groups import split_by_work
from plotting.text import aligned

NEGLIGIBLE = 0.0005
WIDTH = 100
MOST_PLACES = 8
BREAKDOWN = {
    "tokens_per_sec": "tokens/s",
    "tokens_per_sec_interval": "95%",
    "ttft_p50_s": "TTFT s",
    "joules_per_token": "J/token",
    "joules_per_token_uncertainty": "± (k=1)",
    "net_joules_per_token": "net J/token",
    "tps_per_watt": "tok/s/W",
    "avg_power_watts": "W",
    "avg_ram_gb": "RAM GB",
    "mbu": "MBU",
    "load_time_s": "load s",
    "failed_runs": "failed",
}
"""Columns of the breakdown by model, with short headings: metrics, and the interval of one."""
INTERVAL = "_interval"


def text(table: pd.DataFrame, problems: Sequence[str]) -> str:
    """Return the report. `problems` are the sentences of the reader about files that it left out."""
    parts = [
        _heading("edge-vlm-bench: summary", "="),
        *_sentences(
            [
                f"Measured: {dates(table)}.",
                *conditions.describe_conditions(table),
                *conditions.describe_uncertainty(table),
            ]
        ),
        *_top(table),
        *_breakdown(table),
        *_statistics(table),
        *_section("Observations", list_observations(table) or ["None: too few pairs."]),
        *_section("Not measured", unmeasured(table) or ["Every pair and every category above was measured."]),
        *_section("Files left out", problems or ["None."]),
    ]
    return "\n".join(parts) + "\n"


def dates(table: pd.DataFrame) -> str:
    """Return the span of days of the saves."""
    days = sorted({str(stamp)[:10] for stamp in table["datetime"] if stamp})
    return "no date" if not days else days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


def place(found: Place, unit: str) -> str:
    """Return one place of a ranking as a line."""
    tie = " (tie)" if found.tied else ""
    return f"{found.place}. {found.model} on {found.device}, {found.precision}: {format_value(found.value)} {unit}{tie}"


def _top(table: pd.DataFrame) -> list[str]:
    lines = _section("Top three by category", [])
    for name in CATEGORIES:
        for part in split_for_ranking(table, name):
            metric = METRICS[name]
            lines.append(f"{metric.axis}, {metric.direction}{f', {part.words}' if part.words else ''}")
            best = places(part.table, name)
            lines += [f"  {line}" for line in best] or [f"  not measured: {why_none(part.table, name)}"]
    return lines


def places(table: pd.DataFrame, name: str) -> list[str]:
    """Return the top three of a metric as lines; a tie of many is cut short, and says so."""
    found = [place(each, METRICS[name].unit) for each in rank(table, name)]
    more = len(found) - MOST_PLACES
    return [*found[:MOST_PLACES], f"and {more} more, tied with these"] if more > 0 else found


def why_none(table: pd.DataFrame, name: str) -> str:
    """Return why no row has a metric."""
    measured = table[table["status"] == MEASURED]
    found = [reason for reason in dict.fromkeys(measured[f"{name}_reason"]) if reason]
    return "; ".join(found) or "no row may be ranked"


def _breakdown(table: pd.DataFrame) -> list[str]:
    lines = _section("Model by model", [])
    for model, rows in table.sort_values(["model_order", "device_order", "precision_order"]).groupby(
        "model", sort=False
    ):
        cells = [("device", "precision", *BREAKDOWN.values())]
        for _, row in rows.iterrows():
            values = [cell(row, name) for name in BREAKDOWN]
            if row["status"] != MEASURED:
                values[0] = row["status"]
            cells.append((row["device"], row["precision"], *values))
        lines += [str(model), *(f"  {line}" for line in aligned(cells)), ""]
    return lines[:-1]


def cell(row: pd.Series, name: str) -> str:
    """Return a value of a breakdown, or its interval; an uncertainty that leaves the sensor's gain out says so.

    One under NEGLIGIBLE of its value is shown as less than that: a sensor that stands still leaves what rounding does.
    """
    if name.endswith(INTERVAL):
        return _interval(row, METRICS[name.removesuffix(INTERVAL)])
    text = METRICS[name].show(row[name])
    alone = name.endswith("_uncertainty") and text != "-" and row["uncertainty_kind"] == STATISTICAL_ONLY
    least = NEGLIGIBLE * abs(row.get(name.removesuffix("_uncertainty"), 0.0)) if text != "-" else 0.0
    if name.endswith("_uncertainty") and row[name] < least:
        text = f"<{METRICS[name].show(least)}"
    return f"{text} stat." if alone else text


def _interval(row: pd.Series, metric: Metric) -> str:
    low, high = (metric.show(row[f"{metric.name}_{end}"]) for end in ("low", "high"))
    return "-" if "-" in (low, high) else f"{low} to {high}"


def _statistics(table: pd.DataFrame) -> list[str]:
    states = table["status"].value_counts(sort=False)
    counts = ", ".join(f"{count} {status}" for status, count in states.items())
    lines = [*_section("Quick reference", []), f"Pairs: {counts}."]
    for part in split_by_work(table):
        lines += [f"{part.words.capitalize()}:"] if part.words else []
        lines += aligned(_spread(part.table))
    return lines


def _spread(table: pd.DataFrame) -> list[tuple[str, ...]]:
    cells: list[tuple[str, ...]] = [("metric", "unit", "pairs", "min", "median", "max")]
    for name, metric in METRICS.items():
        values = select_rankable(table, name)[name]
        if len(values):
            low, middle, high = (metric.show(v) for v in (values.min(), values.median(), values.max()))
            cells.append((metric.label, metric.unit, str(len(values)), low, middle, high))
    return cells


def unmeasured(table: pd.DataFrame) -> list[str]:
    """Return a line for each pair without a measurement, and one for each metric that a device lacks."""
    rows = table[table["status"] != MEASURED]
    lines = [f"{r.device}, {r.model}, {r.precision}: {r.status}, {r.reason.rstrip('.')}." for r in rows.itertuples()]
    for device, found in table[table["status"] == MEASURED].groupby("device", sort=False):
        gone: dict[str, list[str]] = {}
        for name in CATEGORIES:
            if found[name].isna().all():
                gone.setdefault(found.iloc[0][f"{name}_reason"], []).append(METRICS[name].label.lower())
        lines += [f"{device}, {', '.join(names)}: {reason}." for reason, names in gone.items()]
    return lines


def _section(title: str, sentences: Sequence[str]) -> list[str]:
    return ["", _heading(title, "-"), *_sentences(sentences)]


def _heading(title: str, rule: str) -> str:
    return f"{title}\n{rule * len(title)}"


def _sentences(sentences: Sequence[str]) -> list[str]:
    return [line for sentence in sentences for line in textwrap.wrap(sentence, WIDTH, subsequent_indent="  ")]
