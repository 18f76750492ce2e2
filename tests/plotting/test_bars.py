"""Figures 12 to 16: bars as high as their values, words where there is none, legend, wrapping, stacks of RAM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from plotting.figures import style
from plotting.metrics import METRICS, shown
from tests.factory import record
from tests.plotting import made
from tests.plotting.drawing import (
    BARS,
    RAM,
    colour,
    device_colours,
    draw,
    legend,
    pair_of,
    rectangles,
    ticks,
    values,
    words,
)

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure


JOULES = "plot_15_joules_per_token.png"


@pytest.mark.parametrize("name", BARS)
def test_a_bar_is_as_high_as_its_value(drawn: dict[str, Figure], study: pd.DataFrame, name: str) -> None:
    """Model by tick, device by colour and precision by hatch, each bar's height is the table's value of that pair."""
    figure = drawn[name]
    heights = {pair_of(b, axes, figure, study): b.get_height() for axes in figure.axes for b in rectangles(axes)}

    assert heights == pytest.approx(values(study, BARS[name]))
    assert len(heights) == 36


@pytest.mark.parametrize("name", BARS)
def test_an_axis_has_its_unit(drawn: dict[str, Figure], name: str) -> None:
    """The axis of a bar figure is labelled with its metric and unit, and the title says which way is better."""
    metric = METRICS[BARS[name]]
    figure = drawn[name]

    assert {axes.get_ylabel() for axes in figure.axes} == {f"{metric.label} ({metric.unit})"}
    assert metric.direction in figure.get_suptitle()


@pytest.mark.parametrize("name", [*BARS, RAM])
def test_words_stand_in_place_of_missing_bars(drawn: dict[str, Figure], name: str) -> None:
    """A failed pair and one never attempted have these words where their bar would be, and no other pair has."""
    figure = drawn[name]
    found = {}
    for axes in figure.axes:
        for text in axes.texts:
            if text.get_text() in style.SHORT.values():
                place = text.get_position() if not hasattr(text, "xy") else text.xy
                found[ticks(axes, "x")[round(place[0])], text.get_text()] = place[1]

    assert found == {("Gemma3N", "failed"): 0, ("Phi", "not attempted"): 0}


@pytest.mark.parametrize("name", [*BARS, RAM])
def test_values_stand_above_bars(lone: pd.DataFrame, name: str) -> None:
    """Where there is room, the value of a bar stands above it, in three digits."""
    metric = BARS.get(name, "avg_ram_gb")

    assert shown(lone[metric].iloc[0]) in words(draw(name, lone))


@pytest.mark.parametrize("name", BARS)
def test_the_legend_is_in_the_tables_order(drawn: dict[str, Figure], name: str) -> None:
    """The legend has the devices and then the precisions, in the order of the table, and nothing else."""
    assert list(legend(drawn[name])) == [*made.DEVICES, *made.PRECISIONS]


def test_many_bars_are_wrapped(tmp_path: Path) -> None:
    """More bars than fit stand in further rows of axes on one scale, each model once, and none is lost."""
    for index in range(5):
        made.on(tmp_path, [record(m, p) for m in made.MODELS for p in made.PRECISIONS], label=f"Board {index}")
    table = made.table(tmp_path)
    figure = draw("plot_12_tokens_per_second.png", table)

    assert [ticks(axes, "x") for axes in figure.axes] == [
        list(made.MODELS.values())[:3],
        list(made.MODELS.values())[3:],
    ]
    assert [len(rectangles(axes)) for axes in figure.axes] == [30, 30]
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


def test_ram_is_stacked_as_the_memory_is(drawn: dict[str, Figure], study: pd.DataFrame) -> None:
    """Unified: pale baseline, the delta above; discrete: host memory, paler VRAM above; host: the process alone."""
    figure = drawn[RAM]
    colours = device_colours(figure, study)
    [axes] = figure.axes
    place = ticks(axes, "x").index("LLaVA")
    parts = sorted(
        (round(bar.get_x(), 3), bar.get_y(), bar.get_height(), colour(bar))
        for bar in rectangles(axes)
        if round(bar.get_x() + bar.get_width() / 2) == place and not bar.get_hatch()
    )

    paler = to_hex(style.lighter(colours["Workstation"], 0.5))
    expected: list[tuple[Any, ...]] = [
        (0, pytest.approx(1.5), style.PALE.lower()),
        (1.5, pytest.approx(3.5), colours[made.THOR]),
        (0, pytest.approx(5.0), colours["Laptop"]),
        (0, pytest.approx(5.0), colours["Workstation"]),
        (5.0, pytest.approx(4.0), paler),
    ]
    assert [part[1:] for part in parts] == expected
    assert {"in use before loading", "VRAM (paler, on top)"} <= set(legend(figure))
    assert axes.get_ylabel() == "Average RAM (GB, 1e9 bytes)"


def test_the_ram_legend_explains_only_what_is_there(lone: pd.DataFrame) -> None:
    """On a CPU alone the legend of the RAM figure has no entry of unified or discrete memory."""
    assert list(legend(draw(RAM, lone))) == [made.THOR, "bf16"]


def test_the_value_above_a_stack_is_its_sum(tmp_path: Path) -> None:
    """Above a stacked bar stands host memory and VRAM together."""
    table = made.one(tmp_path, record(memory_kind="discrete", ram_gb=6.0, vram_gb=5.5))

    assert "11.5" in words(draw(RAM, table))


def test_whiskers_are_the_uncertainty(drawn: dict[str, Figure], study: pd.DataFrame) -> None:
    """On each bar of J/token stands its standard uncertainty; figures of metrics that have none have no whiskers."""
    found = {
        (round(segment[0, 1], 9), round(segment[1, 1], 9))
        for axes in drawn[JOULES].axes
        for lines in axes.collections
        if isinstance(lines, LineCollection)
        for segment in lines.get_segments()
    }
    measured = study[study["joules_per_token"].notna()]
    spans = zip(measured["joules_per_token"], measured["joules_per_token_uncertainty"], strict=True)

    assert found == {(round(value - u, 9), round(value + u, 9)) for value, u in spans}
    assert not any(axes.collections for name in BARS if name != JOULES for axes in drawn[name].axes)


def test_the_figure_says_how_uncertain_and_of_what(drawn: dict[str, Figure], tmp_path: Path) -> None:
    """The footnote of J/token says the uncertainty with its k, and "statistical only" where no gain is known."""
    footnote = " ".join(drawn[JOULES].get_supxlabel().split())
    for device in made.DEVICES:
        unknown = "(standard uncertainty, k=1; statistical only: nobody states the sensor's gain)"
        assert f"{device}: energy is uncertain by ± 1.0% {unknown}." in footnote

    stated = record()
    stated["power"]["uncertainty"].append({"name": "gain", "relative": 0.05, "source": "data sheet"})
    footnote = " ".join(draw(JOULES, made.one(tmp_path, stated)).get_supxlabel().split())
    assert "uncertain by ± 5.1% (standard uncertainty, k=1; with the sensor's gain)." in footnote
