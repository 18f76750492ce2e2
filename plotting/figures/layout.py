"""Bars with words at their ends: how a row of the table becomes a bar, and axes that hold bars either way."""

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
from matplotlib.patches import Patch

from plotting.figures import footnotes, style
from plotting.figures.theme import Theme, assign_colours, compute_contrast, mix
from plotting.metrics.registry import format_value
from plotting.table import status, whiskers

Row = dict[Any, Any]
OFFSET = 4  # points between a bar's end and its words
MOST_WORDS = 0.55  # largest share of an axis that is kept free for words
ROOFLINE_MARK = 0.1  # inches that the mark of a roofline beyond the scale takes
HIGHEST_ROOFLINE = 1.5  # a roofline this many times longer than the longest bar is only a mark at the edge


@dataclass(frozen=True)
class Part:
    """A rectangle of a bar: its length, its colour, and its share of the bar's thickness."""

    length: float
    colour: str
    share: float = 1.0


@dataclass(frozen=True)
class Bar:
    """The bar of one row of the table, at a place on the axis of pairs; without a value it has no parts."""

    row: Row
    place: float
    parts: tuple[Part, ...]
    edge: str
    hatch: str = ""
    whisker: tuple[float, float] | None = None
    roofline: float = math.nan

    @property
    def value(self) -> float:
        return sum(part.length for part in self.parts)

    @property
    def end(self) -> float:
        """Upper end of bar and whisker, where the words start."""
        return max(self.value, self.whisker[1] if self.whisker else 0.0)


class Look:
    """Turns rows of a table into bars: a colour for each device, a tint for each precision, a hatch for a warning."""

    def __init__(self, table: pd.DataFrame, name: str, theme: Theme) -> None:
        self.name, self.theme = name, theme
        self.colours, self.tints = assign_colours(table), style.list_tints(table)
        self.basis = whiskers.choose_basis(table, name)

    def fill(self, row: Row) -> str:
        """Return the colour of a row's bar."""
        return self.theme.tint(self.colours[row["device"]], self.tints[row["precision"]])

    def outline(self, row: Row) -> str:
        """Return the colour of a bar's edges: its device's, darkened until it stands out."""
        return self.theme.outline(self.colours[row["device"]])

    def span(self, row: Row) -> tuple[float, float] | None:
        """Return the ends of a row's whisker, or None."""
        return whiskers.compute_span(row, self.name, self.basis)

    def bar(self, row: Row, place: float, parts: tuple[Part, ...] = (), *, whisker: bool = True) -> Bar:
        """Return a row's bar, of one part unless `parts` are given."""
        if status.explain_absence(row, self.name):
            return Bar(row, place, (), self.theme.grey)
        fill = self.fill(row)
        warned = status.describe_warnings(row, self.name) != ""
        return Bar(
            row,
            place,
            parts or (Part(row[self.name], fill),),
            self._hatch_colour(row, fill) if warned else self.outline(row),
            style.WARNING_HATCH if warned else "",
            self.span(row) if whisker else None,
            whiskers.compute_roofline(row) if self.name == "tokens_per_sec" else math.nan,
        )

    def _hatch_colour(self, row: Row, fill: str) -> str:
        own = mix(self.outline(row), self.theme.ink, 0.4)
        return max((own, self.theme.page), key=lambda colour: compute_contrast(colour, fill))


