"""SIGINT, SIGTERM and SIGHUP end a session in good order; a second Ctrl-C ends it at once.

Python makes an exception of SIGINT alone. The others would end pytest without a save, so that
`systemctl stop` or a closed terminal would cost the finished pairs.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_waiting: list[str] | None = None
"""The signals that `held` keeps back; None outside of it."""


@contextmanager
def held() -> Iterator[None]:
    """Keep signals back until the block is done: what a pair has measured must be kept before anything else.

    A second Ctrl-C still ends the process at once.

    Raises:
        KeyboardInterrupt: at the end of the block, where a signal came meanwhile.
    """
    global _waiting  # noqa: PLW0603 - a process has one set of signal handlers
    kept = _waiting = []
    try:
        yield
    finally:
        _waiting = None
        if kept:
            raise KeyboardInterrupt(kept[0])


def install() -> Callable[[], None]:
    """Have each of SIGNALS raise KeyboardInterrupt once; return what puts the old handlers back.

    After the first, a Ctrl-C ends the process at once; SIGTERM and SIGHUP, which come in showers, wait for the save.
    A signal that is ignored stays so: `nohup` ignores SIGHUP, a shell's background jobs SIGINT.
    """
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
