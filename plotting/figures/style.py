"""One style for all figures: canvas, title, footnote, legend, precision tints, and text in place of missing data."""

import math
import re
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from plotting.analysis import conditions
from plotting.figures import footnotes, letters, limits
from plotting.figures.strips import list_ordered
from plotting.figures.theme import LIGHT, Theme, assign_colours
from plotting.metrics.registry import METRICS
from plotting.table import status

TINTS = (0.0, 0.6, 1.0, 0.3, 0.8)
"""How far each precision's fill is mixed with the page: full, pale, open, then two steps between."""
MARKERS = "oDs^v"
WARNING_HATCH = "xxxx"  # hatch of a value with a warning; nothing else is hatched
LEGEND_LETTERS, LEGEND_INCHES = 26, 2.9  # longest line of the legend, and its width
POWER_REMEDY = (
    "python -m benchmarks.power lists the sensors that work here; "
    "the log of a wall meter works too (--power-monitor=csv:FILE)."
)


def explain_if_empty(draw: Callable[[pd.DataFrame, Theme, str], Figure]) -> Callable[..., Figure]:
    """Replace a figure of one metric by an explanation if no pair has a value."""

    @wraps(draw)
    def draw_or_explain(table: pd.DataFrame, theme: Theme = LIGHT, *, name: str) -> Figure:
        shown = limits.choose(table)
        return draw(shown, theme, name) if shown[name].notna().any() else _explain(shown, name, theme)

    return draw_or_explain


def _explain(table: pd.DataFrame, name: str, theme: Theme) -> Figure:
    """Return a small figure that says that nothing was measured, why, and what to type."""
    metric = METRICS[name]
    figure, [[axes]] = make_canvas(9.5, [1.6], theme)
    add_title(figure, f"{metric.label}, {metric.direction}", theme, legend=False)
    remedy = [POWER_REMEDY] if status.is_power_metric(name) else []
    write_reasons(axes, metric.label, [*list_reasons(table, name)[:3], *remedy], theme)
    add_footnote(figure, footnotes.list_sentences(table, [name], with_whiskers=False), theme)
    return figure


def make_canvas(
    width: float, heights: Sequence[float], theme: Theme, columns: int = 1, extra: float = 0.0
) -> tuple[Figure, Any]:
    """Return a figure with a grid of axes, a row for each height; sizes in inches.

    `extra` is added to the figure's height. Title and footnote add their own lines later.
    """
    mpl.rcdefaults()  # a user's settings must not change a byte
    sns.set_theme(style="whitegrid", context="notebook", rc=theme.rc)
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1)
    figure = Figure(figsize=(width, extra + sum(heights)), dpi=150, layout=layout)
    return figure, figure.subplots(len(heights), columns, squeeze=False, gridspec_kw={"height_ratios": heights})


def escape_dollars(text: str) -> str:
    """Return text that matplotlib shows unchanged: a dollar sign would start mathematics."""
    return letters.replace_missing(text).replace("$", r"\$")


def wrap(text: str, count: float) -> str:
    """Return text in lines of at most `count` average letters, broken after blanks and hyphens, or in a longer word."""
    most = max(4, int(count / letters.compute_width(text)))
    lines = [""]
    for piece in re.findall(rf"[^ -]{{1,{most}}}[ -]?|[ -]", text):
        if lines[-1] and len((lines[-1] + piece).rstrip()) > most:
            lines.append("")
        lines[-1] += piece
    return escape_dollars("\n".join(line.rstrip() for line in lines))


def choose_size(names: Sequence[str]) -> int:
    """Return the points of the labels of rows that have room for two lines of 10 points."""
    return 6 if max(name.count("\n") for name in names) > 1 else 10


def estimate_length(text: str, points: float) -> float:
    """Return roughly how long the longest line of a text is, in inches."""
    letter = 0.6 * points / 72  # DejaVu Sans is slightly narrower
    return max(map(len, text.split("\n"))) * letter


