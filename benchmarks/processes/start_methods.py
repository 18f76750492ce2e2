"""How a child of the meter starts: the one place that knows the start methods. Imports no torch."""

import atexit
import multiprocessing
import os
import shutil
import time
from multiprocessing import util
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRELOAD = ["benchmarks.worker.preload"]
FOLDER = "EDGE_VLM_BENCH_FORKSERVER"
"""Environment variable in which a forkserver is told the folder of its socket."""


def get_context(start_method: str) -> SpawnContext | ForkServerContext:
    """Return multiprocessing's context of "spawn" or "forkserver".

    There is one forkserver for this process, and what it preloads is settled when its first child
    starts: whoever starts one goes through here.
    """
    if start_method == "forkserver":
        # The forkserver looks for what it preloads by itself: here first, and never in the shell's folder.
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        os.environ["PYTHONSAFEPATH"] = "1"
        os.environ[FOLDER] = util.get_temp_dir()
        forkserver = multiprocessing.get_context("forkserver")
        forkserver.set_forkserver_preload(PRELOAD)
        return forkserver
    return multiprocessing.get_context("spawn")


def sweep_at_exit() -> None:
    """Have this forkserver, where it outlives the process that started it, delete the folder of its socket.

    That process deletes it itself, unless it is killed.
    """
    if folder := os.environ.get(FOLDER):
        atexit.register(_sweep, Path(folder), os.getppid())


def _sweep(folder: Path, parent: int) -> None:
    deadline = time.monotonic() + 1
    while folder.exists() and os.getppid() == parent and time.monotonic() < deadline:
        time.sleep(0.01)  # its files close a moment before it is gone
    if os.getppid() != parent:
        shutil.rmtree(folder, ignore_errors=True)
