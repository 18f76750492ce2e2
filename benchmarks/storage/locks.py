"""Locks between sessions of this suite: on a file or folder, and gone with the process that holds them."""

try:
    import fcntl
except ImportError:  # no locks where there is no fcntl, as on Windows
    fcntl = None  # type: ignore[assignment]


def take(descriptor: int, *, wait: bool = False, shared: bool = False) -> bool:
    """Lock an open file or folder, and return whether no other process has it; `wait` until none has.

    A `shared` lock is in the way of no other such one: who only looks whether a file is free disturbs nobody who looks.

    Where the system or the file system has no locks, nothing tells two sessions apart: it is free.
    """
    if fcntl is None:
        return True
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
