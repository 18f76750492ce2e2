"""benchmark_summary_report.txt: rankings, models, statistics, what is missing, and conditions."""

import textwrap
from collections.abc import Iterator, Sequence

import pandas as pd

from benchmarks.record import MEASURED
from plotting.analysis import conditions
from plotting.analysis.observations import list_observations
from plotting.analysis.ranking import CATEGORIES, Place, explain_ranking, rank, select_rankable, split_for_ranking
from plotting.metrics.registry import METRICS, format_interval, format_value
from plotting.table.row import COUNTS, STATISTICAL_ONLY
from plotting.table.series import has_date, has_few_runs
from plotting.table.work_groups import split_by_work
from plotting.text import align_columns, join_names

NEGLIGIBLE = 0.0005
"""A smaller relative uncertainty is shown as "less than": the samples are constant, only rounding is left."""
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


def write_summary(table: pd.DataFrame, problems: Sequence[str]) -> str:
    """Return the report; `problems` are the reader's sentences about files that it left out."""
    measured = [*conditions.describe_conditions(table), *conditions.describe_uncertainty(table)]
    parts = {
        "Top three by category": _list_rankings(table),
        "Model by model": _break_down(table),
        "Quick reference": [f"Pairs: {count_statuses(table)}.", *_list_statistics(table)],
        "Observations": _wrap(list_observations(table) or ["None: too few pairs."]),
        "Not measured": _wrap(list_unmeasured(table) or ["Every pair and every category above was measured."]),
        "Files left out": _wrap(problems or ["None."]),
    }
    head = "edge-vlm-bench: summary"
    body = [line for title, lines in parts.items() for line in ("", title, "-" * len(title), *lines)]
    return "\n".join([head, "=" * len(head), *_wrap([f"Measured: {describe_dates(table)}.", *measured]), *body, ""])


def describe_dates(table: pd.DataFrame) -> str:
    """Return the first and last day of the saves."""
    days = sorted({str(stamp)[:10] for stamp in table["datetime"] if has_date(stamp)})
    return "no date" if not days else days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


def count_statuses(table: pd.DataFrame) -> str:
    """Return the number of pairs of each status, in words."""
    return ", ".join(f"{count} {status}" for status, count in table["status"].value_counts(sort=False).items())


def list_rankings(table: pd.DataFrame, names: Sequence[str]) -> Iterator[tuple[str, list[str], str, list[str]]]:
    """Yield (title, places, why there are none, remarks) for each metric and group that is ranked separately."""
    for name in names:
        for part in split_for_ranking(table, name):
            title = f"{METRICS[name].axis}, {METRICS[name].direction}{f', {part.words}' if part.words else ''}"
            measured = part.table[part.table["status"] == MEASURED]
            reasons = filter(None, dict.fromkeys(measured[f"{name}_reason"]))
            why = "; ".join(reasons) or "no pair can be ranked"
            yield title, _list_places(part.table, name), why, explain_ranking(part.table, name)


def _list_places(table: pd.DataFrame, name: str) -> list[str]:
    """Return the top three of a metric as lines; a tie of many is cut short."""
    lines = [describe_place(place, METRICS[name].unit) for place in rank(table, name)]
    more = len(lines) - MOST_PLACES
    return [*lines[:MOST_PLACES], f"and {more} more, tied with these"] if more > 0 else lines


def describe_place(found: Place, unit: str) -> str:
    """Return one place of a ranking as a line."""
    value, scope = f"{format_value(found.value)} {unit}", f", {found.scope} power" if found.scope else ""
    tie = " (tie)" if found.tied else ""
    return f"{found.place}. {found.model} on {found.device}, {found.precision}: {value}{scope}{tie}"


def _list_rankings(table: pd.DataFrame) -> Iterator[str]:
    for title, places, why, remarks in list_rankings(table, CATEGORIES):
        yield title
        yield from (f"  {line}" for line in places or [f"not measured: {why}"])
        yield from (f"  {line}" for line in _wrap(remarks))


def _break_down(table: pd.DataFrame) -> list[str]:
    """Return a table for each model, with a row for each device and precision."""
    lines: list[str] = []
    ordered = table.sort_values(["model_order", "device_order", "precision_order"])
    for model, rows in ordered.groupby("model", sort=False):
        head = ("device", "precision", *BREAKDOWN.values())
        cells = [head, *((row["device"], row["precision"], *list_cells(row)) for _, row in rows.iterrows())]
        lines += [str(model), *(f"  {line}" for line in align_columns(cells)), ""]
    return lines[:-1]


def list_cells(row: pd.Series) -> list[str]:
    """Return a pair's values of the breakdown, "-" for a missing one; without a measurement its status comes first."""
    cells = [format_cell(row, name) for name in BREAKDOWN]
    if row["status"] != MEASURED:
        return [str(row["status"]), *cells[1:]]
    few = f" ({row['runs']:.0f} of {row['planned']:.0f} runs)" if has_few_runs(row) else ""
    return [f"{cells[0]}{few}", *cells[1:]]


def format_cell(row: pd.Series, name: str) -> str:
    """Return a value of the breakdown, or its interval; "stat." marks one without the sensor's gain error."""
    base, is_interval = name.removesuffix("_interval"), name.endswith("_interval")
    if is_interval:
        return format_interval(row[f"{base}_low"], row[f"{base}_high"])
    text = METRICS[name].show(row[name])
    if text == "-" or not name.endswith("_uncertainty"):
        return text
    least = NEGLIGIBLE * abs(row[name.removesuffix("_uncertainty")])
    text = f"<{METRICS[name].show(least)}" if row[name] < least else text
    return f"{text} stat." if row["uncertainty_kind"] == STATISTICAL_ONLY else text


def _list_statistics(table: pd.DataFrame) -> Iterator[str]:
    """Yield a table of number, least, median and largest value of each metric, for each work group."""
    for group in split_by_work(table):
        if group.words:
            yield f"{group.words.capitalize()}:"
        cells: list[tuple[str, ...]] = [("metric", "unit", "pairs", "min", "median", "max")]
        for name, metric in METRICS.items():
            rows = group.table if name in COUNTS else select_rankable(group.table, name)
            values = rows[name].dropna()
            if len(values):
                spread = (metric.show(value) for value in (values.min(), values.median(), values.max()))
                cells.append((metric.label, metric.unit, str(len(values)), *spread))
        yield from align_columns(cells)


def list_unmeasured(table: pd.DataFrame) -> list[str]:
    """Return a line for each pair without a measurement, and for each device with metrics that it lacks."""
    rows = table[table["status"] != MEASURED]
    lines = [f"{r.device}, {r.model}, {r.precision}: {r.status}, {r.reason.rstrip('.')}." for r in rows.itertuples()]
    for device, found in table[table["status"] == MEASURED].groupby("device", sort=False):
        missing = [name for name in CATEGORIES if found[name].isna().all()]
        lost = join_names((found.iloc[0][f"{name}_reason"], METRICS[name].label.lower()) for name in missing)
        lines += [f"{device}, {names}: {reason}." for reason, names in lost.items()]
    return lines


def _wrap(sentences: Sequence[str]) -> list[str]:
    return [line for sentence in sentences for line in textwrap.wrap(sentence, WIDTH, subsequent_indent="  ")]