def list_tints(table: pd.DataFrame) -> dict[str, float]:
    """Return for each precision how far its fill is mixed with the page."""
    return {name: TINTS[place % len(TINTS)] for place, name in enumerate(list_ordered(table, "precision"))}


def add_title(figure: Figure, text: str, theme: Theme, *, legend: bool = True) -> None:
    """Put a title on a figure, wrapped at its width, or before its `legend`."""
    width = figure.get_figwidth() - (LEGEND_INCHES if legend else 0.0)
    heading = wrap(text, width * 7.0)  # letters an inch at 16 points, bold
    _add_height(figure, (heading.count("\n") + 1) * 0.3)
    figure.suptitle(heading, x=0.01, ha="left", fontsize=16, fontweight="bold", color=theme.ink)


def add_footnote(figure: Figure, sentences: Sequence[str], theme: Theme) -> None:
    """Put sentences under a figure, wrapped at its width."""
    width = int(min(figure.get_figwidth(), 14.0) * 14.6)  # letters an inch at 8.5 points
    text = figure.supxlabel(_fill(sentences, width), x=0.01, ha="left", fontsize=8.5, color=theme.grey)
    # measured, because line spacing differs between versions of matplotlib
    _add_height(figure, text.get_window_extent().height / figure.dpi)


def _add_height(figure: Figure, inches: float) -> None:
    # in twentieths of an inch, so that the pixels of a PNG scale exactly with its resolution
    figure.set_figheight(math.ceil(20 * (figure.get_figheight() + inches)) / 20)


def _fill(sentences: Sequence[str], count: int) -> str:
    return "\n".join(wrap(sentence, count) for sentence in sentences)


def add_heading(axes: Axes, text: str, theme: Theme, points: int = 12, count: int = 120) -> None:
    """Put a heading above axes, in lines of at most `count` letters."""
    axes.set_title(_fill(text.split("\n"), count), loc="left", fontsize=points, fontweight="bold", color=theme.ink)


def add_legend(
    figure: Figure, table: pd.DataFrame, theme: Theme, extra: Sequence[Artist], *, marks: bool = False
) -> None:
    """Put the legend outside the axes: colours are devices, fills (and shapes of `marks`) are precisions."""
    entries = [
        (wrap(device, LEGEND_LETTERS), colour, theme.outline(colour), "o")
        for device, colour in assign_colours(table).items()
    ]
    entries += [
        (wrap(name, LEGEND_LETTERS), theme.tint(theme.ink, share), theme.ink, MARKERS[place % len(MARKERS)])
        for place, (name, share) in enumerate(list_tints(table).items())
    ]
    handles = [
        Line2D([], [], ls="", marker=marker, c=fill, mec=edge, label=label)
        if marks
        else Patch(facecolor=fill, edgecolor=edge, label=label)
        for label, fill, edge, marker in entries
    ]
    figure.legend(handles=[*handles, *extra], loc="outside right upper", frameon=False, fontsize=10)


def write(axes: Axes, text: str, at: tuple[float, float], **style: Any) -> None:
    """Write text at a point of the data, ignored by the layout: measuring every text would be slow."""
    axes.annotate(escape_dollars(text), at, **style).set_in_layout(False)


def needs_log_scale(values: Sequence[float]) -> bool:
    """Return whether the largest value is more than 30 times the smallest, which must be positive."""
    return len(values) > 0 and 0 < min(values) < max(values) / 30


def write_reasons(axes: Axes, what: str, reasons: Sequence[str], theme: Theme, count: int = 80) -> None:
    """Write on otherwise empty axes that nothing was measured, and why."""
    axes.set_axis_off()
    text = f"{what}: not measured\n{_fill(reasons, count)}".rstrip()
    written = axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", linespacing=1.5)
    written.set(fontsize=11, color=theme.grey, in_layout=False)


def list_reasons(table: pd.DataFrame, name: str) -> list[str]:
    """Return the distinct reasons, shortened, why a metric is missing."""
    return list(dict.fromkeys(conditions.shorten(reason) for reason in conditions.list_reasons(table, name)))
