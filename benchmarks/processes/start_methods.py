"""How a child process starts, by "spawn" or "forkserver", and what the system says if it does not. Imports no torch."""

import contextlib
import errno
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import forkserver, util
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.processes.protocol import ProcessDied, explain_exit

ROOT = Path(__file__).parents[2]
PRELOAD = ["benchmarks.worker.preload"]
SOCKET_NAME, LONGEST_SOCKET = len("/listener-12345678"), 107 if sys.platform == "linux" else 103
"""Bytes of the name of multiprocessing's socket, and of the longest path of one (sockaddr_un, without its last 0)."""
ANOTHER_FOLDER = "type TMPDIR=/tmp before the command."
MARK = "edge-vlm-bench.lock"
"""File in a temporary folder of ours, locked by its process: if it is free, that process was killed."""
REMEDIES = {errno.EMFILE: "ulimit -n 1024", errno.EAGAIN: "ulimit -u 4096", errno.ENOMEM: "ulimit -v unlimited"}
"""Why no process can be started -> what to type."""
SERVER: Any = forkserver._forkserver  # noqa: SLF001
"""multiprocessing's forkserver of this process."""


def get_context(start_method: str) -> SpawnContext | ForkServerContext:
    """Return multiprocessing's context of a start method, "spawn" or "forkserver".

    A process has one forkserver, and its first child fixes what it preloads: start every child through here.
    """
    if start_method == "forkserver":
        # The forkserver imports PRELOAD by itself: from ROOT first, and never from the working directory.
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        os.environ["PYTHONSAFEPATH"] = "1"
        _prepare_folder()
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOAD)
        return context
    return multiprocessing.get_context("spawn")


@contextlib.contextmanager
def explain_refusal() -> Iterator[None]:
    """Raise ProcessDied, with one sentence, if the system starts no process, or it dies meanwhile."""
    try:
        yield
    except (EOFError, ConnectionError) as error:
        raise ProcessDied("died at start", "A process, or the forkserver that starts it, died at its start.") from error
    except OSError as error:
        known = REMEDIES.get(error.errno or 0)
        remedy = f"type `{known}` before the command." if known else ANOTHER_FOLDER
        raise ProcessDied("not started", f"A process cannot be started ({error.strerror}); {remedy}") from error


def explain_forkserver_death() -> ProcessDied | None:
    """Return how this process's forkserver ended; None if it runs, or was never started."""
    try:  # without reaping it: multiprocessing does that when it starts another
        found = os.waitid(os.P_PID, SERVER._forkserver_pid or 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)  # noqa: SLF001
    except (AttributeError, OSError):  # macOS has no waitid before Python 3.13
        return None
    code = found and (found.si_status if found.si_code == os.CLD_EXITED else -found.si_status)
    return None if code is None else explain_exit(code, "the forkserver, the parent of the process that ran the model,")


def check_temporary_folder(start_method: str | None) -> None:
    """Sweep what killed sessions left, and raise BenchmarkError if a forkserver's socket has no place."""
    try:
        if sys.platform != "win32":
            _sweep_folders()
        folder = _prepare_folder() if start_method == "forkserver" else Path()
    except OSError as error:
        raise BenchmarkError(f"The temporary folder cannot be written ({error.strerror}); {ANOTHER_FOLDER}") from error
    if len(os.fsencode(folder)) + SOCKET_NAME > LONGEST_SOCKET:
        raise BenchmarkError(
            f"The path of this machine's temporary folder is too long for a socket ({folder}: with the socket's name "
            f"more than {LONGEST_SOCKET} bytes); {ANOTHER_FOLDER}"
        )


def _prepare_folder() -> Path:
    """Return multiprocessing's temporary folder, with our mark; make it again, and a forkserver, if it was deleted."""
    import fcntl

    folder = Path(util.get_temp_dir())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / MARK).exists():
        descriptor, name = tempfile.mkstemp(dir=folder)  # never closed: the lock ends with this process
        with contextlib.suppress(OSError):  # a file system without locks: what is left there stays
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            Path(name).rename(folder / MARK)  # nobody finds it without its lock
    if SERVER._forkserver_address and not Path(SERVER._forkserver_address).exists():  # noqa: SLF001
        os.close(SERVER._forkserver_alive_fd)  # noqa: SLF001 - it ends with its last child
        SERVER._forkserver_address = SERVER._forkserver_alive_fd = SERVER._forkserver_pid = None  # noqa: SLF001
    return folder


def _sweep_folders() -> None:
    """Delete the temporary folders of killed sessions; those of other programs, users and running sessions stay."""
    import fcntl

    for mark in Path(tempfile.gettempdir()).glob(f"pymp-*/{MARK}"):
        with contextlib.suppress(OSError), mark.open("rb+") as file:  # a BlockingIOError if its session runs
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if mark.parent.lstat().st_uid == os.geteuid():
                shutil.rmtree(mark.parent)
