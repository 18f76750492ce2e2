"""The sampling thread: at random moments, never fatal.

Tests benchmarks.power.sampler.
"""

from __future__ import annotations

import cmath
import itertools
import math
import random
import threading
import time

import pytest

from benchmarks.power.base import PowerSample, SensorLost
from benchmarks.power.sampler import Sampler, draw_moments


@pytest.mark.parametrize("regular", [False, True])
def test_it_samples_on_schedule(*, regular: bool) -> None:
    """One sample comes per period on average, the first at once and one more at the end."""
    sampler = Sampler(lambda: [time.monotonic()], 0.02, regular=regular)
    sampler.start()
    time.sleep(0.5)
    sampler.stop()

    assert 15 <= len(sampler.samples) <= (28 if regular else 36)  # random moments lie as close as 0.75 periods
    assert sampler.samples == sorted(sampler.samples)


def draw(count: int, **options: bool) -> list[float]:
    """Return the first moments of a schedule of 10 Hz."""
    chance = random.Random(4)  # noqa: S311 - no secret
    return list(itertools.islice(draw_moments(5.0, 0.1, chance=chance, **options), count))


def test_the_moments_keep_step_with_nothing() -> None:
    """Of anything that repeats, every 50 ms or 3 s, the moments of readings meet each part equally often."""
    moments = draw(4000)
    gaps = [b - a for a, b in itertools.pairwise(moments)]

    for period_s in (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 3.0):
        turns = [cmath.exp(2j * math.pi * moment / period_s) for moment in moments]
        assert abs(sum(turns)) / len(turns) < 3 / math.sqrt(len(turns)), period_s
    assert moments[-1] == pytest.approx(5.0 + 400, rel=0.02)
    assert min(gaps) >= 0
    assert max(gaps) <= 0.25


def test_a_guard_looks_at_regular_times() -> None:
    """The moments of a regular schedule are a period apart."""
    assert draw(3, regular=True) == pytest.approx([5.1, 5.2, 5.3])


def test_a_slow_reading_is_not_made_up_for() -> None:
    """After a reading that took ten periods, none comes at once for each that it overtook."""
    delays = iter([0.2])

    def read() -> list[float]:
        time.sleep(next(delays, 0.0))
        return [time.monotonic()]

    sampler = Sampler(read, 0.02)
    sampler.start()
    time.sleep(0.3)
    sampler.stop()

    assert len(sampler.samples) < 12


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


def test_a_sensor_that_floods_is_lost() -> None:
    """A sensor whose readings would fill the memory is lost, and those until then are kept."""
    sampler = Sampler(lambda: [None] * 1_000_000, 0.001)
    sampler.start()
    deadline = time.monotonic() + 10
    while sampler.lost is None and time.monotonic() < deadline:
        time.sleep(0.01)
    sampler.stop()

    assert sampler.lost == "it gave more than 3000000 readings"
    assert len(sampler.samples) == 4_000_000
