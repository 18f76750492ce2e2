"""A program that hangs holds up nothing for long.

Tests benchmarks.machine.bounded.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from pytest_benchmark.utils import get_commit_info

from benchmarks import harness
from benchmarks.machine.bounded import call_bounded
from tests.support.processes import children, gone

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a git, a uname and an lscpu on PATH that hang in a program of their own, and note that they ran."""
    for name in ("git", "uname", "lscpu"):
        tool = tmp_path / name
        tool.write_text(f"#!/bin/sh\necho {name} >> {tmp_path}/called\nsleep 600\necho late\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path


def test_a_git_that_hangs_is_killed(hanging: Path) -> None:
    """A git that hangs whenever pytest-benchmark asks for the commit leaves it unknown, and no process behind."""
    before = children(os.getpid())
    found: dict[str, object] = call_bounded(get_commit_info, {}, patience_s=0.2)

    assert (hanging / "called").read_text().splitlines()[0] == "git"
    assert found["id"] == "unknown"
    assert gone([pid for pid in children(os.getpid()) if pid not in before])


def test_ctrl_c_ends_the_waiting(hanging: Path) -> None:
    """Ctrl-C during such a hang ends the program that hangs, not the session: its save comes next."""
    before = children(os.getpid())

    def interrupt() -> None:
        while not (hanging / "called").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    answer = call_bounded(partial(subprocess.check_output, ["uname"], text=True), "unknown", patience_s=600)
    thread.join()

    assert answer == "unknown"
    assert gone([pid for pid in children(os.getpid()) if pid not in before])


def test_pytest_benchmark_asks_for_a_bounded_time(pytestconfig: pytest.Config) -> None:
    """The hooks in which pytest-benchmark asks other programs are answered by ours, first."""
    hooks = pytestconfig.pluginmanager.hook
    for hook in (hooks.pytest_benchmark_generate_machine_info, hooks.pytest_benchmark_generate_commit_info):
        assert hook.get_hookimpls()[-1].plugin is harness
    assert harness.pytest_benchmark_generate_commit_info(pytestconfig)["id"]


def test_what_answers_is_returned() -> None:
    """An answer in time is returned, and what fails is as what does not answer."""
    assert call_bounded(platform.machine, "") == platform.machine()
    assert call_bounded(partial(int, "x"), 7) == 7
