"""A board's rails through hwmon: files in the kernel's layout below a folder. Never run on a board.

Tests benchmarks.power.sensors.chips and benchmarks.power.sensors.hwmon.
"""

from __future__ import annotations

import itertools
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.power.base import PowerSample, PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sampler import draw_moments
from benchmarks.power.sensors.hwmon import HwmonMonitor
from tests.support import trees
from tests.support.bench import charge

if TYPE_CHECKING:
    from pathlib import Path

S = 1_000_000_000


def opened(root: Path, argument: str | None = None) -> HwmonMonitor:
    """Open the sensor below `root`."""
    return HwmonMonitor(PowerTarget("cuda:0", root=root), argument)


@pytest.mark.parametrize(
    ("board", "argument", "scope", "rails", "watts"),
    [
        ("orin", None, "gpu+soc", ("VDD_GPU_SOC",), 15.2),
        ("orin", "whole", "module", ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"), 15.2 + 5.7 + 4.5),
        ("thor", None, "gpu+soc", ("VDD_GPU", "VDD_CPU_SOC_MSS"), 29.4 + 9.8),
        ("thor", "whole", "system input", ("VIN",), 87.5),
        ("nano", None, "gpu+soc", ("VDD_CPU_GPU_CV", "VDD_SOC"), 6.0),
        ("nano", "whole", "module", ("VDD_IN",), 10.0),
        ("xavier", None, "gpu+soc", ("GPU", "SOC"), 13.3),
    ],
)
def test_each_boards_rails_are_summed_by_name(
    tmp_path: Path, board: str, argument: str | None, scope: str, rails: tuple[str, ...], watts: float
) -> None:
    """Rails are found by label and summed as the board's entry says, without VDDQ, VIN and NC."""
    trees.hwmon(tmp_path, board)
    monitor = opened(tmp_path, argument)
    (sample,) = monitor.read()

    assert sample.watts == pytest.approx(watts)
    assert sample.energy_j is None
    assert (monitor.scope, monitor.rails) == (scope, rails)
    assert monitor.period_s == 0.05
    chip = "ina238" if rails == ("VIN",) else "ina3221 (samples 1, update_interval 7)"
    assert monitor.source.startswith(f"hwmon of {chip}, rails of ")


@pytest.mark.parametrize(
    ("board", "holds"),
    [("orin", "GPU and SOC"), ("thor", "GPU, and SOC with CPU and memory subsystem"), ("xavier", "GPU and SOC")],
)
def test_the_source_says_what_the_rails_feed(tmp_path: Path, board: str, holds: str) -> None:
    """The source names what the rails feed: a Thor's SOC rail feeds its CPU, an Orin's does not."""
    trees.hwmon(tmp_path, board)

    assert opened(tmp_path).source.endswith(f", rails of {holds}")


def test_known_joules(tmp_path: Path) -> None:
    """Rails that draw 39.2 W for 2 s make 78.4 J, within 0.5%."""
    trees.hwmon(tmp_path, "thor")
    monitor = opened(tmp_path)
    samples = [PowerSample(tick * S // 20, monitor.read()[0].watts) for tick in range(100)]
    found = charge("hwmon", monitor, samples, [(S, 3 * S)])

    assert found.energy_j == pytest.approx([39.2 * 2], rel=0.005)
    assert (found.power["method"], found.power["rails"]) == ("integration", ["VDD_GPU", "VDD_CPU_SOC_MSS"])


@pytest.mark.parametrize("content", [None, "", "many", "nan", "1e999", "-"])
def test_a_missing_rail_voids_the_reading(tmp_path: Path, content: str | None) -> None:
    """While one rail of the sum cannot be read, the readings are void."""
    current = trees.hwmon(tmp_path, "thor")["VDD_CPU_SOC_MSS"]
    monitor = opened(tmp_path)
    if content is None:
        current.unlink()
    else:
        current.write_text(content)
    (missing,) = monitor.read()
    current.write_text("500\n")
    (there,) = monitor.read()

    assert missing.watts is None
    assert there.watts == pytest.approx(39.2)


def test_permissions_that_change_while_it_runs() -> None:
    """A rail that becomes unreadable voids the readings until it is readable again."""
    with trees.readable_by_all() as root:
        rail = trees.hwmon(root, "thor")["VDD_CPU_SOC_MSS"]
        monitor, watts = opened(root), []
        for mode in (0o444, 0, 0o444):
            rail.chmod(mode)
            with trees.as_nobody():
                watts.append(monitor.read()[0].watts)

    assert watts == [pytest.approx(39.2), None, pytest.approx(39.2)]


@pytest.mark.parametrize(
    ("board", "argument", "shunt_uohm", "worth", "said"),
    [
        # (offset, step) in watts: sum of V x 80 uV / R, / sqrt(3), and V x 40 uV / R, by hand
        ("orin", None, None, (0.461880, 0.4), "2 mOhm at 20 V, from tegra234-p3701.dtsi of Linux"),
        ("orin", None, 2000, (0.438786, 0.38), "2 mOhm at 19 V, from the kernel's files"),
        (
            "orin",
            "whole",
            2000,
            (0.993042, 0.546626),
            "2 mOhm at 19 V, 2 mOhm at 19 V, 2 mOhm at 5 V, from the kernel's",
        ),
        ("nano", None, None, (0.092376, 0.056569), "5 mOhm at 5 V, 5 mOhm at 5 V, from tegra234-p3767.dtsi"),
        ("xavier", None, None, (0.360267, 0.220617), "5 mOhm at 19.5 V, 5 mOhm at 19.5 V, from tegra194-p2888.dtsi"),
        ("thor", None, None, None, "the shunts of Jetson Thor are not specified"),
        ("thor", None, 2000, (0.905285, 0.554372), "2 mOhm at 19.6 V, 2 mOhm at 19.6 V, from the kernel's files"),
        ("thor", "whole", 2000, None, "the shunts of Jetson Thor are not specified"),
    ],
)
def test_what_the_chips_are_worth(
    tmp_path: Path,
    board: str,
    argument: str | None,
    shunt_uohm: int | None,
    worth: tuple[float, float] | None,
    said: str,
) -> None:
    """Offset and step use the shunts that the kernel or the table states; without them they are unknown."""
    trees.hwmon(tmp_path, board, shunt_uohm)
    monitor = opened(tmp_path, argument)

    found = monitor.offset_uncertainty_w, monitor.resolution_w
    assert found == ((None, None) if worth is None else pytest.approx(worth, rel=1e-5))
    assert said in monitor.offset_source
    assert monitor.averaging_s == (None if monitor.rails == ("VIN",) else pytest.approx(0.007))
    assert (monitor.gain_uncertainty, monitor.lag_s) == (None, None)


def test_the_budget_has_what_is_known(tmp_path: Path) -> None:
    """A board's energy has its offset error and step in the budget, and a flag: no gain error is specified."""
    trees.hwmon(tmp_path, "orin")
    monitor = opened(tmp_path)
    moments = itertools.takewhile(lambda moment: moment < 5, draw_moments(0.0, monitor.period_s))
    samples = [PowerSample(int(moment * S), monitor.read()[0].watts) for moment in moments]
    found = charge("hwmon", monitor, samples, [(S, 3 * S)])
    terms = {term["name"]: term["relative"] for term in found.power["uncertainty"]}

    assert terms["offset"] == pytest.approx(0.461880 / 15.2, rel=1e-5)
    assert terms["quantisation"] == pytest.approx(0.4 / 12**0.5 / 15.2)
    assert found.power["flags"] == [
        "The uncertainty contains the sensor's offset error, but not its gain error, which is not specified."
    ]


@pytest.mark.parametrize("content", ["", "0", "-5", "much"])
def test_odd_shunts_are_none(tmp_path: Path, content: str) -> None:
    """If the kernel's shunt is invalid, the table's is used."""
    folder = trees.hwmon(tmp_path, "orin", 2000)["VDD_GPU_SOC"].parent
    (folder / "shunt1_resistor").write_text(content)
    (folder / "samples").write_text(content)

    monitor = opened(tmp_path)
    assert monitor.resolution_w == pytest.approx(0.4)
    assert monitor.averaging_s is None


def test_missing_rails_cover_nothing(tmp_path: Path) -> None:
    """A run with a missing rail has no joules, not too few."""
    rail = trees.hwmon(tmp_path, "thor")["VDD_CPU_SOC_MSS"]
    monitor = opened(tmp_path)
    samples = []
    for tick in range(120):
        rail.write_text("" if 20 <= tick < 60 else "500")
        samples.append(PowerSample(tick * S // 20, monitor.read()[0].watts))
    two = [(S, 3 * S), (4 * S, 5 * S)]
    found = charge("hwmon", monitor, samples, two)

    assert found.energy_j == [None, pytest.approx(39.2)]
    assert found.coverage == [pytest.approx(0.0, abs=0.03), 1.0]
    assert found.power["energy_runs"] == 1


def test_one_missing_reading_is_no_gap(tmp_path: Path) -> None:
    """A rail that cannot be read once in a hundred readings costs no energy: the readings beside it stand for it."""
    rail = trees.hwmon(tmp_path, "thor")["VDD_CPU_SOC_MSS"]
    monitor = opened(tmp_path)
    samples = []
    for tick in range(300):
        rail.write_text("" if tick % 100 == 50 else "500")
        samples.append(PowerSample(tick * S // 20, monitor.read()[0].watts))
    found = charge("hwmon", monitor, samples, [(S, 14 * S)])

    assert found.energy_j == pytest.approx([39.2 * 13])
    assert found.coverage == [1.0]


def test_current_that_flows_back_is_kept(tmp_path: Path) -> None:
    """A negative current, one step of the chip below 0 at idle, is a reading: clipping would bias idle power up."""
    trees.hwmon(tmp_path, "thor")["VDD_GPU"].write_text("-20\n")

    assert opened(tmp_path).read()[0].watts == pytest.approx(9.8 - 0.392)


def test_a_chip_that_goes_is_a_lost_sensor(tmp_path: Path) -> None:
    """If the driver is unloaded during the runs, the sensor is lost, and the reason names its folder."""
    folder = trees.hwmon(tmp_path, "orin")["VDD_GPU_SOC"].parent
    monitor = opened(tmp_path)
    shutil.rmtree(folder)

    with pytest.raises(SensorLost, match=r"hwmon3 is gone"):
        monitor.read()


@pytest.mark.parametrize(
    ("board", "label", "argument", "complaint"),
    [
        ("thor", "VDD_GPU", None, "Jetson Thor lacks VDD_GPU"),
        ("thor", "VIN", "whole", "Jetson Thor lacks VIN"),
        ("orin", "VIN_SYS_5V0", "whole", "Jetson AGX Orin lacks VIN_SYS_5V0"),
        ("orin", "VDD_GPU_SOC", None, "no INA3221 has the rails of a Jetson board"),
        (
            "xavier",
            "CV",
            "whole",
            "the rails of a whole Jetson AGX Xavier are not documented; type --power-monitor=hwmon",
        ),
    ],
)
def test_a_board_without_a_rail_is_refused(
    tmp_path: Path, board: str, label: str, argument: str | None, complaint: str
) -> None:
    """A board that lacks a rail of the sum is refused, and the rails that it has are named."""
    current = trees.hwmon(tmp_path, board)[label]
    if label == "VIN":
        shutil.rmtree(current.parent)
    else:
        next(file for file in current.parent.glob("in*_label") if file.read_text().strip() == label).unlink()

    with pytest.raises(SensorUnavailable, match=complaint):
        opened(tmp_path, argument)


def test_a_label_that_stands_twice_is_no_rail(tmp_path: Path) -> None:
    """If two channels have the same label, the board is refused."""
    trees.hwmon(tmp_path, "orin")
    twin = trees.chip(tmp_path, "2-0040", 7, "ina3221")
    trees.write(twin / "in1_label", "VDD_GPU_SOC")

    with pytest.raises(SensorUnavailable, match="no INA3221 has the rails"):
        opened(tmp_path)


def test_other_machines_have_no_rails(tmp_path: Path) -> None:
    """A machine with other chips, or none, is refused."""
    trees.write(trees.chip(tmp_path, "0-0048", 0, "coretemp") / "in1_label", "VDD_GPU_SOC")

    with pytest.raises(SensorUnavailable, match="found no rails at all"):
        opened(tmp_path)


def test_permissions(tmp_path: Path) -> None:
    """An unreadable file is refused at the start, with what to type if a permission is missing."""
    with trees.readable_by_all() as root:
        trees.hwmon(root, "thor")["VDD_GPU"].chmod(0)
        with trees.as_nobody(), pytest.raises(SensorUnavailable, match=r"Permission denied\); type sudo chmod a\+r "):
            opened(root)
    odd = trees.hwmon(tmp_path, "thor")["VDD_GPU"]
    odd.unlink()
    odd.mkdir()
    with pytest.raises(SensorUnavailable, match=r"VDD_GPU: .*curr1_input cannot be read"):
        opened(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_are_no_crash(tmp_path: Path, label: bytes, current: bytes) -> None:
    """Any bytes in the files make the sensor open, refuse or read nothing, without another error."""
    root = tmp_path / str(time.monotonic_ns())
    file = trees.hwmon(root, "thor")["VDD_GPU"]
    monitor = opened(root)
    file.write_bytes(current)
    monitor.read()
    (file.parent / "in2_label").write_bytes(label)
    (file.parent / "update_interval").write_bytes(label)
    said = "hwmon: opened"
    try:
        opened(root).read()
    except SensorUnavailable as refusal:
        said = str(refusal)
    assert said.startswith("hwmon: ")
