"""A process that does not start, or dies, is named in one sentence, and costs no other.

Tests benchmarks.processes.start_methods and benchmarks.processes.protocol.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from benchmarks.processes.helper import run_in_process
from benchmarks.processes.protocol import ProcessDied
from tests.support import product

if TYPE_CHECKING:
    from collections.abc import Iterator

TROUBLE = """
import os, shutil, signal, sys, time
from multiprocessing import util
from benchmarks.processes.helper import run_in_process
from benchmarks.processes.protocol import ProcessDied
from benchmarks.processes.start_methods import SERVER, explain_forkserver_death
if __name__ == "__main__":
    print(run_in_process("forkserver", os.getppid) == SERVER._forkserver_pid)
    shutil.rmtree(os.environ["TMPDIR"])
    print(run_in_process("forkserver", os.getppid) == SERVER._forkserver_pid, explain_forkserver_death())
    os.kill(SERVER._forkserver_pid, signal.SIGKILL)
    while explain_forkserver_death() is None:
        time.sleep(0.01)
    print(explain_forkserver_death().sentence)
    print(run_in_process("forkserver", os.getppid) == SERVER._forkserver_pid)
"""


def test_a_forkserver_that_is_killed_or_loses_its_folder_is_replaced(tmp_path: Path) -> None:
    """Where its temporary folder is deleted, or a forkserver killed, the next child starts all the same."""
    (tmp_path / "torch.py").write_text("raise ImportError")  # the forkserver then preloads nothing, and is quick
    (tmp_path / "trouble.py").write_text(TROUBLE)
    with TemporaryDirectory() as short:  # a socket's path has at most 107 characters
        paths = os.pathsep.join(map(str, (product.ROOT, tmp_path)))
        settings = product.environment() | {"PYTHONPATH": paths, "TMPDIR": f"{short}/deleted"}
        Path(settings["TMPDIR"]).mkdir()
        arguments = [sys.executable, str(tmp_path / "trouble.py")]
        done = subprocess.run(arguments, env=settings, capture_output=True, text=True, timeout=60, check=False)
        left = list(Path(short).glob("*/*"))

    assert done.stdout.splitlines() == [
        "True",
        "True None",
        "SIGKILL: the forkserver, the parent of the process that ran the model, was killed (SIGKILL)",
        "True",
    ]
    assert done.returncode == 0, done.stderr
    assert left == []


@contextmanager
def open_files(count: int) -> Iterator[None]:
    """Allow this process only so many more open files."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(file.name) for file in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + count, most))
    taken: list[int] = []
    with suppress(OSError):
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    try:
        for _ in range(count):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
        for descriptor in taken:
            os.close(descriptor)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc, to count open files")
def test_a_limit_of_open_files_is_named() -> None:
    """Where the shell allows too few open files, what cannot start says what to type."""
    for count in range(4):
        with open_files(count), pytest.raises(ProcessDied) as refusal:
            run_in_process("spawn", os.getpid)
        assert str(refusal.value) == (
            "A process cannot be started (Too many open files); type `ulimit -n 1024` before the command."
        )


@pytest.mark.parametrize(("end", "reason"), [(3, "exit 3"), (-9, "SIGKILL")])
def test_a_helper_that_dies_says_how(end: int, reason: str) -> None:
    """A helper that dies is named with its exit code or signal; no memory is blamed for it."""
    with pytest.raises(ProcessDied) as death:
        run_in_process("forkserver", die, end)

    assert death.value.reason == reason
    assert str(death.value).startswith("A helper process ")
    assert str(death.value).endswith(" in die; free some memory if it ran out, or run with smaller inputs.")


def die(end: int) -> None:
    """End this process with an exit code, or with a signal if it is negative."""
    if end < 0:
        os.kill(os.getpid(), -end)
    os._exit(end)
