"""NVIDIA's tegrastats, as a child process: GPU+SOC of the Jetson boards under L4T 35 to 39.

A line holds `RAIL 2412mW/2307mW` for each rail: now / average since tegrastats began, and with L4T 39 / peak. Only the
first is used for energy. The averages are wrong after the start (VIN 87426mW/43713mW).
https://docs.nvidia.com/jetson/archives/r38.4/DeveloperGuide/AT/JetsonLinuxDevelopmentTools/TegrastatsUtility.html
"""

import os
import queue
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.power.base import PowerSample, PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sensors import rails
from benchmarks.power.sensors.jetson import JetsonMonitor

RAIL = re.compile(
    r"(?<![A-Za-z0-9_@])([A-Z][A-Z0-9_]*) (-?[0-9]{1,9})(?:mW)?/-?[0-9]{1,9}(?:mW)?(?:/-?[0-9]{1,9}(?:mW)?)?(?= |$)"
)
"""A rail. L4T 35 and older may omit the unit, and a rail that feeds nothing may read below 0."""
RAM = re.compile(r"(?<![A-Za-z0-9_])RAM ([0-9]{1,9})/[0-9]{1,9}MB")
LONGEST_LINE = 8192
BURST_LINES, LINES_PER_S = 1000, 100  # ten times what it is asked for

ENDED = "tegrastats ended with exit code "
SHEPHERD = f"""{{ "$@" </dev/null; printf '\\n{ENDED}%s\\n' $?; }} & exec >/dev/null 2>&1; read -r _; kill -9 0"""
"""A shell that leads tegrastats' process group. Its input is a pipe from the meter, which closes when the meter ends,
even if it is killed; then the shell kills the whole group. A signal at the parent's death would not do: it comes when
the thread that opened the sensor ends, and it reaches no grandchild."""


def parse_milliwatts(line: str) -> dict[str, int]:
    """Return {rail: mW now} of a line.

    A rail that appears twice with two values is left out: two lines ran into each other. NC is not connected.
    """
    found: dict[str, int] = {}
    doubtful = {"NC"}
    for name, now in RAIL.findall(line):
        if found.setdefault(name, int(now)) != int(now):
            doubtful.add(name)
    return {name: now for name, now in found.items() if name not in doubtful}


def parse_ram_bytes(line: str) -> int | None:
    """Return the machine's memory in use by a line, which counts in MiB; None without it."""
    found = RAM.search(line)
    return int(found[1]) * 2**20 if found else None


class TegrastatsMonitor(JetsonMonitor):
    """GPU+SOC rails from tegrastats' lines at 10 Hz, stamped on arrival."""

    is_void_no_gap = True
    gpu_only = True  # until its rails show otherwise
    ram_source = "tegrastats: RAM in use, without buffers and cache; NVIDIA does not document how they are excluded"
    interval_ms = 100  # to ask for; the minimum is not documented, and 100 ms is in wide use
    patience_s = 5.0  # for the first lines
    silence_s = 30.0  # without a line, then the sensor is lost

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:
        self._last_line = ""
        self._child = _Child(_find_executable(), self.interval_ms)
        software = self._open(self._wait_for_board, self.interval_ms / 1e3, target.root)
        self.source = f"tegrastats every {self.interval_ms} ms, {software}"

    def read(self) -> list[PowerSample]:
        samples = []
        while (arrived := self._child.next_line(0.0)) is not None:
            self._heard_ns, self._last_line = arrived
            found, ram = parse_milliwatts(self._last_line), parse_ram_bytes(self._last_line)
            if found or ram is not None:  # any other line is a warning
                watts = rails.sum_watts(found, self.rails)
                samples.append(self.judge(PowerSample(self._heard_ns, watts, None, ram)))
        if samples:
            return samples
        last = f"its last line was {_quote_end(self._last_line)}"
        if self._child.ended is not None:
            raise SensorLost(f"{self._child.ended}; {last}")
        if time.monotonic_ns() - self._heard_ns > self.silence_s * 1e9:
            raise SensorLost(f"tegrastats printed nothing for {self.silence_s:g} s; {last}")
        return []

    def close(self) -> None:
        self._child.close()

    def _wait_for_board(self) -> tuple[rails.Board, list[int]]:
        """Return the board and the times in ns of the first lines with its rails, or raise SensorUnavailable."""
        board: rails.Board | None = None
        times: list[int] = []
        deadline = time.monotonic() + self.patience_s
        while len(times) < 4 and (arrived := self._child.next_line(deadline)) is not None:
            self._last_line = arrived[1]
            board = board or rails.find_complete_board(parse_milliwatts(self._last_line))
            if board is not None:
                times.append(arrived[0])
        if board is None or len(times) < 2 or self._child.ended is not None:
            raise self._explain_refusal()
        return board, times

    def _explain_refusal(self) -> SensorUnavailable:
        """Return why nothing can be measured, and what to type next."""
        path, last = shlex.quote(self._child.path), _quote_end(self._last_line)
        if self._child.ended is not None:
            return SensorUnavailable(
                f"tegrastats: {self._child.ended} before it could be read ({last}); type `{path} --interval 100` to "
                "see why. If it asks for root, start this session with sudo or type --power-monitor=jtop."
            )
        if not self._last_line:
            return SensorUnavailable(
                f"tegrastats: {path} printed nothing within {self.patience_s:g} s; type `{path} --interval 100` to see "
                "what it prints. If it needs root, start this session with sudo."
            )
        return SensorUnavailable(
            f"tegrastats: no line contained the GPU rails of a known board within {self.patience_s:g} s, but {last}; "
            "type --power-monitor=none to measure without energy, and report this line as a bug."
        )


