"""The table of boards, checked against recorded readings.

Tests benchmarks.power.sensors.jetson and benchmarks.power.sensors.rails.
"""

from __future__ import annotations

import pytest

from benchmarks.power.sensors import rails
from benchmarks.power.sensors.ina3221 import compute_resolution_w
from benchmarks.power.sensors.tegrastats import parse_milliwatts
from tests.support.fake_tegrastats import LINES


@pytest.mark.parametrize("board", rails.BOARDS, ids=lambda board: board.name)
def test_each_board_is_whole(board: rails.Board) -> None:
    """A board's sums use rails that it lists, and its GPU and SOC rails identify it."""
    sums = [board.gpu_soc, *([board.whole] if board.whole else [])]
    listed = [rail.label for rail in board.rails]

    assert len(set(listed)) == len(listed)
    for chosen in sums:
        assert set(chosen.labels) <= set(listed)
        assert not rails.list_missing(chosen, listed)
    for label in board.gpu_soc.labels:
        assert rails.find_board([label, "NC"]) is board
    assert rails.find_complete_board(board.gpu_soc.labels) is board


def test_a_board_without_all_of_its_rails() -> None:
    """A part of a board's rails identifies it and what it lacks, but gives no sum."""
    thor = rails.find_board(["VDD_GPU", "VIN"])

    assert thor is not None
    assert rails.list_missing(thor.gpu_soc, ["VDD_GPU", "VIN"]) == ["VDD_CPU_SOC_MSS"]
    assert rails.find_complete_board(["VDD_GPU", "VIN"]) is None
    assert rails.find_board(["VIN", "VDD_IN", "VIN_SYS_5V0"]) is None
    assert rails.sum_watts({"VDD_GPU": 1}, thor.gpu_soc.labels) is None


def few_steps() -> list[tuple[str, str, int, float]]:
    """Return (line, rail, mW, step in mW) of the recorded readings of at most 13 steps."""
    found = []
    for name, line in LINES.items():
        shown = parse_milliwatts(line)
        board = rails.find_board(shown)
        assert board is not None
        for rail in board.rails:
            step = compute_resolution_w([(rail.volts, rail.shunt_ohm)])
            if step is not None and rail.label in shown and 0 < shown[rail.label] <= 13 * step * 1e3:
                found.append((name, rail.label, shown[rail.label], step * 1e3))
    return found


def test_recorded_readings_are_whole_steps() -> None:
    """Recorded readings are whole steps of the chip with the table's shunts and voltages, within 3%."""
    found = few_steps()

    assert {name for name, *_ in found} >= {"r35_agx_orin", "r36_agx_orin", "orin_nano", "agx_xavier"}
    for name, label, now, step in found:
        count = round(now / step)
        assert now == pytest.approx(count * step, rel=0.03), (name, label)
