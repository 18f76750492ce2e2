"""The study's three boards, made up, and measured as a user has them measured. Never run on a board."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from plotting import load
from plotting.analysis.observations import list_observations
from plotting.comparison import compare, render
from plotting.figures import FIGURES
from plotting.table import build
from tests.support import boards, drawing, product

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from matplotlib.figure import Figure

RUNS, NEW_TOKENS = 3, 4
OPTIONS = ("--models=smolvlm2", "--precisions=bf16", f"--runs={RUNS}", "--warmup-runs=0", "--torch-device=cpu")
GB10, ORIN, THOR = "Dell Pro Max GB10", "Jetson AGX Orin", "Jetson Thor"
STUDY = {"gb10": GB10, "orin": ORIN, "thor": THOR}
MODES = ("orin", "maxn")


@dataclass(frozen=True)
class Board:
    """What a session on a board says, by the files and the library that it finds there.

    Attributes:
        sensor: --power-monitor.
        within: how far joules may be from watts times windows, relative.
        expected: columns of the CSV.
    """

    sensor: str
    watts: float
    expected: Mapping[str, str]
    within: float = 0.005


def _board(sensor: str, watts: float, device: str, scope: str, rails: str) -> Board:
    return Board(sensor, watts, {"device_kind": device, "power_scope": scope, "power_rails": rails})


ORIN_RAILS, THOR_RAILS = "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0", "VDD_GPU+VDD_CPU_SOC_MSS"
BOARDS = {
    "gb10": _board("nvml", boards.GB10_W, "gb10", "gpu", "instantaneous power field"),
    "orin": _board("hwmon:whole", boards.ORIN_W, "jetson-agx-orin", "module", ORIN_RAILS),
    "maxn": _board("hwmon:whole", boards.ORIN_W, "jetson-agx-orin", "module", ORIN_RAILS),
    "thor": _board("auto", boards.THOR_W, "jetson-thor", "gpu+soc", THOR_RAILS),
    "input": _board("hwmon:whole", boards.THOR_INPUT_W, "jetson-thor", "system input", "VIN"),
    "stats": _board("tegrastats", boards.THOR_W, "jetson-thor", "gpu+soc", THOR_RAILS),
    "service": _board("jtop", boards.THOR_W, "jetson-thor", "gpu+soc", THOR_RAILS),
    # A thread moves the counters, and is late by milliseconds where two sessions share two cores with others.
    "counters": replace(_board("rapl", boards.CPU_W["intel-rapl:0"], "cpu", "package", "package-0"), within=0.02),
}
OWN_PROCESS = ("gb10", "service", "counters")
"""Boards with a process of their own: it finds a library or a package when it starts, or competes with a thread."""


@dataclass(frozen=True)
class Measured:
    """What the sessions left: below `folder` one of saves for each of BOARDS."""

    folder: Path

    def save(self, name: str) -> dict[str, Any]:
        """Return the one save of a session."""
        (path,) = (self.folder / name).rglob("*.json")
        return dict(json.loads(path.read_text()))

    def table(self, names: Iterable[str]) -> pd.DataFrame:
        """Return the table that the figures of some sessions are drawn from."""
        return build.build(load.load([path for name in names for path in load.find(self.folder / name)]))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, nvml_library: Path) -> Measured:
    """Measure one pair on each board, side by side: their watts are constants, and no time of theirs is judged."""
    folder = tmp_path_factory.mktemp("boards")
    settings = {
        "gb10": boards.gb10(folder / "files/gb10", nvml_library),
        "orin": boards.orin(folder / "files/orin"),
        "maxn": boards.orin(folder / "files/maxn", boards.ORIN_MAXN),
        "thor": boards.thor(folder / "files/thor"),
        "input": boards.thor(folder / "files/input"),
        "stats": boards.thor(folder / "files/stats") | boards.with_tegrastats(folder / "bin", os.environ["PATH"]),
        "service": boards.thor(folder / "files/service") | boards.with_jtop(folder / "package"),
        "counters": boards.intel(folder / "files/counters"),
    }

    before = product.environment()  # which a session in this process changes while it runs

    def measure(name: str) -> subprocess.CompletedProcess[str]:
        options = (*OPTIONS, f"--power-monitor={BOARDS[name].sensor}", f"--benchmark-save={name}")
        if name not in OWN_PROCESS:
            return product.measure_here(folder / name, *options, **settings[name])
        return product.measure(folder / name, *options, **before | settings[name])

    with ThreadPoolExecutor(2) as pool:
        others = [pool.submit(measure, name) for name in OWN_PROCESS if name != "counters"]
        ended = [measure(name) for name in BOARDS if name not in OWN_PROCESS]
        ended += [other.result() for other in others]
    with boards.counting(folder / "files/counters"):  # a thread of this process, which no session here may starve
        ended.append(measure("counters"))
    for done in ended:
        assert done.returncode == 0, done.stdout + done.stderr
    return Measured(folder)


@pytest.fixture(scope="module")
def study(measured: Measured, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return the CSV, by device, of one `python -m plotting` over the three boards' saves."""
    out = tmp_path_factory.mktemp("plots")
    done = product.plotting(*(f"--results={measured.folder / name}" for name in STUDY), "--out", str(out), "--strict")
    assert done.returncode == 0, done.stderr
    assert len(list(out.glob("*.png"))) == len(FIGURES)
    return pd.read_csv(out / "vision_model_metrics.csv").set_index("device")


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_s_watts_and_joules(measured: Measured, name: str) -> None:
    """Kind, scope, rails and watts are the board's, at work and at rest, and joules are its watts times the windows."""
    board = BOARDS[name]
    (benchmark,) = measured.save(name)["benchmarks"]
    runs, power = benchmark["extra_info"]["runs"], benchmark["extra_info"]["power"]

    assert measured.save(name)["machine_info"]["device"]["kind"] == board.expected["device_kind"]
    assert (power["scope"], "+".join(power["rails"])) == (board.expected["power_scope"], board.expected["power_rails"])
    assert power["energy_runs"] == RUNS
    assert sum(runs["energy_j"]) == pytest.approx(board.watts * sum(runs["latency_s"]), rel=board.within)
    assert power["idle_w"] == pytest.approx(board.watts, rel=board.within)


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
