"""What stands in place of a value, and what makes a value doubtful, in a few words. Pure."""

import math
from collections.abc import Mapping
from typing import Any

from benchmarks.record import MEASURED
from plotting.table.build import NEVER

NOT_MEASURED = "not measured"
NOT_ATTEMPTED = "not attempted"
DOUBTFUL = ("invalid", "finite_logits", "throttled", "scope_mismatch")
"""Columns that say what is wrong with a row."""


def absent(row: Mapping[Any, Any], name: str) -> str:
    """Return why a row has no value of a metric, "" where it has one: its state, with its failed runs counted."""
    if row["status"] == MEASURED:
        return NOT_MEASURED if math.isnan(row[name]) else ""
    if row["status"] == "failed":
        return failed(row) or "failed"
    return NOT_ATTEMPTED if row["status"] == NEVER else str(row["status"])


def failed(row: Mapping[Any, Any]) -> str:
    """Return how many of a pair's runs failed: "3 of 100 failed"; "" where none did."""
    count, among = row["failed_runs"], row["attempted"]
    return f"{count:.0f} of {among:.0f} failed" if count > 0 and among >= count else ""


def doubt(row: Mapping[Any, Any], *names: str) -> str:
    """Return what is wrong with a measured row's values of some metrics; "" where nothing is known to be."""
    return ", ".join(doubts(row, *names))


def doubts(row: Mapping[Any, Any], *names: str) -> list[str]:
    """Return each thing that is wrong with a measured row's values of some metrics, in a few words."""
    if row["status"] != MEASURED:
        return []
    found = {
        "MBU over 1": row["invalid"] != "",
        "output not finite": not row["finite_logits"],
        f"throttled ({row['throttled']})": row["throttled"] not in ("", "none"),
        "the power sensor covers something else": any(map(of_power, names)) and bool(row["scope_mismatch"]),
    }
    return [words for words, applies in found.items() if applies]


def of_power(name: str) -> bool:
    """Return whether a metric comes from the power sensor."""
    return "joules" in name or "watt" in name
