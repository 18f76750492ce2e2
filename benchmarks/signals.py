"""SIGINT, SIGTERM and SIGHUP end a session with a save; a second Ctrl-C ends it at once.

Python raises an exception for SIGINT only. The others would end pytest without a save: `systemctl stop` or a closed
terminal would lose the finished pairs. From the last run on, a signal waits until the session is saved. This module is
a plugin of pytest of its own, because its hooks enclose those of `plugin`.
"""

import signal
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_waiting: list[str] | None = None
"""The signals that `hold` has delayed; None outside of it."""


@contextmanager
def hold() -> Iterator[None]:
    """Delay signals until the block ends, so that what a pair has measured is kept first.

    A second Ctrl-C still ends the process at once.

    Raises:
        KeyboardInterrupt: at the end of the block, if a signal came.
    """
    global _waiting  # noqa: PLW0603 - a process has one set of signal handlers
    delayed = _waiting = []
    try:
        yield
    finally:
        _waiting = None
        if delayed:
            raise KeyboardInterrupt(delayed[0])


def install() -> Callable[[], None]:
    """Make each of SIGNALS raise KeyboardInterrupt once; return a function that restores the old handlers.

    After the first, Ctrl-C ends the process at once. SIGTERM and SIGHUP, which often come several times, are ignored
    until the save is written. A signal that was ignored stays ignored: `nohup` ignores SIGHUP, background jobs SIGINT.
    """
    global _waiting  # noqa: PLW0603 - as above
    _waiting = None  # a session before this one, in the same process, has left it at its end
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    before = {number: signal.getsignal(number) for number in SIGNALS}
    caught = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def interrupt(number: int, _: Any) -> None:
        for other in caught:
            signal.signal(other, signal.SIG_DFL if other == signal.SIGINT else signal.SIG_IGN)
        if _waiting is None:
            raise KeyboardInterrupt(signal.Signals(number).name)
        _waiting.append(signal.Signals(number).name)

    for number in caught:
        signal.signal(number, interrupt)

    def restore() -> None:
        for number in caught:
            handler = before[number]
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    return restore


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop() -> Generator[None, Any, Any]:
    """Delay signals from the last run on: an exception beside pytest's own would end it before the save is written."""
    global _waiting  # noqa: PLW0603 - as above
    try:
        return (yield)
    finally:
        _waiting = []


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, Any]:
    """End as interrupted if a signal came after the last run; by now everything is saved."""
    try:
        return (yield)
    finally:
        if _waiting:
            session.exitstatus = pytest.ExitCode.INTERRUPTED
            reporter = session.config.pluginmanager.get_plugin("terminalreporter")
            if reporter is not None:
                reporter.write_line(f"{_waiting[0]} came after the last run: the exit code is 2.")