@dataclass(frozen=True)
class BarAxes:
    """Axes with bars."""

    axes: Axes
    along: Literal["x", "y"]  # the axis of the values
    inches: float  # its length
    thickness: float  # room of a bar, in units of the other axis
    points: float  # size of the words
    turned: bool = False  # whether the words over upright bars are turned by 90 degrees

    def draw(self, bars: Sequence[Bar], look: Look) -> None:
        """Draw bars, whiskers, rooflines and words, and set the scale of the values."""
        texts = [self._describe(bar, look.name) for bar in bars]
        end, starts = scale(bars, self.inches, [self._extent(text) for text in texts])
        self.axes.set(**{f"{self.along}lim": (0, end)})
        present = [bar for bar in bars if bar.parts]
        for layer in range(max((len(bar.parts) for bar in present), default=0)):
            self._draw_parts([bar for bar in present if len(bar.parts) > layer and bar.parts[layer].length], layer)
        self._draw_whiskers([(bar.place, *bar.whisker) for bar in present if bar.whisker], look.theme)
        self._draw_rooflines([(b.place, b.roofline) for b in present if not math.isnan(b.roofline)], end, look.theme)
        for bar, text, start in zip(bars, texts, starts, strict=True):
            self._write(bar, text, start, look.theme)

    def _describe(self, bar: Bar, name: str) -> str:
        """Return the value, the MBU of an upright bar, and failed runs; or why there is no value."""
        if why := status.explain_absence(bar.row, name):
            return why
        mbu = "MBU <1%" if bar.row["mbu"] < 0.005 else f"MBU {bar.row['mbu']:.0%}"
        share = mbu if self.along == "y" and not math.isnan(bar.roofline) else ""
        between = ", " if self.turned or self.along == "x" else "\n"
        return between.join(filter(None, (format_value(bar.value), share, status.describe_failures(bar.row))))

    def _extent(self, text: str) -> float:
        """Return the inches of the value axis that a text takes."""
        stacked = (text.count("\n") + 1) * self.points * 1.3 / 72
        level = self.along == "y" and not self.turned
        return OFFSET / 72 + (stacked if level else style.estimate_length(text, self.points))

    def _points(self, places: Iterable[Any], values: Iterable[Any]) -> tuple[Any, Any]:
        """Return x and y of points given by place and value."""
        return (places, values) if self.along == "y" else (values, places)

    def _draw_parts(self, bars: Sequence[Bar], layer: int) -> None:
        """Draw the rectangles of one layer in a single call."""
        if not bars:
            return
        parts = [bar.parts[layer] for bar in bars]
        draw = self.axes.bar if self.along == "y" else self.axes.barh
        draw(
            [bar.place for bar in bars],
            [part.length for part in parts],
            [0.92 * self.thickness * part.share for part in parts],
            [sum(part.length for part in bar.parts[:layer]) for bar in bars],
            color=[part.colour for part in parts],
            edgecolor=[bar.edge for bar in bars],
            hatch=[bar.hatch for bar in bars],
            linewidth=0.8,
        )

    def _draw_whiskers(self, spans: Sequence[tuple[float, float, float]], theme: Theme) -> None:
        """Draw whiskers (place, low, high) as lines with a tick at both ends."""
        if not spans:
            return
        lines = [((place, place), (low, high)) for place, low, high in spans]
        self._draw_lines(lines, "whiskers", color=theme.ink, linewidth=1.0)
        x, y = self._points([place for place, *_ in spans for _ in range(2)], [v for _, *ends in spans for v in ends])
        marker = "_" if self.along == "y" else "|"
        self.axes.add_line(Line2D(x, y, ls="", marker=marker, markersize=4, color=theme.ink, markeredgewidth=1.0))

    def _draw_rooflines(self, rooflines: Sequence[tuple[float, float]], limit: float, theme: Theme) -> None:
        """Draw a line at each roofline (place, value), and a mark at the edge for one beyond the scale.

        Without any on the scale nothing is drawn: the footnote says so.
        """
        half = 0.92 * self.thickness / 2
        lines = [((place - half, place + half), (value, value)) for place, value in rooflines if value <= limit]
        if not lines:
            return
        self._draw_lines(lines, "rooflines", color=theme.ink, linewidth=2.0)
        beyond = [place for place, value in rooflines if value > limit]
        if beyond:
            x, y = self._points(beyond, [limit] * len(beyond))
            marker = "^" if self.along == "y" else ">"
            marks = Line2D(x, y, ls="", marker=marker, ms=4.5, c=theme.ink, clip_on=False, zorder=4, gid="beyond")
            self.axes.add_line(marks)

    def _draw_lines(self, lines: Iterable[tuple[Any, Any]], name: str, **look: Any) -> None:
        """Draw lines given by the places and values of their ends as one artist."""
        segments = [list(zip(*self._points(places, values), strict=True)) for places, values in lines]
        self.axes.add_collection(LineCollection(segments, zorder=3, gid=name, **look), autolim=False)

    def _write(self, bar: Bar, text: str, start: float, theme: Theme) -> None:
        """Write the words at a bar's end, or in its place where it is missing."""
        missing = not bar.parts
        if self.along == "y":
            text = text.replace(" ", "\n") if missing and not self.turned else text
            align: dict[str, Any] = {"rotation": 90 if self.turned else 0, "ha": "center", "va": "bottom"}
            align["xytext"] = (0, 3 if missing else OFFSET)
        else:
            align = {"va": "center_baseline", "xytext": (OFFSET, 0)}
        x, y = self._points([bar.place], [start])
        colour, slant = (theme.grey, "italic") if missing else (theme.ink, "normal")
        align |= {"textcoords": "offset points", "color": colour, "fontstyle": slant}
        style.write(self.axes, text, (x[0], y[0]), fontsize=self.points, **align)


