"""A thread that reads a sensor on a fixed schedule. It sleeps between readings and never spins."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from benchmarks.power.base import SensorLost

T = TypeVar("T")


class Sampler(Generic[T]):
    """Call `read` every `period_s` seconds from `start` to `stop`, and keep its `samples`.

    `lost` says why the sensor stopped early; None if it did not.
    """

    def __init__(self, read: Callable[[], list[T]], period_s: float, patience_s: float = 5.0) -> None:
        """Prepare to sample; `stop` waits up to `patience_s` seconds for a reading that hangs."""
        self.samples: list[T] = []
        self.lost: str | None = None
        self._read = read
        self._period_s = period_s
        self._patience_s = patience_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sampler", daemon=True)

    def start(self) -> None:
        """Start sampling; the first reading comes at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after a last reading; harmless to repeat."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(self._patience_s)
            if self._thread.is_alive():
                self.lost = f"it did not answer for {self._patience_s:g} s"

    def _loop(self) -> None:
        due = time.monotonic()
        while self.lost is None:
            stopping = self._stop.is_set()
            self._sample()
            if stopping:
                return
            # The schedule is absolute, so a slow reading delays only the next one.
            due = max(due + self._period_s, time.monotonic())
            self._stop.wait(due - time.monotonic())

    def _sample(self) -> None:
        try:
            self.samples.extend(self._read())
        except SensorLost as loss:
            self.lost = str(loss)
        except Exception as error:  # noqa: BLE001 - a sensor of any kind may fail; the runs must continue
            self.lost = f"{type(error).__name__}: {error}"
