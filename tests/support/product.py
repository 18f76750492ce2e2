"""Start the product as a user does: in a process of its own, from the checkout."""

import os
import pty
import select
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from typing_extensions import Self

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 170
UNUSED = ("-p", "no:hypothesispytest", "-p", "no:anyio")
"""Plugins of this suite's own environment, which take half a second to load."""


def environment() -> dict[str, str]:
    """Return this process's environment without what steers this suite: pytest's options, xdist's worker."""
    ours = ("PYTEST_", "PYTHONWARNINGS")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)}


def command(storage: Path, *options: str) -> list[str]:
    """Return the command line of a measuring session that saves into `storage`."""
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *UNUSED, "benchmarks", "--weights=mini"]
    return [*pytest, "--new-tokens=4", f"--benchmark-storage=file://{storage}", *options]


def measure(storage: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a measuring session to its end; `settings` join its environment."""
    return run(command(storage, *options), ROOT, **settings)


@dataclass(frozen=True)
class Answer:
    """What a session wrote, and its exit code."""

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one sentence of a refusal, without what pytest puts around it."""
        text = self.err.partition("error: ")[2] or self.err.removeprefix("ERROR: ")
        return text.splitlines()[0]


def measure_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, storage: Path, *options: str
) -> Answer:
    """Run a session that measures nothing in this process: pytest in pytest, with the options of `command`."""
    for name in set(os.environ) - set(environment()):
        monkeypatch.delenv(name)
    capsys.readouterr()
    arguments = command(storage, *options)[3:]  # without `python -m pytest`
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pytest-benchmark warns that nothing was measured
        status = pytest.main([*arguments, "-p", "no:faulthandler", "--capture=no"])
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return Answer(int(status), out, err)


def plotting(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `python -m plotting`."""
    return run([sys.executable, "-m", "plotting", *arguments], cwd=cwd)


def run(arguments: Sequence[str], cwd: Path = ROOT, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the checkout, or in `cwd` with the checkout importable; `settings` join its environment."""
    settings = environment() | {"PYTHONPATH": str(ROOT)} | settings
    return subprocess.run(
        arguments, cwd=cwd, env=settings, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


class Terminal:
    """A command on a terminal of its own, where progress is one line that is written again and again.

    Attributes:
        process: the command's process.
        said: what it has written so far.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._ours, theirs = pty.openpty()
        settings = environment() | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100"}
        self.process = subprocess.Popen(arguments, cwd=ROOT, env=settings, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.said = ""

    def wait_for(self, text: str) -> None:
        """Read until `text` has been written."""
        deadline = time.monotonic() + TIMEOUT_S
        while text not in self.said:
            assert self._read(deadline), f"{text!r} never came:\n{self.said}"

    def read_for(self, seconds: float) -> None:
        """Read what is written within so many seconds."""
        self._read(time.monotonic() + seconds)

    def hang_up(self) -> int:
        """Take the terminal away, so that every further writing fails, and return the exit code in the end."""
        os.close(self._ours)
        self._ours = -1
        return self.process.wait(TIMEOUT_S)

    def finish(self) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + TIMEOUT_S
        while self._read(deadline):
            pass
        return self.process.wait(TIMEOUT_S)

    def _read(self, deadline: float) -> bool:
        """Read a piece; whether there may be more before the deadline."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        try:
            piece = os.read(self._ours, 65536) if ready else b""
        except OSError:  # the last writer has gone
            piece = b""
        self.said += piece.decode(errors="replace")
        return bool(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        if self._ours >= 0:
            os.close(self._ours)


def tool(name: str) -> Path:
    """Return a command of this environment, such as pytest-benchmark's."""
    return Path(sys.executable).parent / name
