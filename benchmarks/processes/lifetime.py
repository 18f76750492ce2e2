"""How a child process ends: with its parent, or before it when memory runs out."""

import contextlib
import ctypes
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from pathlib import Path

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have this process killed when its parent dies, even if it is busy."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None:  # a forkserver is the parent that PDEATHSIG watches, and it may live longer
        threading.Thread(target=_die_after, args=(parent.sentinel,), daemon=True).start()


def offer_to_the_oom_killer() -> None:
    """Have the out-of-memory killer choose this process before its parent (man 5 proc, oom_score_adj)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _die_after(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os.kill(os.getpid(), signal.SIGKILL)