class _Child:
    """tegrastats in a process group of its own, and a thread that stamps its lines."""

    def __init__(self, path: str, interval_ms: int) -> None:
        self.path = path
        self.ended: str | None = None  # how it ended; None until its last line has been taken
        self._end = "tegrastats closed its output"
        self._lines: queue.SimpleQueue[tuple[int, str] | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(  # noqa: S603 - a path from PATH and a number
            ["/bin/sh", "-c", SHEPHERD, "sh", path, "--interval", str(interval_ms)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._stamp_lines, name="tegrastats", daemon=True)
        self._reader.start()

    def next_line(self, deadline: float) -> tuple[int, str] | None:
        """Return (ns of CLOCK_MONOTONIC, text) of the next line; None if none comes by `deadline`, or it ended."""
        while self.ended is None:
            try:
                arrived = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            if arrived is None:
                self.ended = self._end
            elif arrived[1].startswith(ENDED):
                self.ended = arrived[1]
            elif arrived[1]:
                return arrived
        return None

    def close(self) -> None:
        """Kill the whole group at once; tegrastats needs no cleanup. Harmless to repeat."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join(1.0)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not self._reader.is_alive():
                pipe.close()

    def _stamp_lines(self) -> None:
        stdout, ahead, then = self._process.stdout, 0.0, time.monotonic()
        while stdout is not None and (raw := stdout.readline(LONGEST_LINE)):
            now = time.monotonic()
            ahead, then = max(0.0, ahead - LINES_PER_S * (now - then)) + 1, now
            if ahead > BURST_LINES:
                self._end = f"tegrastats printed more than {LINES_PER_S} lines a second"
                break
            self._lines.put((time.monotonic_ns(), raw.decode("utf-8", "replace").strip()))
        self._lines.put(None)


def _find_executable() -> str:
    """Return the path of tegrastats, or raise SensorUnavailable."""
    if (path := shutil.which("tegrastats")) is not None:
        return path
    for folder in os.get_exec_path():
        if (file := Path(folder) / "tegrastats").is_file():
            remedy = f"type `sudo chmod a+x {shlex.quote(str(file))}`"
            raise SensorUnavailable(f"tegrastats: {file} is not executable; {remedy}.")
    raise SensorUnavailable(
        "tegrastats: it is not on PATH. L4T installs it on a Jetson as /usr/bin/tegrastats; "
        "in a container, mount that file, or type --power-monitor=jtop."
    )


def _quote_end(line: str) -> str:
    """Return the end of a line, where the rails are, in quotes."""
    return repr(line if len(line) <= 120 else "..." + line[-117:]) if line else "empty"
