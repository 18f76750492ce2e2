"""Figures 12 to 16: a group of bars for each model, a bar for each device and precision."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.record import MEASURED
from plotting.figures import layout, style
from plotting.figures.layout import Bar, BarAxes, Look, Part, Row
from plotting.figures.strips import Strip, list_ordered, split, spread
from plotting.figures.theme import Theme
from plotting.metrics.registry import METRICS
from plotting.table.work_groups import split_by_work

GROUP = 0.86  # width of a model's group of bars; groups are 1 apart
WIDEST, NARROWEST = 18.0, 8.0
MARGIN = 3.6  # inches of a figure's width that legend and labels take
THINNEST, BROADEST = 0.125, 0.62  # inches of a bar's width
NARROWEST_GROUP = 1.0  # inches of a model's group, for its name
MakeBar = Callable[[Row, float], Bar]


@style.explain_if_empty
def draw_metric_bars(table: pd.DataFrame, theme: Theme, name: str) -> Figure:
    """Return the bar figure of one metric."""
    look = Look(table, name, theme)
    return _draw(table, look, look.bar, METRICS[name].axis)


@style.explain_if_empty
def draw_ram_bars(table: pd.DataFrame, theme: Theme, name: str) -> Figure:
    """Return the RAM figure: host memory and VRAM stacked on discrete GPUs, baseline and delta on unified memory."""
    look = Look(table, name, theme)
    kinds = set(table[table["status"] == MEASURED]["memory_kind"])
    extra = []
    if "unified" in kinds:
        extra.append(Patch(facecolor=theme.pale, edgecolor=theme.grey, label="in use before loading"))
    if "discrete" in kinds:
        extra.append(Patch(facecolor=theme.page, edgecolor=theme.grey, label="VRAM: narrow, on top"))
    return _draw(table, look, partial(_stack, look), "Average RAM (GB, 1e9 bytes)", extra)


def _stack(look: Look, row: Row, place: float) -> Bar:
    """Return a RAM bar, GB: baseline and delta, host and VRAM, or the process alone."""
    fill = look.fill(row)
    if row["memory_kind"] == "unified" and row["ram_delta_gb"] > 0:
        return look.bar(row, place, (Part(row["ram_baseline_gb"], look.theme.pale), Part(row["ram_delta_gb"], fill)))
    if row["memory_kind"] == "discrete" and row["avg_vram_gb"] > 0:
        # the interval covers host memory alone, and would end inside the stack
        parts = Part(row["avg_ram_gb"], fill), Part(row["avg_vram_gb"], fill, share=0.6)
        return look.bar(row, place, parts, whisker=False)
    return look.bar(row, place)


def _draw(table: pd.DataFrame, look: Look, make_bar: MakeBar, label: str, extra: Sequence[Artist] = ()) -> Figure:
    """Return the figure of all strips, each on its own scale: slow models would vanish on a shared one."""
    strips = _split(table)
    broad = max(len(strip.models) * len(list_ordered(strip.section.table, "device", "precision")) for strip in strips)
    width = min(WIDEST, max(NARROWEST, MARGIN + broad * BROADEST / GROUP))
    height = 4.2 if len(strips) == 1 else 3.4
    heights = [height if strip.section.table[look.name].notna().any() else 0.8 for strip in strips]
    figure, grid = style.make_canvas(width, heights, look.theme, extra=0.5 + 0.4 * len(strips))
    for axes, strip in zip(grid[:, 0], strips, strict=True):
        if strip.section.table[look.name].notna().any():
            _draw_strip(axes, strip, look, make_bar, (width - MARGIN, height))
            axes.set_ylabel(label)
        elif strip.first:
            why = [strip.section.words, *style.list_reasons(strip.section.table, look.name)[:3]]
            style.write_reasons(axes, METRICS[look.name].label, why, look.theme)
        else:
            axes.set_axis_off()
    own = "" if all(strip.first for strip in strips) else ", each row of axes on its own scale"
    heading = f"{METRICS[look.name].label}, {METRICS[look.name].direction}{own}"
    layout.finish(figure, table, look, heading, extra, mbu=look.name == "tokens_per_sec")
    return figure


def _split(table: pd.DataFrame) -> list[Strip]:
    """Return strips of about equally many models, few enough that no bar is too thin."""
    strips: list[Strip] = []
    for section in split_by_work(table):
        count = len(list_ordered(section.table, "model"))
        series = len(list_ordered(section.table, "device", "precision"))
        room = max(1, int((WIDEST - MARGIN) / max(THINNEST * series / GROUP, NARROWEST_GROUP)))
        strips += split(section, math.ceil(count / math.ceil(count / room)))
    return strips


def _draw_strip(axes: Axes, strip: Strip, look: Look, make_bar: MakeBar, inches: tuple[float, float]) -> None:
    """Draw one strip on its own scale; `inches` are the axes' width and height."""
    series = list_ordered(strip.section.table, "device", "precision")
    thickness = GROUP / len(series)
    slots = max(len(strip.models), thickness * inches[0] / (2 * BROADEST))
    inch = thickness * inches[0] / slots
    turned = inch < 0.5
    points = min(8.5, inch * 72 * 0.78) if turned else 8.5
    bars = []
    for row in strip.section.table[strip.section.table["model"].isin(strip.models)].to_dict("records"):
        lane = spread(series.index((row["device"], row["precision"])), len(series), GROUP)
        bars.append(make_bar(row, strip.models.index(row["model"]) + lane))
    BarAxes(axes, "y", inches[1], thickness, points, turned).draw(bars, look)
    middle = (len(strip.models) - 1) / 2
    axes.set_xlim(middle - slots / 2, middle + slots / 2)
    letters = inches[0] / slots / style.estimate_length("m", 10)
    axes.set_xticks(range(len(strip.models)), [style.wrap(model, letters) for model in strip.models])
    axes.tick_params(axis="x", labelsize=10)
    axes.grid(axis="x", visible=False)
    if strip.first and strip.section.words:
        style.add_heading(axes, strip.section.words, look.theme)
