"""Heat maps, the comparison of precisions and the combined view show every value.

Tests plotting.figures.combined, plotting.figures.heat, plotting.figures.panels and plotting.table.status.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection, QuadMesh
from matplotlib.colors import to_hex
from matplotlib.text import Annotation

from plotting.figures.heat import draw_heat_map
from plotting.figures.panels import PANELS
from plotting.figures.theme import TEXT_CONTRAST, THEMES, compute_contrast
from plotting.metrics.registry import METRICS, format_value
from plotting.table import status
from tests.support import made
from tests.support.drawing import COMBINED, MAPS, PRECISION, draw, flat, legend, paints, rectangles, ticks, values
from tests.support.factory import record

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tests.plotting.conftest import Drawn


def mesh(axes: Axes) -> QuadMesh:
    """Return the cells of a heat map."""
    [found] = [found for found in axes.collections if isinstance(found, QuadMesh)]
    return found


def cells(axes: Axes) -> dict[tuple[int, int], str]:
    """Return {(column, row): text} of a heat map."""
    return {(math.floor(t.get_position()[0]), math.floor(t.get_position()[1])): flat(t.get_text()) for t in axes.texts}


@pytest.mark.parametrize("name", MAPS)
def test_a_cell_is_its_value_at_both_sizes(sized: Drawn, name: str) -> None:
    """Each cell of a heat map shows its pair's value as colour and text, or why there is none."""
    axes, table = sized.figures[name].axes[0], sized.table
    models, lines = ticks(axes, "x"), ticks(axes, "y")
    found: Any = np.ma.filled(np.ma.asarray(mesh(axes).get_array(), dtype=float), math.nan)
    shades, texts = found.reshape(len(lines), len(models)), cells(axes)

    assert models == list(dict.fromkeys(table.sort_values("model_order")["model"]))
    for row in table.to_dict("records"):
        x, y = models.index(row["model"]), lines.index(f"{row['device']}, {row['precision']}")
        value = row[MAPS[name]]
        assert shades[y, x] == pytest.approx(value, nan_ok=True)
        assert texts[x, y] == (status.explain_absence(row, MAPS[name]) or format_value(value))


def test_a_missing_cell_says_why(drawn: dict[str, Figure]) -> None:
    """The cell of a failed pair counts its failed runs; that of a pair never attempted says so."""
    axes = drawn["device_comparison_tokens_per_sec.png"].axes[0]
    said = {(ticks(axes, "y")[y], ticks(axes, "x")[x]): text for (x, y), text in cells(axes).items()}

    assert said[f"{made.THOR}, fp16", "Gemma3N"] == "10 of 10 failed"
    assert said["Laptop, fp16", "Phi"] == "not attempted"


@pytest.mark.parametrize("theme", THEMES)
def test_every_cell_can_be_read(study: pd.DataFrame, theme: str) -> None:
    """Each cell's text has a contrast of at least 4.5 on the cell, in both themes."""
    figure = draw_heat_map(study, THEMES[theme], name="tokens_per_sec")
    axes = figure.axes[0]
    cell, colours, seen = mesh(axes), mpl.colormaps[THEMES[theme].shades], set()
    grid: Any = np.ma.asarray(cell.get_array()).reshape(6, 6)
    for text in axes.texts:
        x, y = (math.floor(at) for at in text.get_position())
        empty = bool(np.ma.getmaskarray(grid)[y, x])
        surface = to_hex(tuple(axes.get_facecolor() if empty else colours(cell.norm(grid[y, x]))))
        assert compute_contrast(to_hex(text.get_color()), surface) >= TEXT_CONTRAST, text.get_text()
        seen.add(to_hex(text.get_color()))

    assert {"#000000", "#ffffff"} <= seen


@pytest.mark.parametrize("name", MAPS)
def test_the_scale_of_a_map_has_its_unit(drawn: dict[str, Figure], name: str) -> None:
    """The colour scale of a heat map names metric, unit, and a logarithmic scale."""
    [label] = [axes.get_ylabel() for axes in drawn[name].axes if axes.get_ylabel()]
    logarithmic = isinstance(mesh(drawn[name].axes[0]).norm, mpl.colors.LogNorm)

    assert label == METRICS[MAPS[name]].axis + (", logarithmic" if logarithmic else "")


