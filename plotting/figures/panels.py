"""The comparison of precisions: four panels, a row for each model and device, a mark for each precision."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from plotting.figures import footnotes, limits, style
from plotting.figures.layout import Look, Row
from plotting.figures.strips import list_ordered, spread
from plotting.figures.theme import LIGHT, Theme
from plotting.metrics.registry import METRICS
from plotting.table import status
from plotting.table.work_groups import WorkGroup, split_by_work

PANELS = ("tokens_per_sec", "avg_ram_gb", "tps_per_watt", "joules_per_token")
LANES = 0.56  # share of a row's height over which its marks are spread: equal values would hide each other
MANY = 24  # with more rows the four panels stand side by side instead of two by two
WIDE, TALL = (15.0, 0.36), (18.0, 0.17)
"""Inches: width of the figure and height of a row, for two and for four panels in a line."""
Key = tuple[str, str]  # model and device of a row


def draw_precision_panels(table: pd.DataFrame, theme: Theme = LIGHT) -> Figure:
    """Return four panels: a row for each model and device, a mark for each precision."""
    table = limits.choose(table)
    groups = [(group, list_ordered(group.table, "model", "device")) for group in split_by_work(table)]
    columns = 2 if max(len(keys) for _, keys in groups) <= MANY else 4
    width, pitch = WIDE if columns == 2 else TALL
    looks = [Look(table, name, theme) for name in PANELS]
    lines = [(*group, looks[at : at + columns]) for group in groups for at in range(0, len(PANELS), columns)]
    heights = [_height(group, len(keys) * pitch, some) for group, keys, some in lines]
    figure, grid = style.make_canvas(width, heights, theme, columns, extra=0.4)
    for axes_of_line, (group, keys, some) in zip(grid, lines, strict=True):
        for axes, look in zip(axes_of_line, some, strict=True):
            _draw_panel(axes, group, keys, look)
        _name_rows(axes_of_line, keys, pitch, with_device=len(set(group.table["device"])) > 1)
    precisions = list(style.list_tints(table))
    heading = " versus ".join(precisions) if len(precisions) == 2 else ", ".join(precisions)
    style.add_title(figure, f"Precision: {heading}", theme)
    style.add_footnote(figure, footnotes.list_sentences(table, PANELS, mark="crossed"), theme)
    warned = any(status.describe_warnings(row, *PANELS) for row in table.to_dict("records"))
    cross = Line2D([], [], ls="", marker="x", c=theme.ink, label="crossed: has a warning,\nsee footnote")
    style.add_legend(figure, table, theme, [cross] if warned else [], marks=True)
    return figure


def _height(group: WorkGroup, rows: float, some: Sequence[Look]) -> float:
    """Return the height of a line of panels, inches; one without any value holds a few words."""
    measured = any(group.table[look.name].notna().any() for look in some)
    return 1.0 + max(rows, 0.8) if measured else 1.3


def _draw_panel(axes: Axes, group: WorkGroup, keys: Sequence[Key], look: Look) -> None:
    metric, table, small = METRICS[look.name], group.table, len(keys) > MANY
    if not table[look.name].notna().any():
        style.write_reasons(axes, metric.label, style.list_reasons(table, look.name), look.theme, count=48)
        return
    heading = f"{metric.label}, {metric.direction}" + (f"\n{style.escape_dollars(group.words)}" if group.words else "")
    axes.set_title(heading, loc="left", fontsize=12, color=look.theme.ink)
    ordered = table.sort_values("precision_order").to_dict("records")
    rows = [[row for row in ordered if (row["model"], row["device"]) == key] for key in keys]
    present = [
        (row, at + spread(lane, len(found), LANES))
        for at, found in enumerate(rows)
        for lane, row in enumerate(found)
        if not status.explain_absence(row, look.name)
    ]
    axes.set(ylim=(len(keys) - 0.5, -0.5), xlabel=metric.axis)
    _set_scale(axes, [row for row, _ in present], look, letters=24 if small else 60)
    _shade(axes, keys, look.theme)
    _draw_marks(axes, present, look, small=small)
    if small:
        axes.tick_params(axis="x", labeltop=True, labelsize=9)
    for at, found in enumerate(rows):
        _explain_missing(axes, found, look, at, small=small)


def _set_scale(axes: Axes, rows: Sequence[Row], look: Look, letters: int) -> None:
    """Set the scale of the values, from 0 or logarithmic; `letters` is the length of its label's lines."""
    values = [row[look.name] for row in rows]
    high = max((look.span(row) or (0.0, row[look.name]))[1] for row in rows)
    if not style.needs_log_scale(values):
        axes.set_xlim(0, 1.06 * high or 1.0)
        return
    axes.set_xscale("log")
    left, right = 0.8 * min(values), 1.25 * high
    axes.set_xlim(left, right)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if right / left < 300 else (1, 3), numticks=12))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(style.wrap(f"{METRICS[look.name].axis}, logarithmic", letters))


