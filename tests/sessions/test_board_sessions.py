"""Sessions with the other sensors of a board, and with a desktop processor's counters. Never run on a board."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.board_sessions import Measured, check_watts_and_joules, measure_boards

if TYPE_CHECKING:
    from pathlib import Path

SENSORS = ("input", "stats", "service", "counters")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory, nvml_library: Path) -> Measured:
    """Measure beside each sensor."""
    return measure_boards(tmp_path_factory.mktemp("boards"), SENSORS, nvml_library)


@pytest.mark.parametrize("name", SENSORS)
def test_a_board_s_watts_and_joules(measured: Measured, name: str) -> None:
    """Kind, scope, rails and watts are the board's, at work and at rest, and joules are its watts times the windows."""
    check_watts_and_joules(measured, name)
