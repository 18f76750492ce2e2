"""The tegrastats monitor over an executable in its place that replays, dies, hangs, mumbles or will not go."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.power.analysis.energy import Curve
from benchmarks.power.base import PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sampler import Sampler
from benchmarks.power.sensors.tegrastats import TegrastatsMonitor
from tests.support import product

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = product.ROOT / "tests/data/tegrastats"
LINES = {path.stem: path.read_text().strip() for path in sorted(DATA.glob("*.log"))}
THOR = LINES["r39_thor"]
THOR_W = (37528 + 18961) / 1000
TARGET = PowerTarget("cuda:0")
pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tegrastats runs on Linux alone")


class Brisk(TegrastatsMonitor):
    """The monitor as it is, at 20 Hz and with less patience, so that the tests take less time."""

    interval_ms = 50
    patience_s = 1.0
    silence_s = 1.0


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return where PATH finds `tegrastats` first; no process of it may be left at the end."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    yield folder / "tegrastats"
    assert eventually(lambda: not running(str(folder))), running(str(folder))


def script(path: Path, body: str) -> None:
    """Write a shell script in tegrastats' place; $2 is the interval in ms."""
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def printing(*lines: str) -> str:
    """Return shell code that prints lines, one an interval, again and again."""
    pause = 'sleep "$(printf "0.%03d" "$2")"'
    return "while :; do " + "".join(f"printf '%s\\n' '{line}'; {pause}; " for line in lines) + "done"


def once(line: str, times: int = 5) -> str:
    """Return shell code that prints a line some times, one an interval, and goes on to what follows."""
    return printing(line).replace("while :; do", f"for _ in {' '.join('x' * times)}; do")


