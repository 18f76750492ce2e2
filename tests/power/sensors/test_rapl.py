"""The counters of CPUs: files in the kernel's layout below a folder. Never run on real counters.

Tests benchmarks.power.sensors.rapl.
"""

from __future__ import annotations

import random
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.power.base import PowerSample, PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sensors.rapl import RaplMonitor
from tests.support import trees
from tests.support.bench import charge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

S = 1_000_000_000
TOP = 262_143_328_850
DESKTOP = {
    "intel-rapl:0": "package-0",
    "intel-rapl:0:0": "core",
    "intel-rapl:0:1": "uncore",
    "intel-rapl:1": "psys",
    "intel-rapl-mmio:0": "package-0",
}
SERVER = {
    "intel-rapl:0": "package-0",
    "intel-rapl:0:0": "dram",
    "intel-rapl:1": "package-1",
    "intel-rapl:1:0": "dram",
}
AMD = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "core", "intel-rapl:1": "package-1", "intel-rapl:1:0": "core"}


def opened(root: Path) -> RaplMonitor:
    """Open the sensor below `root`."""
    return RaplMonitor(PowerTarget("cpu", root=root))


def joules(monitor: RaplMonitor) -> float | None:
    """Return the counter now."""
    (sample,) = monitor.read()
    return sample.energy_j


@pytest.mark.parametrize(
    ("zones", "scope", "rails", "joules_a_step"),
    [
        (DESKTOP, "package", ("package-0",), 1),
        (SERVER, "package+dram", ("package-0", "package-1", "dram", "dram"), 4),
        (AMD, "package", ("package-0", "package-1"), 2),
        ({**AMD, "intel-rapl:1:1": "dram"}, "package", ("package-0", "package-1"), 2),
        ({"intel-rapl-mmio:0": "package-0"}, "package", ("package-0",), 1),
    ],
    ids=["desktop", "server", "AMD", "memory of one socket alone", "MMIO alone"],
)
def test_no_zone_is_counted_twice(
    tmp_path: Path, zones: Mapping[str, str], scope: str, rails: tuple[str, ...], joules_a_step: int
) -> None:
    """Packages of all sockets and their memory are summed, but never core, uncore, psys or MMIO's copy."""
    counters = trees.rapl(tmp_path, zones)
    monitor = opened(tmp_path)
    for counter in counters.values():
        counter.write_text("1000000\n")

    assert joules(monitor) == pytest.approx(joules_a_step)
    assert (monitor.scope, monitor.rails) == (scope, rails)
    assert (monitor.cpu_only, monitor.gpu_only) == (True, False)


