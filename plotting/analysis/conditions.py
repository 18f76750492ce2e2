"""Sentences about a table for figures, summary and page: conditions, power, uncertainty, missing values."""

from collections.abc import Sequence

import pandas as pd

from benchmarks.record import MEASURED
from plotting.table.build import NEVER, list_differences
from plotting.table.row import STATISTICAL_ONLY
from plotting.table.status import is_power_metric
from plotting.text import join_names

WORDS = 12
"""Most words of a reason in a figure."""
ALL, EVERY = 3, "all devices"
"""A figure replaces the names of more than ALL devices with EVERY, if the same is true of all devices."""
CONCERNS = {"what the power sensor covers": ("joules", "watt"), "what counts as RAM": ("ram",)}
"""Condition that may differ between devices -> parts of the names of the metrics that depend on it."""


def describe_conditions(table: pd.DataFrame, *, figure: bool = False, names: Sequence[str] = ()) -> list[str]:
    """Return the conditions of measurement; for a figure only those of the metrics `names`, shortened."""
    measured = table[table["status"] == MEASURED]
    if not len(measured):
        return ["Nothing was measured."]
    notes = [_describe_work(measured)]
    if not figure or any(map(is_power_metric, names)):
        notes.append("Power: " + "; ".join(describe_power(table, figure=figure)) + ".")
    if not figure or "mbu" in names:
        notes += _describe_bandwidth(measured, figure=figure)
    kinds = set(measured["weights"])
    if "mini" in kinds:
        notes.append(_describe_miniature(measured[measured["weights"] == "mini"]))
    if "random" in kinds:
        notes.append("Random weights at full size: time, memory and energy are valid, the answers are meaningless.")
    different = list_differences(table)
    notes += _merge_differences(different, names) if figure else [*describe_order(table), *different]
    return [sentence.replace("….", "…") for sentence in notes]


def shorten(text: str) -> str:
    """Return a reason in at most WORDS words, without its brackets."""
    head = text.partition(" (")[0]
    words = (head if " " in head else text).split()
    return " ".join(words[:WORDS]).rstrip(",;:.") + (" …" if len(words) > WORDS else "")


def _merge_differences(sentences: list[str], names: Sequence[str]) -> list[str]:
    """Return one sentence that lists which conditions of these metrics differ between devices."""
    start = "Not the same on every device: "
    words = [sentence.removeprefix(start).partition(" (")[0] for sentence in sentences]
    kept = [word for word in words if any(part in name for part in CONCERNS.get(word, ("",)) for name in names)]
    return [f"{start}{', '.join(kept)}."] if kept else []


def _join_devices(said: list[tuple[str, str]], *, figure: bool) -> list[str]:
    """Return `device: words` for each device; for a figure one line for all devices with the same words."""
    if not figure:
        return [f"{device}: {words}" for device, words in said]
    devices = join_names((words, device) for device, words in said)
    if len(devices) == 1 and len(said) > ALL:
        return [f"{EVERY}: {said[0][1]}"]
    return [f"{names}: {words}" for words, names in devices.items()]


def _describe_bandwidth(measured: pd.DataFrame, *, figure: bool) -> list[str]:
    """Return the peak bandwidth that MBU refers to, for each device."""
    said = []
    for device, rows in measured[measured["mbu"].notna()].groupby("device", sort=False):
        spans = []
        for source, peak in rows.groupby("bandwidth_source", sort=False):  # sessions measure different peaks
            most = peak["bandwidth_spread"].max()
            name = shorten(str(source).partition(",")[0]) if figure else source
            apart = f" (the slowest copy {most:.0%} below the fastest)" if most >= 0.005 else ""
            spans.append(f"{_show_span(peak['bandwidth_gb_per_s'])} GB/s, {name}{apart}")
        said.append((str(device), f"of {'; '.join(spans)}"))
    parts = _join_devices(said, figure=figure)
    return [f"MBU: {'; '.join(parts)}."] if parts else []


