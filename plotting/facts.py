"""Sentences about a table that figures, summary and page share: conditions, power, what is missing."""

from __future__ import annotations

import pandas as pd

from benchmarks.record import MEASURED
from plotting.frame import STATISTICAL_ONLY, differences


def conditions(table: pd.DataFrame) -> list[str]:
    """Return under which conditions the table was measured."""
    measured = table[table["status"] == MEASURED]
    if not len(measured):
        return ["Nothing was measured."]
    notes = [_work(measured), "Power: " + "; ".join(power(table)) + ".", *_bandwidth(measured)]
    kinds = set(measured["weights"])
    if "mini" in kinds:
        notes.append(_miniature(measured[measured["weights"] == "mini"]))
    if "random" in kinds:
        notes.append("Random weights at full size: time, memory and energy are the models', what they say is not.")
    return notes + differences(table)


def _bandwidth(measured: pd.DataFrame) -> list[str]:
    """Return what MBU is a share of, on each device that has one."""
    known = measured[measured["mbu"].notna()]
    parts = []
    for device, rows in known.groupby("device", sort=False):
        span = "; ".join(
            f"{low:.0f} GB/s, {source}" if f"{low:.0f}" == f"{high:.0f}" else f"{low:.0f} to {high:.0f} GB/s, {source}"
            for source, low, high in _spans(rows)
        )
        parts.append(f"{device}: of {span}")
    return [f"MBU: {'; '.join(parts)}."] if parts else []


def _spans(rows: pd.DataFrame) -> list[tuple[str, float, float]]:
    """Return (source, least, most GB/s) of each source of peak bandwidths: a measured one differs by session."""
    found = rows.groupby("bandwidth_source", sort=False)["bandwidth_gb_per_s"]
    return [(str(source), values.min(), values.max()) for source, values in found]


def power(table: pd.DataFrame) -> list[str]:
    """Return how power was measured on each device."""
    parts = []
    measured = table[table["status"] == MEASURED]
    for device, rows in measured.groupby("device", sort=False):
        found = rows[rows["power_method"] != ""]
        if len(found):
            row = found.iloc[0]
            how = f"{row['power_scope']}, {row['power_method']}, {row['power_source']}"
            lost = f" (not for {len(rows) - len(found)} of {len(rows)} pairs)" if len(found) < len(rows) else ""
            mismatch = " (scope mismatch: not ranked)" if rows["scope_mismatch"].any() else ""
            parts.append(f"{device}: {how}{lost}{mismatch}")
        else:
            parts.append(f"{device}: not measured, {rows.iloc[0]['power_reason']}")
    return parts


def uncertainty(table: pd.DataFrame) -> list[str]:
    """Return how uncertain the energy is on each device, in a sentence each; none without energy."""
    sentences = []
    measured = table[(table["status"] == MEASURED) & table["energy_uncertainty"].notna()]
    for device, rows in measured.groupby("device", sort=False):
        least, most = rows["energy_uncertainty"].min(), rows["energy_uncertainty"].max()
        low, high = f"{least:.1%}", f"{most:.1%}"
        kinds = set(rows["uncertainty_kind"])
        known = f"{STATISTICAL_ONLY}: nobody states the sensor's gain" if STATISTICAL_ONLY in kinds else kinds.pop()
        span = "less than ± 0.1%" if most < 0.0005 else f"± {low}" if low == high else f"± {low} to {high}"
        sentences.append(f"{device}: energy is uncertain by {span} (standard uncertainty, k=1; {known}).")
    return sentences


def missing(table: pd.DataFrame) -> list[str]:
    """Return which pairs have no value, by state and device."""
    parts = []
    for (status, device), rows in table[table["status"] != MEASURED].groupby(["status", "device"], sort=False):
        names = [f"{model} {'/'.join(found['precision'])}" for model, found in rows.groupby("model", sort=False)]
        shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more models" if len(names) > 6 else "")
        parts.append(f"{str(status).capitalize()} on {device}: {shown}.")
    return parts


def _work(measured: pd.DataFrame) -> str:
    failed = int(measured["failed_runs"].sum())
    lost = f" ({failed} more failed)" if failed else ""
    requests = f"{_some(measured['photographs'], 'photograph')} x {_some(measured['prompts'], 'prompt')}"
    runs, tokens = _some(measured["runs"], "good run"), _some(measured["new_tokens"], "new token")
    batch = _span(measured["batch_size"]) or "not recorded"
    return f"{runs} a pair{lost}; {requests}; {tokens} a sequence; batch {batch}."


def _miniature(measured: pd.DataFrame) -> str:
    """Return what miniature weights are, with their size."""
    sizes = [f"{size / 1e6:.1f}" for size in sorted(measured["parameters"].dropna())]
    size = f"{' to '.join(dict.fromkeys((sizes[0], sizes[-1])))} million parameters" if sizes else "few parameters"
    return (
        f"Miniature weights: the models' own classes and image tokens with {size}. "
        "They prove the path and say nothing about the published models."
    )


def _some(values: pd.Series, noun: str) -> str:
    return f"{_span(values) or 'an unrecorded number of'} {noun}{'' if values.max() == 1 else 's'}"


def _span(values: pd.Series) -> str:
    low, high = values.min(), values.max()
    if pd.isna(low):
        return ""
    return f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"
