"""The jtop monitor with a stand-in for jetson-stats' package, whose service each test controls.

test_jtop_service.py does the same with the real service, if it can be installed and run.

Tests benchmarks.power.base and benchmarks.power.sensors.jtop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import power
from benchmarks.power.base import PowerTarget
from tests.support import trees
from tests.support.jtop_package import ORIN, THOR, make_power
from tests.support.quick_jtop import open_monitor, read_for, read_until_lost, read_watts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("rails", "summed", "expected"),
    [
        (ORIN, ("VDD_GPU_SOC",), 7.6),
        (THOR, ("VDD_GPU", "VDD_CPU_SOC_MSS"), 54.0),
        ({"VDD_CPU_GPU_CV": 486, "VDD_SOC": 1012}, ("VDD_CPU_GPU_CV", "VDD_SOC"), 1.498),
    ],
    ids=["AGX Orin", "Thor", "Orin NX and Nano"],
)
def test_each_board_has_its_rails(
    jtop_service: Any, rails: dict[str, int], summed: tuple[str, ...], expected: float
) -> None:
    """GPU+SOC is the sum of the board's rails now, not the service's total or averages."""
    jtop_service.power = make_power(rails)
    monitor = open_monitor()

    assert (monitor.rails, monitor.scope) == (summed, "gpu+soc")
    assert read_watts(monitor) == {expected}
    assert monitor.source.startswith("jtop service, jetson-stats 7.2.2, L4T 36.4.4, rails of ")
    monitor.close()
    monitor.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda rail: rail.pop("VDD_CPU_SOC_MSS"),
        lambda rail: rail["VDD_CPU_SOC_MSS"].update(online=False),
        lambda rail: rail["VDD_CPU_SOC_MSS"].update(power=None),
        lambda rail: rail.clear(),
    ],
    ids=["missing", "offline", "without a figure", "none at all"],
)
def test_a_missing_rail_voids_the_reading(jtop_service: Any, change: Callable[[Any], object]) -> None:
    """A reading that lacks a rail has no watts."""
    jtop_service.power = make_power(THOR)
    monitor = open_monitor()
    changed = make_power(THOR)
    change(changed["rail"])
    jtop_service.power = changed

    assert read_watts(monitor) == {None}
    monitor.close()


@pytest.mark.parametrize(
    ("rails", "worth"),
    [(ORIN, (0.461880, 0.4)), (THOR, (None, None)), ({"VDD_CPU_GPU_CV": 486, "VDD_SOC": 1012}, (0.092376, 0.056569))],
    ids=["AGX Orin", "Thor", "Orin NX and Nano"],
)
def test_what_the_chips_are_worth(
    jtop_service: Any, tmp_path: Path, rails: dict[str, int], worth: tuple[float | None, float | None]
) -> None:
    """Offset and step come from the board's known shunts, and the averaging time from the kernel."""
    jtop_service.power = make_power(rails)
    trees.hwmon(tmp_path, "thor")
    monitor, blind = open_monitor(tmp_path), open_monitor()
    monitor.close()
    blind.close()

    found = monitor.offset_uncertainty_w, monitor.resolution_w
    assert found == (worth if worth[0] is None else pytest.approx(worth, rel=1e-5))
    assert monitor.averaging_s == (pytest.approx(0.007) if rails == THOR else None)
    assert blind.averaging_s is None


def test_ram_as_the_service_sees_it(jtop_service: Any) -> None:
    """Each reading holds the RAM in use, and one without it still has watts."""
    monitor = open_monitor()
    seen = {sample.ram_bytes for sample in read_for(monitor)}
    jtop_service.memory = {}
    read_for(monitor, 0.06)
    blind = read_for(monitor)
    monitor.close()

    assert seen == {4_000_000 * 1024}
    assert {(sample.watts, sample.ram_bytes) for sample in blind} == {(7.6, None)}


@pytest.mark.parametrize(("rails", "mismatch"), [(ORIN, True), (THOR, False)], ids=["AGX Orin", "Thor"])
def test_which_boards_cover_the_cpu(jtop_service: Any, rails: dict[str, int], *, mismatch: bool) -> None:
    """A Thor's rails cover a model on the CPU, which they feed; an AGX Orin's do not."""
    jtop_service.power = make_power(rails)
    chosen = power.select("jtop", PowerTarget("cpu"))
    assert chosen.monitor is not None
    chosen.monitor.close()

    assert chosen.scope_mismatch == mismatch


def test_a_service_that_goes_again_at_once(jtop_service: Any) -> None:
    """A service that accepts a connection while it stops has not come back."""
    monitor = open_monitor()
    jtop_service.alive = False
    read_for(monitor, 1.1)  # the first try finds it still going
    jtop_service.alive = True

    assert {sample.watts for sample in read_for(monitor, 1.2)} == {7.6}
    assert len(monitor.remarks) == 1
    monitor.close()


def test_an_old_reading_is_no_new_one(jtop_service: Any) -> None:
    """A repeated reading, known by the board's uptime, counts once, and repeats alone are a lost sensor."""
    monitor = open_monitor()
    read_for(monitor)
    jtop_service.uptime = 1234.5

    assert len(read_for(monitor, 0.15)) <= 8
    assert "there was no new reading for 0.2 s" in read_until_lost(monitor)


def test_a_service_that_comes_back(jtop_service: Any) -> None:
    """The monitor reconnects once: the gap has no watts and a remark, and a second loss is final."""
    monitor = open_monitor()
    jtop_service.alive = False
    gap = read_for(monitor, 0.3)
    jtop_service.alive = True
    back = read_for(monitor, 1.2)

    assert [sample.watts for sample in gap][-1] is None
    assert {sample.watts for sample in back} == {7.6}
    (remark,) = monitor.remarks
    assert remark.startswith(
        "The jtop service was lost (RuntimeError: Lost connection with jtop server) and came back after "
    )
    jtop_service.alive = False
    assert read_until_lost(monitor) == (
        "the jtop service was lost a second time: RuntimeError: Lost connection with jtop server"
    )


def test_a_service_that_stays_away(jtop_service: Any) -> None:
    """A service that stays away is a lost sensor, and no client is made while its socket is missing."""
    monitor = open_monitor()
    jtop_service.alive, before = False, jtop_service.clients
    jtop_service.socket.unlink()

    assert "and after 2.5 s its socket has not come back" in read_until_lost(monitor)
    assert jtop_service.clients == before
