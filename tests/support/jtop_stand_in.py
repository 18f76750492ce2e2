"""A stand-in for jetson-stats' package: a client whose service does what its `service_settings` say."""

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
service_settings: Any = SimpleNamespace(power={}, uptime=None, alive=True, start=[], interval=None, clients=0)
"""power: what is read; uptime: None counts by itself; start: what start() raises, or "hang"; clients: made so far."""
service_settings.memory = UserDict(
    {"RAM": {"used": 4_000_000, "tot": 8_000_000}}
)  # as theirs: no dict, but read like one


class jtop(threading.Thread):  # noqa: N801 - its name
    """A client, by its documented calls."""

    def __init__(self, interval: float) -> None:
        super().__init__(daemon=True)
        self.interval = service_settings.interval or interval
        self.board = {"hardware": {"L4T": "36.4.4"}}
        self._observers: list[Callable[[jtop], None]] = []
        self._running = False
        service_settings.clients += 1

    def attach(self, observer: Callable[[jtop], None]) -> None:
        self._observers.append(observer)

    def detach(self, observer: Callable[[jtop], None]) -> None:
        self._observers = [other for other in self._observers if other != observer]

    def start(self) -> None:
        if service_settings.start:
            if (error := service_settings.start.pop(0)) == "hang":
                time.sleep(60)
            raise RuntimeError(error)
        self._running = True
        super().start()

    def run(self) -> None:
        while self._running and service_settings.alive:
            self.power, self.uptime = service_settings.power, service_settings.uptime or time.monotonic()
            self.memory = service_settings.memory
            for observer in self._observers:
                observer(self)
            time.sleep(self.interval)

    def ok(self, *, spin: bool) -> bool:
        assert spin
        if not service_settings.alive:
            raise RuntimeError("Lost connection with\njtop server")
        return self._running

    def close(self) -> None:
        self._running = False
