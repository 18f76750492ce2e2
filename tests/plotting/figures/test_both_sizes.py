"""Figures of a small and of a large study: every bar is there, and every word can be read.

Tests plotting.figures.bars and plotting.figures.layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from plotting.figures import FIGURES
from plotting.figures.bars import THINNEST
from tests.support.drawing import BARS, RAM, heights, rectangles, spans, ticks, values

if TYPE_CHECKING:
    from tests.plotting.conftest import Drawn


@pytest.mark.parametrize("name", BARS)
def test_every_bar_is_there_at_both_sizes(sized: Drawn, name: str) -> None:
    """Every measured pair has a bar of its height, in a small and in a large study."""
    expected = values(sized.table, BARS[name])

    assert heights(sized.figures[name], sized.table) == pytest.approx(expected)
    assert len(expected) in (4, 428)


@pytest.mark.parametrize("name", [*BARS, RAM])
def test_many_bars_are_wrapped(sized: Drawn, name: str) -> None:
    """Bars that do not fit are in further rows of axes, each model once, and no bar is too thin."""
    figure = sized.figures[name]
    models = [model for axes in figure.axes for model in ticks(axes, "x")]

    assert models == list(dict.fromkeys(sized.table.sort_values("model_order")["model"]))
    assert len(figure.axes) == (5 if len(models) == 20 else 1)
    for axes in figure.axes:
        inches = axes.get_window_extent().width / figure.dpi / (axes.get_xlim()[1] - axes.get_xlim()[0])
        assert max(bar.get_width() for bar in rectangles(axes)) * inches > 0.9 * THINNEST


@pytest.mark.parametrize("name", [*BARS, RAM])
def test_no_row_of_axes_is_flat(sized: Drawn, name: str) -> None:
    """Each row's longest bar takes at least half of its axis, and the title says that scales differ."""
    figure = sized.figures[name]
    for axes in figure.axes:
        ends = [bar.get_y() + bar.get_height() for bar in rectangles(axes)]
        assert max(ends) > 0.5 * axes.get_ylim()[1]

    assert ("each row of axes on its own scale" in figure.get_suptitle()) == (len(figure.axes) > 1)


@pytest.mark.parametrize("name", ["plot_12_tokens_per_second.png", "plot_16_load_time.png"])
def test_whiskers_of_the_rest_are_intervals_over_the_runs(sized: Drawn, name: str) -> None:
    """A metric without an uncertainty budget has the table's 95% interval, and the footnote says so."""
    figure, table = sized.figures[name], sized.table[sized.table[BARS[name]].notna()]
    found = sorted(span for axes in figure.axes for span in spans(axes))

    ends = sorted(zip(table[f"{BARS[name]}_low"], table[f"{BARS[name]}_high"], strict=True))
    assert found == [pytest.approx(both) for both in ends]
    assert "Whiskers: 95% interval over the runs" in figure.get_supxlabel()


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_overlaps_or_is_cut_off(sized: Drawn, name: str) -> None:
    """At both sizes no two texts of axes overlap, and title, labels and legend are inside the figure."""
    figure = sized.figures[name]
    for axes in figure.axes:
        names = [label for label in (*axes.get_xticklabels(), *axes.get_yticklabels()) if label.get_text()]
        for texts in ([text for text in axes.texts if text.get_text()], names):
            boxes = np.array([text.get_window_extent().extents for text in texts]).reshape(-1, 4)
            assert not overlapping(boxes), (
                axes.get_title(loc="left"),
                [texts[at].get_text() for at in overlapping(boxes)],
            )

        inner = [text.get_window_extent() for text in axes.texts]
        assert all(figure.bbox.padded(1).containsx(x) for box in inner for x in (box.x0, box.x1))
    title = [text for text in figure.texts if text.get_text() == figure.get_suptitle()]
    heads = [found.get_window_extent() for found in (*title, *figure.legends)]
    assert not any(heads[0].overlaps(head) for head in heads[1:])
    outer, page = figure.get_tightbbox(), figure.bbox_inches.padded(0.02)
    assert all(page.contains(*corner) for corner in outer.corners())


def overlapping(boxes: np.ndarray[Any, Any]) -> list[int]:
    """Return the first two boxes (x0, y0, x1, y1) that share over a fifth of the smaller one, or []."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    shared[np.diag_indices(len(boxes))] = 0
    over = np.argwhere(shared > 0.2 * np.minimum(areas[:, None], areas[None, :]))
    return [int(at) for at in over[0]] if len(over) else []
