"""How a child of the meter starts: the one place that knows the start methods. Imports no torch."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

ROOT = Path(__file__).parents[2]
PRELOAD = ["benchmarks.worker.preload"]


def context(start_method: str) -> SpawnContext | ForkServerContext:
    """Return multiprocessing's context of "spawn" or "forkserver".

    There is one forkserver for this process, and what it preloads is settled when its first child
    starts: whoever starts one goes through here.
    """
    if start_method == "forkserver":
        # The forkserver looks for what it preloads by itself: here first, and never in the shell's folder.
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        os.environ["PYTHONSAFEPATH"] = "1"
        forkserver = multiprocessing.get_context("forkserver")
        forkserver.set_forkserver_preload(PRELOAD)
        return forkserver
    return multiprocessing.get_context("spawn")
