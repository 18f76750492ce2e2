"""The comparison of precisions: four panels, a row for each model and device, a mark for each precision."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from plotting.figures import footnotes, style
from plotting.figures.layout import Look, Row
from plotting.figures.theme import LIGHT, Theme, palette
from plotting.metrics.registry import METRICS
from plotting.table import status, whiskers
from plotting.table.work_groups import WorkGroup, split_by_work

PANELS = ("tokens_per_sec", "avg_ram_gb", "tps_per_watt", "joules_per_token")
LANES = 0.56
"""Of a row's height, over which its marks are spread: equal values would hide one another."""
MANY = 24
"""More rows than that stand in four panels side by side instead of two by two."""
WIDE, TALL = (15.0, 0.36), (18.0, 0.17)
"""Inches: width of the figure, height of a row; of two panels a line, of four."""
WIDE_SCALE = 300
"""A logarithmic scale that ends at so many times its start has fewer ticks."""
Key = tuple[str, str]
"""Device and model: what a row is of."""


def precision_panels(table: pd.DataFrame, theme: Theme = LIGHT) -> Figure:
    """Return four panels: a line for each device and model, a mark for each precision."""
    parts = split_by_work(table)
    keys = [_keys(part) for part in parts]
    columns = 2 if max(map(len, keys)) <= MANY else 4
    width, pitch = WIDE if columns == 2 else TALL
    looks = [Look(table, name, theme) for name in PANELS]
    lines = [
        (part, found, looks[at : at + columns])
        for part, found in zip(parts, keys, strict=True)
        for at in range(0, len(PANELS), columns)
    ]
    heights = [_height(part, len(found) * pitch, some) for part, found, some in lines]
    figure = style.canvas(width, 0.4 + sum(heights), theme)
    grid = figure.subplots(len(lines), columns, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes_of_line, (part, found, some) in zip(grid, lines, strict=True):
        for axes, look in zip(axes_of_line, some, strict=True):
            _panel(axes, part, found, look)
        _name_rows(axes_of_line, found, pitch, with_device=len(set(part.table["device"])) > 1)
    precisions = list(style.tints(table))
    heading = " against ".join(precisions) if len(precisions) == 2 else ", ".join(precisions)
    style.title(figure, f"Precision: {heading}", theme)
    style.footnote(figure, footnotes.footnote(table, PANELS, mark="crossed"), theme)
    figure.legend(handles=_marks(table, theme), loc="outside right upper", frameon=False, fontsize=10)
    return figure


def _keys(part: WorkGroup) -> list[Key]:
    ordered = part.table.sort_values(["model_order", "device_order"])
    return list(dict.fromkeys(zip(ordered["device"], ordered["model"], strict=True)))


def _height(part: WorkGroup, rows: float, some: Sequence[Look]) -> float:
    """Return the height of a line of panels, inches; one without any value holds a few words."""
    measured = any(part.table[look.name].notna().any() for look in some)
    return 1.0 + max(rows, 0.8) if measured else 1.3


def _panel(axes: Axes, part: WorkGroup, keys: Sequence[Key], look: Look) -> None:
    metric, table = METRICS[look.name], part.table
    if not table[look.name].notna().any():
        style.say_nothing(axes, metric.label, style.reasons(table, look.name), look.theme, letters=48)
        return
    heading = f"{metric.label}, {metric.direction}"
    if part.words:
        heading += f"\n{style.plain(part.words)}"
    axes.set_title(heading, loc="left", fontsize=12, color=look.theme.ink)
    places = {key: at for at, key in enumerate(keys)}
    rows: list[list[Row]] = [[] for _ in keys]
    for row in table.sort_values("precision_order").to_dict("records"):
        rows[places[row["device"], row["model"]]].append(row)
    spread = [(row, at + _lane(place, len(found))) for at, found in enumerate(rows) for place, row in enumerate(found)]
    there = [(row, y) for row, y in spread if not status.explain_absence(row, look.name)]
    axes.set(ylim=(len(keys) - 0.5, -0.5), xlabel=metric.axis)
    _scale(axes, [row for row, _ in there], look, letters=24 if len(keys) > MANY else 60)
    _shade(axes, keys, look.theme)
    _draw(axes, there, look, small=len(keys) > MANY)
    if len(keys) > MANY:
        axes.tick_params(axis="x", labeltop=True, labelsize=9)
    for at, found in enumerate(rows):
        _say_missing(axes, found, look, at, small=len(keys) > MANY)


def _scale(axes: Axes, there: Sequence[Row], look: Look, letters: int) -> None:
    """Set the scale of the values, from 0 or logarithmic; its label has lines of so many letters."""
    values = [row[look.name] for row in there]
    ends = [whiskers.compute_span(row, look.name, look.basis) or (row[look.name],) * 2 for row in there]
    if not style.logarithmic(values):
        right = 1.06 * max(high for _, high in ends) or 1.0
        axes.set_xlim(0, right)
        return
    axes.set_xscale("log")
    left, right = 0.8 * min(values), 1.25 * max(high for _, high in ends)
    axes.set_xlim(left, right)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if right / left < WIDE_SCALE else (1, 3), numticks=12))
    axes.xaxis.set_major_formatter(FuncFormatter(style.plainly))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(style.wrapped(f"{METRICS[look.name].axis}, logarithmic", letters))


