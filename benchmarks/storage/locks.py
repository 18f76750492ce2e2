"""Locks between sessions of this suite, on a file or folder; they end with the process that holds them."""

try:
    import fcntl
except ImportError:  # Windows has no fcntl, hence no locks
    fcntl = None  # type: ignore[assignment]


def take(descriptor: int, *, wait: bool = False, shared: bool = False) -> bool:
    """Lock an open file or folder; return False if another process holds it. With `wait`, wait until it is free.

    Any number of processes can hold a `shared` lock: to check whether a file is free disturbs no other check.
    Without locks in the system or the file system the answer is always True.
    """
    if fcntl is None:
        return True
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind if wait else kind | fcntl.LOCK_NB)
    except OSError as error:
        return not isinstance(error, BlockingIOError)
    return True
