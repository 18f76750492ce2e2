"""The jtop monitor over a package in jetson-stats' place, so that what a service does can be told to it.

test_jtop_service.py tries the same against the real one, where it can be installed and run.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import power
from benchmarks.power.base import PowerSample, PowerTarget, SensorLost
from benchmarks.power.sensors.jtop import JtopMonitor
from tests.support import jtop_package, trees
from tests.support.jtop_package import power_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ORIN = {"VDD_GPU_SOC": 7600, "VDD_CPU_CV": 2280, "VIN_SYS_5V0": 4500}
THOR = {"VDD_GPU": 36000, "VDD_CPU_SOC_MSS": 18000, "VIN_SYS_5V0": 18000}


class Brisk(JtopMonitor):
    """The monitor as it is, at 50 Hz and with less patience."""

    interval_s = 0.02
    patience_s = 1.0
    silence_s = 0.2
    return_s = 2.5


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Put a package in jetson-stats' place; yield what its service is told to do."""
    for name in [name for name in sys.modules if name.split(".")[0] == "jtop"]:
        monkeypatch.delitem(sys.modules, name)
    socket = jtop_package.install(tmp_path, ORIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = multiprocessing.get_start_method(allow_none=True)
    told: Any = __import__("jtop").told
    multiprocessing.set_start_method(before, force=True)
    told.socket = socket
    yield told
    for name in ("jtop", "jtop.service"):
        sys.modules.pop(name, None)


def opened(root: Path = Path("/nonexistent")) -> JtopMonitor:
    """Open the monitor."""
    return Brisk(PowerTarget("cuda:0", root=root))


def reading(monitor: JtopMonitor, seconds: float = 0.2) -> list[PowerSample]:
    """Read for some time, as a Sampler does."""
    samples: list[PowerSample] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        samples += monitor.read()
        time.sleep(0.01)
    return samples


def watts(monitor: JtopMonitor) -> set[float | None]:
    """Return the watts that come once what was under way has been read."""
    reading(monitor, 0.06)
    return {sample.watts for sample in reading(monitor)}


def loss(monitor: JtopMonitor, seconds: float = 5.0) -> str:
    """Read until the sensor is lost, and return why."""
    with pytest.raises(SensorLost) as lost:
        reading(monitor, seconds)
    monitor.close()
    return str(lost.value)


@pytest.mark.parametrize(
    ("rails", "summed", "expected"),
    [
        (ORIN, ("VDD_GPU_SOC",), 7.6),
        (THOR, ("VDD_GPU", "VDD_CPU_SOC_MSS"), 54.0),
        ({"VDD_CPU_GPU_CV": 486, "VDD_SOC": 1012}, ("VDD_CPU_GPU_CV", "VDD_SOC"), 1.498),
    ],
    ids=["AGX Orin", "Thor", "Orin NX and Nano"],
)
def test_each_board_has_its_rails(told: Any, rails: dict[str, int], summed: tuple[str, ...], expected: float) -> None:
    """GPU+SOC is the sum of the board's rails as they are now, whatever the service's total and averages say."""
    told.power = power_of(rails)
    monitor = opened()

    assert (monitor.rails, monitor.scope) == (summed, "gpu+soc")
    assert watts(monitor) == {expected}
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
def test_a_missing_rail_voids_the_reading(told: Any, change: Callable[[Any], object]) -> None:
    """A reading that lacks a rail is one without watts, never the sum of the others."""
    told.power = power_of(THOR)
    monitor = opened()
    changed = power_of(THOR)
    change(changed["rail"])
    told.power = changed

    assert watts(monitor) == {None}
    monitor.close()


@pytest.mark.parametrize(
    ("rails", "worth"),
    [(ORIN, (0.461880, 0.4)), (THOR, (None, None)), ({"VDD_CPU_GPU_CV": 486, "VDD_SOC": 1012}, (0.092376, 0.056569))],
    ids=["AGX Orin", "Thor", "Orin NX and Nano"],
)
def test_what_the_chips_are_worth(
    told: Any, tmp_path: Path, rails: dict[str, int], worth: tuple[float | None, float | None]
) -> None:
    """Offset and step are those of the board's shunts where they are known; averaging is what the kernel says."""
    told.power = power_of(rails)
    trees.hwmon(tmp_path, "thor")
    monitor, blind = opened(tmp_path), opened()
    monitor.close()
    blind.close()

    found = monitor.offset_uncertainty_w, monitor.resolution_w
    assert found == (worth if worth[0] is None else pytest.approx(worth, rel=1e-5))
    assert monitor.averaging_s == (pytest.approx(0.007) if rails == THOR else None)
    assert blind.averaging_s is None


def test_ram_as_the_service_sees_it(told: Any) -> None:
    """Each reading holds the RAM in use as the service counts it, and one without it costs no watts."""
    monitor = opened()
    seen = {sample.ram_bytes for sample in reading(monitor)}
    told.memory = {}
    reading(monitor, 0.06)
    blind = reading(monitor)
    monitor.close()

    assert seen == {4_000_000 * 1024}
    assert {(sample.watts, sample.ram_bytes) for sample in blind} == {(7.6, None)}


@pytest.mark.parametrize(("rails", "mismatch"), [(ORIN, True), (THOR, False)], ids=["AGX Orin", "Thor"])
def test_which_boards_cover_the_cpu(told: Any, rails: dict[str, int], *, mismatch: bool) -> None:
    """Computing on the CPU is covered by the rails of a Thor, which feed it, and not by those of an AGX Orin."""
    told.power = power_of(rails)
    chosen = power.select("jtop", PowerTarget("cpu"))
    assert chosen.monitor is not None
    chosen.monitor.close()

    assert chosen.scope_mismatch == mismatch


def test_a_service_that_goes_again_at_once(told: Any) -> None:
    """A service that takes a connection while it ends, and gives nothing, has not come back yet."""
    monitor = opened()
    told.alive = False
    reading(monitor, 1.1)  # the first try finds it still going
    told.alive = True

    assert {sample.watts for sample in reading(monitor, 1.2)} == {7.6}
    assert len(monitor.remarks) == 1
    monitor.close()


def test_an_old_reading_is_no_new_one(told: Any) -> None:
    """What the client gives out twice, told by the board's uptime, counts once, and in the end the sensor is lost."""
    monitor = opened()
    reading(monitor)
    told.uptime = 1234.5

    assert len(reading(monitor, 0.15)) <= 8
    assert "nothing new has come for 0.2 s" in loss(monitor)


def test_a_service_that_comes_back(told: Any) -> None:
    """A service that goes is connected to again, once: the gap has no watts and is said, a second loss is the last."""
    monitor = opened()
    told.alive = False
    gap = reading(monitor, 0.3)
    told.alive = True
    back = reading(monitor, 1.2)

    assert [sample.watts for sample in gap][-1] is None
    assert {sample.watts for sample in back} == {7.6}
    (remark,) = monitor.remarks
    assert remark.startswith(
        "The jtop service was lost (RuntimeError: Lost connection with jtop server) and was connected to again after "
    )
    told.alive = False
    assert loss(monitor) == ("the jtop service was lost a second time: RuntimeError: Lost connection with jtop server")


def test_a_service_that_stays_away(told: Any) -> None:
    """A service that does not come back is a lost sensor, and no client is made meanwhile for a socket that is gone."""
    monitor = opened()
    told.alive, before = False, told.clients
    told.socket.unlink()

    assert "and after 2.5 s its socket has not come back" in loss(monitor)
    assert told.clients == before
