"""No sensor gives a power that its hardware cannot draw, and each states its range.

Tests benchmarks.power.sensors.ranges.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.power.base import PowerTarget
from benchmarks.power.sensors import rails, ranges
from benchmarks.power.sensors.hwmon import HwmonMonitor
from benchmarks.power.sensors.logs import ReplayMonitor, WallMeterMonitor
from benchmarks.power.sensors.rapl import RaplMonitor
from tests.support import trees
from tests.support.bench import charge
from tests.support.fake_tegrastats import THOR, THOR_W, QuickTegrastats, print_forever, write_script
from tests.support.jtop_package import ORIN, make_power
from tests.support.meter_log import HEAD, make_rows, write_log
from tests.support.nvml_probe import run_code
from tests.support.quick_jtop import open_monitor, read_watts

if TYPE_CHECKING:
    from pathlib import Path

S = 1_000_000_000
CARD_W, FULL_SCALE_MA = 65_535.0, 81_900


def open_hwmon(root: Path, argument: str | None = None) -> HwmonMonitor:
    """Open a board's sensor below `root`."""
    return HwmonMonitor(PowerTarget("cuda:0", root=root), argument)


@pytest.mark.parametrize(
    ("board", "rail", "file", "number", "watts"),
    [
        ("orin", "VDD_GPU_SOC", "curr1_input", FULL_SCALE_MA, 1556.1),
        ("orin", "VDD_GPU_SOC", "in1_input", 32_760, 26.208),
        ("orin", "VIN_SYS_5V0", "curr3_input", -FULL_SCALE_MA, -388.6),
        ("nano", "VDD_SOC", "curr3_input", 32_760, 167.8),
        ("thor", "VDD_GPU", "curr1_input", 3_343_673, 65_545.79),
        ("thor", "VIN", "power1_input", 6_553_500_000, 6553.5),
    ],
)
def test_a_rail_at_the_end_of_its_range_is_void(
    tmp_path: Path, board: str, rail: str, file: str, number: int, watts: float
) -> None:
    """A reading at the end of a chip's scale, or beyond what the board draws, is void, and the next one counts."""
    argument = "whole" if rail.startswith("VIN") else None
    folder = trees.hwmon(tmp_path, board)[rail].parent
    monitor = open_hwmon(tmp_path, argument)
    before = (folder / file).read_text()
    (folder / file).write_text(f"{number}\n")
    (void,) = monitor.read()
    (folder / file).write_text(before)
    (there,) = monitor.read()

    assert void.watts is None
    assert void.refused_w == pytest.approx(watts, rel=1e-3)
    assert there.watts is not None
    assert there.refused_w is None


