"""A thread that reads a sensor at random moments. It sleeps between readings and never spins.

Readings at regular times can keep step with the runs, or with a GPU that toggles: then each one meets the same part,
and no number of them shows the rest. So time is divided into stretches of random length, 0.75 to 1.25 periods, and each
stretch has one reading, at a moment drawn evenly from it. Every part of a run is then met equally often, whatever its
length, and the trapezoid rule over the readings is right on average: the time that a reading stands for depends on the
draws alone, not on the power. At most 2.5 periods lie between two readings, which is not yet a gap.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import numpy as np

from benchmarks.power.base import SensorLost

T = TypeVar("T")
LEAST, MOST = 0.75, 1.25
"""The length of a stretch with one reading, in periods."""


def draw_moments(
    start_s: float, period_s: float, *, regular: bool = False, chance: random.Random | np.random.Generator | None = None
) -> Iterator[float]:
    """Yield the moments of the readings after `start_s`, seconds; see the module's docstring."""
    chance = chance or random.Random()  # noqa: S311 - no secret; its own, so that a fixed global seed repeats no moments
    while True:
        length_s = period_s if regular else period_s * (LEAST + (MOST - LEAST) * chance.random())
        yield start_s + length_s * (1.0 if regular else chance.random())
        start_s += length_s


class Sampler(Generic[T]):
    """Call `read` every `period_s` seconds on average from `start` to `stop`, and keep its `samples`.

    With `regular` the readings are `period_s` apart, as a guard needs.
    """

    def __init__(
        self, read: Callable[[], list[T]], period_s: float, patience_s: float = 5.0, *, regular: bool = False
    ) -> None:
        """Prepare to sample; `stop` waits up to `patience_s` seconds for a reading that hangs."""
        self.samples: list[T] = []
        self.lost: str | None = None  # why the sensor stopped early
        self._read = read
        self._period_s = period_s
        self._patience_s = patience_s
        self._regular = regular
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
        due = draw_moments(time.monotonic(), self._period_s, regular=self._regular)
        while self.lost is None:
            stopping = self._stop.is_set()
            self._sample()
            if stopping:
                return
            # The schedule is absolute, so a slow reading delays no other; those that it overtook are left out.
            now = time.monotonic()
            self._stop.wait(next(moment for moment in due if moment > now) - now)

    def _sample(self) -> None:
        try:
            self.samples.extend(self._read())
            if len(self.samples) > 3_000_000:  # 0.4 GB, or 40 hours at 20 Hz
                self.lost = "it gave more than 3000000 readings"
        except SensorLost as loss:
            self.lost = str(loss)
        except Exception as error:  # noqa: BLE001 - a sensor of any kind may fail; the runs must continue
            self.lost = f"{type(error).__name__}: {error}"