def scale(bars: Sequence[Bar], inches: float, extents: Sequence[float]) -> tuple[float, list[float]]:
    """Return the end of a scale with room for the words of every bar, and where the words of each bar start.

    `inches` is the length of the axis, `extents` those of the words. Words that a roofline would cross
    start beyond it.
    """
    longest = max((bar.end for bar in bars), default=0.0)
    rooflines = [bar.roofline * 1.03 for bar in bars if bar.roofline <= HIGHEST_ROOFLINE * longest]
    marks = [0.0 if math.isnan(bar.roofline) else ROOFLINE_MARK for bar in bars]
    shares = [min((extent + mark) / inches, MOST_WORDS) for extent, mark in zip(extents, marks, strict=True)]
    starts = [bar.end for bar in bars]
    end = 0.0
    for _ in range(3):  # moved words may need a longer scale, which may reach another roofline
        ends = [start / (1 - share) for start, share in zip(starts, shares, strict=True)]
        end = max([*ends, *rooflines, end])
        reach = [(bar, share * end) for bar, share in zip(bars, shares, strict=True)]
        starts = [bar.roofline if bar.end <= bar.roofline <= bar.end + far else bar.end for bar, far in reach]
    return end * 1.02 or 1.0, starts


def finish(
    figure: Figure, table: pd.DataFrame, look: Look, heading: str, extra: Sequence[Artist] = (), *, mbu: bool
) -> None:
    """Add title, footnote and legend to bars; `mbu` says whether their words hold an MBU."""
    style.add_title(figure, heading, look.theme)
    roofed, written = _has_artist(figure, "rooflines"), mbu and table["mbu"].notna().any()
    drawn = _has_artist(figure, "whiskers")
    sentences = footnotes.list_sentences(table, [look.name], with_whiskers=drawn, mbu=roofed or written)
    if written and not roofed:
        sentences.insert(-1, footnotes.BEYOND)
    style.add_footnote(figure, sentences, look.theme)
    handles = [*extra]
    if roofed:
        label = "decoding at the memory's\npeak rate (MBU 100%)"
        label += ";\ntriangle: beyond the scale" if _has_artist(figure, "beyond") else ""
        # the style sets how lines end, and may not be set yet
        handles.append(Line2D([], [], color=look.theme.ink, linewidth=2.0, solid_capstyle="butt", label=label))
    if any(patch.get_hatch() for axes in figure.axes for patch in axes.patches):
        label, edge = "hatched: has a warning,\nsee footnote", look.theme.ink
        handles.append(Patch(facecolor=look.theme.page, edgecolor=edge, hatch=style.WARNING_HATCH, label=label))
    style.add_legend(figure, table, look.theme, handles)


def _has_artist(figure: Figure, name: str) -> bool:
    """Return whether a figure has whiskers, rooflines, or marks of rooflines "beyond" the scale."""
    return any(artist.get_gid() == name for axes in figure.axes for artist in (*axes.collections, *axes.lines))
