"""NVIDIA's tegrastats, as a child process: GPU+SOC of the Jetson boards under L4T 35 to 39.

A line holds `RAIL 2412mW/2307mW` for each rail: now / average since tegrastats began, and with
L4T 39 / peak. Only the first is energy's. The averages are wrong after the start (VIN 87426mW/43713mW).
https://docs.nvidia.com/jetson/archives/r38.4/DeveloperGuide/AT/JetsonLinuxDevelopmentTools/TegrastatsUtility.html
"""

import os
import queue
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.power.base import PowerSample, PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sensors import rails
from benchmarks.power.sensors.jetson import JetsonMonitor

RAIL = re.compile(
    r"(?<![A-Za-z0-9_@])([A-Z][A-Z0-9_]*) (-?[0-9]{1,9})(?:mW)?/-?[0-9]{1,9}(?:mW)?(?:/-?[0-9]{1,9}(?:mW)?)?(?= |$)"
)
"""A rail; L4T 35 and older may leave the unit out, and a rail that feeds nothing may read below 0."""
RAM = re.compile(r"(?<![A-Za-z0-9_])RAM ([0-9]{1,9})/[0-9]{1,9}MB")
NOT_CONNECTED = "NC"
LONGEST_LINE = 65536
OPENING_LINES = 4
MIB = 2**20

ENDED = "tegrastats ended with exit code "
SHEPHERD = f"""{{ "$@" </dev/null; printf '\\n{ENDED}%s\\n' $?; }} & exec >/dev/null 2>&1; read -r _; kill -9 0"""
"""A shell that leads tegrastats' process group. Its input is a pipe of the meter's, which ends with the meter,
however that ends; then the shell kills the whole group. A signal at the parent's death would not do: it comes when
the thread ends that opened the sensor, and reaches no grandchild."""


def milliwatts(line: str) -> dict[str, int]:
    """Return {rail: mW now} of a line of tegrastats, {} where it has none.

    A rail that stands in the line twice with two values is left out: two lines ran into each other.
    """
    found: dict[str, int] = {}
    doubtful = {NOT_CONNECTED}
    for name, now in RAIL.findall(line):
        if found.setdefault(name, int(now)) != int(now):
            doubtful.add(name)
    return {name: now for name, now in found.items() if name not in doubtful}


def ram_bytes(line: str) -> int | None:
    """Return the machine's memory in use by a line of tegrastats, which counts in MiB, bytes; None without one."""
    found = RAM.search(line)
    return int(found[1]) * MIB if found else None


class TegrastatsMonitor(JetsonMonitor):
    """GPU+SOC rails from tegrastats' lines, stamped on arrival, at 10 Hz.

    Attributes:
        interval_ms: what tegrastats is asked for. Its least interval is not documented; 100 ms is in wide use.
        patience_s: how long it may take to print its first lines, seconds.
        silence_s: after so long without a line the sensor is lost, seconds.
    """

    of_gpu = True  # until its rails say otherwise
    ram_source = "tegrastats: RAM in use, without buffers and cache in a way that NVIDIA does not document"
    interval_ms = 100
    patience_s = 5.0
    silence_s = 30.0

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:  # noqa: ARG002
        self._last_line = ""
        self._child = _Child(_binary(), self.interval_ms)
        known = self.open_by(self._opening, self.interval_ms / 1e3, target.root)
        self.source = f"tegrastats every {self.interval_ms} ms, {known}"

    def read(self) -> list[PowerSample]:
        samples = []
        for time_ns, line in self._child.new_lines():
            self._last_line, self._heard_ns = line, time_ns
            found, ram = milliwatts(line), ram_bytes(line)
            if found or ram is not None:  # anything else is a warning among the lines, and no reading
                samples.append(PowerSample(time_ns, rails.watts_of(found, self.rails), None, ram))
        if samples:
            return samples
        last = f"its last line was {_shown(self._last_line)}"
        if self._child.ended is not None:
            raise SensorLost(f"{self._child.ended}; {last}")
        if time.monotonic_ns() - self._heard_ns > self.silence_s * 1e9:
            raise SensorLost(f"tegrastats has printed nothing for {self.silence_s:g} s; {last}")
        return []

    def close(self) -> None:
        self._child.close()

    def _opening(self) -> tuple[rails.Board, list[int]]:
        """Return the board and the times of the first OPENING_LINES lines that hold it.

        Raises:
            SensorUnavailable: they do not come, or not one by one.
        """
        board: rails.Board | None = None
        times: list[int] = []
        deadline = time.monotonic() + self.patience_s
        while len(times) < OPENING_LINES:
            arrived = self._child.next_line(deadline)
            if arrived is None:
                if board is not None and self._child.ended is None:
                    break  # slower than asked: two times will do
                raise self._refusal()
            self._last_line = arrived[1] or self._last_line
            board = board or rails.showing(milliwatts(arrived[1]))
            if board is not None:
                times.append(arrived[0])
        if board is None or len(times) < 2:
            raise self._refusal()
        return board, times

    def _refusal(self) -> SensorUnavailable:
        """Return why nothing can be measured, with what to type next."""
        path, last = self._child.path, _shown(self._last_line)
        if self._child.ended is not None:
            return SensorUnavailable(
                f"tegrastats: {self._child.ended} before it had been read ({last}); type `{path} --interval 100` to "
                "see why, and where it asks for root, start this session with sudo or type --power-monitor=jtop."
            )
        if not self._last_line:
            return SensorUnavailable(
                f"tegrastats: {path} printed nothing within {self.patience_s:g} s; type `{path} --interval 100` to see "
                "whether it does by itself, and where it needs root, start this session with sudo."
            )
        return SensorUnavailable(
            f"tegrastats: no line with the GPU's rails of a known board came within {self.patience_s:g} s, but {last}; "
            "type --power-monitor=none to measure without joules, and report the line."
        )


