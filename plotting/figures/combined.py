"""Every device and precision in one view: a panel for each model, on a scale of its own."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plotting.figures import layout, strips, style
from plotting.figures.layout import Look
from plotting.figures.strips import Strip
from plotting.figures.theme import Theme
from plotting.metrics.registry import METRICS
from plotting.table.work_groups import split_by_work

COLUMNS, MANY, MOST_COLUMNS = 3, 9, 4
"""Panels a line; more than MANY models stand closer."""
WIDTH = 3.6
"""Inches of a panel's width, without labels."""
LANE = 0.84
"""Of a device's share of the axis, which its bars fill."""


def _thickness(line: Strip) -> float:
    """Return inches of a bar's thickness: thinner where they are many."""
    return 0.24 if len(line.devices) * len(line.precisions) <= 12 else 0.15


def _height(line: Strip) -> float:
    """Return inches of a panel's height."""
    return max(_thickness(line) * len(line.precisions) * len(line.devices) / LANE, 0.7)


@style.unless_empty
def combined(table: pd.DataFrame, theme: Theme, name: str) -> Figure:
    """Return small multiples, one a model: a metric of every device and precision, side by side."""
    metric = METRICS[name]
    columns, lines = _lines(table)
    heights = [_height(line) + 0.95 for line in lines]
    figure = style.canvas(max(9.0, 5.2 + WIDTH * columns), 0.4 + sum(heights), theme)
    grid = figure.subplots(len(lines), columns, squeeze=False, gridspec_kw={"height_ratios": heights})
    look = Look(table, name, theme)
    for row, line in zip(grid, lines, strict=True):
        for axes in row[len(line.models) :]:
            axes.set_axis_off()
        for axes, model in zip(row, line.models, strict=False):
            _panel(axes, line, model, look)
        row[0].set_yticks(range(len(line.devices)), [style.wrapped(name, 24) for name in line.devices], fontsize=9)
    own = ", each model on its own scale" if len(set(table["model"])) > 1 else ""
    heading = f"{metric.label} of every device and precision{own}, {metric.direction}"
    layout.finish(figure, table, look, heading, mbu=False)
    return figure


def _lines(table: pd.DataFrame) -> tuple[int, list[Strip]]:
    """Return the number of panels a line, and the lines."""
    parts = split_by_work(table)
    most = max(len(strips.models(part)) for part in parts)
    columns = min(most, COLUMNS if most <= MANY else MOST_COLUMNS)
    return columns, [line for part in parts for line in strips.split(part, columns)]


def _panel(axes: Axes, line: Strip, model: str, look: Look) -> None:
    heading = f"{line.section.words}\n{model}" if line.section.words and model == line.models[0] else model
    axes.set_title(style.plain(heading), loc="left", fontsize=11, fontweight="bold", color=look.theme.ink)
    thickness = LANE / len(line.precisions)
    rows = line.section.table[line.section.table["model"] == model].to_dict("records")
    bars = [
        look.bar(
            row,
            line.devices.index(row["device"]) - LANE / 2 + thickness * (line.precisions.index(row["precision"]) + 0.5),
        )
        for row in rows
    ]
    points = min(8.5, _thickness(line) * 72 * 0.78)
    texts = [layout.words(bar, look.name, ", ", mbu=False) for bar in bars]
    end, starts = layout.scale(bars, WIDTH, [style.length(text, points) + 4 / 72 for text in texts])
    axes.set_xlim(0, end)
    axes.set_ylim(len(line.devices) - 0.5, -0.5)
    layout.draw(axes, bars, thickness * 0.92, "x", look.theme)
    for bar, text, start in zip(bars, texts, starts, strict=True):
        style.write(
            axes,
            text,
            (start, bar.place),
            xytext=(4, 0),
            va="center_baseline",
            fontsize=points,
            color=look.theme.ink if bar.parts else look.theme.grey,
            fontstyle="normal" if bar.parts else "italic",
        )
    axes.set_yticks(range(len(line.devices)), [""] * len(line.devices))
    axes.tick_params(axis="x", labelsize=9)
    if not any(bar.parts for bar in bars):
        axes.set_xticks([])
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(METRICS[look.name].axis, fontsize=9)
