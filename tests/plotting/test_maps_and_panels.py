"""Heat maps, the comparison of precisions and the combined view: every cell, mark and bar is its value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import to_hex

from benchmarks.record import MEASURED
from plotting.figures import style
from plotting.figures.heat import device_map
from plotting.figures.panels import PANELS
from plotting.metrics import METRICS, shown
from tests.factory import record
from tests.plotting import made
from tests.plotting.drawing import COMBINED, MAPS, PRECISION, rectangles, ticks, values

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure


@pytest.mark.parametrize("name", MAPS)
def test_a_cell_is_its_value(drawn: dict[str, Figure], study: pd.DataFrame, name: str) -> None:
    """A heat map's cells, by the labels of its axes, have the table's values, in colour and in writing."""
    figure = drawn[name]
    axes = figure.axes[0]
    [mesh] = [found for found in axes.collections if isinstance(found, QuadMesh)]
    shades: Any = np.ma.filled(np.ma.asarray(mesh.get_array(), dtype=float), math.nan)
    texts = {(round(t.get_position()[0] - 0.5), round(t.get_position()[1] - 0.5)): t.get_text() for t in axes.texts}

    assert ticks(axes, "x") == list(made.MODELS.values())
    assert ticks(axes, "y") == [f"{device}, {precision}" for device in made.DEVICES for precision in made.PRECISIONS]
    for y, line in enumerate(ticks(axes, "y")):
        for x, model in enumerate(ticks(axes, "x")):
            device, _, precision = line.rpartition(", ")
            row = made.row(study, model, precision, device)
            assert shades.reshape(6, 6)[y, x] == pytest.approx(row[MAPS[name]], nan_ok=True)
            assert texts[x, y] == style.SHORT.get(row["status"], shown(row[MAPS[name]]))


@pytest.mark.parametrize("name", MAPS)
def test_the_scale_of_a_map_has_its_unit(drawn: dict[str, Figure], name: str) -> None:
    """The colour scale of a heat map is labelled with metric and unit."""
    assert METRICS[MAPS[name]].axis in {axes.get_ylabel() for axes in drawn[name].axes}


def test_a_map_of_any_metric_says_what_was_not_measured(tmp_path: Path) -> None:
    """A measured pair without the metric is said in its cell as not measured, beside one that has it."""
    table = made.one(tmp_path, record("phi", power_w=None), record("llava"))
    axes = device_map(table, "tps_per_watt").axes[0]

    assert {text.get_text() for text in axes.texts} == {"not measured", "0.800"}


def test_precisions_are_four_panels(drawn: dict[str, Figure]) -> None:
    """The comparison of precisions has throughput, RAM, efficiency and energy, each with its unit."""
    axes = drawn[PRECISION].axes

    assert [found.get_xlabel() for found in axes] == [METRICS[name].axis for name in PANELS]
    assert [found.get_title(loc="left").partition(",")[0] for found in axes] == [METRICS[n].label for n in PANELS]
    assert list(PANELS) == ["tokens_per_sec", "avg_ram_gb", "tps_per_watt", "joules_per_token"]


@pytest.mark.parametrize("panel", range(4))
def test_a_mark_is_its_value(drawn: dict[str, Figure], study: pd.DataFrame, panel: int) -> None:
    """In each panel the marks of a row are its pair's values, fp16 filled and bf16 open, and none is missing."""
    axes = drawn[PRECISION].axes[panel]
    names = ticks(drawn[PRECISION].axes[0], "y")
    found = {}
    for marks in axes.collections:
        assert isinstance(marks, PathCollection)
        [[x, y]] = np.asarray(marks.get_offsets())
        model, _, device = names[round(y)].partition(", ")
        filled = to_hex(np.asarray(marks.get_facecolor())[0]) != "#ffffff"
        found[device, model, "fp16" if filled else "bf16"] = float(x)

    measured = study[study["status"] == MEASURED]
    assert found == pytest.approx(values(measured, PANELS[panel]))
    said = {(names[round(text.xy[1])], text.get_text()) for text in axes.texts if hasattr(text, "xy")}
    assert said == {(f"Gemma3N, {made.THOR}", "fp16 failed"), ("Phi, Laptop", "fp16 not attempted")}


def test_the_combined_view_has_every_pair(drawn: dict[str, Figure], study: pd.DataFrame) -> None:
    """A panel a model with a bar for each device and precision, its length the throughput, or a word in its place."""
    figure = drawn[COMBINED]

    assert [axes.get_title(loc="left") for axes in figure.axes] == list(made.MODELS.values())
    for axes in figure.axes:
        model = axes.get_title(loc="left")
        labels = ticks(figure.axes[0], "y")
        for label, bar, text in zip(labels, rectangles(axes), axes.texts, strict=True):
            device, _, precision = label.rpartition(", ")
            row = made.row(study, model, precision, device)
            assert bar.get_width() == pytest.approx(0 if row["status"] != MEASURED else row["tokens_per_sec"])
            assert text.get_text() == style.SHORT.get(row["status"], shown(row["tokens_per_sec"]))
    assert {axes.get_xlabel() for axes in figure.axes[-3:]} == {METRICS["tokens_per_sec"].axis}
