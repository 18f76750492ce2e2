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
from plotting.figures import layout, strips, style
from plotting.figures.layout import Bar, Look, Part, Row
from plotting.figures.strips import Strip
from plotting.figures.theme import Theme
from plotting.metrics.registry import METRICS
from plotting.table.work_groups import split_by_work

GROUP = 0.86
"""Width of a model's group; groups are 1 apart."""
WIDEST, NARROWEST = 18.0, 8.0
BESIDE = 3.6
"""Inches of a figure's width that legend and labels take."""
EMPTY = 0.8
"""Inches of the height of axes without any value."""
THINNEST, BROADEST = 0.125, 0.62
"""Inches of a bar's width."""
UPRIGHT = 0.5
"""Inches: over narrower bars the words are turned."""
OFFSET = 4.0
"""Points between a bar's end and its words."""


@style.unless_empty
def metric_bars(table: pd.DataFrame, theme: Theme, name: str) -> Figure:
    """Return the bar figure of one metric."""
    look = Look(table, name, theme)
    return _draw(table, look, look.bar, METRICS[name].axis)


@style.unless_empty
def ram_bars(table: pd.DataFrame, theme: Theme, name: str) -> Figure:
    """Return the RAM figure: stacked host and VRAM on discrete GPUs, delta over baseline on unified memory."""
    look = Look(table, name, theme)
    kinds = set(table[table["status"] == MEASURED]["memory_kind"])
    extra = []
    if "unified" in kinds:
        extra.append(Patch(facecolor=theme.pale, edgecolor=theme.grey, label="in use before loading"))
    if "discrete" in kinds:
        extra.append(Patch(facecolor=theme.page, edgecolor=theme.grey, label="VRAM: narrow, on top"))
    return _draw(table, look, partial(_stacked, look), "Average RAM (GB, 1e9 bytes)", extra)


def stack(row: Row) -> tuple[float, float]:
    """Return (lower, upper) part of a RAM bar, GB: baseline and delta, host and VRAM, or process and nothing."""
    if row["memory_kind"] == "unified" and not math.isnan(row["ram_delta_gb"]):
        return row["ram_baseline_gb"], row["ram_delta_gb"]
    upper = row["avg_vram_gb"] if row["memory_kind"] == "discrete" else 0.0
    return row["avg_ram_gb"], (0.0 if math.isnan(upper) else upper)


def _stacked(look: Look, row: Row, place: float) -> Bar:
    lower, upper = stack(row)
    if not upper:
        return look.bar(row, place)
    fill = look.fill(row)
    if row["memory_kind"] == "unified":
        return look.bar(row, place, (Part(lower, look.theme.pale), Part(upper, fill)))
    # the interval is that of host memory, and would stand amid the bar
    return look.bar(row, place, (Part(lower, fill), Part(upper, fill, share=0.6)), whisker=False)


def _draw(
    table: pd.DataFrame, look: Look, make: Callable[[Row, float], Bar], label: str, extra: Sequence[Artist] = ()
) -> Figure:
    """Return the figure of all strips, each on its own scale: the slow models would vanish on one.

    `label` is that of the axes of values.
    """
    rows = _strips(table)
    broad = max(len(strip.models) * len(strip.series) for strip in rows)
    width = min(WIDEST, max(NARROWEST, BESIDE + broad * BROADEST / GROUP))
    height = 4.2 if len(rows) == 1 else 3.4
    heights = [height if strip.section.table[look.name].notna().any() else EMPTY for strip in rows]
    figure = style.canvas(width, 0.5 + sum(heights) + 0.4 * len(rows), look.theme)
    grid = figure.subplots(len(rows), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, strip in zip(grid, rows, strict=True):
        if strip.section.table[look.name].notna().any():
            _strip(axes, strip, look, make, (width - BESIDE, height))
            axes.set_ylabel(label)
        elif strip.first:
            why = [strip.section.words, *style.reasons(strip.section.table, look.name)[:3]]
            style.say_nothing(axes, METRICS[look.name].label, why, look.theme)
        else:
            axes.set_axis_off()
    own = "" if all(strip.first for strip in rows) else ", each row of axes on its own scale"
    heading = f"{METRICS[look.name].label}, {METRICS[look.name].direction}{own}"
    layout.finish(figure, table, look, heading, extra, mbu=look.name == "tokens_per_sec")
    return figure


def _strips(table: pd.DataFrame) -> list[Strip]:
    """Return the rows of axes: as many models in each as leave every bar its least width, about equally many."""
    found: list[Strip] = []
    for section in split_by_work(table):
        models = len(strips.models(section))
        room = max(1, int((WIDEST - BESIDE) * GROUP / (THINNEST * len(strips.series(section)))))
        found += strips.split(section, -(-models // -(-models // room)))
    return found


def _strip(
    axes: Axes, strip: Strip, look: Look, make: Callable[[Row, float], Bar], inches: tuple[float, float]
) -> None:
    """Draw one strip on its own scale; `inches` are the axes' width and height."""
    thickness = GROUP / len(strip.series)
    slots = max(len(strip.models), thickness * inches[0] / (2 * BROADEST))
    inch = thickness * inches[0] / slots
    turned = inch < UPRIGHT
    points = min(8.5, inch * 72 * 0.78) if turned else 8.5
    bars = _bars(strip, make)
    texts = [layout.words(bar, look.name, ", " if turned else "\n") for bar in bars]
    top, starts = layout.scale(bars, inches[1], [_height(text, points, turned=turned) for text in texts])
    axes.set_ylim(0, top)
    middle = (len(strip.models) - 1) / 2
    axes.set_xlim(middle - slots / 2, middle + slots / 2)
    layout.draw(axes, bars, thickness * 0.92, "y", look.theme)
    for bar, text, start in zip(bars, texts, starts, strict=True):
        _write(axes, bar, text, (start, points), look.theme, turned=turned)
    letters = inches[0] / slots / style.length("m", 10)
    axes.set_xticks(range(len(strip.models)), [style.wrapped(model, letters) for model in strip.models])
    axes.tick_params(axis="x", labelsize=10)
    axes.grid(axis="x", visible=False)
    if strip.first and strip.section.words:
        words = style.plain(strip.section.words)
        axes.set_title(words, loc="left", fontsize=12, fontweight="bold", color=look.theme.ink)


def _bars(strip: Strip, make: Callable[[Row, float], Bar]) -> list[Bar]:
    rows = strip.section.table.to_dict("records")
    places = {model: at for at, model in enumerate(strip.models)}
    lanes = {series: (at + 0.5) / len(strip.series) for at, series in enumerate(strip.series)}
    return [
        make(row, places[row["model"]] + GROUP * (lanes[row["device"], row["precision"]] - 0.5))
        for row in rows
        if row["model"] in places
    ]


def _height(text: str, points: float, *, turned: bool) -> float:
    """Return how much of the axis a text takes, inches."""
    lines = text.count("\n") + 1
    return (OFFSET / 72) + (style.length(text, points) if turned else lines * points * 1.3 / 72)


def _write(axes: Axes, bar: Bar, text: str, at: tuple[float, float], theme: Theme, *, turned: bool) -> None:
    """Write at a bar's end its value, or in place of a bar why there is none; `at` is the height and the points."""
    height, points = at
    missing = not bar.parts
    style.write(
        axes,
        text if turned or not missing else text.replace(" ", "\n"),
        (bar.place, height),
        xytext=(0, OFFSET if bar.parts else 3),
        rotation=90 if turned else 0,
        ha="center",
        va="bottom",
        fontsize=points,
        color=theme.grey if missing else theme.ink,
        fontstyle="italic" if missing else "normal",
    )
