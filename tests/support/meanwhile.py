"""Do something to a session while it measures in this process."""

from __future__ import annotations

import io
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

from tests.support import product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def when(begun: Callable[[], bool], act: Callable[[], object]) -> Iterator[None]:
    """Call `act` once, in a thread, as soon as `begun` holds within the block; fail where it never does."""
    ended = Event()

    def wait() -> bool:
        while not ended.wait(0.01):
            if begun():
                act()
                return True
        return False

    with ThreadPoolExecutor(1) as threads:
        acted = threads.submit(wait)
        try:
            yield
        finally:
            ended.set()
        assert acted.result(), "the session ended before anything could be done to it"


def runs(storage: Path, count: int = 1) -> Callable[[], bool]:
    """Return what tells whether a session's journal holds so many runs."""
    return lambda: product.count_lines(storage, "run") >= count


def said(text: str) -> Callable[[], bool]:
    """Return what tells whether the session of `measure_here` has written a text."""
    return lambda: isinstance(sys.stdout, io.StringIO) and text in sys.stdout.getvalue()
