"""One style for all figures: canvas, title, footnote, legend, fills of precisions, words in place of figures."""

import math
import re
import textwrap
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.text import Text

from plotting.analysis import conditions
from plotting.figures import footnotes
from plotting.figures.theme import LIGHT, Theme, palette
from plotting.metrics.registry import METRICS
from plotting.table import status

TINTS = (0.0, 0.6, 1.0, 0.3, 0.8)
"""How far each precision's fill is mixed with the page: full, pale, open, and two between for a fourth and fifth."""
MARKERS = ("o", "D", "s", "^", "v")
DOUBT = "xxxx"
"""Hatch of a value in doubt; nothing else is hatched."""
DPI = 150
LEGEND_LETTERS = 26
LEGEND_WIDTH = 2.9
"""Inches, of a legend whose lines have LEGEND_LETTERS."""
LETTERS_AN_INCH = 7.0
"""Of a title in 16 points, bold."""
NOTE_LETTERS_AN_INCH = 14.6
"""Of a footnote in 8.5 points."""
POWER_REMEDY = (
    "python -m benchmarks.power says which sensors work here; the log of a wall meter serves too "
    "(--power-monitor=csv:FILE)."
)
TITLE_LINE = 0.3
"""Inches of height that a line of a title takes."""
LOGARITHMIC = 30
"""Cells and marks stand on a logarithmic scale where the greatest value is so many times the least."""
LETTER = 0.6
"""Mean width of a letter, in its height: a little more than DejaVu Sans has."""


def unless_empty(draw: Callable[[pd.DataFrame, Theme, str], Figure]) -> Callable[..., Figure]:
    """Have a figure of one metric say that nothing was measured, where no pair has a value of it."""

    @wraps(draw)
    def drawn(table: pd.DataFrame, theme: Theme = LIGHT, *, name: str) -> Figure:
        return draw(table, theme, name) if table[name].notna().any() else nothing(table, name, theme)

    return drawn


def canvas(width: float, height: float, theme: Theme = LIGHT) -> Figure:
    """Return an empty figure in the house style, inches; title and footnote make it higher by their lines."""
    sns.set_theme(style="whitegrid", context="notebook", rc=theme.rc)
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.set(w_pad=0.12, h_pad=0.1)  # type: ignore[call-arg]
    return figure


def plain(text: str) -> str:
    """Return text that matplotlib shows as it stands: a dollar sign would begin mathematics."""
    return text.replace("$", r"\$")


def wrapped(text: str, letters: float) -> str:
    """Return plain text in lines of at most so many letters, broken after blanks and hyphens, never in a word."""
    lines = [""]
    for piece in re.split(r"(?<=[ -])", text):
        if lines[-1] and len((lines[-1] + piece).rstrip()) > letters:
            lines.append("")
        lines[-1] += piece
    return plain("\n".join(line.rstrip() for line in lines))


def length(text: str, points: float) -> float:
    """Return about how long the longest line of a text is, inches."""
    return max(map(len, text.split("\n"))) * points * LETTER / 72


def tints(table: pd.DataFrame) -> dict[str, float]:
    """Return for each precision how far its fill is mixed with the page, in the table's order."""
    precisions = dict.fromkeys(table.sort_values("precision_order")["precision"])
    return {precision: TINTS[place % len(TINTS)] for place, precision in enumerate(precisions)}


def title(figure: Figure, text: str, theme: Theme, *, beside: bool = True) -> None:
    """Put a title on a figure, wrapped at its width or, `beside` a legend, before that."""
    width = figure.get_figwidth() - (LEGEND_WIDTH if beside else 0.0)
    heading = wrapped(text, width * LETTERS_AN_INCH)
    _heighten(figure, (heading.count("\n") + 1) * TITLE_LINE)
    figure.suptitle(heading, x=0.01, ha="left", fontsize=16, fontweight="bold", color=theme.ink)


def footnote(figure: Figure, sentences: Sequence[str], theme: Theme) -> None:
    """Put sentences under a figure, wrapped at its width."""
    width = int(min(figure.get_figwidth(), 14.0) * NOTE_LETTERS_AN_INCH)
    lines = [line for sentence in sentences for line in textwrap.wrap(plain(sentence), width)]
    text = figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=8.5, color=theme.grey)
    # measured: versions of matplotlib lay lines at distances of their own
    _heighten(figure, text.get_window_extent().height / figure.dpi)


def _heighten(figure: Figure, inches: float) -> None:
    # in twentieths of an inch: a PNG is then as much larger as its resolution
    figure.set_figheight(math.ceil(20 * (figure.get_figheight() + inches)) / 20)


def legend(figure: Figure, table: pd.DataFrame, theme: Theme, extra: Sequence[Any] = ()) -> None:
    """Put the legend outside the axes: colours are devices, fills are precisions."""
    devices = [
        Patch(facecolor=colour, edgecolor=theme.outline(colour), label=wrapped(device, LEGEND_LETTERS))
        for device, colour in palette(table).items()
    ]
    precisions = [
        Patch(facecolor=theme.tint(theme.ink, share), edgecolor=theme.ink, label=plain(name))
        for name, share in tints(table).items()
    ]
    handles = [*devices, *precisions, *extra]
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=10)


def doubt_patch(theme: Theme) -> Patch:
    """Return the legend's entry of what is hatched."""
    return Patch(facecolor=theme.page, edgecolor=theme.ink, hatch=DOUBT, label="hatched: in doubt,\nsee footnote")


def write(axes: Axes, text: str, at: tuple[float, float], **style: Any) -> Text:
    """Write at a place of the data without having the layout make room for it: that costs a pass over every text."""
    written = axes.annotate(plain(text), at, textcoords="offset points", **style)
    written.set_in_layout(False)
    return written


def nothing(table: pd.DataFrame, name: str, theme: Theme) -> Figure:
    """Return a small figure that says that nothing was measured, why, and what to type."""
    metric = METRICS[name]
    figure = canvas(9.5, 1.6, theme)
    title(figure, f"{metric.label}, {metric.direction}", theme, beside=False)
    remedy = [POWER_REMEDY] if status.is_power_metric(name) else []
    say_nothing(figure.subplots(), metric.label, [*reasons(table, name)[:3], *remedy], theme)
    footnote(figure, footnotes.footnote(table, [name], with_whiskers=False), theme)
    return figure


def logarithmic(values: Sequence[float]) -> bool:
    """Return whether a scale of some values must be logarithmic: the small ones would all look alike."""
    return len(values) > 0 and 0 < min(values) < max(values) / LOGARITHMIC


def plainly(value: float, _: object = None) -> str:
    """Return a value as the label of a tick on a logarithmic scale."""
    return f"{value:g}"


def say_nothing(axes: Axes, what: str, why: Sequence[str], theme: Theme, letters: int = 80) -> None:
    """Say in words, in the place of what would be drawn, that nothing was measured and why."""
    axes.set_axis_off()
    lines = [line for sentence in why for line in textwrap.wrap(plain(sentence), letters)]
    text = "\n".join([f"{what}: not measured", *lines])
    written = axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", linespacing=1.5)
    written.set(fontsize=11, color=theme.grey, in_layout=False)


def reasons(table: pd.DataFrame, name: str) -> list[str]:
    """Return, each once and in a dozen words, why a metric is missing, or why nothing at all was measured."""
    return list(dict.fromkeys(conditions.shorten(reason) for reason in conditions.list_reasons(table, name)))
