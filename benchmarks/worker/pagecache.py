"""The page cache at a load: drop the files first, then measure the share that stays."""

import ctypes
import mmap
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np


def drop_cached(files: Iterable[Path]) -> None:
    """Ask the kernel to drop `files` from the page cache (POSIX_FADV_DONTNEED); it may keep mapped pages."""
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
    """Return the share of `files` in the page cache, 0 to 1; None without mincore(2), or without bytes."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mincore"):
        return None
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    try:
        counts = [_count_pages(libc.mincore, file) for file in files if file.stat().st_size]
    except _Refused:
        return None
    pages = sum(total for _, total in counts)
    return sum(cached for cached, _ in counts) / pages if pages else None


class _Refused(Exception):
    """The kernel does not map a file, or does not answer for it."""


def _count_pages(mincore: Callable[..., int], file: Path) -> tuple[int, int]:
    """Return (pages in the page cache, pages) of one file that is not empty."""
    with file.open("rb") as opened:
        try:
            mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise _Refused from error
    with mapped:
        vector = ctypes.create_string_buffer(-(-len(mapped) // mmap.PAGESIZE))
        if mincore(np.frombuffer(mapped, np.uint8).ctypes.data, len(mapped), vector) != 0:
            raise _Refused
    return sum(byte & 1 for byte in vector.raw), len(vector)
