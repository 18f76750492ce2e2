"""Read what users give: numbers, and files, where a pipe, a device or a file without an end stops nothing."""

import argparse
import errno
import math
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file at once, or raise OSError: a pipe would wait for its writer, and a device might act."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))


def read_regular(path: Path, most: int) -> bytes:
    """Return a regular file's bytes, of a larger one the first `most` + 1, or raise OSError. It never waits."""
    with open_regular(path) as file:
        return file.read(most + 1) or b""  # None of a file of the kernel that waits for news


def number_that(allows: Callable[[float], bool], description: str) -> Callable[[str], float]:
    """Return an argparse type for the finite numbers that `allows` accepts."""

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or not allows(number):
            raise argparse.ArgumentTypeError(f"asked for {text[:40]!r}, needs {description}")
        return number

    return parse