@pytest.mark.parametrize("name", MAPS)
def test_a_colour_bar_is_labelled_in_plain_numbers(drawn: dict[str, Figure], sized: Drawn, name: str) -> None:
    """No label of a colour bar has an exponent, on scales of one decade or of several."""
    for figure in (drawn[name], sized.figures[name]):
        bar = mesh(figure.axes[0]).colorbar
        assert bar is not None
        written = [text.get_text() for minor in (False, True) for text in bar.ax.yaxis.get_ticklabels(minor=minor)]
        assert written
        assert all(re.fullmatch(r"[0-9.]*", flat(text)) for text in written)


def test_a_linear_map_begins_at_nothing(two: pd.DataFrame) -> None:
    """The colours of a linear map start at 0."""
    norm = mesh(draw("device_comparison_tokens_per_sec.png", two).axes[0]).norm

    assert not isinstance(norm, mpl.colors.LogNorm)
    assert norm.vmin == 0.0
    assert norm.vmax == pytest.approx(two["tokens_per_sec"].max())


def test_a_hatched_cell_keeps_its_value_legible(tmp_path: Path) -> None:
    """The cell of a value with a warning is hatched, and the value has a box in the cell's colour."""
    odd = record()
    odd["health"]["throttled"] = ["hardware slowdown"]
    axes = draw("device_comparison_tokens_per_sec.png", made.one(tmp_path, odd, record("phi"))).axes[0]
    boxes = {text.get_text(): text.get_bbox_patch() for text in axes.texts}
    colour = mpl.colormaps[THEMES["light"].shades](1.0)  # both are the greatest value

    assert [bool(patch.get_hatch()) for patch in axes.patches] == [True]
    assert [box is not None for box in boxes.values()].count(True) == 1
    assert to_hex(next(box for box in boxes.values() if box).get_facecolor()) == to_hex(colour)


def test_a_map_of_any_metric_says_what_was_not_measured(tmp_path: Path) -> None:
    """The cell of a measured pair without the metric says "not measured"."""
    table = made.one(tmp_path, record("phi", power_w=None), record("llava"))
    axes = draw_heat_map(table, name="tps_per_watt").axes[0]

    assert set(cells(axes).values()) == {"not measured", "0.800"}


def test_precisions_are_four_panels(drawn: dict[str, Figure]) -> None:
    """The comparison of precisions has panels for throughput, RAM, efficiency and energy, with unit and scale."""
    axes = drawn[PRECISION].axes

    ends = [", logarithmic" if found.get_xscale() == "log" else "" for found in axes]
    labels = [METRICS[name].axis + end for name, end in zip(PANELS, ends, strict=True)]
    assert [flat(found.get_xlabel()) for found in axes] == labels
    assert [found.get_title(loc="left").partition(",")[0] for found in axes] == [METRICS[n].label for n in PANELS]
    assert list(PANELS) == ["tokens_per_sec", "avg_ram_gb", "tps_per_watt", "joules_per_token"]


def marks(figure: Figure, panel: int, lone: str = "") -> dict[tuple[str, str, str], float]:
    """Return {pair: value} of a panel's marks: rows by their labels, precisions by the artist's name."""
    names = ticks(figure.axes[0], "y")
    found = {}
    for collection in figure.axes[panel].collections:
        if isinstance(collection, PathCollection):
            for x, y in np.asarray(collection.get_offsets()):
                model, _, device = names[round(y)].partition(", ")
                found[device or lone, model, str(collection.get_gid())] = float(x)
    return found


@pytest.mark.parametrize("panel", range(4))
def test_a_mark_is_its_value(sized: Drawn, panel: int) -> None:
    """The marks of a row show its pair's values; each precision is one artist with its own shape."""
    axes = sized.figures[PRECISION].axes[panel]

    assert marks(sized.figures[PRECISION], panel, made.THOR) == pytest.approx(values(sized.table, PANELS[panel]))
    drawn_marks = [found for found in axes.collections if isinstance(found, PathCollection)]
    assert len(drawn_marks) == sized.table["precision"].nunique()
    assert len({tuple(np.asarray(mark.get_paths()[0].vertices).ravel()) for mark in drawn_marks}) == len(drawn_marks)


@pytest.mark.parametrize("panel", range(4))
def test_a_missing_mark_is_said_in_its_row(drawn: dict[str, Figure], panel: int) -> None:
    """Only a row without a mark says which precision is missing, and why."""
    names = ticks(drawn[PRECISION].axes[0], "y")
    texts = [text for text in drawn[PRECISION].axes[panel].texts if isinstance(text, Annotation)]
    said = {(names[round(text.xy[1])], text.get_text()) for text in texts}

    assert said == {(f"Gemma3N, {made.THOR}", "fp16 10 of 10 failed"), ("Phi, Laptop", "fp16 not attempted")}


