"""The two comparisons: fp16 against bf16 in four panels, and every device and precision in one view."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from matplotlib.lines import Line2D

from benchmarks.record import MEASURED
from plotting.figures import style
from plotting.metrics import METRICS, shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = ("tokens_per_sec", "avg_ram_gb", "tps_per_watt", "joules_per_token")
MARKERS = {"fp16": "o", "bf16": "D"}
COLUMNS = 3
GAP = 0.13
"""Half the distance between the marks of a row, rows are 1 apart."""


def precision_panels(table: pd.DataFrame) -> Figure:
    """Return four panels: a line for each device and model, a mark for each precision."""
    ordered = table.sort_values(["device_order", "model_order"])
    rows = list(dict.fromkeys(zip(ordered["device"], ordered["model"], strict=True)))
    figure = style.canvas(15.0, 3.4 + 2 * max(0.36 * len(rows), 2.0))
    grid = figure.subplots(2, 2, sharey=True)
    for axes, name in zip(grid.flat, PANELS, strict=True):
        _precision_panel(axes, table, name, rows)
    style.title(figure, "Precision: fp16 against bf16", table)
    figure.legend(handles=_marks(table), loc="outside right upper", frameon=False, fontsize=10)
    return figure


def _precision_panel(axes: Axes, table: pd.DataFrame, name: str, rows: list[tuple[str, str]]) -> None:
    metric, colours = METRICS[name], style.palette(table)
    axes.set_title(f"{metric.label}, {metric.direction}", loc="left", fontsize=12, color=style.INK)
    if not table[name].notna().any():
        style.say_nothing_measured(axes, metric.label, style.reasons(table, name))
        return
    right = 1.06 * table[name].max()
    for y, (device, model) in enumerate(rows):
        found = table[(table["device"] == device) & (table["model"] == model)].sort_values("precision_order")
        for place, (_, row) in enumerate(found.iterrows()):
            # Each precision a little apart: equal values would hide one another
            _mark(axes, row, name, y + GAP * (2 * place - len(found) + 1), colours[device])
        _say_missing(axes, found, name, (y, right / 2))
    axes.set_yticks(range(len(rows)), [_row_name(device, model, table) for device, model in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, right)
    axes.set_xlabel(metric.axis)


def _mark(axes: Axes, row: pd.Series, name: str, y: float, colour: str) -> None:
    if not math.isnan(row[name]):
        axes.scatter(
            row[name],
            y,
            marker=MARKERS.get(row["precision"], "s"),
            s=48,
            zorder=2,
            facecolor=colour if row["precision"] == "fp16" else "white",
            edgecolor=colour,
            linewidth=1.8,
        )


def _say_missing(axes: Axes, found: pd.DataFrame, name: str, centre: tuple[int, float]) -> None:
    """Write into the free half of a row, whose centre is (y, x), which precision has no mark, and why."""
    missing = found[found[name].isna()]
    words = {row["precision"]: style.SHORT.get(row["status"], "not measured") for _, row in missing.iterrows()}
    if not words:
        return
    same = len(words) == len(found) and len(set(words.values())) == 1
    text = next(iter(words.values())) if same else ", ".join(f"{p} {word}" for p, word in words.items())
    y, middle = centre
    at_left = not (found[name] < middle).any()
    axes.annotate(
        text,
        (0.008 if at_left else 0.992, y),
        xycoords=("axes fraction", "data"),
        ha="left" if at_left else "right",
        va="center",
        fontsize=9,
        color=style.GREY,
        style="italic",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )


def _row_name(device: str, model: str, table: pd.DataFrame) -> str:
    """Return a row's name; the device is left out where there is only one."""
    return style.plain(model if len(set(table["device"])) == 1 else f"{model}, {device}")


def _marks(table: pd.DataFrame) -> list[Line2D]:
    devices = [
        Line2D([], [], marker="o", linestyle="", color=colour, label=style.plain(device))
        for device, colour in style.palette(table).items()
    ]
    precisions = [
        Line2D(
            [],
            [],
            marker=MARKERS.get(name, "s"),
            linestyle="",
            markerfacecolor=style.GREY if name == "fp16" else "white",
            markeredgecolor=style.GREY,
            label=name,
        )
        for name in dict.fromkeys(table.sort_values("precision_order")["precision"])
    ]
    return [*devices, *precisions]


def combined(table: pd.DataFrame) -> Figure:
    """Return small multiples, one a model: throughput of every device and precision, side by side."""
    name = "tokens_per_sec"
    models = list(dict.fromkeys(table.sort_values("model_order")["model"]))
    ordered = table.sort_values(["device_order", "precision_order"])
    series = list(dict.fromkeys(zip(ordered["device"], ordered["precision"], strict=True)))
    columns = min(COLUMNS, len(models))
    lines = -(-len(models) // columns)
    figure = style.canvas(5.0 + 3.9 * columns, 2.2 + lines * (1.1 + 0.34 * max(len(series), 3)))
    heading = f"{METRICS[name].label} of every device and precision, each model on its own scale, higher is better"
    style.title(figure, heading, table)
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for axes in grid.flat[len(models) :]:
        axes.set_axis_off()
    for axes, model in zip(grid.flat, models, strict=False):
        _model_panel(axes, table, model, series, name)
    for axes in grid[-1]:
        axes.set_xlabel(METRICS[name].axis)
    return figure


def _model_panel(axes: Axes, table: pd.DataFrame, model: str, series: list[tuple[str, str]], name: str) -> None:
    colours = style.palette(table)
    axes.set_title(style.plain(model), loc="left", fontsize=12, fontweight="bold", color=style.INK)
    rows = table[table["model"] == model].set_index(["device", "precision"])
    for y, (device, precision) in enumerate(series):
        row = rows.loc[(device, precision)]
        value = row[name]
        missing = row["status"] != MEASURED or math.isnan(value)
        axes.barh(
            y,
            0.0 if missing else value,
            color=colours[device],
            hatch=style.HATCHES.get(precision, "xx"),
            edgecolor="white",
            height=0.78,
        )
        text = style.SHORT.get(row["status"], "not measured") if missing else shown(value)
        axes.annotate(
            text,
            (0.0 if missing else value, y),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=style.GREY if missing else style.INK,
            style="italic" if missing else "normal",
        )
    axes.set_yticks(range(len(series)), [style.plain(f"{device}, {precision}") for device, precision in series])
    axes.set_ylim(len(series) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.18)
    axes.set_xlim(left=0)
