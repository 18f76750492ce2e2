"""Figures 12 to 16: a group of bars for each model, a bar for each device and precision."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from matplotlib.patches import Patch

from benchmarks.record import MEASURED
from plotting import facts
from plotting.figures import style
from plotting.metrics import METRICS, shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GROUP = 0.84
"""Width of a model's group; groups are 1 apart."""
BARS_A_ROW = 48
"""More bars than that are wrapped into further rows of axes."""
VALUES = 48
"""Values stand above the bars up to so many bars in a row."""


class Bar(NamedTuple):
    """One bar: where, in which style, and its row of the table."""

    x: float
    width: float
    colour: str
    hatch: str
    row: pd.Series


def metric_bars(table: pd.DataFrame, name: str) -> Figure:
    """Return the bar figure of one metric."""
    metric = METRICS[name]
    figure, rows = _canvas(table)
    for axes, models in rows:
        part = table[table["model"].isin(models)]
        bars = _bars(part, table, models)
        axes.bar(
            [bar.x for bar in bars],
            [0.0 if math.isnan(bar.row[name]) else bar.row[name] for bar in bars],
            [bar.width for bar in bars],
            color=[bar.colour for bar in bars],
            hatch=[bar.hatch for bar in bars],
            edgecolor="white",
            linewidth=0.5,
        )
        _whiskers(axes, bars, name)
        _finish(axes, bars, models, name, metric.axis)
    return _close(figure, rows, table, name, f"{metric.label}, {metric.direction}")


def uncertain(row: pd.Series, name: str) -> float:
    """Return the standard uncertainty (k=1) of a metric, 0 where it has none."""
    found = row.get(f"{name}_uncertainty", math.nan)
    return 0.0 if math.isnan(found) else float(found)


def _whiskers(axes: Axes, bars: list[Bar], name: str) -> None:
    """Draw what the uncertainty of the bars leaves open, where the metric has one."""
    known = [bar for bar in bars if uncertain(bar.row, name) and not math.isnan(bar.row[name])]
    if known:
        axes.errorbar(
            [bar.x for bar in known],
            [bar.row[name] for bar in known],
            [uncertain(bar.row, name) for bar in known],
            fmt="none",
            ecolor=style.INK,
            elinewidth=1.0,
            capsize=2.5,
        )


def ram_bars(table: pd.DataFrame) -> Figure:
    """Return the RAM figure: stacked host and VRAM on discrete GPUs, delta over baseline on unified memory."""
    name = "avg_ram_gb"
    figure, rows = _canvas(table)
    for axes, models in rows:
        bars = _bars(table[table["model"].isin(models)], table, models)
        for bar in bars:
            _stack(axes, bar)
        _finish(axes, bars, models, name, "Average RAM (GB, 1e9 bytes)", total=True)
    kinds = set(table[table["status"] == MEASURED]["memory_kind"])
    extra = []
    if "unified" in kinds:
        extra.append(Patch(facecolor=style.PALE, label="in use before loading"))
    if "discrete" in kinds:
        extra.append(Patch(facecolor=style.lighter(style.GREY, 0.5), label="VRAM (paler, on top)"))
    return _close(figure, rows, table, name, "Average RAM, lower is better", extra)


def stack(row: pd.Series) -> tuple[float, float]:
    """Return (lower, upper) part of a RAM bar, GB: baseline and delta, host and VRAM, or process and nothing."""
    if row["memory_kind"] == "unified" and not math.isnan(row["ram_delta_gb"]):
        return row["ram_baseline_gb"], row["ram_delta_gb"]
    upper = row["avg_vram_gb"] if row["memory_kind"] == "discrete" else 0.0
    lower = row["avg_ram_gb"]
    return (0.0 if math.isnan(lower) else lower), (0.0 if math.isnan(upper) else upper)


def _stack(axes: Axes, bar: Bar) -> None:
    lower, upper = stack(bar.row)
    over_baseline = bar.row["memory_kind"] == "unified" and upper > 0
    paints = (style.PALE, bar.colour) if over_baseline else (bar.colour, style.lighter(bar.colour, 0.5))
    for bottom, height, paint in ((0.0, lower, paints[0]), (lower, upper, paints[1])):
        if height:
            axes.bar(
                bar.x,
                height,
                bar.width,
                bottom=bottom,
                color=paint,
                hatch=bar.hatch,
                edgecolor="white",
                linewidth=0.5,
            )


