"""Sentences about a table that figures, summary and page share: conditions, power, what is missing."""

from collections.abc import Sequence

import pandas as pd

from benchmarks.record import MEASURED
from plotting.table.build import NEVER, differences
from plotting.table.row import STATISTICAL_ONLY
from plotting.table.status import of_power

WORDS = 12
"""So many words of a reason stand in a figure."""


ALL, EVERY = 3, "all devices"
"""More devices than that, of all of which one thing is said, are not named in a figure."""
CONCERNS = {"what the power sensor covers": ("joules", "watt"), "what counts as RAM": ("ram",)}
"""What may differ between devices -> parts of the names of the metrics that it concerns."""


def conditions(table: pd.DataFrame, *, figure: bool = False, names: Sequence[str] = ()) -> list[str]:
    """Return under which conditions the table was measured; in a figure what concerns its metrics, in a dozen words."""
    measured = table[table["status"] == MEASURED]
    if not len(measured):
        return ["Nothing was measured."]
    notes = [_work(measured)]
    if not figure or any(map(of_power, names)):
        notes.append("Power: " + "; ".join(power(table, figure=figure)) + ".")
    if not figure or "mbu" in names:
        notes += _bandwidth(measured, figure=figure)
    kinds = set(measured["weights"])
    if "mini" in kinds:
        notes.append(_miniature(measured[measured["weights"] == "mini"]))
    if "random" in kinds:
        notes.append("Random weights at full size: time, memory and energy are the models', what they say is not.")
    unlike = differences(table)
    found = notes + (_in_one(unlike, names) if figure else unlike)
    return [sentence.replace("….", "…") for sentence in found]


def brief(text: str) -> str:
    """Return a reason in a dozen words at most: without what stands in brackets, and with a mark where it is cut."""
    head = text.partition(" (")[0]
    words = (head if " " in head else text).split()
    return " ".join(words[:WORDS]).rstrip(",;:.") + (" …" if len(words) > WORDS else "")


def _in_one(sentences: list[str], names: Sequence[str]) -> list[str]:
    """Return what differs between devices in one sentence, without how, and without what concerns other metrics."""
    start = "Not the same on every device: "
    words = [sentence.removeprefix(start).partition(" (")[0] for sentence in sentences]
    kept = [word for word in words if any(part in name for part in CONCERNS.get(word, ("",)) for name in names)]
    return [f"{start}{', '.join(kept)}."] if kept else []


def _together(said: list[tuple[str, str]]) -> list[str]:
    """Return `device, device: words`, a line for all devices of which the same is said."""
    devices: dict[str, list[str]] = {}
    for device, words in said:
        devices.setdefault(words, []).append(device)
    if len(devices) == 1 and len(said) > ALL:
        return [f"{EVERY}: {said[0][1]}"]
    return [f"{', '.join(names)}: {words}" for words, names in devices.items()]


def _bandwidth(measured: pd.DataFrame, *, figure: bool) -> list[str]:
    """Return what MBU is a share of, on each device that has one."""
    known = measured[measured["mbu"].notna()]
    said = []
    for device, rows in known.groupby("device", sort=False):
        spans = [
            f"{_range(low, high)} GB/s, {brief(source.partition(',')[0]) if figure else source}"
            for source, low, high in _spans(rows)
        ]
        said.append((str(device), f"of {'; '.join(spans)}"))
    parts = _together(said) if figure else [f"{device}: {words}" for device, words in said]
    return [f"MBU: {'; '.join(parts)}."] if parts else []


def _spans(rows: pd.DataFrame) -> list[tuple[str, float, float]]:
    """Return (source, least, most GB/s) of each source of peak bandwidths: a measured one differs by session."""
    found = rows.groupby("bandwidth_source", sort=False)["bandwidth_gb_per_s"]
    return [(str(source), values.min(), values.max()) for source, values in found]


def power(table: pd.DataFrame, *, figure: bool = False) -> list[str]:
    """Return how power was measured on each device; in a figure devices are named together, and reasons are brief."""
    parts = []
    measured = table[table["status"] == MEASURED]
    for device, rows in measured.groupby("device", sort=False):
        found = rows[rows["power_method"] != ""]
        if len(found):
            row = found.iloc[0]
            how = f"{row['power_scope']}, {row['power_method']}, {row['power_source']}"
            lost = f" (not for {len(rows) - len(found)} of {len(rows)} pairs)" if len(found) < len(rows) else ""
            mismatch = " (scope mismatch: not ranked)" if rows["scope_mismatch"].any() else ""
            parts.append((str(device), f"{how}{lost}{mismatch}"))
        else:
            reason = rows.iloc[0]["power_reason"]
            parts.append((str(device), f"not measured, {brief(reason) if figure else reason}"))
    return _together(parts) if figure else [f"{device}: {words}" for device, words in parts]


def uncertainty(table: pd.DataFrame, *, figure: bool = False) -> list[str]:
    """Return how uncertain the energy is on each device, in a sentence each; none without energy."""
    said = []
    measured = table[(table["status"] == MEASURED) & table["energy_uncertainty"].notna()]
    for device, rows in measured.groupby("device", sort=False):
        least, most = rows["energy_uncertainty"].min(), rows["energy_uncertainty"].max()
        low, high = f"{least:.1%}", f"{most:.1%}"
        kinds = set(rows["uncertainty_kind"])
        known = f"{STATISTICAL_ONLY}: nobody states the sensor's gain" if STATISTICAL_ONLY in kinds else kinds.pop()
        span = "less than ± 0.1%" if most < 0.0005 else f"± {low}" if low == high else f"± {low} to {high}"
        said.append((str(device), f"energy is uncertain by {span} (standard uncertainty, k=1; {known})."))
    together = [f"{line[0].upper()}{line[1:]}" if line.startswith(EVERY) else line for line in _together(said)]
    return together if figure else [f"{device}: {words}" for device, words in said]


def why_missing(table: pd.DataFrame, name: str) -> list[str]:
    """Return, each once, why measured rows lack a metric; without measured rows, why nothing was measured."""
    measured = table[table["status"] == MEASURED]
    tried = table[table["status"] != NEVER]
    found = measured[measured[name].isna()][f"{name}_reason"] if len(measured) else tried["reason"]
    return [reason for reason in dict.fromkeys(found) if reason]


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
    return "" if pd.isna(low) else _range(low, high)


def _range(low: float, high: float) -> str:
    """Return whole numbers from low to high, one where both are written alike."""
    first, last = f"{low:.0f}", f"{high:.0f}"
    return first if first == last else f"{first} to {last}"
