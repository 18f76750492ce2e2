"""The heat maps: devices and precisions by models, a map for each work group."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from plotting.figures import footnotes, style
from plotting.figures.strips import list_ordered
from plotting.figures.theme import Theme, choose_ink
from plotting.metrics.registry import METRICS, format_value
from plotting.table import status
from plotting.table.work_groups import WorkGroup, split_by_work

WIDE, NARROW = 1.25, 0.8  # inches of a column's width, for up to MANY columns and for more
MANY = 10
POINTS = {WIDE: 10.0, NARROW: 8.5}  # size of the models' names


@style.explain_if_empty
def draw_heat_map(table: pd.DataFrame, theme: Theme, name: str) -> Figure:
    """Return the map of one metric: a row for each device and precision, a column for each model."""
    groups = split_by_work(table)
    columns = max(group.table["model"].nunique() for group in groups)
    rows = [len(group.table[["device", "precision"]].drop_duplicates()) for group in groups]
    inches = WIDE if columns <= MANY else NARROW
    lines = 1 + max(name.count("\n") for name in _wrap_models(list_ordered(table, "model"), inches))
    heights = [max(0.9, 0.17 * lines) + (0.55 if count <= MANY else 0.42) * max(count, 2) for count in rows]
    figure, grid = style.make_canvas(max(8.5, 5.0 + inches * columns), heights, theme, extra=0.6)
    for axes, group in zip(grid[:, 0], groups, strict=True):
        _draw_map(axes, group, name, theme, inches)
        if (narrow := group.table["model"].nunique()) < columns:  # all maps have cells of one width
            axes.axvspan(narrow, columns, color=theme.page, zorder=0)
            axes.set_xlim(0, columns)
    title = f"{METRICS[name].label} by device and model, {METRICS[name].direction}"
    style.add_title(figure, title, theme, legend=False)
    sentences = footnotes.list_sentences(table, [name], with_whiskers=False, explain_whiskers=False)
    style.add_footnote(figure, sentences, theme)
    return figure


def _draw_map(axes: Axes, group: WorkGroup, name: str, theme: Theme, inches: float) -> None:
    """Draw the map of one work group; `inches` is a cell's width."""
    models = list_ordered(group.table, "model")
    rows = list_ordered(group.table, "device", "precision")
    values = group.table.pivot_table(
        index=["device", "precision"], columns="model", values=name, dropna=False, sort=False
    )
    grid = values.reindex(index=rows, columns=models).to_numpy(dtype=float)
    scale = _choose_scale(grid[~np.isnan(grid)])
    if scale:
        label = METRICS[name].axis + (", logarithmic" if isinstance(scale, LogNorm) else "")
        _paint(axes, grid, scale, style.wrap(label, max(12, 6.5 * len(rows))), theme)
    else:  # no value in this group: words alone
        axes.set_xlim(0, len(models))
        axes.set_ylim(len(rows), 0)
    axes.set_facecolor(theme.tint(theme.pale, 0.5))
    axes.grid(visible=False)
    axes.set(xlabel="", ylabel="", title="")
    style.add_heading(axes, group.words, theme)
    axes.set_xticks([at + 0.5 for at in range(len(models))], _wrap_models(models, inches))
    names = [style.wrap(", ".join(row), 34) for row in rows]
    axes.set_yticks([at + 0.5 for at in range(len(rows))], names)
    axes.tick_params(axis="y", labelsize=style.choose_size(names))
    axes.tick_params(axis="x", labelsize=POINTS[inches])
    colours = mpl.colormaps[theme.shades](scale(grid)) if scale else None
    for row in group.table.to_dict("records"):
        x, y = models.index(row["model"]), rows.index((row["device"], row["precision"]))
        paint = "" if colours is None or status.explain_absence(row, name) else to_hex(colours[y, x])
        _write_cell(axes, row, name, ((x + 0.5, y + 0.5), paint, inches), theme)


def _wrap_models(models: list[str], inches: float) -> list[str]:
    return [style.wrap(model, inches / style.estimate_length("m", POINTS[inches])) for model in models]


def _paint(axes: Axes, grid: Any, scale: Normalize, label: str, theme: Theme) -> None:
    """Paint the cells and their colour bar; a logarithmic bar has plain numbers at 1, 2 and 5 of each decade."""
    ticks: dict[str, Any] = {}
    if isinstance(scale, LogNorm):
        steps = (1, 2, 5) if np.nanmax(grid) < 1e4 * np.nanmin(grid) else (1,)
        ticks = {"ticks": LogLocator(subs=steps), "format": StrMethodFormatter("{x:g}")}
    sns.heatmap(
        grid,
        ax=axes,
        norm=scale,
        cmap=theme.shades,
        mask=np.isnan(grid),
        linewidths=2,
        linecolor=theme.page,
        cbar_kws={"label": label, "aspect": 25, "pad": 0.01, **ticks},
        xticklabels=False,  # seaborn would paint the figure once for each label to see whether they overlap
        yticklabels=False,
    )
    bar = axes.collections[0].colorbar
    if bar is not None:  # a short logarithmic bar would label its minor ticks too
        bar.ax.yaxis.set_minor_formatter(NullFormatter())


def _choose_scale(values: Any) -> Normalize | None:
    """Return the scale of the colours; None without a value."""
    if not len(values):
        return None
    low, high = float(values.min()), float(values.max())
    return LogNorm(low, high) if style.needs_log_scale(values) else Normalize(min(low, 0.0), high or 1.0)


def _write_cell(
    axes: Axes, row: dict[str, Any], name: str, cell: tuple[tuple[float, float], str, float], theme: Theme
) -> None:
    """Write into a cell its value, or why it has no value, and hatch it around a value with a warning.

    `cell` is its centre, its colour ("" without a value), and its width in inches.
    """
    (x, y), paint, inches = cell
    ink = choose_ink(paint) if paint else theme.ink
    why = status.explain_absence(row, name)
    lost = "" if why else status.describe_failures(row)
    text = style.wrap(why, inches / style.estimate_length("m", 7.5)) if why else format_value(row[name])
    written = axes.text(x, y - (0.12 if lost else 0), text, ha="center", va="center", color=ink)
    written.set(fontsize=7.5 if why else 11 if inches == WIDE else 10, fontstyle="italic" if why else "normal")
    if lost:
        axes.text(x, y + 0.28, lost, ha="center", va="center", color=ink, fontsize=6.5)
    if not why and status.describe_warnings(row, name):
        corner = axes.fill([x - 0.5, x + 0.5, x + 0.5, x - 0.5], [y - 0.5, y - 0.5, y + 0.5, y + 0.5], fill=False)
        corner[0].set(hatch=style.WARNING_HATCH, edgecolor=ink, alpha=0.35, linewidth=0)
        written.set_bbox({"facecolor": paint, "edgecolor": "none", "pad": 1.5})
