"""Read a figure by its ticks, bars, words and legend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.text import Text

from plotting.figures import FIGURES
from plotting.figures.theme import LIGHT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RAM = "plot_13_ram_usage.png"
PRECISION = "precision_comparison_fp16_vs_bf16.png"
COMBINED = "combined_device_precision_comparison.png"
BARS = {
    "plot_12_tokens_per_second.png": "tokens_per_sec",
    "plot_14_tokens_per_sec_per_watt.png": "tps_per_watt",
    "plot_15_joules_per_token.png": "joules_per_token",
    "plot_16_load_time.png": "load_time_s",
}
"""Bar figure -> its metric."""
MAPS = {
    "device_comparison_tokens_per_sec.png": "tokens_per_sec",
    "device_comparison_efficiency.png": "tps_per_watt",
}
"""Heat map -> its metric."""
Pair = tuple[str, str, str]


def draw(name: str, table: pd.DataFrame) -> Figure:
    """Return a figure of FIGURES."""
    return FIGURES[name].draw(table)


def lay_out(figure: Figure) -> Figure:
    """Let matplotlib place every artist and parse every text, without painting."""
    figure.set_dpi(50)
    FigureCanvasAgg(figure)  # keeps its renderer; without one, each text that is measured would make its own
    figure.draw_without_rendering()
    return figure


def words(figure: Figure) -> list[str]:
    """Return all texts of a figure."""
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]


def legend(figure: Figure) -> dict[str, Any]:
    """Return {entry: its handle} of a figure's one legend, in order."""
    [found] = figure.legends
    return {flat(text.get_text()): handle for text, handle in zip(found.get_texts(), found.legend_handles, strict=True)}


def flat(text: str) -> str:
    """Return a wrapped text on one line: lines break after blanks and hyphens."""
    return text.replace("-\n", "-").replace("\n", " ")


def rectangles(axes: Axes) -> list[Rectangle]:
    """Return the bars of axes."""
    return [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_gid() != "band"]


def colour(artist: Patch) -> str:
    """Return a patch's colour."""
    return to_hex(artist.get_facecolor())


def ticks(axes: Axes, which: str) -> list[str]:
    """Return the labels of the ticks of axes' x or y."""
    return [flat(label.get_text()) for label in (axes.get_xticklabels() if which == "x" else axes.get_yticklabels())]


def device_colours(figure: Figure, table: pd.DataFrame) -> dict[str, str]:
    """Return {device: colour} from a figure's legend."""
    handles = legend(figure)
    return {
        device: to_hex(handle.get_color()) if isinstance(handle := handles[device], Line2D) else colour(handle)
        for device in dict.fromkeys(table["device"])
    }


def paints(figure: Figure, table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return {colour: (device, precision)} from the legend, whose greys show the tint of a precision."""
    ink, page = np.array(to_rgb(LIGHT.ink)), np.array(to_rgb(LIGHT.page))
    found = {}
    for precision in dict.fromkeys(table["precision"]):
        grey = np.array(to_rgb(legend(figure)[precision].get_facecolor()))
        share = float(np.mean((grey - ink) / (page - ink)))
        for device, paint in device_colours(figure, table).items():
            found[LIGHT.tint(paint, round(share, 1))] = device, precision
    return found


def pair_of(bar: Rectangle, axes: Axes, known: dict[str, tuple[str, str]]) -> Pair:
    """Return the pair of a bar: model from the tick, device and precision from its colour.

    Open bars show their device by the edge.
    """
    model = ticks(axes, "x")[round(bar.get_x() + bar.get_width() / 2)]
    device, precision = known[colour(bar)]
    if colour(bar) == to_hex(LIGHT.page):
        edges = {LIGHT.outline(paint): name for paint, (name, _) in known.items() if paint != to_hex(LIGHT.page)}
        device = edges[to_hex(bar.get_edgecolor())]
    return device, model, precision


def heights(figure: Figure, table: pd.DataFrame) -> dict[Pair, float]:
    """Return {pair: height} of a figure's bars."""
    known = paints(figure, table)
    return {pair_of(b, axes, known): b.get_height() for axes in figure.axes for b in rectangles(axes)}


def values(table: pd.DataFrame, name: str) -> dict[Pair, float]:
    """Return {pair: value} of a table's column, without missing ones."""
    found = table[table[name].notna()]
    keys = zip(found["device"], found["model"], found["precision"], strict=True)
    return dict(zip(keys, found[name], strict=True))


def spans(axes: Axes, name: str = "whiskers") -> list[tuple[float, float]]:
    """Return lower and upper ends of the lines with this name."""
    lines = [found for found in axes.collections if isinstance(found, LineCollection) and found.get_gid() == name]
    return [(segment[0, 1], segment[1, 1]) for found in lines for segment in found.get_segments()]
