"""The tegrastats monitor with a script in its place that replays, dies, hangs or ignores signals.

Tests benchmarks.power.sensors.tegrastats.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.power.analysis.energy import EnergyCurve
from benchmarks.power.base import PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sampler import Sampler
from tests.support import product
from tests.support.fake_tegrastats import (
    THOR,
    THOR_W,
    QuickTegrastats,
    list_processes,
    print_forever,
    print_times,
    wait_until,
    write_script,
)

TARGET = PowerTarget("cuda:0")
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tegrastats runs on Linux alone")


def sampled(seconds: float) -> tuple[Sampler[Any], QuickTegrastats]:
    """Sample tegrastats for some time, as a session does."""
    monitor = QuickTegrastats(TARGET)
    sampler = Sampler(monitor.read, monitor.period_s)
    sampler.start()
    time.sleep(seconds)
    sampler.stop()
    monitor.close()
    monitor.close()
    return sampler, monitor


def test_known_joules(tegrastats_path: Path) -> None:
    """Lines of known watts give those watts times the time, with rails and scope."""
    write_script(tegrastats_path, print_forever(THOR))
    sampler, monitor = sampled(0.6)

    times = [sample.time_ns for sample in sampler.samples]
    assert sampler.lost is None
    assert times == sorted(times)
    assert {sample.watts for sample in sampler.samples} == {THOR_W}
    curve = EnergyCurve(times, [s.watts for s in sampler.samples], monitor.period_s, counter=False)
    joules, coverage = curve.integrate([(times[2], times[-2])])
    assert joules[0] == pytest.approx(THOR_W * (times[-2] - times[2]) / 1e9, rel=1e-6)
    assert coverage[0] == pytest.approx(1.0)
    assert (monitor.scope, monitor.rails) == ("gpu+soc", ("VDD_GPU", "VDD_CPU_SOC_MSS"))
    assert {sample.ram_bytes for sample in sampler.samples} == {36529 * 2**20}
    assert "CPU and memory subsystem" in monitor.source


def test_a_missing_rail_voids_the_reading(tegrastats_path: Path) -> None:
    """A line without one of the rails is a reading without watts."""
    write_script(tegrastats_path, print_forever(THOR, THOR.replace("VDD_CPU_SOC_MSS", "VDD_ELSE")))
    sampler, _ = sampled(0.4)

    assert {sample.watts for sample in sampler.samples} == {THOR_W, None}


def test_noise_and_partial_lines(tegrastats_path: Path) -> None:
    """Warnings are skipped, a line in two pieces is one reading, and a cut line has no watts."""
    warn = "echo 'VDD_GPU: sensor busy' >&2"
    halves = f"printf '%s' '{THOR[:200]}'; sleep 0.01; printf '%s\\n' '{THOR[200:]}'"
    cut = f"printf '%s\\n' '{THOR[: THOR.index('VDD_CPU')]}'"
    write_script(
        tegrastats_path, f"while :; do {warn}; {halves}; sleep 0.02; printf '\\377\\000\\n'; {cut}; sleep 0.02; done"
    )
    sampler, _ = sampled(0.4)

    watts = [sample.watts for sample in sampler.samples]
    assert set(watts) == {THOR_W, None}
    assert abs(watts.count(None) - (len(watts) - watts.count(None))) <= 3


def test_death_in_the_middle(tegrastats_path: Path) -> None:
    """When tegrastats dies, its readings stay, and the loss names its exit code and its last line."""
    write_script(tegrastats_path, print_times(THOR, 8) + f"; printf '%s' '{THOR[:-40]}'; exit 3")
    sampler, _ = sampled(0.8)

    assert len(sampler.samples) >= 4
    assert sampler.samples[-1].watts == pytest.approx(THOR_W)
    assert sampler.lost is not None
    assert "tegrastats ended with exit code 3; its last line was " in sampler.lost
    assert "VIN_SYS_5V0 18331mW" in sampler.lost


def test_it_is_killed_by_somebody(tegrastats_path: Path, tmp_path: Path) -> None:
    """When tegrastats is killed from outside, the sensor is lost within a second."""
    write_script(tegrastats_path, f"echo $$ > {tmp_path}/pid; " + print_forever(THOR))
    monitor = QuickTegrastats(TARGET)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    def lost() -> bool:
        try:
            monitor.read()
        except SensorLost as loss:
            return "exit code 137" in str(loss)
        return False

    assert wait_until(lost, 1.0)
    monitor.close()


def test_it_stops_printing(tegrastats_path: Path) -> None:
    """A tegrastats that runs but stops printing is a lost sensor."""
    write_script(tegrastats_path, print_times(THOR) + "; exec sleep 60")
    sampler, _ = sampled(1.5)

    assert sampler.lost is not None
    assert "tegrastats printed nothing for 1 s; its last line was " in sampler.lost


def test_nothing_is_left_behind(tegrastats_path: Path) -> None:
    """A tegrastats that ignores signals is killed at the end, with its children."""
    stubborn = 'trap "" TERM INT HUP PIPE'
    write_script(tegrastats_path, f'{stubborn}; (while :; do sleep 0.5; : "$0"; done) & ' + print_forever(THOR))
    monitor = QuickTegrastats(TARGET)
    begun = list_processes(str(tegrastats_path))
    before = time.monotonic()
    monitor.close()

    assert len(begun) >= 3  # the shell that leads the group, tegrastats, its child
    assert time.monotonic() - before < 1.0
    assert wait_until(lambda: not list_processes(str(tegrastats_path)), 1.0)


def test_it_dies_with_the_meter(tegrastats_path: Path) -> None:
    """When the meter is killed with SIGKILL, tegrastats and its children are gone within a second."""
    write_script(
        tegrastats_path, 'trap "" TERM INT HUP PIPE; (while :; do sleep 0.5; : "$0"; done) & ' + print_forever(THOR)
    )
    code = (
        "import time; from benchmarks.power.base import PowerTarget;"
        "from benchmarks.power.sensors.tegrastats import TegrastatsMonitor;"
        "monitor = TegrastatsMonitor(PowerTarget('cpu')); print('open', flush=True); time.sleep(60)"
    )
    settings = product.environment() | {"PYTHONPATH": str(product.ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], env=settings, stdout=subprocess.PIPE, text=True) as meter:
        assert meter.stdout is not None
        assert meter.stdout.readline() == "open\n"
        assert list_processes(str(tegrastats_path))
        meter.kill()
    assert wait_until(lambda: not list_processes(str(tegrastats_path)), 1.0)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (
            "echo 'must be root' >&2; exit 1",
            "tegrastats ended with exit code 1 before it could be read ('must be root')",
        ),
        ("exit 0", "tegrastats ended with exit code 0 before it could be read (empty)"),
        ("exec sleep 60", "printed nothing within 1 s"),
        (
            print_forever("RAM 1/2MB VIN_SYS_5V0 1mW/1mW"),
            "no line contained the GPU rails of a known board within 1 s",
        ),
        (print_forever("hello"), "no line contained the GPU rails of a known board within 1 s, but 'hello'"),
        (f"printf '%s\\n' '{THOR}'; exit 2", "tegrastats ended with exit code 2 before it could be read"),
        (f"printf '%s\\n' '{THOR}'; exec sleep 60", "no line contained the GPU rails of a known board"),
    ],
    ids=["needs root", "ends at once", "silent", "no GPU rail", "no tegrastats", "one line, then death", "one line"],
)
def test_what_is_no_sensor_is_refused(tegrastats_path: Path, body: str, complaint: str) -> None:
    """Without at least two lines with a board's rails, the sensor is refused with the reason and what to type."""
    write_script(tegrastats_path, body)

    with pytest.raises(SensorUnavailable) as refusal:
        QuickTegrastats(TARGET)
    assert complaint in str(refusal.value)
    assert "type " in str(refusal.value)


