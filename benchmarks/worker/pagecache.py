"""The page cache's share in a load time: dropped first, and what remains is said."""

import ctypes
import mmap
import os
from collections.abc import Iterable
from pathlib import Path

_PROT_READ, _MAP_SHARED = 1, 1
_MAP_FAILED = ctypes.c_void_p(-1).value


def drop_cached(files: Iterable[Path]) -> None:
    """Ask the kernel to forget `files` (POSIX_FADV_DONTNEED); it may keep pages that others map."""
    if not hasattr(os, "posix_fadvise"):
        return
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # dirty pages are never dropped
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


def measure_cached_share(files: Iterable[Path]) -> float | None:
    """Return the share of `files` that is in the page cache, 0 to 1; None where mincore(2) is missing."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "mincore"):
        return None
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_longlong]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    counts = [_resident(libc, file) for file in files]
    if not counts or None in counts:
        return None
    known = [count for count in counts if count is not None]
    pages = sum(total for _, total in known)
    return sum(resident for resident, _ in known) / pages if pages else None


def _resident(libc: ctypes.CDLL, file: Path) -> tuple[int, int] | None:
    """Return (resident pages, pages) of one file; None where the kernel refuses."""
    size = file.stat().st_size
    if size == 0:
        return 0, 0
    descriptor = os.open(file, os.O_RDONLY)
    try:
        address = libc.mmap(None, size, _PROT_READ, _MAP_SHARED, descriptor, 0)
    finally:
        os.close(descriptor)
    if address == _MAP_FAILED:
        return None
    pages = -(-size // mmap.PAGESIZE)
    vector = ctypes.create_string_buffer(pages)
    try:
        if libc.mincore(address, size, vector) != 0:
            return None
    finally:
        libc.munmap(address, size)
    return sum(byte & 1 for byte in vector.raw), pages
