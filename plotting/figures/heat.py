"""The heat maps: devices and precisions by models, a map for each kind of work."""

from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from plotting.figures import footnotes, style
from plotting.figures.theme import Theme, ink_on
from plotting.metrics.registry import METRICS, format_value
from plotting.table import status
from plotting.table.work_groups import WorkGroup, split_by_work

WIDE, NARROW = 1.25, 0.8
"""Inches of a column's width, for up to MANY columns and for more."""
MANY = 10


@style.unless_empty
def device_map(table: pd.DataFrame, theme: Theme, name: str) -> Figure:
    """Return the map of one metric: a row for each device and precision, a column for each model."""
    metric = METRICS[name]
    parts = split_by_work(table)
    columns = max(part.table["model"].nunique() for part in parts)
    rows = [len(part.table[["device", "precision"]].drop_duplicates()) for part in parts]
    each = WIDE if columns <= MANY else NARROW
    heights = [0.9 + (0.55 if count <= MANY else 0.42) * max(count, 2) for count in rows]
    figure = style.canvas(max(8.5, 5.0 + each * columns), 0.6 + sum(heights), theme)
    grid = figure.subplots(len(parts), 1, squeeze=False, gridspec_kw={"height_ratios": heights})[:, 0]
    for axes, part in zip(grid, parts, strict=True):
        _map(axes, part, name, theme, each)
        if (narrow := part.table["model"].nunique()) < columns:  # its cells are as wide as those of the others
            axes.axvspan(narrow, columns, color=theme.page, zorder=0)
            axes.set_xlim(0, columns)
    style.title(figure, f"{metric.label} by device and model, {metric.direction}", theme, beside=False)
    style.footnote(figure, footnotes.footnote(table, [name], with_whiskers=False, expected=False), theme)
    return figure


def _map(axes: Axes, part: WorkGroup, name: str, theme: Theme, inches: float) -> None:
    models = list(dict.fromkeys(part.table.sort_values("model_order")["model"]))
    ordered = part.table.sort_values(["device_order", "precision_order"])
    rows = list(dict.fromkeys(zip(ordered["device"], ordered["precision"], strict=True)))
    values = part.table.pivot_table(
        index=["device", "precision"], columns="model", values=name, dropna=False, sort=False
    ).reindex(index=rows, columns=models)
    scale, label = _scale(values, name)
    if scale:
        sns.heatmap(
            values.to_numpy(dtype=float),
            ax=axes,
            norm=scale,
            cmap=theme.shades,
            mask=values.isna().to_numpy(),
            linewidths=2,
            linecolor=theme.page,
            cbar_kws={"label": style.wrapped(label, 6.5 * len(rows)), "aspect": 25, "pad": 0.01, **_ticks(scale)},
            xticklabels=False,  # seaborn would paint the figure once for each label to see whether they overlap
            yticklabels=False,
        )
        # a short logarithmic scale would label what lies between 1, 2 and 5 too
        bar = axes.collections[0].colorbar
        if bar is not None:
            bar.ax.yaxis.set_minor_formatter(NullFormatter())
    else:  # nothing of this kind of work has a value: words alone
        axes.set_xlim(0, len(models))
        axes.set_ylim(len(rows), 0)
    axes.set_facecolor(theme.tint(theme.pale, 0.5))
    axes.grid(visible=False)
    axes.set(xlabel="", ylabel="", title="")
    axes.set_title(style.plain(part.words), loc="left", fontsize=12, fontweight="bold", color=theme.ink)
    points = 10 if inches == WIDE else 8.5
    letters = inches / style.length("m", points)
    axes.set_xticks([at + 0.5 for at in range(len(models))], [style.wrapped(model, letters) for model in models])
    axes.set_yticks([at + 0.5 for at in range(len(rows))], [style.wrapped(", ".join(row), 34) for row in rows])
    axes.tick_params(axis="y", labelsize=10)
    axes.tick_params(axis="x", labelsize=points)
    paints = mpl.colormaps[theme.shades](scale(values.to_numpy(dtype=float))) if scale else None
    for row in part.table.to_dict("records"):
        x, y = models.index(row["model"]), rows.index((row["device"], row["precision"]))
        paint = "" if paints is None or status.explain_absence(row, name) else to_hex(paints[y, x])
        _cell(axes, row, name, ((x + 0.5, y + 0.5), paint, inches), theme)


def _scale(values: pd.DataFrame, name: str) -> tuple[Normalize | None, str]:
    """Return the scale of the colours and its label; None where there is no value."""
    found = values.to_numpy(dtype=float)
    found = found[found == found]  # noqa: PLR0124 - not NaN
    if not len(found):
        return None, ""
    low, high = float(found.min()), float(found.max())
    if style.logarithmic(found):
        return LogNorm(low, high), f"{METRICS[name].axis}, logarithmic"
    return Normalize(min(low, 0.0), high or 1.0), METRICS[name].axis


def _ticks(scale: Normalize) -> dict[str, Any]:
    """Return how a colour bar is ticked: a logarithmic one at 1, 2 and 5 of each decade, in plain numbers."""
    if not isinstance(scale, LogNorm):
        return {}
    return {"ticks": LogLocator(subs=(1, 2, 5)), "format": FuncFormatter(style.plainly)}


def _cell(
    axes: Axes, row: dict[str, Any], name: str, look: tuple[tuple[float, float], str, float], theme: Theme
) -> None:
    """Write into a cell its value, or why there is none; hatch it where the value is in doubt, not its value.

    `look` is the cell's centre, its paint ("" without a value), and its width in inches.
    """
    (x, y), paint, inches = look
    ink = ink_on(paint) if paint else theme.ink
    why = status.explain_absence(row, name)
    lost = "" if why else status.describe_failures(row)
    text = style.wrapped(why, inches / style.length("m", 7.5)) if why else format_value(row[name])
    written = axes.text(x, y - (0.12 if lost else 0), text, ha="center", va="center", color=ink)
    written.set(fontsize=7.5 if why else 11 if inches == WIDE else 10, fontstyle="italic" if why else "normal")
    if lost:
        axes.text(x, y + 0.28, lost, ha="center", va="center", color=ink, fontsize=6.5)
    if not why and status.describe_warnings(row, name):
        corner = axes.fill([x - 0.5, x + 0.5, x + 0.5, x - 0.5], [y - 0.5, y - 0.5, y + 0.5, y + 0.5], fill=False)
        corner[0].set(hatch=style.DOUBT, edgecolor=ink, alpha=0.35, linewidth=0)
        written.set_bbox({"facecolor": paint, "edgecolor": "none", "pad": 1.5})
