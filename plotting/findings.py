"""What the table says: leaders by category, and observations drawn by stated rules. Pure.

A row takes part in a ranking where its logits are finite and its figures can be right, and in one of
energy where its sensor covers what computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.record import MEASURED
from plotting.metrics import METRICS, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

CATEGORIES = (
    "tokens_per_sec",
    "decode_tokens_per_sec",
    "ttft_p50_s",
    "tps_per_watt",
    "joules_per_token",
    "avg_ram_gb",
    "load_time_s",
)
HEADLINES = ("tokens_per_sec", "tps_per_watt", "joules_per_token")
ENERGY = frozenset(name for name in METRICS if "joules" in name) | {"avg_power_watts", "tps_per_watt"}
EQUAL = 0.05
"""fp16 and bf16 whose ratio is so close to 1 for every pair are called nearly equal."""


@dataclass(frozen=True)
class Place:
    """A place in a ranking."""

    place: int
    tied: bool
    model: str
    device: str
    precision: str
    value: float


def eligible(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows that may be ranked by a metric."""
    sound = table["finite_logits"].astype(bool) & (table["invalid"] == "")
    rows = table[(table["status"] == MEASURED) & table[name].notna() & sound]
    return rows[~rows["scope_mismatch"].astype(bool)] if name in ENERGY else rows


def ranking(table: pd.DataFrame, name: str, places: int = 3) -> list[Place]:
    """Return the best rows by a metric, up to place `places`. Equal in three digits is a tie and shares a place."""
    rows = eligible(table, name).sort_values(name, ascending=not METRICS[name].higher_is_better, kind="stable")
    values = [shown(value) for value in rows[name]]
    numbers = [values.index(value) + 1 for value in values]
    return [
        Place(number, numbers.count(number) > 1, row["model"], row["device"], row["precision"], row[name])
        for number, (_, row) in zip(numbers, rows.iterrows(), strict=True)
        if number <= places
    ]


def observations(table: pd.DataFrame) -> list[str]:
    """Return sentences drawn from the table, each with the rule behind it."""
    return [sentence for rule in RULES for sentence in rule(table)]


def _leaders(table: pd.DataFrame) -> Iterator[str]:
    """Name the fastest model of each device."""
    rows = eligible(table, "tokens_per_sec")
    if rows["model"].nunique() < 2:
        return
    best = {device: found.loc[found["tokens_per_sec"].idxmax(), "model"] for device, found in rows.groupby("device")}
    models = set(best.values())
    if len(models) == 1:
        where = "on every device" if len(best) > 1 else f"on {next(iter(best))}"
        yield f"{models.pop()} has the highest throughput {where} (highest tokens/s of a device's pairs)."
    else:
        listed = ", ".join(f"{model} on {device}" for device, model in best.items())
        yield f"No model leads throughput on every device: {listed} (highest tokens/s of a device's pairs)."


def _devices(table: pd.DataFrame) -> Iterator[str]:
    """Set the fastest device beside the most efficient one, over the pairs that all of them measured."""
    speed, economy = _device_means(table, "tokens_per_sec"), _device_means(table, "tps_per_watt")
    rule = "geometric mean over the pairs that every device measured"
    if len(speed) > 1:
        fast = max(speed, key=speed.__getitem__)
        yield f"{fast} has the highest throughput ({rule})."
        covered = eligible(table, "tps_per_watt")["power_scope"].unique()
        if len(economy) > 1 and len(covered) > 1:
            scopes = ", ".join(sorted(covered))
            yield f"Which device makes the most tokens per joule is not known: sensors that cover {scopes} differ."
        elif len(economy) > 1:
            frugal = max(economy, key=economy.__getitem__)
            if frugal != fast and frugal in speed:
                share = speed[frugal] / speed[fast]
                yield f"{frugal} makes the most tokens per joule, at {share:.0%} of that throughput ({rule})."
            else:
                yield f"{frugal} also makes the most tokens per joule ({rule})."


def _device_means(table: pd.DataFrame, name: str) -> dict[str, float]:
    """Return {device: geometric mean}, over the (model, precision) that every device has; {} without one."""
    rows = eligible(table, name)
    rows = rows[rows[name] > 0]  # of a rate of nothing there is no geometric mean
    by_pair = rows.pivot_table(index=["model", "precision"], columns="device", values=name).dropna()
    return {device: math.exp(sum(map(math.log, by_pair[device])) / len(by_pair)) for device in by_pair if len(by_pair)}


def _precisions(table: pd.DataFrame) -> Iterator[str]:
    """Say how bf16 compares with fp16."""
    for name in ("tokens_per_sec", "joules_per_token"):
        rows = eligible(table, name)
        both = rows.pivot_table(index=["device", "model"], columns="precision", values=name)
        if not {"fp16", "bf16"} <= set(both.columns):
            continue
        ratios = (both["bf16"] / both["fp16"]).dropna()
        if len(ratios) < 2:
            continue
        label = METRICS[name].label.lower()
        spread = f"bf16 / fp16 is {ratios.min():.2f} to {ratios.max():.2f} over {len(ratios)} pairs"
        if ((ratios - 1).abs() <= EQUAL).all():
            yield f"fp16 and bf16 are nearly equal in {label} ({spread}, all within {EQUAL:.0%} of 1)."
        else:
            yield f"fp16 and bf16 differ in {label} for some pairs ({spread}, median {ratios.median():.2f})."


def _size(table: pd.DataFrame) -> Iterator[str]:
    """Say whether larger models cost more energy, by Spearman's rank correlation."""
    rows = eligible(table, "joules_per_token").dropna(subset=["parameters"])
    for device, found in rows.groupby("device", sort=False):
        by_model = found.groupby("model")[["parameters", "joules_per_token"]].mean()
        if len(by_model) < 4 or (by_model.min() == by_model.max()).any():  # nothing to correlate
            continue
        rank = by_model.rank()
        correlation = rank["parameters"].corr(rank["joules_per_token"])
        if correlation >= 0.7:
            yield f"On {device} larger models cost more energy a token (rank correlation {correlation:.2f})."


RULES: tuple[Callable[[pd.DataFrame], Iterator[str]], ...] = (_leaders, _devices, _precisions, _size)
