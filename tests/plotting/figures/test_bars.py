"""Figures 12 to 16: bar heights, words in place of bars, whiskers, rooflines, stacks of RAM.

Tests plotting.figures.bars, plotting.figures.layout, plotting.figures.strips and plotting.table.whiskers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Annotation

from plotting.figures import footnotes
from plotting.figures.theme import LIGHT
from plotting.metrics.registry import METRICS, format_value
from tests.support import made
from tests.support.drawing import (
    BARS,
    RAM,
    colour,
    device_colours,
    draw,
    heights,
    lay_out,
    legend,
    rectangles,
    spans,
    ticks,
    values,
    words,
)
from tests.support.factory import record

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure


THROUGHPUT, JOULES = "plot_12_tokens_per_second.png", "plot_15_joules_per_token.png"
ROOF = "decoding at the memory's peak rate (MBU 100%)"
HATCHED = "hatched: has a warning, see footnote"


@pytest.mark.parametrize("name", BARS)
def test_a_bar_is_as_high_as_its_value(drawn: dict[str, Figure], study: pd.DataFrame, name: str) -> None:
    """Each bar, identified by tick and colour, is as high as the table's value of its pair."""
    found = heights(drawn[name], study)

    assert found == pytest.approx(values(study, BARS[name]))
    assert len(found) == 34


@pytest.mark.parametrize("name", BARS)
def test_an_axis_has_its_unit(drawn: dict[str, Figure], name: str) -> None:
    """The axis names metric and unit, and the title says whether higher or lower is better."""
    metric = METRICS[BARS[name]]
    figure = drawn[name]

    assert {axes.get_ylabel() for axes in figure.axes} == {f"{metric.label} ({metric.unit})"}
    assert metric.direction in figure.get_suptitle()


@pytest.mark.parametrize("name", [*BARS, RAM])
def test_words_stand_in_place_of_missing_bars(drawn: dict[str, Figure], name: str) -> None:
    """A failed pair, with its number of failed runs, and a pair never attempted have words in place of a bar."""
    found = {}
    for axes in drawn[name].axes:
        for text in axes.texts:
            if isinstance(text, Annotation) and text.get_fontstyle() == "italic":
                found[ticks(axes, "x")[round(text.xy[0])], text.get_text()] = text.xy[1]

    assert found == {("Gemma3N", "10 of 10 failed"): 0, ("Phi", "not attempted"): 0}


@pytest.mark.parametrize("name", [*BARS, RAM])
def test_values_stand_above_bars(lone: pd.DataFrame, name: str) -> None:
    """Each bar has its value above it, with three digits."""
    metric = BARS.get(name, "avg_ram_gb")

    assert format_value(lone[metric].iloc[0]) in {word.partition("\n")[0] for word in words(draw(name, lone))}


def test_failed_runs_stand_beside_the_value(tmp_path: Path) -> None:
    """The number of failed runs of a measured pair is at its bar and in the footnote."""
    partly = record()
    partly["counts"] |= {"planned": 13, "attempted": 13, "failed": 3}
    figure = draw(THROUGHPUT, made.one(tmp_path, partly, record("phi")))

    assert [word for word in words(figure) if word.endswith("\n3 of 13 failed")]
    footnote = " ".join(figure.get_supxlabel().split())
    assert "Measured pairs with failed runs: SmolVLM2 bf16: 3 of 13 failed." in footnote


@pytest.mark.parametrize("name", BARS)
def test_the_legend_is_in_the_tables_order(drawn: dict[str, Figure], name: str) -> None:
    """The legend lists exactly the devices and precisions, in the order of the table."""
    assert list(legend(drawn[name])) == [*made.DEVICES, *made.PRECISIONS]


@pytest.mark.parametrize("name", [*BARS, RAM])
def test_axes_keep_their_height_under_a_long_footnote(study: pd.DataFrame, name: str) -> None:
    """A long footnote makes the figure higher, but not the axes lower."""
    odd = study.assign(throttled=[f"cause {number}" for number in range(len(study))])
    short, long = (lay_out(draw(name, table)) for table in (study, odd))
    before, after = (figure.axes[0].get_window_extent().height for figure in (short, long))

    assert long.get_figheight() > short.get_figheight() + 0.5
    assert after == pytest.approx(before, rel=0.05)