FLOODS = {
    "lines": f"exec yes '{THOR}'",
    "no board": "exec yes hello",
    "no line at all": "exec cat /dev/zero",
    "empty lines": "exec yes ''",
}


@pytest.mark.parametrize("body", FLOODS.values(), ids=FLOODS)
def test_a_flood_is_no_sensor(tegrastats_path: Path, body: str) -> None:
    """A program that prints without a pause, with or without line ends, is refused or lost, and stopped."""
    write_script(tegrastats_path, body)

    with pytest.raises((SensorUnavailable, SensorLost), match="tegrastats printed more than 100 lines a second"):  # noqa: PT012
        monitor = QuickTegrastats(TARGET)
        try:
            wait_until(lambda: monitor.read() is None, 10)
        finally:
            monitor.close()
    assert wait_until(lambda: not list_processes(str(tegrastats_path)), 1.0)


def test_it_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If tegrastats is missing or not executable, the sensor is refused with the remedy."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SensorUnavailable, match=r"tegrastats: it is not on PATH\. L4T installs it on a Jetson"):
        QuickTegrastats(TARGET)
    (tmp_path / "tegrastats").write_text("")
    with pytest.raises(SensorUnavailable, match="is not executable; type `sudo chmod a"):
        QuickTegrastats(TARGET)
