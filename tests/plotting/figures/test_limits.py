"""Figures of any table are finite and legible: they draw the best part of a large one and say what they leave out.

Tests plotting.figures.letters, plotting.figures.limits and plotting.figures.save.
"""

from __future__ import annotations

import csv
import io
import itertools
import warnings
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from plotting.figures import alt_text, data, footnotes, letters, limits, style
from plotting.figures.save import MOST_PIXELS, render
from tests.support import made
from tests.support.drawing import COMBINED, MAPS, PRECISION, draw, flat, lay_out, legend, rectangles, ticks, words
from tests.support.factory import record

if TYPE_CHECKING:
    from pathlib import Path

THROUGHPUT = "plot_12_tokens_per_second.png"
MAP = next(iter(MAPS))
WORD = "漢字" * 30
WIDE = (WORD, "😀" * 60, "W" * 60, "m" * 60, "e\u0301" * 30, "กำ" * 30, "a-" * 30)


def multiply(lone: pd.DataFrame, **counts: int) -> pd.DataFrame:
    """Return the table's one row for each combination of so many devices, models and precisions, the last the best."""
    places = list(itertools.product(*(range(count) for count in counts.values())))
    found = lone.iloc[[0] * len(places)].reset_index(drop=True)
    for name, numbers in zip(counts, zip(*places, strict=True), strict=True):
        found[f"{name}_order"] = numbers
        found[name] = [f"{name} {number:04d}" for number in numbers]
    return found.assign(tokens_per_sec=[1.0 + number for number in range(len(places))])