def test_ram_is_stacked_as_the_memory_is(drawn: dict[str, Figure], study: pd.DataFrame) -> None:
    """Unified: pale baseline and delta above; discrete: host memory and narrower VRAM above; CPU: one bar."""
    figure = drawn[RAM]
    colours = device_colours(figure, study)
    [axes] = figure.axes
    place = ticks(axes, "x").index("LLaVA")
    full = {*colours.values(), to_hex(LIGHT.pale)}
    parts = sorted(
        (round(bar.get_x() + bar.get_width() / 2, 3), bar.get_y(), bar.get_height(), colour(bar), bar.get_width())
        for bar in rectangles(axes)
        if round(bar.get_x() + bar.get_width() / 2) == place and colour(bar) in full
    )
    precise = {part[0] for part in parts if part[3] in colours.values()}
    parts = [part for part in parts if part[0] in precise]

    expected: list[tuple[Any, ...]] = [
        (0, pytest.approx(1.5), to_hex(LIGHT.pale)),
        (1.5, pytest.approx(3.5), colours[made.THOR]),
        (0, pytest.approx(5.0), colours["Laptop"]),
        (0, pytest.approx(5.0), colours["Workstation"]),
        (5.0, pytest.approx(4.0), colours["Workstation"]),
    ]
    assert [part[1:4] for part in parts] == expected
    assert parts[-1][4] < 0.7 * parts[-2][4]
    assert {"in use before loading", "VRAM: narrow, on top"} <= set(legend(figure))
    assert axes.get_ylabel() == "Average RAM (GB, 1e9 bytes)"


def test_the_ram_legend_explains_only_what_is_there(lone: pd.DataFrame) -> None:
    """With only a CPU the legend of the RAM figure has no entry for unified or discrete memory."""
    assert list(legend(draw(RAM, lone))) == [made.THOR, "bf16"]


def test_the_value_above_a_stack_is_its_sum(tmp_path: Path) -> None:
    """The value above a stacked bar is the sum of host memory and VRAM."""
    table = made.one(tmp_path, record(memory_kind="discrete", ram_gb=6.0, vram_gb=5.5))

    assert "11.5" in words(draw(RAM, table))


def test_whiskers_of_energy_are_the_budget_alone(study: pd.DataFrame) -> None:
    """Whiskers of J/token and tokens/s/W are twice the standard uncertainty, even if an interval over runs exists."""
    for name in ("joules_per_token", "tps_per_watt"):
        figure = draw(next(file for file, metric in BARS.items() if metric == name), made.with_intervals(study))
        found = sorted(span for axes in figure.axes for span in spans(axes))
        wide = 2 * study["energy_uncertainty"] * study[name]

        ends = sorted(zip(study[name] - wide, study[name] + wide, strict=True))
        assert found == [pytest.approx(both) for both in ends if both[0] > 0]
        assert len(found) == 34
        footnote = " ".join(figure.get_supxlabel().split())
        assert "Whiskers: expanded uncertainty (k=2, about 95%) of the energy" in footnote
        assert "95% interval" not in footnote


def test_without_intervals_there_are_no_whiskers(study: pd.DataFrame) -> None:
    """Without intervals no bar has a whisker, and the footnote does not mention them."""
    figure = draw(THROUGHPUT, made.without_intervals(study))

    assert not any(spans(axes) for axes in figure.axes)
    assert "Whiskers" not in figure.get_supxlabel()


def test_the_figure_says_how_uncertain_and_of_what(drawn: dict[str, Figure], tmp_path: Path) -> None:
    """The footnote of J/token states the uncertainty, its k, and whether the sensor's gain is included."""
    footnote = " ".join(drawn[JOULES].get_supxlabel().split())
    unknown = "(standard uncertainty, k=1; statistical only: the sensor's gain error is not specified)"
    assert f"{', '.join(made.DEVICES)}: the uncertainty of the energy is ± 1.0% {unknown}." in footnote

    stated = record()
    stated["power"]["uncertainty"].append({"name": "gain", "relative": 0.05, "source": "data sheet"})
    footnote = " ".join(draw(JOULES, made.one(tmp_path, stated)).get_supxlabel().split())
    assert (
        "the uncertainty of the energy is ± 5.1% (standard uncertainty, k=1; with the sensor's gain error)." in footnote
    )


def roofed(share: float) -> dict[str, Any]:
    """Return a Record with this MBU."""
    found = record()
    found["roofline"]["bandwidth_bytes_per_s"] *= 0.0370 / share  # 273 GB/s give an MBU of 3.7%
    return found


