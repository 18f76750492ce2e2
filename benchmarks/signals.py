"""SIGINT, SIGTERM and SIGHUP end a session with a save; a second Ctrl-C ends it at once.

Python raises an exception for SIGINT only. The others would end pytest without a save: `systemctl stop` or a closed
terminal would lose the finished pairs. This module is a plugin of pytest: a signal waits from the last run on.
"""

import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
waiting: list[str] | None = None  # the signals that are delayed; None if they are not
_before: dict[signal.Signals, Any] = {}  # the handlers that `install` has replaced


@contextmanager
def hold() -> Iterator[None]:
    """Delay signals until the block ends, so that what a pair has measured is kept first.

    Raises:
        KeyboardInterrupt: at the end of the block, if a signal came.
    """
    global waiting  # noqa: PLW0603 - a process has one set of signal handlers
    delayed = waiting = []
    try:
        yield
    finally:
        waiting = None
        if delayed:
            raise KeyboardInterrupt(delayed[0])


def install() -> None:
    """Make each of SIGNALS raise KeyboardInterrupt once, until the session ends.

    After the first, Ctrl-C ends the process at once. SIGTERM and SIGHUP, which often come several times, are ignored
    until the save is written. A signal that was ignored stays ignored: `nohup` ignores SIGHUP, background jobs SIGINT.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    _before.update({n: handler for n in SIGNALS if (handler := signal.getsignal(n)) is not signal.SIG_IGN})

    def interrupt(number: int, _: Any) -> None:
        for other in _before:
            signal.signal(other, signal.SIG_DFL if other == signal.SIGINT else signal.SIG_IGN)
        if waiting is None:
            raise KeyboardInterrupt(signal.Signals(number).name)
        waiting.append(signal.Signals(number).name)

    for number in _before:
        signal.signal(number, interrupt)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop() -> Generator[None, Any, Any]:
    """Delay signals from the last run on: an exception beside pytest's own would end it before the save is written."""
    global waiting  # noqa: PLW0603 - as above
    try:
        return (yield)
    finally:
        waiting = []


def pytest_unconfigure() -> None:
    """Restore the signal handlers."""
    global waiting  # noqa: PLW0603 - as above
    for number, handler in _before.items():
        signal.signal(number, signal.SIG_DFL if handler is None else handler)
    _before.clear()
    waiting = None
