"""Observations drawn from the table by stated rules. Pure."""

import math
from collections.abc import Callable, Iterator
from statistics import linear_regression, median
from typing import Any

import pandas as pd

from plotting.analysis.ranking import eligible
from plotting.metrics.registry import METRICS
from plotting.table import whiskers
from plotting.table.work_groups import sections

EQUAL = 0.05
"""Two precisions whose ratio is so close to 1 for every pair are called nearly equal."""
CORRELATED = 0.7
"""Energy is said to grow with size from this rank correlation on, over at least LEAST_MODELS models."""
LEAST_MODELS = 4


def observations(table: pd.DataFrame) -> list[str]:
    """Return sentences drawn from the table, each with the rule behind it; unlike work is looked at apart."""
    return [
        f"{part.words.capitalize()}: {sentence}" if part.words else sentence
        for part in sections(table)
        for rule in RULES
        for sentence in rule(part.table)
    ]


def _leaders(table: pd.DataFrame) -> Iterator[str]:
    """Name the fastest model of each device, and whether it leads throughout."""
    best = _best(table, "tokens_per_sec")
    models = {row["model"] for row in best.values()}
    if not best:
        return
    rule = "highest tokens/s of a device's pairs"
    if len(models) > 1:
        listed = ", ".join(f"{row['model']} on {device}" for device, row in best.items())
        yield f"No model leads throughput on every device: {listed} ({rule})."
        return
    where = "on every device" if len(best) > 1 else f"on {next(iter(best))}"
    model = models.pop()
    yield f"{model} has the highest throughput {where} ({rule}{_beyond_noise(table, best)})."
    frugal = _best(table, "joules_per_token")
    if frugal and {row["model"] for row in frugal.values()} == {model} and set(frugal) == set(best):
        yield f"{model} leads throughout: it has the lowest energy a token there too (lowest of a device's pairs)."


def _best(table: pd.DataFrame, name: str) -> dict[str, dict[Any, Any]]:
    """Return the best row of each device by a metric; none where there is one model only."""
    rows = eligible(table, name)
    if rows["model"].nunique() < 2:
        return {}
    places = rows.groupby("device")[name]
    chosen = places.idxmax() if METRICS[name].higher_is_better else places.idxmin()
    return {str(device): rows.loc[place].to_dict() for device, place in chosen.items()}


def _beyond_noise(table: pd.DataFrame, best: dict[str, dict[Any, Any]]) -> str:
    """Return on how many devices the leader is told apart from every other model; "" where whiskers are unknown."""
    basis, apart = whiskers.basis(table, "tokens_per_sec"), []
    for device, first in best.items():
        rows = eligible(table, "tokens_per_sec")
        others = rows[(rows["device"] == device) & (rows["model"] != first["model"])].to_dict("records")
        found = [whiskers.told_apart(first, row, "tokens_per_sec", basis) for row in others]
        if None in found:
            return ""
        apart.append(all(found))
    return f"; beyond noise on {sum(apart)} of {len(apart)}"


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
    """Say how each precision compares with the first one, and for how many pairs beyond noise."""
    first, *others = list(dict.fromkeys(table.sort_values("precision_order")["precision"]))
    for other in others:
        for name in ("tokens_per_sec", "joules_per_token"):
            yield from _compared(eligible(table, name), name, first, other, whiskers.basis(table, name))


def _compared(rows: pd.DataFrame, name: str, first: str, other: str, basis: str) -> Iterator[str]:
    """Say how two precisions compare by a metric, over the devices and models that have both."""
    columns = whiskers.columns(rows, name)
    found = {(row["device"], row["model"], row["precision"]): row for row in rows[columns].to_dict("records")}
    pairs = [
        (row, found[device, model, other])
        for (device, model, precision), row in found.items()
        if precision == first and (device, model, other) in found and row[name] > 0
    ]
    if len(pairs) < 2:
        return
    ratios = sorted(two[name] / one[name] for one, two in pairs)
    apart = [whiskers.told_apart(one, two, name, basis) for one, two in pairs]
    noise = "" if None in apart else f", {sum(map(bool, apart))} of them beyond noise: 95% intervals apart"
    spread = f"{other} / {first} is {ratios[0]:.2f} to {ratios[-1]:.2f} over {len(pairs)} pairs"
    label = METRICS[name].label.lower()
    differ = f"differ in {label} for {'all' if all(apart) else 'some'} pairs"
    if None not in apart and not any(apart):
        differ = f"do not differ in {label} beyond noise"
    if all(abs(ratio - 1) <= EQUAL for ratio in ratios):
        yield f"{first} and {other} are nearly equal in {label} ({spread}, all within {EQUAL:.0%} of 1{noise})."
    else:
        yield f"{first} and {other} {differ} ({spread}, median {median(ratios):.2f}{noise})."


def _size(table: pd.DataFrame) -> Iterator[str]:
    """Say whether larger models cost more energy, by Spearman's rank correlation, and how much by least squares."""
    rows = eligible(table, "joules_per_token").dropna(subset=["parameters"])
    for device, found in rows.groupby("device", sort=False):
        by_model = found.groupby("model")[["parameters", "joules_per_token"]].mean()
        by_model = by_model[(by_model > 0).all(axis=1)]
        if len(by_model) < LEAST_MODELS or (by_model.min() == by_model.max()).any():  # nothing to correlate
            continue
        rank = by_model.rank()
        correlation = rank["parameters"].corr(rank["joules_per_token"])
        sizes, joules = ([math.log(value) for value in by_model[name]] for name in by_model)
        factor = 2 ** linear_regression(sizes, joules).slope
        if correlation >= CORRELATED:
            yield (
                f"On {device} larger models cost more energy a token (rank correlation {correlation:.2f} over "
                f"{len(by_model)} models; one of twice the parameters takes {factor:.1f} times the energy)."
            )


RULES: tuple[Callable[[pd.DataFrame], Iterator[str]], ...] = (_leaders, _devices, _precisions, _size)