@pytest.mark.parametrize(("share", "beyond"), [(0.8, False), (0.1, True)])
def test_rooflines(tmp_path: Path, share: float, beyond: bool) -> None:
    """A line marks decode tokens/s / MBU, or the footnote says that it is off the scale; the bar shows its MBU."""
    table = made.one(tmp_path, roofed(share))
    figure = draw(THROUGHPUT, table)
    [axes] = figure.axes
    row = table.iloc[0]

    assert row["mbu"] == pytest.approx(share, rel=0.02)
    lines = [at for at, _ in spans(axes, "rooflines")]
    assert lines == ([] if beyond else [pytest.approx(row["decode_tokens_per_sec"] / row["mbu"])])
    assert not any(line.get_gid() == "beyond" for line in axes.lines)
    assert (footnotes.BEYOND in figure.get_supxlabel()) == beyond
    assert f"{format_value(row['tokens_per_sec'])}\nMBU {row['mbu']:.0%}" in words(figure)
    assert (ROOF in legend(figure)) == (not beyond)


def test_a_lone_roofline_beyond_the_scale_is_a_mark(tmp_path: Path) -> None:
    """If another roofline is on the scale, one beyond it is a mark at the edge, explained in the legend."""
    other = roofed(0.1)
    other["pair"] |= {"label": "LLaVA"}
    figure = draw(THROUGHPUT, made.one(tmp_path, roofed(0.8), other))
    [axes] = figure.axes

    [marks] = [line for line in axes.lines if line.get_gid() == "beyond"]
    assert [ticks(axes, "x")[round(x)] for x in np.asarray(marks.get_xdata())] == ["LLaVA"]
    assert tuple(np.asarray(marks.get_ydata())) == (axes.get_ylim()[1],)
    assert f"{ROOF}; triangle: beyond the scale" in legend(figure)
    assert footnotes.BEYOND not in figure.get_supxlabel()


def test_a_small_mbu_is_not_nothing(tmp_path: Path) -> None:
    """An MBU below half a percent is shown as less than 1%."""
    figure = draw(THROUGHPUT, made.one(tmp_path, roofed(0.002)))

    assert any(word.endswith("\nMBU <1%") for word in words(figure))


def test_without_mbu_there_is_no_roofline(tmp_path: Path) -> None:
    """Without a known peak bandwidth there is no roofline and no MBU."""
    unknown = record()
    unknown["roofline"] |= {"bandwidth_bytes_per_s": None, "reasons": {"bandwidth_bytes_per_s": "not known"}}
    figure = draw(THROUGHPUT, made.one(tmp_path, unknown))

    assert not any("MBU" in word for word in words(figure))
    assert not spans(figure.axes[0], "rooflines")


def ill(**parts: Any) -> dict[str, Any]:
    """Return a Record with changed values: section__key=value."""
    found = record()
    for name, value in parts.items():
        section, _, key = name.partition("__")
        found[section][key] = value
    return found


@pytest.mark.parametrize(
    ("odd", "why", "of_all"),
    [
        (ill(health__finite_logits=False), "output not finite", True),
        (ill(health__throttled=["hardware slowdown"]), "throttled (hardware slowdown)", True),
        (ill(roofline__bandwidth_bytes_per_s=1e9), "MBU over 1", True),
        (ill(power__scope_mismatch=True), "the power sensor measures another processor", False),
    ],
    ids=["not finite", "throttled", "over the roof", "scope"],
)
def test_a_bar_with_a_warning_is_hatched(tmp_path: Path, odd: dict[str, Any], why: str, of_all: bool) -> None:
    """Only a bar with a warning is hatched, and the footnote says why; a wrong sensor affects energy alone."""
    table = made.one(tmp_path, odd, record("phi"))
    for name, expected in ((JOULES, True), (THROUGHPUT, of_all)):
        figure = draw(name, table)
        hatched = [ticks(figure.axes[0], "x")[round(b.get_x())] for b in rectangles(figure.axes[0]) if b.get_hatch()]
        footnote = " ".join(figure.get_supxlabel().split())

        assert hatched == (["SmolVLM2"] if expected else [])
        assert (f"With a warning (hatched): SmolVLM2 bf16: {why}." in footnote) == expected
        assert (HATCHED in legend(figure)) == expected
