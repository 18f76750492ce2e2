"""The study's three boards, made up, and measured as a user has them measured. Never run on a board."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from plotting.analysis.observations import list_observations
from plotting.comparison import compare, render
from plotting.figures import FIGURES
from tests.support import drawing, product
from tests.support.board_sessions import BOARDS, NEW_TOKENS, RUNS, Measured, check_watts_and_joules, measure_boards

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

GB10, ORIN, THOR = "Dell Pro Max GB10", "Jetson AGX Orin", "Jetson Thor"
STUDY = {"gb10": GB10, "orin": ORIN, "thor": THOR}
MODES = ("orin", "maxn")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, nvml_library: Path) -> Measured:
    """Measure the three boards, and one of them in another power mode too."""
    return measure_boards(tmp_path_factory.mktemp("boards"), [*STUDY, "maxn"], nvml_library)


@pytest.fixture(scope="module")
def study(measured: Measured, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return the CSV, by device, of one `python -m plotting` over the three boards' saves."""
    out = tmp_path_factory.mktemp("plots")
    done = product.plotting(*(f"--results={measured.folder / name}" for name in STUDY), "--out", str(out), "--strict")
    assert done.returncode == 0, done.stderr
    assert len(list(out.glob("*.png"))) == len(FIGURES)
    return pd.read_csv(out / "vision_model_metrics.csv").set_index("device")


@pytest.mark.parametrize("name", [*STUDY, "maxn"])
def test_a_board_s_watts_and_joules(measured: Measured, name: str) -> None:
    """Kind, scope, rails and watts are the board's, at work and at rest, and joules are its watts times the windows."""
    check_watts_and_joules(measured, name)


def test_three_boards_in_one_set_of_figures(measured: Measured, study: pd.DataFrame) -> None:
    """One `python -m plotting` over the three saves gives three devices of the study's names, each with its own."""
    assert sorted(study.index) == sorted(STUDY.values())
    for name, device in STUDY.items():
        row, board = study.loc[device], BOARDS[name]
        (benchmark,) = measured.save(name)["benchmarks"]
        joules = board.watts * benchmark["stats"]["total"]
        assert {column: row[column] for column in board.expected} == board.expected
        assert row["avg_power_watts"] == pytest.approx(board.watts, rel=0.005)
        assert row["joules_per_token"] == pytest.approx(joules / (RUNS * NEW_TOKENS), rel=0.005)
        assert row["memory_kind"] == "unified"


def test_a_gpus_sensor_beside_a_cpu_is_a_mismatch(study: pd.DataFrame) -> None:
    """NVML beside computing on the CPU is flagged and ranked nowhere; sums of rails that hold the CPU are neither."""
    assert dict(study["scope_mismatch"]) == {GB10: True, ORIN: False, THOR: False}
    assert (
        "Scope mismatch: a gpu sensor was used, but the model ran on another processor"
        in study.loc[GB10, "power_flags"]
    )
    assert "Scope mismatch" not in "".join(study.loc[[ORIN, THOR], "power_flags"])


def test_unlike_scopes_have_no_most_frugal_device(measured: Measured) -> None:
    """If sensors differ in scope, no device is named for the most tokens per joule."""
    said = " ".join(list_observations(measured.table(STUDY)))

    assert "Tokens per joule are not compared between devices, because their sensors measure gpu+soc, module." in said


def test_files_of_elsewhere_are_said(measured: Measured, study: pd.DataFrame) -> None:
    """A board whose files are below EDGE_VLM_BENCH_ROOT is marked as such, in its save and in the CSV."""
    assert all("read from the folder $EDGE_VLM_BENCH_ROOT" in flags for flags in study["power_flags"])
    assert measured.save("thor")["machine_info"]["device"]["own_root"] is False


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_names_the_three(measured: Measured, name: str) -> None:
    """Each of the nine figures shows each board by its name, with a value of its own."""
    figure = drawing.lay_out(drawing.draw(name, measured.table(STUDY)))

    assert [device for device in STUDY.values() if device not in _shown(figure)] == []


def test_30_w_and_maxn_are_two_series(measured: Measured) -> None:
    """One Orin in 30 W and in MAXN is two devices in the table and in each of the nine figures."""
    labels = [f"{ORIN} (MAXN)", f"{ORIN} (MODE_30W)"]
    table = measured.table(MODES)

    assert dict(zip(table["device"], table["power_mode"], strict=True)) == dict(
        zip(labels, ("MAXN", "MODE_30W"), strict=True)
    )
    for name in FIGURES:
        assert [label for label in labels if label not in _shown(drawing.lay_out(drawing.draw(name, table)))] == []


def test_compare_says_the_mode(measured: Measured) -> None:
    """Comparing the two saves says the power mode of each, above the table and in each line of the JSON."""
    found = compare.compare_sides({name: measured.table([name]) for name in MODES})

    assert {line.save: line.device for line in found} == {"orin": f"{ORIN} (MODE_30W)", "maxn": f"{ORIN} (MAXN)"}
    said = render.write_table(found).splitlines()
    assert said[:2] == [f"orin (baseline): {ORIN} (MODE_30W)", f"maxn: {ORIN} (MAXN); single session"]


def _shown(figure: Figure) -> str:
    """Return the texts of a figure's ticks and legends, each without its line breaks."""
    axes = [text for one in figure.axes for which in "xy" for text in drawing.ticks(one, which)]
    legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return "\n".join(" ".join(text.split()) for text in (*axes, *legends))
