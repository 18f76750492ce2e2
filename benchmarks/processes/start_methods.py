"""How a child process starts, by "spawn" or "forkserver". Imports no torch."""

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