def running(text: str) -> list[str]:
    """Return the command lines of the processes that hold `text`, the dead ones left out."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if text in line]


def eventually(holds: Any, seconds: float = 5.0) -> bool:
    """Wait until something holds; whether it did."""
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(holds())


def sampled(seconds: float) -> tuple[Sampler[Any], Brisk]:
    """Sample tegrastats for some time, as a session does."""
    monitor = Brisk(TARGET)
    sampler = Sampler(monitor.read, monitor.period_s)
    sampler.start()
    time.sleep(seconds)
    sampler.stop()
    monitor.close()
    monitor.close()
    return sampler, monitor


def test_known_joules(fake: Path) -> None:
    """Lines of known watts, stamped as they come, give these watts times the time, with their rails and scope."""
    script(fake, printing(THOR))
    sampler, monitor = sampled(0.6)

    times = [sample.time_ns for sample in sampler.samples]
    assert sampler.lost is None
    assert times == sorted(times)
    assert {sample.watts for sample in sampler.samples} == {THOR_W}
    curve = Curve(times, [s.watts for s in sampler.samples], monitor.period_s, counter=False)
    joules, coverage = curve.energy([(times[2], times[-2])])
    assert joules[0] == pytest.approx(THOR_W * (times[-2] - times[2]) / 1e9, rel=1e-6)
    assert coverage[0] == pytest.approx(1.0)
    assert (monitor.scope, monitor.rails) == ("gpu+soc", ("VDD_GPU", "VDD_CPU_SOC_MSS"))
    assert {sample.ram_bytes for sample in sampler.samples} == {36529 * 2**20}
    assert "CPU and memory subsystem" in monitor.source


def test_a_missing_rail_voids_the_reading(fake: Path) -> None:
    """A line without one of the rails is a reading without watts, not one of the other rail."""
    script(fake, printing(THOR, THOR.replace("VDD_CPU_SOC_MSS", "VDD_ELSE")))
    sampler, _ = sampled(0.4)

    assert {sample.watts for sample in sampler.samples} == {THOR_W, None}


def test_noise_and_partial_lines(fake: Path) -> None:
    """Warnings are no readings, a line that comes in two pieces is one, and one that was cut off has no watts."""
    warn = "echo 'VDD_GPU: sensor busy' >&2"
    halves = f"printf '%s' '{THOR[:200]}'; sleep 0.01; printf '%s\\n' '{THOR[200:]}'"
    cut = f"printf '%s\\n' '{THOR[: THOR.index('VDD_CPU')]}'"
    script(fake, f"while :; do {warn}; {halves}; sleep 0.02; printf '\\377\\000\\n'; {cut}; sleep 0.02; done")
    sampler, _ = sampled(0.4)

    watts = [sample.watts for sample in sampler.samples]
    assert set(watts) == {THOR_W, None}
    assert abs(watts.count(None) - (len(watts) - watts.count(None))) <= 3


def test_death_in_the_middle(fake: Path) -> None:
    """When tegrastats dies, its readings stay, and the loss names its exit code and its last line."""
    script(fake, once(THOR, 8) + f"; printf '%s' '{THOR[:-40]}'; exit 3")
    sampler, _ = sampled(0.8)

    assert len(sampler.samples) >= 4
    assert sampler.samples[-1].watts == pytest.approx(THOR_W)
    assert sampler.lost is not None
    assert "tegrastats ended with exit code 3; its last line was " in sampler.lost
    assert "VIN_SYS_5V0 18331mW" in sampler.lost


def test_it_is_killed_by_somebody(fake: Path, tmp_path: Path) -> None:
    """When tegrastats is killed from outside, the sensor is lost within a second."""
    script(fake, f"echo $$ > {tmp_path}/pid; " + printing(THOR))
    monitor = Brisk(TARGET)
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    def lost() -> bool:
        try:
            monitor.read()
        except SensorLost as loss:
            return "exit code 137" in str(loss)
        return False

    assert eventually(lost, 1.0)
    monitor.close()


def test_it_stops_printing(fake: Path) -> None:
    """A tegrastats that lives and prints nothing any more is a lost sensor, not one that reads the same."""
    script(fake, once(THOR) + "; exec sleep 60")
    sampler, _ = sampled(1.5)

    assert sampler.lost is not None
    assert "tegrastats has printed nothing for 1 s; its last line was " in sampler.lost


def test_nothing_is_left_behind(fake: Path) -> None:
    """A tegrastats that ignores every signal that can be ignored goes at the end, with the children it left."""
    stubborn = 'trap "" TERM INT HUP PIPE'
    script(fake, f'{stubborn}; (while :; do sleep 0.5; : "$0"; done) & ' + printing(THOR))
    monitor = Brisk(TARGET)
    begun = running(str(fake))
    before = time.monotonic()
    monitor.close()

    assert len(begun) >= 3  # the shell that leads the group, tegrastats, its child
    assert time.monotonic() - before < 1.0
    assert eventually(lambda: not running(str(fake)), 1.0)


def test_it_dies_with_the_meter(fake: Path) -> None:
    """When the meter is killed with SIGKILL, tegrastats and its children are gone within a second."""
    script(fake, 'trap "" TERM INT HUP PIPE; (while :; do sleep 0.5; : "$0"; done) & ' + printing(THOR))
    code = (
        "import time; from benchmarks.power.base import PowerTarget;"
        "from benchmarks.power.sensors.tegrastats import TegrastatsMonitor;"
        "monitor = TegrastatsMonitor(PowerTarget('cpu')); print('open', flush=True); time.sleep(60)"
    )
    settings = product.environment() | {"PYTHONPATH": str(product.ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], env=settings, stdout=subprocess.PIPE, text=True) as meter:
        assert meter.stdout is not None
        assert meter.stdout.readline() == "open\n"
        assert running(str(fake))
        meter.kill()
    assert eventually(lambda: not running(str(fake)), 1.0)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (
            "echo 'must be root' >&2; exit 1",
            "tegrastats ended with exit code 1 before it had been read ('must be root')",
        ),
        ("exit 0", "tegrastats ended with exit code 0 before it had been read (empty)"),
        ("exec sleep 60", "printed nothing within 1 s"),
        (printing("RAM 1/2MB VIN_SYS_5V0 1mW/1mW"), "no line with the GPU's rails of a known board came within 1 s"),
        (printing("hello"), "no line with the GPU's rails of a known board came within 1 s, but 'hello'"),
        (f"printf '%s\\n' '{THOR}'; exit 2", "tegrastats ended with exit code 2 before it had been read"),
        (f"printf '%s\\n' '{THOR}'; exec sleep 60", "no line with the GPU's rails of a known board came"),
    ],
    ids=["needs root", "ends at once", "silent", "no GPU rail", "no tegrastats", "one line, then death", "one line"],
)
def test_what_is_no_sensor_is_refused(fake: Path, body: str, complaint: str) -> None:
    """Without lines that hold a board's rails, one by one, it is no sensor: refused with why and what to type."""
    script(fake, body)

    with pytest.raises(SensorUnavailable) as refusal:
        Brisk(TARGET)
    assert complaint in str(refusal.value)
    assert "type " in str(refusal.value)


def test_it_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without tegrastats, or without the right to execute it, it is refused with the remedy."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SensorUnavailable, match=r"tegrastats: it is not on PATH\. It comes with L4T on a Jetson"):
        Brisk(TARGET)
    (tmp_path / "tegrastats").write_text("")
    with pytest.raises(SensorUnavailable, match="is not executable; type `sudo chmod a"):
        Brisk(TARGET)