def _shade(axes: Axes, keys: Sequence[Key], theme: Theme) -> None:
    """Shade the rows of every other model, if a model has several rows."""
    models = list(dict.fromkeys(model for model, _ in keys))
    if len(models) == len(keys):
        return
    for model in models[1::2]:
        places = [at for at, key in enumerate(keys) if key[0] == model]
        axes.axhspan(places[0] - 0.5, places[-1] + 0.5, color=theme.tint(theme.pale, 0.6), zorder=0, gid="band")


def _draw_marks(axes: Axes, present: Sequence[tuple[Row, float]], look: Look, *, small: bool) -> None:
    """Draw whiskers and marks, as one artist for each precision."""
    spans = [(row, y, ends) for row, y in present if (ends := look.span(row))]
    if spans:
        segments = [[(low, y), (high, y)] for _, y, (low, high) in spans]
        colours = [look.outline(row) for row, *_ in spans]
        lines = LineCollection(segments, colors=colours, linewidths=1.2, gid="whiskers", zorder=2)
        axes.add_collection(lines, autolim=False)
    for place, precision in enumerate(look.tints):
        found = [(row, y) for row, y in present if row["precision"] == precision]
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
    crossed = [(row[look.name], y) for row, y in present if status.describe_warnings(row, look.name)]
    if crossed:
        x, y = zip(*crossed, strict=True)
        axes.plot(x, y, "x", color=look.theme.ink, markersize=5 if small else 8, zorder=4, gid="warning")


def _explain_missing(axes: Axes, found: Sequence[Row], look: Look, at: int, *, small: bool) -> None:
    """Write into the emptier side of a row which precision has no mark, and why; marks cover the words."""
    words = {row["precision"]: why for row in found if (why := status.explain_absence(row, look.name))}
    if not words:
        return
    if small and len(words) > 1:  # there is no room for how many runs failed
        words = {name: "failed" if word.endswith("failed") else word for name, word in words.items()}
    same = len(words) == len(found) and len(set(words.values())) == 1
    text = next(iter(words.values())) if same else ", ".join(f"{name} {word}" for name, word in words.items())
    marks = [_share(axes, row[look.name]) for row in found if row["precision"] not in words]
    at_left = not marks or min(marks) > 1 - max(marks)
    style.write(
        axes,
        text,
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


def _share(axes: Axes, value: float) -> float:
    """Return where a value stands on the scale, 0 to 1."""
    left, right, at = axes.xaxis.get_transform().transform([*axes.get_xlim(), value])
    return float((at - left) / (right - left))


def _name_rows(line: Sequence[Axes], keys: Sequence[Key], pitch: float, *, with_device: bool) -> None:
    """Label the rows at the first panel that has rows."""
    low = pitch < WIDE[1]  # low rows have room for one line
    names = [style.wrap(", ".join(key) if with_device else key[0], 80 if low else 44) for key in keys]
    drawn = [axes for axes in line if axes.axison]
    for axes in drawn:
        axes.set_yticks(range(len(names)), names if axes is drawn[0] else [""] * len(names))
        axes.tick_params(axis="y", labelsize=7 if low else style.choose_size(names))
