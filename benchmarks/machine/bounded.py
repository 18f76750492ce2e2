"""Call what may hang, such as another program, for a bounded time."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
PATIENCE_S, TOO_LATE_S = 10.0, 5.0
"""How long a call may take, and then while each program that it starts is killed at once, seconds."""


def call_bounded(function: Callable[[], T], otherwise: T, patience_s: float = PATIENCE_S) -> T:
    """Return what `function` returns; `otherwise` if it fails or does not end.

    After `patience_s` seconds, or Ctrl-C, the programs that it waits for are killed, and it goes on without them.
    """
    answers: list[T] = []
    ended = threading.Event()

    def call() -> None:
        with suppress(Exception):
            answers.append(function())
        ended.set()

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    with suppress(KeyboardInterrupt):
        ended.wait(patience_s)
    deadline = time.monotonic() + TOO_LATE_S
    while not ended.wait(0.1) and time.monotonic() < deadline:
        _kill_children(f"self/task/{thread.native_id}")
    return answers[0] if answers else otherwise


def _kill_children(task: str) -> None:
    """Kill the programs that a thread has started, and theirs; only Linux lists them."""
    for children in Path("/proc").glob(f"{task}/children"):
        with suppress(OSError):
            for child in map(int, children.read_text().split()):
                _kill_children(f"{child}/task/*")
                os.kill(child, signal.SIGKILL)