def _shade(axes: Axes, keys: Sequence[Key], theme: Theme) -> None:
    """Shade every other model's rows where a model has several: the eye would lose them."""
    models = list(dict.fromkeys(model for _, model in keys))
    if len(models) == len(keys):
        return
    for model in models[1::2]:
        places = [at for at, key in enumerate(keys) if key[1] == model]
        axes.axhspan(places[0] - 0.5, places[-1] + 0.5, color=theme.tint(theme.pale, 0.6), zorder=0, gid="band")


def _lane(place: int, among: int) -> float:
    """Return how far from the middle of its row a mark stands."""
    return LANES * ((place + 0.5) / among - 0.5)


def _draw(axes: Axes, there: Sequence[tuple[Row, float]], look: Look, *, small: bool) -> None:
    """Draw whiskers and marks: one artist for each precision, whatever their number."""
    spanned = [(row, y, whiskers.compute_span(row, look.name, look.basis)) for row, y in there]
    known = [(row, [(both[0], y), (both[1], y)]) for row, y, both in spanned if both]
    if known:
        paints = [look.outline(row) for row, _ in known]
        lines = LineCollection([line for _, line in known], colors=paints, linewidths=1.2, gid="whiskers", zorder=2)
        axes.add_collection(lines, autolim=False)
    for place, precision in enumerate(look.tints):
        found = [(row, y) for row, y in there if row["precision"] == precision]
        axes.scatter(
            [row[look.name] for row, _ in found],
            [y for _, y in found],
            marker=style.MARKERS[place % len(style.MARKERS)],
            s=14 if small else 42,
            facecolors=[look.fill(row) for row, _ in found],
            edgecolors=[look.outline(row) for row, _ in found],
            linewidths=0.9 if small else 1.6,
            zorder=3,
            gid=precision,
        )
    doubtful = [(row[look.name], y) for row, y in there if status.describe_warnings(row, look.name)]
    if doubtful:
        axes.plot(
            *zip(*doubtful, strict=True),
            "x",
            color=look.theme.ink,
            markersize=5 if small else 8,
            zorder=4,
            gid="in doubt",
        )


def _say_missing(axes: Axes, found: Sequence[Row], look: Look, at: int, *, small: bool) -> None:
    """Write into the freer side of a row which precision has no mark, and why; marks lie over the words."""
    words = {row["precision"]: why for row in found if (why := status.explain_absence(row, look.name))}
    if not words:
        return
    if small and len(words) > 1:  # there is no room for how many runs failed
        words = {name: "failed" if word.endswith("failed") else word for name, word in words.items()}
    same = len(words) == len(found) and len(set(words.values())) == 1
    text = next(iter(words.values())) if same else ", ".join(f"{name} {word}" for name, word in words.items())
    marks = [_share(axes, row[look.name]) for row in found if row["precision"] not in words]
    at_left = not marks or min(marks) > 1 - max(marks)
    written = axes.annotate(
        style.plain(text),
        (0.008 if at_left else 0.992, at),
        xycoords=("axes fraction", "data"),
        ha="left" if at_left else "right",
        va="center",
        fontsize=6.5 if small else 9,
        color=look.theme.grey,
        fontstyle="italic",
        bbox={"facecolor": look.theme.page, "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
        zorder=1.5,
    )
    written.set_in_layout(False)


def _share(axes: Axes, value: float) -> float:
    """Return where a value stands on the scale, 0 to 1."""
    left, right, at = axes.xaxis.get_transform().transform([*axes.get_xlim(), value])
    return float((at - left) / (right - left))


def _name_rows(line: Sequence[Axes], keys: Sequence[Key], pitch: float, *, with_device: bool) -> None:
    """Write the rows' names beside the first panel that has rows; the device is left out where there is only one."""
    names = [f"{model}, {device}" if with_device else model for device, model in keys]
    drawn = [axes for axes in line if axes.axison]
    for axes in drawn:
        letters = 80 if pitch < WIDE[1] else 44  # low rows have room for one line
        labels = [style.wrapped(name, letters) for name in names] if axes is drawn[0] else [""] * len(names)
        axes.set_yticks(range(len(names)), labels, fontsize=7 if pitch < WIDE[1] else 10)


def _marks(table: pd.DataFrame, theme: Theme) -> list[Line2D]:
    devices = [
        Line2D([], [], marker="o", ls="", c=colour, mec=theme.outline(colour), label=style.wrapped(name, 26))
        for name, colour in palette(table).items()
    ]
    precisions = [
        _mark(style.MARKERS[place % len(style.MARKERS)], theme, style.plain(name), theme.tint(theme.ink, share))
        for place, (name, share) in enumerate(style.tints(table).items())
    ]
    doubtful = any(status.describe_warnings(row, *PANELS) for row in table.to_dict("records"))
    return [*devices, *precisions, *([_mark("x", theme, "in doubt, see footnote", theme.ink)] if doubtful else [])]


def _mark(marker: str, theme: Theme, name: str, fill: Any) -> Line2D:
    return Line2D([], [], marker=marker, linestyle="", markerfacecolor=fill, markeredgecolor=theme.ink, label=name)
