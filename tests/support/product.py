"""Start the product from the checkout: as a user does, in a process of its own, or in this one.

Sessions that are killed, stopped or watched on a terminal need `Terminal`; the others may use `measure_here`.
"""

from __future__ import annotations

import io
import json
import os
import pty
import select
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from typing_extensions import Self

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 170
NEW_TOKENS = 4
UNUSED = ("-p", "no:hypothesispytest", "-p", "no:anyio")
"""Plugins of this suite's own environment, which take half a second to load."""


def environment() -> dict[str, str]:
    """Return this process's environment without what steers this suite: pytest's options, xdist's worker."""
    ours = ("PYTEST_", "PYTHONWARNINGS")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)}


def command(storage: Path, *options: str) -> list[str]:
    """Return the command line of a measuring session that saves into `storage`."""
    return [sys.executable, "-m", "pytest", *_make_arguments(storage, options)]


def _make_arguments(storage: Path, options: Sequence[str]) -> list[str]:
    plugins = ("-p", "no:cacheprovider", *UNUSED)
    chosen = ("--weights=mini", f"--new-tokens={NEW_TOKENS}", f"--benchmark-storage=file://{storage}")
    return [*plugins, "benchmarks", *chosen, *options]


def measure(storage: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a measuring session to its end; `settings` join its environment."""
    return run(command(storage, *options), ROOT, **settings)


def measure_here(storage: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a measuring session as `measure` does, but in this process: pytest in pytest.

    It starts no interpreter, and its models start from a forkserver that has imported torch already.
    """
    unused = ("no:faulthandler", "no:unraisableexception")  # the second collects garbage several times: 2 s with torch
    arguments = [*_make_arguments(storage, options), *(f"-p{name}" for name in unused), "--capture=no"]
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(), redirect_stdout(out), redirect_stderr(err):
        warnings.simplefilter("ignore")  # pytest-benchmark warns where nothing was measured
        for name in set(os.environ) - set(environment()):
            patch.delenv(name)
        for name, value in settings.items():
            patch.setenv(name, value)
        status = int(pytest.main(arguments))
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def read_saves(storage: Path) -> list[dict[str, Any]]:
    """Return the saves in a folder, in order."""
    return [json.loads(path.read_text()) for path in sorted(storage.rglob("*.json"))]


def count_lines(storage: Path, what: str) -> int:
    """Return how many lines of a kind, such as "run", the journals of a storage hold."""
    return sum(path.read_text().count(f'"do":"{what}"') for path in (storage / ".journal").glob("*.jsonl"))


def plotting(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the main function of `python -m plotting`."""
    from plotting import __main__ as program  # matplotlib

    return call(program.main, *arguments, cwd=cwd)


def run(arguments: Sequence[str], cwd: Path = ROOT, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the checkout, or in `cwd` with the checkout importable; `settings` join its environment."""
    settings = environment() | {"PYTHONPATH": str(ROOT)} | settings
    return subprocess.run(
        arguments, cwd=cwd, env=settings, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def call(main: Callable[[], object], *arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the main function of a program as its command line does, but in this process."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["program", *arguments])
        patch.chdir(cwd)
        try:
            status = main()
        except SystemExit as left:
            status = left.code
    return subprocess.CompletedProcess(arguments, int(status or 0), out.getvalue(), err.getvalue())  # type: ignore[call-overload]


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