def describe_power(table: pd.DataFrame, *, figure: bool = False) -> list[str]:
    """Return how power was measured on each device; for a figure shortened."""
    parts = []
    measured = table[table["status"] == MEASURED]
    for device, rows in measured.groupby("device", sort=False):
        found = rows[rows["power_method"] != ""]
        row = (found if len(found) else rows).iloc[0]
        lost = f" (not for {len(rows) - len(found)} of {len(rows)} pairs)" if len(found) < len(rows) else ""
        mismatch = " (scope mismatch: not ranked)" if rows["scope_mismatch"].any() else ""
        how = f"{row['power_scope']}, {row['power_method']}, {row['power_source']}{lost}{mismatch}"
        why = f"not measured, {shorten(row['power_reason']) if figure else row['power_reason']}"
        parts.append((str(device), how if len(found) else why))
    return _join_devices(parts, figure=figure)


def describe_uncertainty(table: pd.DataFrame, *, figure: bool = False) -> list[str]:
    """Return a sentence about the uncertainty of the energy for each device that has energy."""
    said = []
    measured = table[(table["status"] == MEASURED) & table["energy_uncertainty"].notna()]
    for device, rows in measured.groupby("device", sort=False):
        least, most = rows["energy_uncertainty"].min(), rows["energy_uncertainty"].max()
        low, high = f"{least:.1%}", f"{most:.1%}"
        kinds = set(rows["uncertainty_kind"])
        unknown = f"{STATISTICAL_ONLY}: the sensor's gain error is not specified"
        known = unknown if STATISTICAL_ONLY in kinds else kinds.pop()
        span = "less than ± 0.1%" if most < 0.0005 else f"± {low}" if low == high else f"± {low} to {high}"
        said.append((str(device), f"the uncertainty of the energy is {span} (standard uncertainty, k=1; {known})."))
    lines = _join_devices(said, figure=figure)
    return [f"{line[0].upper()}{line[1:]}" if line.startswith(EVERY) else line for line in lines]


def list_reasons(table: pd.DataFrame, name: str) -> list[str]:
    """Return, each once, why measured rows lack a metric; without measured rows, why nothing was measured."""
    measured = table[table["status"] == MEASURED]
    tried = table[table["status"] != NEVER]
    found = measured[measured[name].isna()][f"{name}_reason"] if len(measured) else tried["reason"]
    return [reason for reason in dict.fromkeys(found) if reason]


def _describe_work(measured: pd.DataFrame) -> str:
    failed = int(measured["failed_runs"].sum())
    lost = f" ({failed} more failed)" if failed else ""
    requests = f"{_count(measured['photographs'], 'photograph')} x {_count(measured['prompts'], 'prompt')}"
    runs, tokens = _count(measured["runs"], "good run"), _count(measured["new_tokens"], "new token")
    return f"{runs} per pair{lost}; {requests}; {tokens} per sequence; batch {_show_span(measured['batch_size'])}."


def describe_order(table: pd.DataFrame) -> list[str]:
    """Return which saves count as the latest by their number, because a clock was never set."""
    saves = sorted(set(table.loc[table["by_number"].astype(bool), "save"]))
    why = "a clock that was never set dates no save, so the highest number of a save counts as the latest"
    return [f"Chosen by number: {', '.join(saves)} ({why})."] if saves else []


def _describe_miniature(measured: pd.DataFrame) -> str:
    """Return what miniature weights are, with their size."""
    sizes = [f"{size / 1e6:.1f}" for size in sorted(measured["parameters"].dropna())]
    size = f"{' to '.join(dict.fromkeys((sizes[0], sizes[-1])))} million parameters" if sizes else "few parameters"
    return (
        f"Miniature weights: the models' own classes and image tokens with {size}. "
        "They only test the benchmark; their results are not those of the published models."
    )


def _count(values: pd.Series, noun: str) -> str:
    return f"{_show_span(values)} {noun}{'' if values.max() == 1 else 's'}"


def _show_span(values: pd.Series) -> str:
    """Return `least to most` in whole numbers, or one number if they are equal."""
    first, last = f"{values.min():.0f}", f"{values.max():.0f}"
    return first if first == last else f"{first} to {last}"