def _canvas(table: pd.DataFrame) -> tuple[Figure, list[tuple[Axes, list[str]]]]:
    """Return a figure and its rows of axes, each with its models."""
    models = list(dict.fromkeys(table.sort_values("model_order")["model"]))
    series = len(_series(table))
    per_row = max(1, min(len(models), BARS_A_ROW // series if series <= BARS_A_ROW else 1))
    count = -(-len(models) // per_row)
    per_row = -(-len(models) // count)  # rows of about equal length
    width = min(16.0, max(9.5, 4.5 + 0.42 * per_row * series))
    figure = style.canvas(width, 2.0 + 4.8 * count)
    grid = figure.subplots(count, 1, squeeze=False, sharey=True)[:, 0]
    return figure, [(axes, models[i * per_row : (i + 1) * per_row]) for i, axes in enumerate(grid)]


def _series(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the (device, precision) of each bar of a group, in order."""
    ordered = table.sort_values(["device_order", "precision_order"])
    return list(dict.fromkeys(zip(ordered["device"], ordered["precision"], strict=True)))


def _bars(part: pd.DataFrame, table: pd.DataFrame, models: list[str]) -> list[Bar]:
    series, colours = _series(table), style.palette(table)
    width = GROUP / len(series)
    return [
        Bar(
            x=models.index(row["model"]) - GROUP / 2 + (series.index((row["device"], row["precision"])) + 0.5) * width,
            width=width * 0.94,
            colour=colours[row["device"]],
            hatch=style.HATCHES.get(row["precision"], "xx"),
            row=row,
        )
        for _, row in part.iterrows()
    ]


def _finish(axes: Axes, bars: list[Bar], models: list[str], name: str, label: str, *, total: bool = False) -> None:
    """Label axes, bars and what is missing."""
    axes.set_xticks(range(len(models)), [style.plain(model) for model in models])
    axes.set_xlim(-0.6, len(models) - 0.4)
    axes.set_ylabel(label)
    axes.grid(axis="x", visible=False)
    axes.margins(y=0.16)
    for bar in bars:
        value = sum(stack(bar.row)) if total else bar.row[name]
        top = value if total else value + uncertain(bar.row, name)
        if bar.row["status"] != MEASURED or math.isnan(bar.row[name]):
            _word(axes, bar, style.SHORT.get(bar.row["status"], "not measured"))
        elif len(bars) <= VALUES:
            _value(axes, bar, (value, top), len(bars))


def _word(axes: Axes, bar: Bar, word: str) -> None:
    """Write in place of a bar why there is none."""
    axes.annotate(
        word,
        (bar.x, 0),
        xytext=(0, 4),
        textcoords="offset points",
        rotation=90,
        ha="center",
        va="bottom",
        fontsize=8,
        color=style.GREY,
        style="italic",
    )


def _value(axes: Axes, bar: Bar, at: tuple[float, float], bars: int) -> None:
    """Write a bar's value above it: `at` is (value, height)."""
    value, height = at
    axes.annotate(
        shown(value),
        (bar.x, height),
        xytext=(0, 3),
        textcoords="offset points",
        rotation=90 if bars > 14 else 0,
        ha="center",
        va="bottom",
        fontsize=8.5,
        color=style.INK,
    )


def _close(
    figure: Figure,
    rows: list[tuple[Axes, list[str]]],
    table: pd.DataFrame,
    name: str,
    heading: str,
    extra: list[Patch] | None = None,
) -> Figure:
    """Add title, footnote and legend; where no bar has a value, say so instead."""
    style.title(figure, heading, table, facts.uncertainty(table) if f"{name}_uncertainty" in METRICS else ())
    if table[name].notna().any():
        style.legend(figure, table, extra)
        return figure
    for axes, _ in rows[1:]:
        axes.remove()
    rows[0][0].clear()
    style.say_nothing_measured(rows[0][0], METRICS[name].label, style.reasons(table, name))
    return figure