def test_known_joules(tmp_path: Path) -> None:
    """A counter that rises by 65 W gives 130 J in 2 s, within 0.5%, and the derived power agrees."""
    counter = trees.rapl(tmp_path, DESKTOP, top_uj=100_000_000)["intel-rapl:0"]
    counter.write_text("50000000")
    monitor = opened(tmp_path)
    samples = []
    for tick in range(100):  # it wraps around twice
        counter.write_text(str((50_000_000 + tick * 3_250_000) % 100_000_000))
        time.sleep(0.0005)  # a wrap must take its time: 10 kW are the most
        samples.append(PowerSample(tick * S // 20, 65.0, joules(monitor)))
    found = charge("rapl", monitor, samples, [(S, 3 * S)])

    assert found.energy_j == pytest.approx([130], rel=0.005)
    assert (found.power["method"], found.power["scope"]) == ("counter", "package")
    assert not [flag for flag in found.power["flags"] if "differs" in flag]


def test_watts_are_the_mean_since_the_reading_before(tmp_path: Path) -> None:
    """Power is the counter's step over the time between two readings."""
    counter = trees.rapl(tmp_path, DESKTOP)["intel-rapl:0"]
    monitor = opened(tmp_path)
    (first,) = monitor.read()
    counter.write_text("5000000")
    time.sleep(0.05)
    (second,) = monitor.read()

    assert first.watts == 0.0
    assert second.watts == pytest.approx(5.0 / (second.time_ns - first.time_ns) * S)


def test_a_counter_wraps_around(tmp_path: Path) -> None:
    """A counter continues from 0 at the end of its range without losing energy."""
    counter = trees.rapl(tmp_path, DESKTOP, TOP)["intel-rapl:0"]
    counter.write_text(str(TOP - 2_000_000))
    monitor = opened(tmp_path)
    time.sleep(0.01)
    counter.write_text("3000000")

    assert joules(monitor) == pytest.approx(5.0)


@pytest.mark.parametrize("top_uj", [TOP, None], ids=["reset", "unknown range"])
def test_a_counter_that_was_reset_is_no_energy(tmp_path: Path, top_uj: int | None) -> None:
    """A counter that falls without a wrap was reset: the energy in between is unknown, and it continues from there."""
    counter = trees.rapl(tmp_path, DESKTOP, top_uj)["intel-rapl:0"]
    counter.write_text("90000000")
    monitor = opened(tmp_path)
    found = []
    for microjoules in (91_000_000, 1_000_000, 2_000_000, 3_000_000, 4_000_000):
        counter.write_text(str(microjoules))
        (sample,) = monitor.read()
        found.append((sample.energy_j, sample.watts is None))

    assert [energy for energy, _ in found] == [pytest.approx(1.0), None, None, pytest.approx(3.0), pytest.approx(4.0)]
    assert [without for _, without in found] == [False, True, True, True, False]


def test_a_counter_that_jumps_loses_no_energy(tmp_path: Path) -> None:
    """A reading that implies over 10 kW is void; the next one continues from the one before it."""
    counter = trees.rapl(tmp_path, DESKTOP)["intel-rapl:0"]
    monitor = opened(tmp_path)
    found = []
    for microjoules in (1_000_000, 90_000_000_000, 2_000_000, 3_000_000):
        counter.write_text(str(microjoules))
        found.append(joules(monitor))

    assert found == [pytest.approx(1.0), None, pytest.approx(2.0), pytest.approx(3.0)]


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_joules_beside_jumps(tmp_path: Path, share: float) -> None:
    """Where 1% or 5% of the readings are of another number, the joules of the runs are right within 1%, and flagged."""
    counter = trees.rapl(tmp_path, DESKTOP)["intel-rapl:0"]
    monitor, chance, samples = opened(tmp_path), random.Random(1), []  # noqa: S311
    for tick in range(400):
        true = tick * 1_000_000
        counter.write_text(str(chance.randrange(TOP) if chance.random() < share else true))
        (sample,) = monitor.read()
        samples.append(PowerSample(tick * S // 20, None, sample.energy_j, refused_w=sample.refused_w))
    found = charge("rapl", monitor, samples, [(k * S, (k + 1) * S) for k in range(1, 19)])

    assert sum(joules or 0.0 for joules in found.energy_j or []) == pytest.approx(18 * 20.0, rel=0.01)
    assert [flag for flag in found.power["flags"] if "outside the range of the hardware" in flag]


@pytest.mark.parametrize("content", [None, "", "many", "nan"])
def test_a_missing_socket_voids_the_reading(tmp_path: Path, content: str | None) -> None:
    """While one socket cannot be read the readings are void; afterwards its counter includes the missed energy."""
    counters = trees.rapl(tmp_path, AMD)
    monitor = opened(tmp_path)
    second = counters["intel-rapl:1"]
    if content is None:
        second.unlink()
    else:
        second.write_text(content)
    (missing,) = monitor.read()
    second.write_text("7000000")

    assert (missing.energy_j, missing.watts) == (None, None)
    assert joules(monitor) == pytest.approx(7.0)


def test_missing_readings_cover_nothing(tmp_path: Path) -> None:
    """A run with missing readings has no joules, not too few."""
    counter = trees.rapl(tmp_path, DESKTOP)["intel-rapl:0"]
    monitor = opened(tmp_path)
    samples = []
    for tick in range(120):
        counter.write_text("" if 20 <= tick < 60 else str(tick * 500_000))
        time.sleep(0.0005)  # the 20 J that were missed must have taken their time: 10 kW are the most
        samples.append(PowerSample(tick * S // 20, None, joules(monitor)))
    two = [(S, 3 * S), (4 * S, 5 * S)]
    found = charge("rapl", monitor, samples, two)

    assert found.energy_j == [None, pytest.approx(10.0)]
    assert found.power["energy_runs"] == 1


def test_counters_that_go_are_a_lost_sensor(tmp_path: Path) -> None:
    """If the driver is unloaded during the runs, the sensor is lost."""
    trees.rapl(tmp_path, DESKTOP)
    monitor = opened(tmp_path)
    shutil.rmtree(tmp_path / "sys")

    with pytest.raises(SensorLost, match="no longer exposes the counters"):
        monitor.read()


def test_permissions(tmp_path: Path) -> None:
    """Counters that only root may read are refused with a udev rule, and other unreadable ones with the reason."""
    with trees.readable_by_all() as root:
        trees.rapl(root, DESKTOP)["intel-rapl:0"].chmod(0o400)
        with trees.as_nobody(), pytest.raises(SensorUnavailable, match="Permission denied") as refusal:
            opened(root)
    assert 'SUBSYSTEM=="powercap", RUN+="/bin/chmod a+r %S%p/energy_uj"' in str(refusal.value)

    odd = trees.rapl(tmp_path, DESKTOP)["intel-rapl:0"]
    odd.unlink()
    odd.mkdir()
    with pytest.raises(SensorUnavailable, match="energy_uj cannot be read"):
        opened(tmp_path)


@pytest.mark.parametrize("zones", [{}, {"intel-rapl:0": "psys"}], ids=["none", "psys alone"])
def test_machines_without_counters(tmp_path: Path, zones: dict[str, str]) -> None:
    """Without a counter of a package, as in containers, the sensor is refused with what to do."""
    trees.rapl(tmp_path, zones)

    with pytest.raises(SensorUnavailable, match=r"load intel_rapl_msr|Arm processor"):
        opened(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_are_no_crash(tmp_path: Path, name: bytes, counter: bytes) -> None:
    """Any bytes in the files make the sensor open, refuse or read nothing, without another error."""
    root = tmp_path / str(time.monotonic_ns())
    file = trees.rapl(root, DESKTOP)["intel-rapl:0"]
    monitor = opened(root)
    file.write_bytes(counter)
    monitor.read()
    (file.parent / "max_energy_range_uj").write_bytes(name)
    (root / "sys/class/powercap/intel-rapl:1/name").write_bytes(name)
    said = "rapl: opened"
    try:
        opened(root).read()
    except SensorUnavailable as refusal:
        said = str(refusal)
    assert said.startswith("rapl: ")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.integers(0, 400_000), min_size=1, max_size=30), st.integers(0, 999_999))
def test_steps_add_up_across_wraps(tmp_path: Path, steps: list[int], begun: int) -> None:
    """The total is the sum of all steps, from any start of the counter."""
    root = tmp_path / str(time.monotonic_ns())
    file = trees.rapl(root, DESKTOP, top_uj=1_000_000)["intel-rapl:0"]
    file.write_text(str(begun))
    monitor = opened(root)
    now = begun
    for step in steps:
        now += step
        file.write_text(str(now % 1_000_000))
        time.sleep(step / 8e9)  # a step must take its time: 10 kW are the most
        found = joules(monitor)

    assert found == pytest.approx(sum(steps) / 1e6, abs=1e-6)
