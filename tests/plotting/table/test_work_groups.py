"""Different kinds of work are separated in figures, rankings, observations and lists of missing pairs.

Tests plotting.report.write_all and plotting.table.work_groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from plotting.analysis.observations import list_observations
from plotting.analysis.ranking import rank
from plotting.figures import FIGURES
from plotting.load import Saves
from plotting.output import Output
from plotting.report import page, summary, write_all
from plotting.table.work_groups import EXPLAINED, drop_foreign_holes, split_by_work
from tests.support import made
from tests.support.drawing import BARS, COMBINED, MAPS, PRECISION, RAM, draw, lay_out, rectangles, ticks, words
from tests.support.factory import record, unmeasured

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

MINI, RANDOM = "mini weights, 16 new tokens", "random weights, 8 new tokens"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return three models as miniatures, and one other at full size with random weights and fewer tokens."""
    folder = tmp_path_factory.mktemp("mixed")
    made.on(folder, [record(m, p) for m in ("llava", "phi", "gemma3n") for p in made.PRECISIONS])
    made.on(folder, [record("smolvlm2", latency_s=5.0, weights="random", new_tokens=8)])
    return made.table(folder)


@pytest.fixture(scope="module")
def figures(mixed: pd.DataFrame) -> dict[str, Figure]:
    """Return the nine figures of both kinds of work, with their layout computed."""
    return {name: lay_out(draw(name, mixed)) for name in FIGURES}


def test_work_of_one_kind_is_one_group(study: pd.DataFrame) -> None:
    """Devices that did the same work are one group without a name."""
    [part] = split_by_work(study)

    assert part.words == ""
    assert part.table is study


def test_different_work_is_separated(mixed: pd.DataFrame) -> None:
    """Groups are named by what differs, and each has only the models and precisions attempted in it."""
    first, second = split_by_work(mixed)

    assert [first.words, second.words] == [MINI, RANDOM]
    assert set(first.table["model"]) == {"LLaVA", "Phi", "Gemma3N"}
    assert set(first.table["status"]) == set(second.table["status"]) == {"measured"}
    assert second.table[["model", "precision"]].to_numpy().tolist() == [["SmolVLM2", "bf16"]]


def test_a_hole_within_a_group_stays(mixed: pd.DataFrame) -> None:
    """A pair missing from its own kind of work is still listed as never attempted."""
    less = mixed[~((mixed["model"] == "Phi") & (mixed["status"] == "measured") & (mixed["precision"] == "fp16"))]
    hole = mixed[(mixed["model"] == "Phi") & (mixed["precision"] == "fp16") & (mixed["status"] == "measured")]
    gone = hole.assign(status="never attempted", weights="", workload_hash="")
    first = split_by_work(pd.concat([less, gone]))[0]

    assert set(first.table[first.table["model"] == "Phi"]["status"]) == {"measured", "never attempted"}


def test_a_pair_of_another_kind_of_work_is_no_hole_in_any_product(mixed: pd.DataFrame, tmp_path: Path) -> None:
    """No product lists or counts a pair that only another kind of work attempted."""
    assert "never attempted" in set(mixed["status"])
    write_all.write_all(tmp_path, mixed, Saves(), Output(dpi=50))

    for name in ("unmeasured_pairs.csv", "README.md", "benchmark_summary_report.txt"):
        text = (tmp_path / name).read_text()
        assert "never attempted" not in text.replace("skipped or never attempted", ""), name
    assert "pairs: 7 measured." in write_all.describe_input(mixed, Saves())


def test_a_hole_of_its_own_kind_is_in_the_products(tmp_path: Path) -> None:
    """A pair that a device left out of its own kind of work is listed as never attempted."""
    made.on(tmp_path, [record("llava"), record("phi")])
    made.on(tmp_path, [record("llava")], label="Dell")
    made.on(tmp_path, [record("smolvlm2", weights="random", new_tokens=8)], label="Orin")
    table = drop_foreign_holes(made.table(tmp_path))

    holes = table[table["status"] == "never attempted"]
    assert holes[["device", "model"]].to_numpy().tolist() == [["Dell", "Phi"]]


def test_a_device_that_did_two_things_is_one(tmp_path: Path) -> None:
    """The closing line counts devices, not their series."""

    def counted() -> str:
        return write_all.describe_input(made.table(tmp_path), made.read(tmp_path)).splitlines()[-1]

    made.on(tmp_path, [record("phi")])
    made.on(tmp_path, [record("phi", weights="random")])
    assert counted() == "2 saves, 1 device, pairs: 2 measured."

    made.on(tmp_path, [record("phi")], kind="discrete_gpu")
    assert counted() == "3 saves, 2 devices, pairs: 3 measured."


