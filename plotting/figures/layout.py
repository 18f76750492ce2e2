"""What bar figures share: rows of the table as bars, their paint, and scales with room for the words at their ends."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from plotting.figures import footnotes, style
from plotting.figures.theme import Theme, contrast, mixed, palette
from plotting.metrics.registry import format_value
from plotting.table import status, whiskers

Row = dict[Any, Any]
LONGEST_WORDS = 0.55
"""Of an axis: so much of it is left free for words at most."""
MARK = 0.1
"""Inches that the mark of a roofline beyond the scale takes at its end."""
HIGHEST_ROOF = 1.5
"""Times the longest bar: a roofline beyond that is a mark at the edge."""


@dataclass(frozen=True)
class Part:
    """A rectangle of a bar: its length, its paint, and how much of the bar's thickness it takes."""

    length: float
    paint: str
    share: float = 1.0


@dataclass(frozen=True)
class Bar:
    """One bar of a row of the table: where it stands across its length, and its parts from 0 on."""

    row: Row
    place: float
    parts: tuple[Part, ...]
    edge: str
    hatch: str = ""
    whisker: tuple[float, float] | None = None
    roofline: float = math.nan

    @property
    def value(self) -> float:
        """Length of all parts."""
        return sum(part.length for part in self.parts)

    @property
    def end(self) -> float:
        """Where the words begin: beyond the whisker."""
        return max(self.value, self.whisker[1] if self.whisker else 0.0)


class Look:
    """Turns rows of a table into bars: a colour for each device, a fill for each precision, a hatch for doubt."""

    def __init__(self, table: pd.DataFrame, name: str, theme: Theme) -> None:
        self.name, self.theme = name, theme
        self.colours, self.tints = palette(table), style.tints(table)
        self.basis = whiskers.choose_basis(table, name)

    def fill(self, row: Row) -> str:
        """Return a row's paint."""
        return self.theme.tint(self.colours[row["device"]], self.tints[row["precision"]])

    def bar(self, row: Row, place: float, parts: tuple[Part, ...] = (), *, whisker: bool = True) -> Bar:
        """Return a row's bar, of one part where none are given; it has none where the metric has no value."""
        if status.explain_absence(row, self.name):
            return Bar(row, place, (), self.theme.grey)
        fill = self.fill(row)
        doubtful = status.describe_warnings(row, self.name) != ""
        return Bar(
            row,
            place,
            parts or (Part(row[self.name], fill),),
            self._hatch(row, fill) if doubtful else self.outline(row),
            style.DOUBT if doubtful else "",
            whiskers.compute_span(row, self.name, self.basis) if whisker else None,
            whiskers.compute_roofline(row) if self.name == "tokens_per_sec" else math.nan,
        )

    def _hatch(self, row: Row, fill: str) -> str:
        """Return the colour of a hatch that is seen on a fill: the device's own where that can be."""
        own = mixed(self.outline(row), self.theme.ink, 0.4)
        return max((own, self.theme.page), key=lambda colour: contrast(colour, fill))

    def outline(self, row: Row) -> str:
        """Return the colour of a row's edges: its device's, as far towards the ink as it must be."""
        return self.theme.outline(self.colours[row["device"]])


def draw(axes: Axes, bars: Sequence[Bar], thickness: float, along: Literal["x", "y"], theme: Theme) -> None:
    """Draw bars with whiskers and rooflines, their lengths along an axis: a call for each kind of thing."""
    there = [bar for bar in bars if bar.parts]
    for layer in range(max((len(bar.parts) for bar in there), default=0)):
        layered = [bar for bar in there if len(bar.parts) > layer and bar.parts[layer].length]
        _rectangles(axes, layered, layer, thickness, along)
    spanned = [(bar.place, *bar.whisker) for bar in there if bar.whisker]
    if spanned:
        _whiskers(axes, spanned, along, theme)
    roofed = [(bar.place, bar.roofline) for bar in there if not math.isnan(bar.roofline)]
    if roofed:
        _rooflines(axes, roofed, thickness, along, theme)


def _rectangles(axes: Axes, bars: Sequence[Bar], layer: int, thickness: float, along: str) -> None:
    if not bars:
        return
    paint = axes.bar if along == "y" else axes.barh
    paint(
        [bar.place for bar in bars],
        [bar.parts[layer].length for bar in bars],
        [thickness * bar.parts[layer].share for bar in bars],
        [sum(part.length for part in bar.parts[:layer]) for bar in bars],
        color=[bar.parts[layer].paint for bar in bars],
        edgecolor=[bar.edge for bar in bars],
        hatch=[bar.hatch for bar in bars],
        linewidth=0.8,
    )


def _whiskers(axes: Axes, spanned: Sequence[tuple[float, float, float]], along: str, theme: Theme) -> None:
    """Draw (place, low, high) as lines with a tick at both ends."""
    lines = [[(place, low), (place, high)] for place, low, high in spanned]
    _lines(axes, lines, along, "whiskers", color=theme.ink, linewidth=1.0)
    ends = [(place, end) for place, *both in spanned for end in both]
    across, lengths = zip(*ends, strict=True)
    marker = "_" if along == "y" else "|"
    where = (across, lengths) if along == "y" else (lengths, across)
    axes.add_line(Line2D(*where, linestyle="", marker=marker, markersize=4, color=theme.ink, markeredgewidth=1.0))


