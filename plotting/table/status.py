"""Why a row has no value, and which warnings apply to its values, in a few words."""

import math
from collections.abc import Mapping
from typing import Any

from benchmarks.record import MEASURED
from plotting.table.build import NEVER
from plotting.table.series import has_few_runs

NOT_ATTEMPTED = "not attempted"
WARNING_COLUMNS = ("invalid", "finite_logits", "proved", "throttled", "scope_mismatch", "runs", "planned")
"""Columns that `list_warnings` reads."""


def explain_absence(row: Mapping[Any, Any], name: str) -> str:
    """Return why a row has no value of a metric, with the number of failed runs; "" if it has one."""
    if row["status"] == MEASURED:
        return "not measured" if math.isnan(row[name]) else ""
    if row["status"] == "failed":
        return describe_failures(row) or "failed"
    return NOT_ATTEMPTED if row["status"] == NEVER else str(row["status"])


def describe_failures(row: Mapping[Any, Any]) -> str:
    """Return how many of a pair's runs failed, such as "3 of 100 failed"; "" if none did."""
    count, among = row["failed_runs"], row["attempted"]
    return f"{count:.0f} of {among:.0f} failed" if count > 0 and among >= count else ""


def describe_warnings(row: Mapping[Any, Any], *names: str) -> str:
    """Return the warnings that `list_warnings` finds, in one text."""
    return ", ".join(list_warnings(row, *names))


def list_warnings(row: Mapping[Any, Any], *names: str) -> list[str]:
    """Return each known problem with a measured row's values of these metrics."""
    if row["status"] != MEASURED:
        return []
    found = {
        "MBU over 1": row["invalid"] != "" and (not names or any(map(rests_on_time, names))),
        "output not finite": not row["finite_logits"],
        "not proved": not row["proved"],
        f"not ranked, {row['runs']:.0f} of {row['planned']:.0f} runs good": has_few_runs(row),
        f"throttled ({row['throttled']})": row["throttled"] not in ("", "none"),
        "the power sensor measures another processor": any(map(is_power_metric, names)) and bool(row["scope_mismatch"]),
    }
    return [words for words, applies in found.items() if applies]


def is_power_metric(name: str) -> bool:
    """Return whether a metric needs the power sensor."""
    return "joules" in name or "watt" in name


def rests_on_time(name: str) -> bool:
    """Return whether a metric rests on the times of the runs or on the memory's traffic, as MBU does."""
    return not ("ram" in name or name in ("load_time_s", "runs", "failed_runs"))
