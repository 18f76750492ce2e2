"""How a child process starts, by "spawn" or "forkserver". Imports no torch."""

import atexit
import multiprocessing
import os
import shutil
import sys
import time
from multiprocessing import util
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

from benchmarks.errors import BenchmarkError

ROOT = Path(__file__).parents[2]
PRELOAD = ["benchmarks.worker.preload"]
SOCKET_NAME, LONGEST_SOCKET = len("/listener-12345678"), 107 if sys.platform == "linux" else 103
"""Bytes of the name of multiprocessing's socket, and of the longest path of one (sockaddr_un, without its last 0)."""
ANOTHER_FOLDER = "type TMPDIR=/tmp before the command."
FOLDER = "EDGE_VLM_BENCH_FORKSERVER"
"""Environment variable that names the folder of a forkserver's socket."""


def get_context(start_method: str) -> SpawnContext | ForkServerContext:
    """Return multiprocessing's context of a start method, "spawn" or "forkserver".

    A process has one forkserver, and its first child fixes what it preloads: start every child through here.
    """
    if start_method == "forkserver":
        # The forkserver imports PRELOAD by itself: from ROOT first, and never from the working directory.
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        os.environ["PYTHONSAFEPATH"] = "1"
        os.environ[FOLDER] = util.get_temp_dir()
        forkserver = multiprocessing.get_context("forkserver")
        forkserver.set_forkserver_preload(PRELOAD)
        return forkserver
    return multiprocessing.get_context("spawn")


def check_temporary_folder(start_method: str | None) -> None:
    """Raise BenchmarkError if the path of the temporary folder is too long for a forkserver's socket."""
    if start_method != "forkserver":
        return
    try:
        folder = util.get_temp_dir()
    except OSError as error:
        raise BenchmarkError(f"The temporary folder cannot be written ({error.strerror}); {ANOTHER_FOLDER}") from error
    if len(os.fsencode(folder)) + SOCKET_NAME > LONGEST_SOCKET:
        raise BenchmarkError(
            f"The path of this machine's temporary folder is too long for a socket ({folder}: with the socket's name "
            f"more than {LONGEST_SOCKET} bytes); {ANOTHER_FOLDER}"
        )


def sweep_at_exit() -> None:
    """Delete the folder of this forkserver's socket at exit, if the process that started it was killed.

    Otherwise that process deletes the folder.
    """
    if folder := os.environ.get(FOLDER):
        atexit.register(_sweep, Path(folder), os.getppid())


def _sweep(folder: Path, parent: int) -> None:
    deadline = time.monotonic() + 1
    while folder.exists() and os.getppid() == parent and time.monotonic() < deadline:
        time.sleep(0.01)  # a process closes its files shortly before it ends
    if os.getppid() != parent:
        shutil.rmtree(folder, ignore_errors=True)
