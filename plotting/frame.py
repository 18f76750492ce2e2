"""From Records to one table: a row for each series and pair, and one for each pair never attempted.

A *series* is what may be put on one bar: device x power mode x torch device x engine x weights and
revision x model x precision x workload x power scope. Saves are deduplicated within a series only;
where series of one device differ, the device's label says in what.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmarks.record import MEASURED
from plotting.metrics import METRICS, Record

if TYPE_CHECKING:
    from plotting.load import Entry, Saves

STUDY_DEVICES = ("Dell Pro Max GB10", "Jetson Thor", "Jetson AGX Orin")
STUDY_MODELS = ("Gemma3N", "InternVL2-2B", "LLaVA", "Moondream2", "Phi", "SmolVLM2")
ALIASES = {"InternVL": "InternVL2-2B"}
NEVER = "never attempted"
NEVER_REASON = "no save holds this pair"
CONDITIONS = (
    "power_mode",
    "torch_device",
    "engine",
    "weights",
    "revision",
    "workload_hash",
    "power_scope",
)
"""Parts of the series beside device, model and precision."""
DIFFERENCES = {
    "weights": "weights",
    "new_tokens": "new tokens",
    "batch_size": "batch size",
    "workload_hash": "workload",
    "engine": "engine",
    "power_scope": "what the power sensor covers",
    "memory_kind": "what counts as RAM",
    "transformers": "transformers version",
}
"""Columns that a comparison of devices should share, in words."""


def build(saves: Saves) -> pd.DataFrame:
    """Return the table of all series in `saves`, sorted by device, model and precision.

    Adds to `saves.problems` a sentence for each Record whose values cannot be used.
    """
    rows = [row for entry in saves.entries if (row := _row(entry, saves.problems)) is not None]
    if not rows:
        return pd.DataFrame()
    kept = _deduplicate(rows)
    _tell_apart(kept)
    table = pd.DataFrame(kept + _never_attempted(kept))
    order = _order(table["device_name"], STUDY_DEVICES)
    table["device_order"] = table["device_name"].map(order) * 1000 + table["device"].map(_order(table["device"], ()))
    table["model_order"] = table["model"].map(_order(table["model"], STUDY_MODELS))
    table["precision_order"] = table["precision"].map(_order(table["precision"], ("fp16", "bf16")))
    return table.sort_values(["device_order", "model_order", "precision_order"], ignore_index=True)


def _row(entry: Entry, problems: list[str]) -> dict[str, Any] | None:
    try:
        values = {name: metric.compute(entry.record) for name, metric in METRICS.items()}
        return _facts(entry) | _columns(values, measured=entry.record["status"] == MEASURED)
    except (
        AttributeError,
        IndexError,
        KeyError,
        OverflowError,
        TypeError,
        ValueError,
        ZeroDivisionError,
    ) as error:
        pair = entry.record["pair"]
        name = f"{pair['model']}-{pair['precision']}"
        problems.append(f"{entry.save}: the Record of {name} has values of the wrong kind ({error}); left out")
        return None


def _columns(values: dict[str, tuple[float | None, str]], *, measured: bool) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, (value, reason) in values.items():
        usable = measured or name in ("runs", "failed_runs")
        columns[name] = value if usable and value is not None and math.isfinite(value) else math.nan
        columns[f"{name}_reason"] = reason if measured else ""
    return columns


def _facts(entry: Entry) -> dict[str, Any]:
    """Return everything of a row but its metrics."""
    record, device = entry.record, entry.device

    def get(section: str, key: str, default: Any = "") -> Any:
        found = record.get(section)
        value = found.get(key) if isinstance(found, dict) else None
        return default if value is None else value

    weights = get("checkpoint", "weights")
    return {
        "device": device["label"],
        "device_name": device["label"],
        "device_kind": device.get("kind") or "",
        "power_mode": device.get("power_mode") or "",
        "driver": device.get("driver") or "",
        "model": ALIASES.get(record["pair"]["label"], record["pair"]["label"]),
        "precision": record["pair"]["precision"],
        "status": record["status"],
        "reason": record.get("message") or "",
        "planned": float(get("counts", "planned", math.nan)),
        "attempted": float(get("counts", "attempted", math.nan)),
        "weights": weights,
        "checkpoint": get("checkpoint", "name"),
        "revision": get("checkpoint", "revision"),
        "weights_id": get("checkpoint", "weights_id"),
        "parameters": float(get("checkpoint", "parameters", math.nan)),
        "remarks": " ".join(str(remark) for remark in get("checkpoint", "remarks", [])),
        "engine": get("engine", "name"),
        "torch_device": get("engine", "torch_device"),
        "torch": get("engine", "versions", {}).get("torch", ""),
        "transformers": get("engine", "versions", {}).get("transformers", ""),
        "workload_hash": get("workload", "hash"),
        "new_tokens": float(get("workload", "new_tokens", math.nan)),
        "batch_size": float(get("workload", "batch_size", math.nan)),
        "photographs": float(len(get("workload", "images", []))),
        "prompts": float(len(get("workload", "prompts", []))),
        "image_tokens": _first(record, "image_tokens"),
        "prompt_tokens": _first(record, "prompt_tokens"),
        "power_monitor": get("power", "monitor"),
        "power_source": get("power", "source"),
        "power_scope": get("power", "scope"),
        "power_rails": "+".join(str(rail) for rail in get("power", "rails", [])),
        "power_method": get("power", "method"),
        "power_samples": float(get("power", "sample_count", math.nan)),
        "power_reason": str(get("power", "reasons", {}).get("method", "")),
        "power_flags": " ".join(str(flag) for flag in get("power", "flags", [])),
        "scope_mismatch": get("power", "scope_mismatch", False) is True,
        "memory_kind": get("memory", "kind"),
        "memory_method": get("memory", "method"),
        "ram_reason": str(get("memory", "reasons", {}).get("ram_avg_bytes", "")),
        "load_reason": str(get("load", "reasons", {}).get("load_time_s", "")),
        "finite_logits": get("health", "finite_logits", True) is not False,
        "save": entry.save.name,
        "datetime": entry.datetime,
    }


def _first(record: Record, column: str) -> float:
    """Return the first run's count of tokens: what one photograph and prompt take."""
    runs = record.get("runs")
    values = runs.get(column) if isinstance(runs, dict) else None
    return float(values[0]) if values else math.nan


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return what makes a row's series and pair."""
    return (*_bar(row), row["power_scope"])


