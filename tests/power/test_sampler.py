"""The sampling thread: on schedule, never fatal.

Tests benchmarks.power.sampler.
"""

from __future__ import annotations

import math
import threading
import time

from benchmarks.power.base import PowerSample, SensorLost
from benchmarks.power.sampler import Sampler


def test_it_samples_on_a_fixed_schedule() -> None:
    """One sample comes per period, the first at once and one more at the end."""
    sampler = Sampler(lambda: [time.monotonic()], 0.02)
    sampler.start()
    time.sleep(0.5)
    sampler.stop()

    assert 15 <= len(sampler.samples) <= 28
    assert sampler.samples == sorted(sampler.samples)


def test_it_does_not_burn_the_processor() -> None:
    """A sampler at 10 Hz takes under 5% of a core: the meter must not slow what it measures."""
    sampler = Sampler(lambda: [0], 0.1)
    sampler.start()
    before = time.process_time()
    time.sleep(1.0)
    spent = time.process_time() - before
    sampler.stop()

    assert spent < 0.05


def test_a_lost_sensor_keeps_what_it_measured() -> None:
    """When a sensor is lost, or raises anything else, its samples stay and the reason is kept."""
    readings = iter([[1], [2]])

    def read() -> list[int]:
        try:
            return next(readings)
        except StopIteration:
            raise SensorLost("unplugged") from None

    sampler = Sampler(read, 0.01)
    sampler.start()
    time.sleep(0.2)
    sampler.stop()
    assert (sampler.samples, sampler.lost) == ([1, 2], "unplugged")

    broken = Sampler(lambda: [1 // 0], 0.01)
    broken.start()
    time.sleep(0.05)
    broken.stop()
    assert broken.lost == "ZeroDivisionError: integer division or modulo by zero"


def test_stopping_twice_is_harmless() -> None:
    """`stop` may be called twice, and before `start`."""
    sampler: Sampler[int] = Sampler(lambda: [1], 0.01)
    sampler.stop()
    sampler.stop()


def test_a_sensor_that_hangs_is_lost() -> None:
    """A reading that hangs loses the sensor alone, with a reason."""
    answer = threading.Event()
    sampler: Sampler[int] = Sampler(lambda: [answer.wait()], 0.01, patience_s=0.1)
    sampler.start()
    sampler.stop()

    assert sampler.lost == "it did not answer for 0.1 s"
    assert sampler.samples == []
    answer.set()


def test_what_is_no_number_is_no_reading() -> None:
    """A reading of NaN or infinity is a missing one."""
    assert PowerSample(1, math.nan, math.inf) == PowerSample(1, None, None)
