"""What test_jtop.py puts in the place of jetson-stats' package: a client whose service does as it is told."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections import UserDict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

multiprocessing.set_start_method("fork", force=True)  # as importing the real one does
told: Any = SimpleNamespace(power={}, uptime=None, alive=True, start=[], interval=None, clients=0)
"""power: what is read; uptime: None goes on by itself; start: what start() raises, or "hang"; clients: made so far."""
told.memory = UserDict({"RAM": {"used": 4_000_000, "tot": 8_000_000}})  # read like a dictionary, and none, as theirs


class jtop(threading.Thread):  # noqa: N801 - its name
    """A client, by its documented calls."""

    def __init__(self, interval: float) -> None:
        super().__init__(daemon=True)
        self.interval = told.interval or interval
        self.board = {"hardware": {"L4T": "36.4.4"}}
        self._observers: list[Callable[[jtop], None]] = []
        self._running = False
        told.clients += 1

    def attach(self, observer: Callable[[jtop], None]) -> None:
        self._observers.append(observer)

    def detach(self, observer: Callable[[jtop], None]) -> None:
        self._observers = [other for other in self._observers if other != observer]

    def start(self) -> None:
        if told.start:
            if (error := told.start.pop(0)) == "hang":
                time.sleep(60)
            raise RuntimeError(error)
        self._running = True
        super().start()

    def run(self) -> None:
        while self._running and told.alive:
            self.power, self.uptime = told.power, told.uptime or time.monotonic()
            self.memory = told.memory
            for observer in self._observers:
                observer(self)
            time.sleep(self.interval)

    def ok(self, *, spin: bool) -> bool:
        assert spin
        if not told.alive:
            raise RuntimeError("Lost connection with\njtop server")
        return self._running

    def close(self) -> None:
        self._running = False