def test_marks_have_whiskers(sized: Drawn) -> None:
    """Each mark of throughput has its interval; they are one artist."""
    axes = sized.figures[PRECISION].axes[0]
    [lines] = [found for found in axes.collections if found.get_gid() == "whiskers"]
    assert isinstance(lines, LineCollection)
    table = sized.table[sized.table["tokens_per_sec"].notna()]

    found = sorted((line[0, 0], line[1, 0]) for line in lines.get_segments())
    ends = sorted(zip(table["tokens_per_sec_low"], table["tokens_per_sec_high"], strict=True))
    assert found == [pytest.approx(both) for both in ends]


@pytest.mark.parametrize("panel", range(4))
def test_marks_are_spread_over_their_panel(sized: Drawn, panel: int) -> None:
    """A panel is logarithmic, and says so, exactly if the largest value is over 30 times the smallest."""
    axes, found = sized.figures[PRECISION].axes[panel], sized.table[PANELS[panel]].dropna()

    wide = found.max() > 30 * found.min()
    assert axes.get_xscale() == ("log" if wide else "linear")
    assert flat(axes.get_xlabel()).endswith("logarithmic") == wide
    at = axes.transAxes.inverted().transform(axes.transData.transform([(value, 0) for value in found]))[:, 0]
    assert at.min() > 0
    assert at.max() < 1
    assert np.median(at) > 0.15


def test_rows_of_a_model_are_shaded_together(sized: Drawn) -> None:
    """If models have several rows, every other model is shaded, and the scale is shown at both ends."""
    axes = sized.figures[PRECISION].axes[0]
    names = [name.partition(",")[0] for name in ticks(axes, "y")]
    bands = [patch for patch in axes.patches if patch.get_gid() == "band"]
    shaded = {at for band in bands for at in range(len(names)) if band.get_extents().contains(*middle(axes, at))}

    models = list(dict.fromkeys(names))
    several = len(models) < len(names)
    assert shaded == ({at for at, name in enumerate(names) if models.index(name) % 2} if several else set())
    assert axes.xaxis.get_major_ticks()[0].label2.get_visible() == several


def middle(axes: Axes, at: int) -> tuple[float, float]:
    """Return the place on the canvas of the middle of a row."""
    x, y = axes.transAxes.transform((0.5, 0))[0], axes.transData.transform((1, at))[1]
    return float(x), float(y)


def test_a_mark_with_a_warning_is_crossed(tmp_path: Path) -> None:
    """A pair with a warning has a cross at its value, explained in the legend and the footnote."""
    odd = record()
    odd["health"]["throttled"] = ["hardware slowdown"]
    figure = draw(PRECISION, made.one(tmp_path, odd, record("phi", "fp16")))

    crosses = [tuple(np.asarray(line.get_xdata())) for line in figure.axes[0].lines if line.get_gid() == "warning"]
    assert crosses == [(pytest.approx(32.0),)]
    assert "crossed: has a warning, see footnote" in legend(figure)
    assert "throttled (hardware slowdown)" in figure.get_supxlabel()


def test_the_combined_view_has_every_pair(sized: Drawn) -> None:
    """Each model's panel has a bar for each device and precision, or why it is missing."""
    figure, known = sized.figures[COMBINED], paints(sized.figures[COMBINED], sized.table)
    panels = [axes for axes in figure.axes if axes.axison]
    rows = {(row["device"], row["model"], row["precision"]): row for row in sized.table.to_dict("records")}
    lengths, said = {}, []
    for axes in panels:
        model = axes.get_title(loc="left")
        for bar in rectangles(axes):
            device = ticks(figure.axes[0], "y")[round(bar.get_y() + bar.get_height() / 2)]
            precision = known[to_hex(bar.get_facecolor())][1]
            lengths[device, model, precision] = bar.get_width()
        said += [text.get_text() for text in axes.texts]

    assert lengths == pytest.approx(values(sized.table, "tokens_per_sec"))
    expected = [
        status.explain_absence(row, "tokens_per_sec") or format_value(row["tokens_per_sec"]) for row in rows.values()
    ]
    assert sorted(said) == sorted(expected)
    assert {axes.get_xlabel() for axes in panels} == {METRICS["tokens_per_sec"].axis}