class _Child:
    """tegrastats in a process group of its own, and the thread that stamps its lines.

    Attributes:
        path: of the executable.
        ended: that it ended and how, in words; None while it has not, as far as its lines have been taken.
    """

    def __init__(self, path: str, interval_ms: int) -> None:
        self.path = path
        self.ended: str | None = None
        self._lines: queue.SimpleQueue[tuple[int, str] | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(  # noqa: S603 - a path from PATH and a number
            ["/bin/sh", "-c", SHEPHERD, "sh", path, "--interval", str(interval_ms)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._stamp, name="tegrastats", daemon=True)
        self._reader.start()

    def new_lines(self) -> Iterator[tuple[int, str]]:
        """Yield (ns of CLOCK_MONOTONIC, text) of the lines that have arrived."""
        while (arrived := self.next_line(0.0)) is not None:
            yield arrived

    def next_line(self, deadline: float) -> tuple[int, str] | None:
        """Return the next line; None where none comes by `deadline`, or none will come any more."""
        while self.ended is None:
            try:
                arrived = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            if arrived is None:
                self.ended = "tegrastats closed its output"
            elif arrived[1].startswith(ENDED):
                self.ended = arrived[1]
            elif arrived[1]:
                return arrived
        return None

    def close(self) -> None:
        """Kill the group, at once and whole: tegrastats has nothing to put in order. Harmless to repeat."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(1.0)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not self._reader.is_alive():
                pipe.close()

    def _stamp(self) -> None:
        stdout = self._process.stdout
        while stdout is not None and (raw := stdout.readline(LONGEST_LINE)):
            self._lines.put((time.monotonic_ns(), raw.decode("utf-8", "replace").strip()))
        self._lines.put(None)


def _binary() -> str:
    """Return the path of tegrastats.

    Raises:
        SensorUnavailable: it is not on PATH, or may not be executed.
    """
    if (path := shutil.which("tegrastats")) is not None:
        return path
    barred = next((file for folder in os.get_exec_path() if (file := Path(folder) / "tegrastats").is_file()), None)
    if barred is not None:
        raise SensorUnavailable(f"tegrastats: {barred} is not executable; type `sudo chmod a+x {barred}`.")
    raise SensorUnavailable(
        "tegrastats: it is not on PATH. It comes with L4T on a Jetson, as /usr/bin/tegrastats; "
        "in a container, mount that file, or type --power-monitor=jtop."
    )


def _shown(line: str) -> str:
    """Return the end of a line, which is where the rails stand, quoted."""
    return repr(line if len(line) <= 120 else "..." + line[-117:]) if line else "empty"
