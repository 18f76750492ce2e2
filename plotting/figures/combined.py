"""Every device and precision in one view: a panel for each model, on a scale of its own."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from plotting.figures import layout, style
from plotting.figures.layout import BarAxes, Look
from plotting.figures.strips import Strip, list_ordered, split, spread
from plotting.figures.theme import Theme
from plotting.metrics.registry import METRICS
from plotting.table.work_groups import split_by_work

WIDTH = 3.6  # inches of a panel's width, without labels
LANE = 0.84  # share of a device's place that its bars fill


@style.explain_if_empty
def draw_panels_by_model(table: pd.DataFrame, theme: Theme, name: str) -> Figure:
    """Return a panel for each model: one metric of every device and precision, side by side."""
    columns, strips = _split(table)
    heights = [_measure(strip)[1] + 0.95 for strip in strips]
    figure, grid = style.make_canvas(max(9.0, 5.2 + WIDTH * columns), heights, theme, columns, extra=0.4)
    look = Look(table, name, theme)
    for row, strip in zip(grid, strips, strict=True):
        for axes in row[len(strip.models) :]:
            axes.set_axis_off()
        for axes, model in zip(row, strip.models, strict=False):
            _draw_panel(axes, strip, model, look)
        devices = [style.wrap(device, 24) for device in list_ordered(strip.section.table, "device")]
        row[0].set_yticks(range(len(devices)), devices, fontsize=9)
    own = ", each model on its own scale" if len(set(table["model"])) > 1 else ""
    heading = f"{METRICS[name].label} of every device and precision{own}, {METRICS[name].direction}"
    layout.finish(figure, table, look, heading, mbu=False)
    return figure


def _split(table: pd.DataFrame) -> tuple[int, list[Strip]]:
    """Return the number of panels in a row, and the rows; more than nine models stand closer."""
    groups = split_by_work(table)
    most = max(len(list_ordered(group.table, "model")) for group in groups)
    columns = min(most, 3 if most <= 9 else 4)
    return columns, [strip for group in groups for strip in split(group, columns)]


def _measure(strip: Strip) -> tuple[float, float]:
    """Return inches of a bar's thickness, and of a panel's height."""
    count = len(list_ordered(strip.section.table, "device")) * len(list_ordered(strip.section.table, "precision"))
    thickness = 0.24 if count <= 12 else 0.15
    return thickness, max(thickness * count / LANE, 0.7)


def _draw_panel(axes: Axes, strip: Strip, model: str, look: Look) -> None:
    words = strip.section.words
    style.add_heading(axes, f"{words}\n{model}" if words and model == strip.models[0] else model, look.theme, 11, 34)
    table = strip.section.table
    devices, precisions = list_ordered(table, "device"), list_ordered(table, "precision")
    bars = []
    for row in table[table["model"] == model].to_dict("records"):
        lane = spread(precisions.index(row["precision"]), len(precisions), LANE)
        bars.append(look.bar(row, devices.index(row["device"]) + lane))
    points = min(8.5, _measure(strip)[0] * 72 * 0.78)
    BarAxes(axes, "x", WIDTH, LANE / len(precisions), points).draw(bars, look)
    axes.set_ylim(len(devices) - 0.5, -0.5)
    axes.set_yticks(range(len(devices)), [""] * len(devices))
    axes.tick_params(axis="x", labelsize=9)
    if not any(bar.parts for bar in bars):
        axes.set_xticks([])
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(METRICS[look.name].axis, fontsize=9)
