"""A thread that reads a sensor on a fixed schedule. It sleeps between readings and never spins."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from benchmarks.power.base import SensorLost

T = TypeVar("T")
PATIENCE_S = 5.0
"""How long the end waits for a reading that was begun, seconds."""


class Sampler(Generic[T]):
    """Calls `read` every `period_s` seconds from `start` to `stop`, and keeps what it returns.

    Attributes:
        samples: what was read, in order.
        lost: why the sensor stopped in the middle; None while it has not.
    """

    def __init__(self, read: Callable[[], list[T]], period_s: float, patience_s: float = PATIENCE_S) -> None:
        self.samples: list[T] = []
        self.lost: str | None = None
        self._read = read
        self._period_s = period_s
        self._patience_s = patience_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sampler", daemon=True)

    def start(self) -> None:
        """Begin; the first reading is taken at once."""
        self._thread.start()

    def stop(self) -> None:
        """End after a last reading, without waiting for ever for one that hangs; harmless to repeat."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(self._patience_s)
            if self._thread.is_alive():
                self.lost = f"it has not answered for {self._patience_s:g} s"

    def _loop(self) -> None:
        due = time.monotonic()
        while self.lost is None:
            stopping = self._stop.is_set()
            self._sample()
            if stopping:
                return
            # The schedule is absolute, so that a slow reading delays none after the next.
            due = max(due + self._period_s, time.monotonic())
            self._stop.wait(due - time.monotonic())

    def _sample(self) -> None:
        try:
            self.samples.extend(self._read())
        except SensorLost as loss:
            self.lost = str(loss)
        except Exception as error:  # noqa: BLE001 - a sensor of any kind may fail; the runs must go on
            self.lost = f"{type(error).__name__}: {error}"