def test_several_saves_are_named_at_the_end(tmp_path: Path) -> None:
    """The closing lines and the page list the content of each save, and how to draw one alone."""
    made.on(tmp_path, [record(m) for m in ("llava", "phi")])
    made.on(tmp_path, [record("smolvlm2", weights="random")], label="Dell")
    table, saves = made.table(tmp_path), made.read(tmp_path)
    first, second = (
        f"0001_thor.json: {made.THOR}, 2 pairs, mini weights",
        "0002_dell.json: Dell, 1 pair, random weights",
    )

    lines = write_all.describe_input(table, saves).splitlines()
    assert lines[:3] == ["Read from:", f"  {first}", f"  {second}"]
    assert lines[3] == "The figures show all of them; for one alone: python -m plotting 0002_dell"
    assert lines[4] == "2 saves, 2 devices, pairs: 3 measured."
    written = page.write_page(table, saves.files, []).replace("\\", "")
    assert f"- {first}\n- {second}\n" in written


def test_what_failed_early_stands_with_its_device(tmp_path: Path) -> None:
    """A device whose work is unknown does not make its own group."""
    lost = unmeasured("phi", "bf16")
    lost["workload"]["hash"] = lost["checkpoint"]["weights"] = ""
    made.on(tmp_path, [record("phi")])
    made.on(tmp_path, [lost], label="Dell")

    assert len(split_by_work(made.table(tmp_path))) == 1


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_holds_unlike_work_apart(figures: dict[str, Figure], name: str) -> None:
    """Each figure names both kinds of work, explains them in its footnote, and has no hole of the other kind."""
    figure = figures[name]
    headings = " ".join(axes.get_title(loc="left") for axes in figure.axes)

    assert MINI in headings
    assert RANDOM in headings
    assert EXPLAINED in figure.get_supxlabel()
    assert not any("not attempted" in word for word in words(figure))


@pytest.mark.parametrize("name", [*BARS, RAM])
def test_sections_have_scales_of_their_own(figures: dict[str, Figure], name: str) -> None:
    """Each kind of work has its own axes, so a larger scale does not flatten the other's bars."""
    upper, lower = figures[name].axes

    assert len(rectangles(upper)) == 6
    assert ticks(lower, "x") == ["SmolVLM2"]
    for axes in (upper, lower):
        assert max(bar.get_height() for bar in rectangles(axes)) > 0.5 * axes.get_ylim()[1]


def test_maps_and_panels_have_only_their_own_rows(figures: dict[str, Figure]) -> None:
    """Each group of a map, panel or combined view has only its own models and precisions."""
    for name in MAPS:
        maps = [axes for axes in figures[name].axes if axes.get_title(loc="left")]
        assert [len(ticks(axes, "x")) * len(ticks(axes, "y")) for axes in maps] == [6, 1]
    panels = figures[PRECISION].axes
    assert [len(ticks(axes, "y")) for axes in panels[::2]] == [3, 3, 1, 1]
    models = [axes.get_title(loc="left").split("\n")[-1] for axes in figures[COMBINED].axes if axes.axison]
    assert models == ["Gemma3N", "LLaVA", "Phi", "SmolVLM2"]


def test_unlike_work_is_not_ranked_together(mixed: pd.DataFrame) -> None:
    """Page and summary have a top three for each kind of work."""
    for text in (page.write_page(mixed, [], []), summary.write_summary(mixed, [])):
        assert f"Throughput (tokens/s), higher is better, {MINI}" in text
        after = text.partition(f"Throughput (tokens/s), higher is better, {RANDOM}")[2]
        lone = after.replace("\\.", ".").replace("\n- ", " ").split()
        assert lone.index("1.") < 2
        assert lone[lone.index("1.") + 1] == "SmolVLM2"
    assert len(rank(split_by_work(mixed)[1].table, "tokens_per_sec")) == 1


def test_observations_are_of_one_kind_of_work(mixed: pd.DataFrame) -> None:
    """Each observation is about one kind of work, and names it."""
    said = list_observations(mixed)

    assert said
    assert all(sentence.startswith(f"{MINI.capitalize()}: ") for sentence in said)