def _deduplicate(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep one row of each series and pair: measured beats failed, complete beats interrupted, then the latest."""

    def worth(row: dict[str, Any]) -> tuple[bool, bool, str]:
        complete = row["attempted"] == row["planned"]
        return row["status"] == MEASURED, complete, row["datetime"]

    best: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = _key(row)
        if key not in best or worth(row) >= worth(best[key]):
            best[key] = row
    kept = list(best.values())
    # A pair without a run has no power scope yet: it must not stand beside its own later measurement.
    measured = {_bar(row) for row in kept if row["status"] == MEASURED}
    return [row for row in kept if row["status"] == MEASURED or _bar(row) not in measured]


def _bar(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return the series and pair without the power scope."""
    conditions = [row[condition] for condition in CONDITIONS if condition != "power_scope"]
    return (row["device_name"], row["model"], row["precision"], row["checkpoint"], *conditions)


def _tell_apart(rows: list[dict[str, Any]]) -> None:
    """Where one device has several series, add to its label in what they differ."""
    for name in {row["device_name"] for row in rows}:
        of_device = [row for row in rows if row["device_name"] == name]
        measured = [row for row in of_device if row["status"] == MEASURED] or of_device
        differing = [condition for condition in CONDITIONS if _differs(condition, measured)]
        for row in of_device:
            words = dict.fromkeys(word for c in differing if (word := _in_words(c, row, measured)))
            if words:
                row["device"] = f"{name} ({', '.join(words)})"


def _differs(condition: str, rows: list[dict[str, Any]]) -> bool:
    """Return whether the rows of one device must be told apart by `condition`.

    Each model has its own revision, and a sensor that failed for one pair makes no other device:
    these two tell apart only what would stand on one bar.
    """
    if condition not in ("revision", "power_scope"):
        return len({row[condition] for row in rows}) > 1
    if condition == "power_scope" and len({row[condition] for row in rows} - {""}) > 1:
        return True
    seen: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        seen.setdefault((row["model"], row["precision"]), set()).add(row[condition])
    return any(len(values) > 1 for values in seen.values())


def _in_words(condition: str, row: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Return a condition of a row in a word or two."""
    if condition == "workload_hash":
        return _workload_in_words(row, rows)
    value = str(row[condition])
    return {
        "weights": f"{value} weights",
        "revision": value[:7],
        "power_scope": f"{value} power" if value else "no power",
    }.get(condition, value)


def _workload_in_words(row: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    parts = []
    if len({r["new_tokens"] for r in rows}) > 1:
        parts.append(f"{row['new_tokens']:.0f} tokens")
    if len({r["batch_size"] for r in rows}) > 1:
        parts.append(f"batch {row['batch_size']:.0f}")
    return ", ".join(parts) or f"workload {row['workload_hash'][:6]}"


def differences(table: pd.DataFrame) -> list[str]:
    """Return, in a sentence each, what differs between measured devices beside the devices."""
    measured = table[table["status"] == MEASURED]
    sentences = []
    for name, words in DIFFERENCES.items():
        by_device = {device: sorted({_word(v) for v in rows[name]}) for device, rows in measured.groupby("device")}
        values = {tuple(found) for found in by_device.values()}
        if len(values) > 1:
            listed = "; ".join(f"{device}: {', '.join(found) or 'none'}" for device, found in by_device.items())
            sentences.append(f"Not the same on every device: {words} ({listed}).")
    return sentences


def _word(value: Any) -> str:
    return f"{value:.0f}" if isinstance(value, float) else str(value) or "none"


def _never_attempted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each hole in (device x model x precision)."""
    there = {(row["device"], row["model"], row["precision"]) for row in rows}
    names = {row["device"]: row["device_name"] for row in rows}
    models = dict.fromkeys(row["model"] for row in rows)
    precisions = dict.fromkeys(row["precision"] for row in rows)
    holes = [(d, m, p) for d in names for m in models for p in precisions if (d, m, p) not in there]
    blank = {
        key: "" if isinstance(value, str) else False if isinstance(value, bool) else math.nan
        for key, value in rows[0].items()
    }
    return [
        blank
        | {
            "device": device,
            "device_name": names[device],
            "model": model,
            "precision": precision,
            "status": NEVER,
            "reason": NEVER_REASON,
        }
        for device, model, precision in holes
    ]


def _order(values: Any, first: tuple[str, ...]) -> dict[str, int]:
    """Return {value: place}: those of `first` in their order, then the others by name."""
    found = set(values)
    ordered = [name for name in first if name in found] + sorted(found - set(first))
    return {name: place for place, name in enumerate(ordered)}
