"""SIGINT, SIGTERM and SIGHUP end a session in good order; a second one ends it at once.

Python makes an exception of SIGINT alone. The others would end pytest without a save, so that
`systemctl stop` or a closed terminal would cost the finished pairs.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def install() -> Callable[[], None]:
    """Have each of SIGNALS raise KeyboardInterrupt once; return what puts the old handlers back.

    A signal that is ignored stays so: `nohup` ignores SIGHUP, a shell's background jobs SIGINT.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    before = {number: signal.getsignal(number) for number in SIGNALS}
    caught = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def interrupt(number: int, _: Any) -> None:
        for other in caught:
            signal.signal(other, signal.SIG_DFL)  # the next one ends this process at once
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in caught:
        signal.signal(number, interrupt)

    def restore() -> None:
        for number in caught:
            handler = before[number]
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    return restore