@pytest.mark.parametrize("number", [FULL_SCALE_MA, 3_450_000])
def test_one_percent_of_such_readings_costs_nothing(tmp_path: Path, number: int) -> None:
    """With 1% of readings that the hardware cannot draw, joules are right within 1%, and the flag names the range."""
    current = trees.hwmon(tmp_path, "orin")["VDD_GPU_SOC"]
    monitor = open_hwmon(tmp_path)
    samples = []
    for tick in range(400):
        current.write_text(f"{number if tick % 100 == 50 else 800}\n")
        samples += [replace(sample, time_ns=tick * S // 20) for sample in monitor.read()]
    found = charge("hwmon", monitor, samples, [(S, 19 * S)])

    assert (found.energy_j or [None])[0] == pytest.approx(15.2 * 18, rel=0.001)
    assert found.coverage == [1.0]
    (flag,) = [flag for flag in found.power["flags"] if "void" in flag]
    assert flag.startswith("4 of 361 readings during the runs (")
    assert "they lie outside the range of the hardware, up to 225 W (3 x 75 W, NVIDIA's data sheet of " in flag


def test_nothing_but_such_readings_is_no_energy(tmp_path: Path) -> None:
    """If every reading lies outside the range, there is no energy, and the reason says so."""
    current = trees.hwmon(tmp_path, "orin")["VDD_GPU_SOC"]
    monitor = open_hwmon(tmp_path)
    current.write_text(f"{FULL_SCALE_MA}\n")
    samples = [replace(monitor.read()[0], time_ns=tick * S // 20) for tick in range(60)]
    found = charge("hwmon", monitor, samples, [(S, 2 * S)])

    assert found.energy_j is None
    assert found.power["reasons"]["method"] == "no reading was valid: 60 lay outside the range of the hardware"


def test_tegrastats_and_jtop_know_the_boards_range(tegrastats_path: Path, jtop_service: Any) -> None:
    """A rail of 65,535 W in a line of tegrastats or a reading of jtop is void."""
    write_script(tegrastats_path, print_forever(THOR, THOR.replace("VDD_GPU 37528mW", "VDD_GPU 65535000mW")))
    monitor = QuickTegrastats(PowerTarget("cuda:0"))
    time.sleep(0.4)
    samples = monitor.read()
    monitor.close()
    client = open_monitor()
    jtop_service.power = make_power(ORIN | {"VDD_GPU_SOC": 1_556_000})

    assert {sample.watts for sample in samples} == {THOR_W, None}
    assert {sample.refused_w for sample in samples} == {None, 65_535 + 18.961}
    assert (monitor.largest_w, monitor.range_source[:36]) == (390.0, "3 x 130 W, NVIDIA's data sheet of Je")
    assert read_watts(client) == {None}
    assert client.largest_w == 225.0
    client.close()


def test_every_board_has_a_range() -> None:
    """Each board's range is three times the power that NVIDIA states for a module."""
    assert {board.rated: ranges.compute_largest_w(board.rated_w) for board in rails.BOARDS} == {
        "AGX Orin Industrial": 225.0,
        "Jetson T5000": 390.0,
        "Orin NX 16GB": 120.0,
        "AGX Xavier Industrial": 120.0,
    }


GLITCH = """
import json, os, time
from benchmarks.power.base import PowerTarget
from benchmarks.power.sensors.nvml import NvmlMonitor
monitor, seen = NvmlMonitor(PowerTarget("cuda:0")), []
for change in ({}, {"FAKE_MW": "3700000"}, {"FAKE_MW": "6553500"}, {"FAKE_JUMP": "9e9"}, {"FAKE_MW": "31000"}):
    os.environ |= {"FAKE_MW": "22000", "FAKE_JUMP": "0"} | change
    seen += [(s.watts, s.refused_w and round(s.refused_w), s.energy_j is None) for s in monitor.read()]
print(json.dumps([monitor.largest_w, monitor.range_source, seen]))
"""
LIMIT = "the highest power limit that NVML reports"


@pytest.mark.parametrize(
    ("fakes", "largest_w", "source"),
    [
        ({"FAKE_PROFILE": "H200", "FAKE_LIMIT": "700000"}, 2100.0, f"3 x 700 W, {LIMIT}"),
        ({"FAKE_PROFILE": "GB10"}, 420.0, "3 x 140 W, NVIDIA's TDP of the GB10, whose driver reports no limit"),
        ({"FAKE_PROFILE": "RTX"}, None, "NVML reports no power limit for this GPU"),
    ],
)
def test_a_gpu_draws_no_more_than_its_limit_allows(
    nvml_library: Path, fakes: dict[str, str], largest_w: float | None, source: str
) -> None:
    """Power beyond three times a GPU's limit is void, and so is a counter's jump; without a limit it counts."""
    found_w, found_source, seen = run_code(nvml_library, GLITCH, FAKE_MW="22000", FAKE_OFF="", **fakes)

    assert (found_w, found_source) == (largest_w, source)
    assert [watts for watts, _, _ in seen] == [22.0, *([3700.0, 6553.5] if largest_w is None else [None] * 2), 22, 31]
    assert [refused_w for _, refused_w, _ in seen[1:3]] == ([None] * 2 if largest_w is None else [3700, 6554])
    assert seen[3][2] == (largest_w is not None)


@pytest.mark.parametrize(("limits", "largest_w"), [({}, None), ({"0_max": 65e6, "1_limit": 219e6}, 657.0)])
def test_a_processor_draws_no_more_than_its_limits_allow(
    tmp_path: Path, limits: dict[str, float], largest_w: float | None
) -> None:
    """A counter's step beyond three times the highest limit is void; without a limit 10 kW count, which is said."""
    counter = trees.rapl(tmp_path, {"intel-rapl:0": "package-0"})["intel-rapl:0"]
    for name, microwatts in limits.items():
        constraint = name.replace("_max", "_max_power_uw").replace("_limit", "_power_limit_uw")
        trees.write(counter.parent / f"constraint_{constraint}", round(microwatts))
    monitor = RaplMonitor(PowerTarget("cpu", root=tmp_path))
    time.sleep(0.01)
    counter.write_text("40000000")  # 40 J in 10 ms are 4 kW

    assert monitor.largest_w == largest_w
    assert (monitor.read()[0].energy_j is None) == (largest_w is not None)
    assert ("state no limit of a package" in monitor.range_source) == (largest_w is None)


@pytest.mark.parametrize(
    ("option", "note", "largest_w", "source"),
    [
        ("", "", None, "type csv:FILE,max=WATTS with what the meter reads at most"),
        (",max=3680", "", 3680.0, "stated by its user"),
        ("", "# max_w: 3680\n", 3680.0, "stated by its user"),
    ],
)
def test_a_log_states_a_range_if_its_user_does(
    tmp_path: Path, option: str, note: str, largest_w: float | None, source: str
) -> None:
    """Nobody knows a meter's range but its user: without it a reading of 65,535 W counts, and a flag says so."""
    path = write_log(tmp_path, note + HEAD + make_rows(50, -9, -6) + make_rows(CARD_W, -5, -5) + make_rows(50, -4, -1))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: 2 + bool(note) + 1]))
    monitor = WallMeterMonitor(PowerTarget("cpu"), f"{path}{option}")
    with path.open("a") as file:
        file.writelines(lines[2 + bool(note) + 1 :])
    samples = monitor.read()
    found = charge("csv", monitor, samples, [(samples[0].time_ns, samples[-1].time_ns)])

    assert (monitor.largest_w, monitor.range_source) == (largest_w, source)
    assert (CARD_W in {sample.watts for sample in samples}) == (largest_w is None)
    unknown = f"Nobody states the range of this sensor ({source}): a reading that the hardware cannot draw would count."
    assert (unknown in found.power["flags"]) == (largest_w is None)
    if largest_w is not None:
        assert (found.energy_j or [None])[0] == pytest.approx(50 * (samples[-1].time_ns - samples[0].time_ns) / S)


def test_a_trace_states_its_range_in_a_comment(tmp_path: Path) -> None:
    """A recorded trace has a range only if a comment of it says so."""
    ranges_w = []
    for note in ("", "# max_w: 180\n"):
        (tmp_path / "trace.csv").write_text(f"{note}time_s,watts\n0,10\n1,10\n")
        ranges_w.append(ReplayMonitor(PowerTarget("cpu"), str(tmp_path / "trace.csv")).largest_w)

    assert ranges_w == [None, 180.0]
