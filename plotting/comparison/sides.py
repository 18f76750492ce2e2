"""The sides of a comparison: which rows, each a pair of one save, are sessions of one side, and how sides differ."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.metrics.registry import METRICS
from plotting.table import series
from plotting.table.series import CONDITIONS, PAIR
from plotting.table.status import is_power_metric, rests_on_time

WORK = ("weights", "checkpoint", "revision", "adapter", "workload_hash", "engine")
SAME_WORK = {name: name.removesuffix("_hash") for name in WORK}  # columns that must be equal for any ratio, in words
SAME_POWER = {"power_scope": "power scope", "scope_mismatch": "scope mismatch"}  # for ratios of energy
SAME_MEMORY = {"memory_kind": "what counts as RAM"}  # for ratios of memory
NAMED = {
    "device_name": "device",
    "processor": "processor",
    "gpu_uuid": "GPU",
    "power_mode": "power mode",
    "torch_device": "torch device",
    "driver": "driver",
    "torch": "torch",
    "transformers": "transformers",
}
"""Columns that may differ, and are named if they do: they may be what is compared."""
NO_DATE = "a clock was never set, so the numbers of the saves give their order"
SERIES = [*PAIR, *CONDITIONS]


def label_devices(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables with device labels that name the differences between them, such as the power mode."""
    rows = {name: table.to_dict("records") for name, table in tables.items()}
    series.label([row for of_table in rows.values() for row in of_table])
    return {name: table.assign(device=[row["device"] for row in rows[name]]) for name, table in tables.items()}


def is_one_side(tables: Sequence[pd.DataFrame]) -> bool:
    """Return whether saves can be sessions of one side: of one device, and each pair in one series."""
    rows = pd.concat(tables)
    measured = rows.loc[rows["status"] == MEASURED, SERIES].drop_duplicates()
    return len(set(measured["device_name"])) <= 1 and not measured.duplicated(list(PAIR)).any()


def list_pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the distinct (model, precision) of a table, in the study's order."""
    ordered = table.sort_values(["model_order", "precision_order"])
    return list(dict.fromkeys(zip(ordered["model"], ordered["precision"], strict=True)))


def select_sessions(table: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    """Return a side's rows of a pair, one a session and all of the first one's series.

    Without a measured row, return the first one.
    """
    found = table[(table["model"] == pair[0]) & (table["precision"] == pair[1])]
    measured = _drop_copies(found[found["status"] == MEASURED])
    if len(measured):
        return select_series(measured, measured.iloc[0])
    tried = found[found["save"] != ""]  # a pair that no save holds has no name of a save
    return tried[:1] if len(tried) else found[:1]


def select_further(sides: dict[str, pd.DataFrame], others: pd.DataFrame) -> pd.DataFrame:
    """Return the measured rows of other saves that are not copies of a side's rows."""
    together = pd.concat([*sides.values(), others], ignore_index=True)
    kept = _drop_copies(together).loc[sum(map(len, sides.values())) :]
    return kept[kept["status"] == MEASURED]


def select_series(rows: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
    """Return the rows that are of the same series as `row`."""
    return rows[(rows[SERIES] == row[SERIES]).all(axis=1)]


def _drop_copies(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows without those of copied saves, which are not sessions of their own."""
    return rows.drop_duplicates([*SERIES, "datetime", *METRICS])


def is_blocked(rows: pd.DataFrame, before: pd.DataFrame) -> bool:
    """Return whether all sessions of one side ran before those of the other."""
    both = pd.concat([rows, before])
    dated = all(map(series.has_date, both["datetime"]))
    order = both["datetime"] if dated else both["save"].map(series.read_number)
    new, old = order.iloc[: len(rows)], order.iloc[len(rows) :]
    return bool(min(new) > max(old) or max(new) < min(old))


def explain_unlike(row: pd.Series, before: pd.Series, metric: str) -> str:
    """Return why two rows cannot be compared; "" if they can."""
    for side in (row, before):
        if side["invalid"] and rests_on_time(metric):
            return str(side["invalid"])
        if not side["finite_logits"]:
            return "outputs are not finite"
    required = SAME_WORK | (SAME_POWER if is_power_metric(metric) else SAME_MEMORY if "ram" in metric else {})
    differing = [
        _describe_difference(column, words, before, row)
        for column, words in required.items()
        if row[column] != before[column]
    ]
    return f"differs in {', '.join(differing)}" if differing else ""


def _describe_difference(column: str, words: str, before: pd.Series, row: pd.Series) -> str:
    """Return how two rows differ in a column: `weights (mini, random)`."""
    if column == "workload_hash":
        return f"{words} ({_describe_workloads(before, row)})"
    values = [_shorten(side[column], 12 if column == "revision" else 40) for side in (before, row)]
    return f"{words} ({', '.join(values)})"


def _shorten(value: object, letters: int = 40) -> str:
    return {"True": "yes", "False": "no", "": "none", "nan": "none"}.get(str(value), str(value)[:letters])


def _describe_workloads(before: pd.Series, row: pd.Series) -> str:
    """Return how two workloads differ."""
    found = []
    for key, words in (("new_tokens", "new tokens"), ("batch_size", "batch")):
        old, new = (_shorten(f"{side[key]:.0f}") for side in (before, row))
        found += [f"{words} {old}, {new}"] if old != new else []
    for key, words in (("images", "photographs"), ("prompts", "prompts"), ("recipe", "how photographs are cropped")):
        found += [words] if _read_workload(before, key) != _read_workload(row, key) else []
    return ", ".join(found) or "its hash"


def _read_workload(row: pd.Series, key: str) -> Any:
    """Return a part of a row's workload; of photographs only the checksums, which the hash covers."""
    found = row["record"]["workload"][key]
    return [image["sha256"] for image in found] if key == "images" else found


def describe_differences(rows: pd.DataFrame, before: pd.DataFrame) -> str:
    """Return further differences between all sessions of two sides: `power mode: 30W, MAXN`."""
    found = []
    for column, words in NAMED.items():
        old, new = (" and ".join(dict.fromkeys(side[column].replace("", "not read"))) for side in (before, rows))
        if old != new or " and " in old:
            found.append(f"{words}: {old}, {new}")
    return "; ".join(found)


def describe_problems(rows: pd.DataFrame) -> str:
    """Return what went wrong in measured sessions: failed or missing runs, throttling, and a clock never set."""
    good, failed, planned, attempted = (rows[name].sum() for name in ("runs", "failed_runs", "planned", "attempted"))
    throttled = [words for words in dict.fromkeys(rows["throttled"]) if words not in ("", "none")]
    found = [
        f"{failed:.0f} of {good + failed:.0f} runs failed" if failed else "",
        f"stopped after {attempted:.0f} of {planned:.0f} runs" if attempted < planned else "",
        f"throttled ({', '.join(throttled)})" if throttled else "",
        "" if all(map(series.has_date, rows["datetime"])) else NO_DATE,
    ]
    return "; ".join(filter(None, found))
