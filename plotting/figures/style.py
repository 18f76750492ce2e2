"""One style for all figures: colours, texts, legend, footnote."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import seaborn as sns
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.record import MEASURED
from plotting import facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which the colour-blind tell apart (https://jfly.uni-koeln.de/color/); no yellow on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#6F6F6F", "#8B5E3C")
HATCHES = {"fp16": "", "bf16": "////"}
INK, GREY, PALE = "#222222", "#6B6B6B", "#D9D9D9"
DPI = 150
SHORT = {
    "failed": "failed",
    "did not fit": "did not fit",
    "skipped": "skipped",
    "interrupted": "interrupted",
    "never attempted": "not attempted",
}


def canvas(width: float, height: float) -> Figure:
    """Return an empty figure in the house style, inches."""
    sns.set_theme(style="whitegrid", context="notebook", rc={"axes.edgecolor": PALE, "hatch.linewidth": 0.8})
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.set(w_pad=0.12, h_pad=0.1)  # type: ignore[call-arg]
    return figure


def plain(text: str) -> str:
    """Return text that matplotlib shows as it stands: a dollar sign would begin mathematics."""
    return text.replace("$", r"\$")


def palette(table: pd.DataFrame) -> dict[str, str]:
    """Return a colour for each device, by its place in the table: the same in every figure."""
    devices = list(dict.fromkeys(table["device"]))
    rounds = [COLOURS, *(tuple(to_hex(darker(colour, share)) for colour in COLOURS) for share in (0.45, 0.7))]
    shades = [colour for colours in rounds for colour in colours]
    return {device: shades[place % len(shades)] for place, device in enumerate(devices)}


def darker(colour: str, share: float) -> tuple[float, float, float]:
    """Return a colour mixed with black; `share` of 1 is black."""
    red, green, blue = to_rgb(colour)
    return red * (1 - share), green * (1 - share), blue * (1 - share)


def lighter(colour: str, share: float) -> tuple[float, float, float]:
    """Return a colour mixed with white; `share` of 1 is white."""
    red, green, blue = to_rgb(colour)
    return (red + (1 - red) * share, green + (1 - green) * share, blue + (1 - blue) * share)


LETTERS_AN_INCH = 7.0
"""Of a title in 16 points, bold."""


def title(figure: Figure, text: str, table: pd.DataFrame, notes: Sequence[str] = ()) -> None:
    """Put title and footnote on a figure, `notes` last in it; both are wrapped at its width."""
    heading = textwrap.fill(plain(text), int(figure.get_figwidth() * LETTERS_AN_INCH))
    figure.suptitle(heading, x=0.01, ha="left", fontsize=16, fontweight="bold", color=INK)
    width = int(figure.get_figwidth() * 15.5)
    lines = [line for sentence in [*_footnote(table), *notes] for line in textwrap.wrap(plain(sentence), width)]
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=8.5, color=GREY)


def _footnote(table: pd.DataFrame) -> list[str]:
    """Return the conditions of the figures, and what is missing, a line each."""
    gone = facts.missing(table)
    return facts.conditions(table) + ([" ".join(gone)] if gone else [])


def legend(figure: Figure, table: pd.DataFrame, extra: list[Patch] | None = None) -> None:
    """Put the legend outside the axes: colours are devices, hatches are precisions."""
    devices = [Patch(facecolor=colour, label=plain(device)) for device, colour in palette(table).items()]
    precisions = [
        Patch(facecolor=PALE, edgecolor=INK, hatch=HATCHES.get(name, "xx"), label=name)
        for name in dict.fromkeys(table.sort_values("precision_order")["precision"])
    ]
    figure.legend(
        handles=[*devices, *precisions, *(extra or [])], loc="outside right upper", frameon=False, fontsize=10
    )


def say_nothing_measured(axes: Axes, what: str, reasons: list[str]) -> None:
    """Say in words, in the place of the bars, that nothing was measured and why."""
    axes.set_axis_off()
    why = "\n".join(line for reason in reasons[:3] for line in evenly(plain(reason), 62))
    axes.text(
        0.5,
        0.5,
        f"{what}: not measured\n\n{why}",
        ha="center",
        va="center",
        transform=axes.transAxes,
        fontsize=12,
        color=GREY,
        linespacing=1.5,
    )


def evenly(text: str, width: int) -> list[str]:
    """Return text wrapped into lines of about equal length, so that none holds a lone last word."""
    lines = len(textwrap.wrap(text, width))
    return textwrap.wrap(text, min(width, len(text) // max(lines, 1) + 8))


def reasons(table: pd.DataFrame, metric: str) -> list[str]:
    """Return, each once, why `metric` is missing in measured rows; without those, why nothing was measured."""
    measured = table[table["status"] == MEASURED]
    found = measured[measured[metric].isna()][f"{metric}_reason"] if len(measured) else table["reason"]
    return [reason for reason in dict.fromkeys(found) if reason]
