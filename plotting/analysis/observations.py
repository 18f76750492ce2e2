"""Draw observations from the table. Each states its rule."""

import math
from collections.abc import Iterator
from itertools import product
from statistics import linear_regression, median
from typing import Any

import pandas as pd

from plotting.analysis.ranking import select_rankable
from plotting.metrics.registry import METRICS
from plotting.table import whiskers
from plotting.table.work_groups import split_by_work

EQUAL = 0.05
"""Two precisions are nearly equal if the ratio of every pair is this close to 1."""
CORRELATED = 0.7
"""Least rank correlation, over at least LEAST_MODELS models, to say that energy grows with size."""
LEAST_MODELS = 4


def list_observations(table: pd.DataFrame) -> list[str]:
    """Return sentences about the table, separately for each kind of work."""
    return [
        f"{part.words.capitalize()}: {sentence}" if part.words else sentence
        for part in split_by_work(table)
        for rule in RULES
        for sentence in rule(part.table)
    ]


def _describe_leaders(table: pd.DataFrame) -> Iterator[str]:
    """Name the fastest model of each device, and say whether it also needs the least energy."""
    best = _find_best(table, "tokens_per_sec")
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
    yield f"{model} has the highest throughput {where} ({rule}{_describe_noise(table, best)})."
    frugal = _find_best(table, "joules_per_token")
    if frugal and {row["model"] for row in frugal.values()} == {model} and set(frugal) == set(best):
        yield f"{model} also has the lowest energy per token {where} (lowest J/token of a device's pairs)."


def _find_best(table: pd.DataFrame, name: str) -> dict[str, dict[Any, Any]]:
    """Return {device: its best row by a metric}; {} if there is only one model."""
    rows = select_rankable(table, name)
    if rows["model"].nunique() < 2:
        return {}
    places = rows.groupby("device")[name]
    chosen = places.idxmax() if METRICS[name].higher_is_better else places.idxmin()
    return {str(device): rows.loc[place].to_dict() for device, place in chosen.items()}


def _describe_noise(table: pd.DataFrame, best: dict[str, dict[Any, Any]]) -> str:
    """Return on how many devices the leader differs from every other model; "" if a whisker is unknown."""
    basis, differing = whiskers.choose_basis(table, "tokens_per_sec"), []
    rows = select_rankable(table, "tokens_per_sec")
    for device, first in best.items():
        others = rows[(rows["device"] == device) & (rows["model"] != first["model"])].to_dict("records")
        found = [whiskers.differ_beyond_noise(first, row, "tokens_per_sec", basis) for row in others]
        if None in found:
            return ""
        differing.append(all(found))
    return f"; by more than noise on {sum(differing)} of {len(differing)} devices"


def _compare_devices(table: pd.DataFrame) -> Iterator[str]:
    """Compare the fastest device with the most efficient one, over the pairs that all devices measured."""
    speed, economy = _average_devices(table, "tokens_per_sec"), _average_devices(table, "tps_per_watt")
    rule = "geometric mean over the pairs that every device measured"
    if len(speed) > 1:
        fast = max(speed, key=speed.__getitem__)
        yield f"{fast} has the highest throughput ({rule})."
        covered = select_rankable(table, "tps_per_watt")["power_scope"].unique()
        if len(economy) > 1 and len(covered) > 1:
            scopes = ", ".join(sorted(covered))
            yield f"Tokens per joule are not compared between devices, because their sensors measure {scopes}."
        elif len(economy) > 1:
            frugal = max(economy, key=economy.__getitem__)
            if frugal != fast and frugal in speed:
                share = speed[frugal] / speed[fast]
                yield f"{frugal} makes the most tokens per joule, at {share:.0%} of the throughput of {fast} ({rule})."
            else:
                yield f"{frugal} also makes the most tokens per joule ({rule})."


def _average_devices(table: pd.DataFrame, name: str) -> dict[str, float]:
    """Return {device: geometric mean} over the (model, precision) that every device has; {} without one."""
    rows = select_rankable(table, name)
    rows = rows[rows[name] > 0]  # a geometric mean needs positive values
    by_pair = rows.pivot_table(index=["model", "precision"], columns="device", values=name).dropna()
    return {device: math.exp(sum(map(math.log, by_pair[device])) / len(by_pair)) for device in by_pair if len(by_pair)}


def _compare_precisions(table: pd.DataFrame) -> Iterator[str]:
    """Compare each precision with the first one."""
    first, *others = dict.fromkeys(table.sort_values("precision_order")["precision"])
    for other, name in product(others, ("tokens_per_sec", "joules_per_token")):
        yield from _compare_two(table, name, first, other)


def _compare_two(table: pd.DataFrame, name: str, first: str, other: str) -> Iterator[str]:
    """Compare two precisions by a metric, over the devices and models that have both."""
    basis, columns = whiskers.choose_basis(table, name), whiskers.list_columns(table, name)
    rows = select_rankable(table, name)[columns].to_dict("records")
    found = {(row["device"], row["model"], row["precision"]): row for row in rows}
    pairs = [
        (row, found[device, model, other])
        for (device, model, precision), row in found.items()
        if precision == first and (device, model, other) in found and row[name] > 0
    ]
    if len(pairs) < 2:
        return
    ratios = sorted(two[name] / one[name] for one, two in pairs)
    differing = [whiskers.differ_beyond_noise(one, two, name, basis) for one, two in pairs]
    noise = "" if None in differing else f", {sum(map(bool, differing))} with 95% intervals that do not overlap"
    spread = f"{other} / {first} is {ratios[0]:.2f} to {ratios[-1]:.2f} over {len(pairs)} pairs"
    label = METRICS[name].label.lower()
    differ = f"differ in {label} for {'all' if all(differing) else 'some'} pairs"
    if None not in differing and not any(differing):
        differ = f"do not differ in {label} by more than noise"
    if all(abs(ratio - 1) <= EQUAL for ratio in ratios):
        yield f"{first} and {other} are nearly equal in {label} ({spread}, all within {EQUAL:.0%} of 1{noise})."
    else:
        yield f"{first} and {other} {differ} ({spread}, median {median(ratios):.2f}{noise})."


def _relate_size(table: pd.DataFrame) -> Iterator[str]:
    """Say whether larger models need more energy (Spearman's rank correlation), and how much (least squares)."""
    rows = select_rankable(table, "joules_per_token").dropna(subset=["parameters"])
    for device, found in rows.groupby("device", sort=False):
        by_model = found.groupby("model")[["parameters", "joules_per_token"]].mean()
        by_model = by_model[(by_model > 0).all(axis=1)]
        if len(by_model) < LEAST_MODELS or (by_model.min() == by_model.max()).any():
            continue
        rank = by_model.rank()
        if (correlation := rank["parameters"].corr(rank["joules_per_token"])) >= CORRELATED:
            sizes, joules = ([math.log(value) for value in by_model[name]] for name in by_model)
            factor = 2 ** linear_regression(sizes, joules).slope
            yield (
                f"On {device} larger models need more energy per token (rank correlation {correlation:.2f} over "
                f"{len(by_model)} models; twice the parameters need {factor:.1f} times the energy)."
            )


RULES = (_describe_leaders, _compare_devices, _compare_precisions, _relate_size)