def _rooflines(axes: Axes, roofed: Sequence[tuple[float, float]], thickness: float, along: str, theme: Theme) -> None:
    """Draw a line at each roofline (place, length) on the scale, and a mark at the edge for one beyond it.

    Where all are beyond it the footnote says so, and a row of marks would say nothing more.
    """
    limit = axes.get_ylim()[1] if along == "y" else axes.get_xlim()[1]
    half = thickness / 2
    lines = [[(place - half, at), (place + half, at)] for place, at in roofed if at <= limit]
    if not lines:
        return
    _lines(axes, lines, along, "rooflines", color=theme.ink, linewidth=2.0)
    beyond = [place for place, at in roofed if at > limit]
    edge = [limit] * len(beyond)
    where = (beyond, edge) if along == "y" else (edge, beyond)
    if beyond:
        marker = "^" if along == "y" else ">"
        marks = Line2D(*where, ls="", marker=marker, ms=4.5, c=theme.ink, clip_on=False, zorder=4, gid="beyond")
        axes.add_line(marks)


def _lines(axes: Axes, lines: Sequence[Any], along: str, name: str, **paint: Any) -> None:
    turned = lines if along == "y" else [[(y, x) for x, y in line] for line in lines]
    axes.add_collection(LineCollection(turned, zorder=3, gid=name, **paint), autolim=False)


def finish(
    figure: Figure, table: pd.DataFrame, look: Look, heading: str, extra: Sequence[Artist] = (), *, mbu: bool
) -> None:
    """Put title, footnote and legend around bars, whose MBU is written or not; only what is drawn is explained."""
    style.title(figure, heading, look.theme)
    roofed, written = has(figure.axes, "rooflines"), mbu and table["mbu"].notna().any()
    drawn = has(figure.axes, "whiskers")
    sentences = footnotes.footnote(table, [look.name], with_whiskers=drawn, mbu=roofed or written)
    if written and not roofed:
        sentences.insert(-1, footnotes.BEYOND)
    style.footnote(figure, sentences, look.theme)
    roofs = [_roof_mark(look.theme, beyond=has(figure.axes, "beyond"))] if roofed else []
    hatched = [style.doubt_patch(look.theme)] if has(figure.axes, "hatched") else []
    style.legend(figure, table, look.theme, [*extra, *roofs, *hatched])


def _roof_mark(theme: Theme, *, beyond: bool) -> Line2D:
    label = "decoding at the memory's\npeak rate (MBU 100%)" + (";\na triangle: beyond the scale" if beyond else "")
    # The style that says how lines end is set with the canvas, which may come later
    return Line2D([], [], color=theme.ink, linewidth=2.0, solid_capstyle="butt", label=label)


def words(bar: Bar, name: str, between: str, *, mbu: bool = True) -> str:
    """Return what stands at a bar's end: its value, its MBU, how many of its runs failed; or why there is none."""
    if why := status.explain_absence(bar.row, name):
        return why
    share = f"MBU {_percent(bar.row['mbu'])}" if mbu and not math.isnan(bar.roofline) else ""
    return between.join(filter(None, (format_value(bar.value), share, status.describe_failures(bar.row))))


def _percent(share: float) -> str:
    return "<1%" if share < 0.005 else f"{share:.0%}"


def has(grid: Iterable[Axes], name: str) -> bool:
    """Return whether something is drawn on some axes: whiskers, rooflines, those "beyond", or "hatched"."""
    if name == "hatched":
        return any(patch.get_hatch() for axes in grid for patch in axes.patches)
    return any(found.get_gid() == name for axes in grid for found in (*axes.collections, *axes.lines))


def scale(bars: Sequence[Bar], inches: float, long: Sequence[float]) -> tuple[float, list[float]]:
    """Return the end of a scale on which every bar has room for its words, and where the words of each begin.

    `inches` is the length of the axis, `long` that of the words of each bar. Words that a roofline
    would cross begin beyond it.
    """
    longest = max((bar.end for bar in bars), default=0.0)
    roofs = [bar.roofline * 1.03 for bar in bars if bar.roofline <= HIGHEST_ROOF * longest]
    lengths = [length if math.isnan(bar.roofline) else length + MARK for bar, length in zip(bars, long, strict=True)]
    shares = [min(length / inches, LONGEST_WORDS) for length in lengths]
    starts = [bar.end for bar in bars]
    end = 0.0
    for _ in range(3):  # moved words may need a longer scale, and on that reach a further roofline
        ends = [start / (1 - share) for start, share in zip(starts, shares, strict=True)]
        end = max([*ends, *roofs, end])
        reach = [(bar, share * end) for bar, share in zip(bars, shares, strict=True)]
        starts = [bar.roofline if bar.end <= bar.roofline <= bar.end + far else bar.end for bar, far in reach]
    return end * 1.02 or 1.0, starts
