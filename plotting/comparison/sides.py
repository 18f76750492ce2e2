"""The sides of a comparison: which rows are sessions of one, and in what two sides are unlike.

A row is one pair of one save, as `frame` makes it.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.metrics.registry import METRICS
from plotting.table import series
from plotting.table.series import CONDITIONS, PAIR

SAME_WORK = {
    "weights": "weights",
    "checkpoint": "checkpoint",
    "revision": "revision",
    "adapter": "adapter",
    "workload_hash": "workload",
    "engine": "engine",
}
"""What must be equal for any ratio."""
SAME_POWER = {"power_scope": "power scope", "scope_mismatch": "scope mismatch"}
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
LONGEST, OF_REVISION = 40, 12
SERIES = [*PAIR, *CONDITIONS]


def labelled(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return the tables with each device's label saying in what it differs between them, such as the power mode."""
    rows = {name: table.to_dict("records") for name, table in tables.items()}
    series.label([row for of_table in rows.values() for row in of_table])
    return {name: table.assign(device=[row["device"] for row in rows[name]]) for name, table in tables.items()}


def alike(tables: Sequence[pd.DataFrame]) -> bool:
    """Return whether saves may be sessions of one side: of one device, and no pair in two series."""
    rows = pd.concat(tables)
    measured = rows.loc[rows["status"] == MEASURED, SERIES].drop_duplicates()
    return len(set(measured["device_name"])) <= 1 and not measured.duplicated(list(PAIR)).any()


def pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the (model, precision) of a table, each once, in the study's order."""
    ordered = table.sort_values(["model_order", "precision_order"])
    return list(dict.fromkeys(zip(ordered["model"], ordered["precision"], strict=True)))


def sessions(table: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    """Return a side's rows of a pair: one a session, of the first one's series; without any measured, the first."""
    found = table[(table["model"] == pair[0]) & (table["precision"] == pair[1])]
    measured = _distinct(found[found["status"] == MEASURED])
    if len(measured):
        return like(measured, measured.iloc[0])
    tried = found[found["save"] != ""]  # not a hole of that session's table
    return tried[:1] if len(tried) else found[:1]


def further(sides: dict[str, pd.DataFrame], others: pd.DataFrame) -> pd.DataFrame:
    """Return the measured rows of other saves that are no copies of a side's."""
    together = pd.concat([*sides.values(), others], ignore_index=True)
    kept = _distinct(together).loc[sum(map(len, sides.values())) :]
    return kept[kept["status"] == MEASURED]


def like(rows: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
    """Return the rows of a row's series."""
    return rows[(rows[SERIES] == row[SERIES]).all(axis=1)]


def _distinct(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows without copies of a save: a copy is no session."""
    return rows.drop_duplicates([*SERIES, "datetime", *METRICS])


def apart(rows: pd.DataFrame, before: pd.DataFrame) -> bool:
    """Return whether the sessions of one side all came before those of the other."""
    (first, last), (old_first, old_last) = ((min(side["datetime"]), max(side["datetime"])) for side in (rows, before))
    return bool(first > old_last or last < old_first)


def unlike(row: pd.Series, before: pd.Series, metric: str) -> str:
    """Return what keeps two rows from being compared; empty where nothing does."""
    doubts = [side["invalid"] or ("outputs are not finite" * (not side["finite_logits"])) for side in (row, before)]
    if any(doubts):
        return str(next(filter(None, doubts)))
    required = SAME_WORK | EXTRA.get(metric, {})
    differing = [
        _how(column, words, before, row) for column, words in required.items() if row[column] != before[column]
    ]
    return f"differs in {', '.join(differing)}" if differing else ""


def _how(column: str, words: str, *rows: pd.Series) -> str:
    """Return in what two rows differ, and how: `weights (mini, random)`."""
    if column == "workload_hash":
        return f"{words} ({_work(*rows)})"
    shown = [_word(row[column]) for row in rows]
    return f"{words} ({', '.join(text[:OF_REVISION] if column == 'revision' else text for text in shown)})"


def _word(value: object) -> str:
    return {"True": "yes", "False": "no", "": "none", "nan": "none"}.get(str(value), str(value)[:LONGEST])


def _work(before: pd.Series, row: pd.Series) -> str:
    """Return in what two workloads differ."""
    counts = {"new_tokens": "new tokens", "batch_size": "batch"}
    said = {words: [_word(f"{side[key]:.0f}") for side in (before, row)] for key, words in counts.items()}
    found = [f"{words} {old}, {new}" for words, (old, new) in said.items() if old != new]
    for key, words in (("images", "photographs"), ("prompts", "prompts"), ("recipe", "how photographs are cut")):
        if _content(before, key) != _content(row, key):
            found.append(words)
    return ", ".join(found) or "its hash"


def _content(row: pd.Series, key: str) -> Any:
    """Return a part of a row's workload: of photographs their bytes alone, as the hash takes them."""
    workload = row["record"].get("workload")
    found = workload.get(key) if isinstance(workload, dict) else None
    if key == "images" and isinstance(found, list):
        return [image.get("sha256") if isinstance(image, dict) else image for image in found]
    return found


def differs(rows: pd.DataFrame, before: pd.DataFrame) -> str:
    """Return in what else two sides differ, of all their sessions: `power mode: 30W, MAXN`."""
    found = []
    for column, words in SAID.items():
        old, new = (" and ".join(dict.fromkeys(side[column].replace("", "not read"))) for side in (before, rows))
        if old != new or " and " in old:
            found.append(f"{words}: {old}, {new}")
    return "; ".join(found)


def remark(rows: pd.DataFrame) -> str:
    """Return what a reader must know of measured sessions: runs that failed or are missing, and throttling."""
    good, failed, planned, attempted = (rows[name].sum() for name in ("runs", "failed_runs", "planned", "attempted"))
    throttled = [words for words in dict.fromkeys(rows["throttled"]) if words not in ("", "none")]
    found = [
        f"{failed:.0f} of {good + failed:.0f} runs failed" if failed else "",
        f"stopped after {attempted:.0f} of {planned:.0f} runs" if attempted < planned else "",
        f"slowed down by the device ({', '.join(throttled)})" if throttled else "",
    ]
    return "; ".join(filter(None, found))
