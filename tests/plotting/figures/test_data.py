"""The numbers of each figure as CSV, and its alternative text.

Tests plotting.figures.alt_text and plotting.figures.data.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from plotting.figures import FIGURES, alt_text, data
from plotting.metrics.registry import METRICS, format_value
from tests.support import made
from tests.support.drawing import BARS, draw, rectangles, spans
from tests.support.factory import NO_SENSOR, record

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


BEST = {"load_time_s": (", all 34 are tied.",), "avg_ram_gb": (".",)}
"""Metric -> start of the words on its best; RAM has none, because kinds of memory are ranked separately."""


def read(table: pd.DataFrame, name: str) -> list[dict[str, str]]:
    """Return the rows of a figure's CSV."""
    return list(csv.DictReader(io.StringIO(data.write_numbers(table, FIGURES[name].metrics))))


@pytest.mark.parametrize("name", BARS)
def test_the_numbers_are_those_of_the_bars(study: pd.DataFrame, name: str) -> None:
    """The CSV holds the heights and whiskers of the figure, and words for missing bars."""
    table, metric = made.with_intervals(study), BARS[name]
    figure, rows = draw(name, table), read(table, name)

    heights = [bar.get_height() for axes in figure.axes for bar in rectangles(axes)]
    assert sorted(float(row[metric]) for row in rows if row[metric]) == pytest.approx(sorted(heights))
    ends = [(float(row[f"{metric}_low"]), float(row[f"{metric}_high"])) for row in rows if row[metric]]
    drawn = sorted(span for axes in figure.axes for span in spans(axes))
    assert sorted(ends) == [pytest.approx(both, rel=1e-6) for both in drawn]
    states = {(row["model"], row["state"]) for row in rows if row["state"] != "measured"}
    assert states == {("Gemma3N", "10 of 10 failed"), ("Phi", "not attempted")}
    assert {row[f"{metric}_interval"] for row in rows} == {
        "k=2" if metric in ("tps_per_watt", "joules_per_token") else "95% over runs"
    }


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_its_metrics(study: pd.DataFrame, name: str) -> None:
    """The CSV of each figure has a row for each pair, and every metric of the figure."""
    rows = read(study, name)

    assert len(rows) == 36
    for metric in FIGURES[name].metrics:
        assert sum(bool(row[metric]) for row in rows) == 34


def test_rooflines_and_warnings_are_in_the_csv(tmp_path: Path) -> None:
    """The CSV of throughput holds the roofline, and the warning of a row in words."""
    odd = record()
    odd["health"]["throttled"] = ["hardware slowdown"]
    table = made.one(tmp_path, odd)
    [row] = read(table, "plot_12_tokens_per_second.png")

    expected = table["decode_tokens_per_sec"].iloc[0] / table["mbu"].iloc[0]
    assert float(row["roofline_tokens_per_sec"]) == pytest.approx(expected)
    assert row["doubt"] == "throttled (hardware slowdown)"


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    """A name that a spreadsheet would run is quoted."""
    odd = record()
    odd["pair"]["label"] = "=1+1"
    [row] = read(made.one(tmp_path, odd), "plot_12_tokens_per_second.png")

    assert row["model"] == "'=1+1"


@pytest.mark.parametrize("name", FIGURES)
def test_words_say_what_a_figure_shows(study: pd.DataFrame, name: str) -> None:
    """The alternative text has number, range and best value of each metric, and what is missing."""
    text = alt_text.describe_figure(study, "Title", FIGURES[name].metrics)

    assert text.startswith("Title. ")
    for metric in FIGURES[name].metrics:
        values = study[metric].dropna()
        span = f"34 values from {format_value(values.min())} to {format_value(values.max())}"
        assert f"{METRICS[metric].axis}, {METRICS[metric].direction}: {span}" in text
        assert any(f"{span}{best}" in text for best in BEST.get(metric, (", best: Gemma3N bf16 on Jetson Thor.",)))
    assert text.endswith("Pairs without a value: 1 failed, 1 not attempted.")
    assert len(text) < 800


def test_words_say_that_nothing_was_measured(powerless: pd.DataFrame, hopeless: pd.DataFrame) -> None:
    """Without a value the alternative text says why."""
    assert alt_text.describe_figure(powerless, "T", ["tps_per_watt"]) == f"T. Efficiency was not measured: {NO_SENSOR}."
    said = alt_text.describe_figure(hopeless, "T", ["tokens_per_sec"])
    assert "Throughput was not measured: llava-fp16: all 10 runs failed, first with RuntimeError: no;" in said
    assert said.endswith("Pairs without a value: 2 failed, 2 not attempted.")