@pytest.fixture(scope="module")
def models(lone: pd.DataFrame) -> pd.DataFrame:
    """Return a table of 2,000 models."""
    return multiply(lone, model=2000)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"model": 2000}, "60 of 2,000 models"),
        ({"device": 300, "model": 2}, "16 of 300 devices"),
        ({"model": 3, "precision": 100}, "5 of 100 precisions"),
        ({"device": 20, "model": 20, "precision": 8}, "16 of 20 devices, 5 of 8 precisions, 7 of 20 models"),
    ],
    ids=str,
)
def test_the_best_part_of_a_large_table_is_drawn(lone: pd.DataFrame, counts: dict[str, int], said: str) -> None:
    """Of many devices, precisions and models those of the best pairs are drawn, and the footnote counts the others."""
    table = multiply(lone, **counts)
    shown = limits.choose(table)

    kept = {name: min(count, limits.MOST[name]) for name, count in counts.items()}
    kept["model"] = min(kept["model"], limits.MOST_PAIRS // (kept.get("device", 1) * kept.get("precision", 1)))
    for name, count in counts.items():
        best = [f"{name} {at:04d}" for at in range(count - kept[name], count)]
        assert list(dict.fromkeys(shown.sort_values(f"{name}_order")[name])) == best
    sentences = footnotes.list_sentences(shown, ["tokens_per_sec"])
    assert sentences[0] == f"Drawn: {said}, with the most metrics and tokens/s; figures-data/ has all."
    assert not [sentence for sentence in sentences if sentence.startswith("Best")]


def test_pairs_with_values_are_drawn_before_those_without(lone: pd.DataFrame) -> None:
    """A slow model with energy is drawn rather than a fast one without, and a failed one last."""
    table = multiply(lone, model=70)
    table.loc[table.index[5:], "joules_per_token"] = float("nan")
    table.loc[table.index[65:], ["tokens_per_sec", "decode_tokens_per_sec", "status"]] = (float("nan"), 1.0, "failed")

    assert [name for name in table["model"] if name not in set(limits.choose(table)["model"])] == [
        f"model {at:04d}" for at in (*range(5, 10), *range(65, 70))
    ]


def test_a_table_that_fits_is_drawn_whole(lone: pd.DataFrame) -> None:
    """Eight devices with twenty models in three precisions are drawn, without a word about what is left out."""
    table = multiply(lone, device=8, model=20, precision=3)

    assert limits.choose(table) is table
    assert not [said for said in footnotes.list_sentences(table, ["tokens_per_sec"]) if said.startswith("Drawn")]


@pytest.mark.parametrize("name", [THROUGHPUT, MAP])
def test_a_figure_of_2000_models_is_finite(models: pd.DataFrame, name: str) -> None:
    """A figure of 2,000 models is at most 60 inches long, no two of its labels overlap, and it says what it shows."""
    figure = lay_out(draw(name, models))

    assert max(figure.get_size_inches()) < 60
    assert "Drawn: 60 of 2,000 models" in figure.get_supxlabel()
    for axes in figure.axes:
        labels = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
        assert all(one.x1 < other.x0 for one, other in itertools.pairwise(labels))


def test_the_numbers_of_a_large_figure_are_whole(models: pd.DataFrame) -> None:
    """The CSV of a figure has the rows that the figure leaves out, and its alternative text says what is drawn."""
    rows = list(csv.DictReader(io.StringIO(data.write_numbers(models, ["tokens_per_sec"]))))

    assert {row["model"] for row in rows} == set(models["model"])
    said = alt_text.describe_figure(models, "Title", ["tokens_per_sec"])
    assert said.startswith(
        "Title. Drawn: 60 of 2,000 models, with the most metrics and tokens/s; figures-data/ has all."
    )
    assert "2000 values from 1.00 to 2000" in said


@pytest.mark.parametrize("name", [THROUGHPUT, MAP, PRECISION, COMBINED])
def test_wide_names_stay_inside(tmp_path: Path, name: str) -> None:
    """Names of 60 wide letters, or of letters that the font lacks, are wrapped inside the figure, without a warning."""
    pairs = list(itertools.product(WIDE, made.PRECISIONS))
    records = [record("phi", precision, latency_s=0.1 * at) for at, (_, precision) in enumerate(pairs, start=1)]
    for built, (label, _) in zip(records, pairs, strict=True):
        built["pair"]["label"] = label
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = lay_out(draw(name, made.one(tmp_path, *records, label=WORD)))

    outer, page = figure.get_tightbbox(), figure.bbox_inches.padded(0.02)
    assert all(page.contains(*corner) for corner in outer.corners())
    for axes in figure.axes:
        labels = [label for label in (*axes.get_xticklabels(), *axes.get_yticklabels()) if label.get_text()]
        boxes = [label.get_window_extent().padded(-1) for label in labels]
        assert not [one for one, other in itertools.combinations(boxes, 2) if one.overlaps(other)]
    assert letters.EXPLAINED in figure.get_supxlabel()
    text = "".join("".join(words(figure)).split())
    assert WORD[0] not in text
    assert "W" * 60 in text
    if name != MAP:
        assert letters.BOX * 60 in "".join("".join(legend(figure)).split())


def test_ordinary_names_are_not_changed() -> None:
    """A name of letters that the font has is drawn as it stands, in lines that break after blanks and hyphens."""
    assert style.wrap("InternVL2-2B (2.5-MPO) für Müller", 12) == "InternVL2-2B\n(2.5-MPO)\nfür Müller"
    assert style.wrap("Jetson AGX Orin", 40) == "Jetson AGX Orin"
    assert style.wrap("i" * 30, 12) == "\n".join(("i" * 12, "i" * 12, "i" * 6))


def test_one_value_beyond_all_others(tmp_path: Path) -> None:
    """With one value 1e12 times the others every value is still written, and the colour bar has plain numbers."""
    records = [record(model, latency_s=seconds) for model, seconds in (("phi", 1.0), ("llava", 1.0), ("gemma3n", 2.0))]
    table = made.one(tmp_path, *records)
    table.loc[table["model"] == "Phi", ["tokens_per_sec", "tokens_per_sec_low", "tokens_per_sec_high"]] *= 1e12

    assert {"16.0", "8.00"} <= {word.partition("\n")[0] for word in words(draw(THROUGHPUT, table))}
    figure = lay_out(draw(MAP, table))
    [labels] = [ticks(axes, "y") for axes in figure.axes if "logarithmic" in flat(axes.get_ylabel())]
    assert [label for label in labels if label]


def test_values_of_zero_are_drawn(tmp_path: Path) -> None:
    """Where every value is 0 each bar has its 0, and the scale is not empty."""
    table = made.one(tmp_path, *(record(model) for model in ("phi", "llava")))
    table[["avg_ram_gb", "ram_baseline_gb", "ram_delta_gb"]] = 0.0
    [axes] = draw("plot_13_ram_usage.png", table).axes

    assert [text.get_text() for text in axes.texts] == ["0", "0"]
    assert axes.get_ylim() == (0.0, 1.0)
    assert not rectangles(axes)


def test_a_picture_has_a_largest_size(tmp_path: Path) -> None:
    """A PNG that would have more than 80 million pixels has a lower resolution."""
    (tmp_path / "a.png").write_bytes(render(Figure(figsize=(20, 100)), "png", "Title", "words", 600))

    with Image.open(tmp_path / "a.png") as image:
        width, height = image.size
    assert 0.9 * MOST_PIXELS < width * height <= MOST_PIXELS
    assert height == pytest.approx(5 * width, rel=0.01)
