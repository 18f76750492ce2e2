"""The INA3221's errors, by hand and by simulation.

Tests benchmarks.power.sensors.ina3221.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.power.sensors import ina3221

ORIN, NANO = (20.0, 0.002), (5.0, 0.005)


@pytest.mark.parametrize(
    ("channels", "step_w", "offset_w"),
    [
        ([ORIN], 0.4, 0.4618802),  # 20 V x 20 mA; 20 V x 40 mA / sqrt(3)
        ([NANO], 0.04, 0.0461880),  # 5 V x 8 mA; 5 V x 16 mA / sqrt(3)
        ([NANO, NANO], 0.0565685, 0.0923760),  # sqrt(2) x 40 mW; 2 x 80 mW / sqrt(3)
        ([ORIN, ORIN, (5.0, 0.002)], 0.5744563, 1.0392305),
        ([(-20.0, 0.002)], 0.4, 0.4618802),
        ([ORIN, (20.0, None)], None, None),
        ([(None, 0.002)], None, None),
        ([(20.0, 0.0)], None, None),
    ],
)
def test_known_shunts(
    channels: list[tuple[float | None, float | None]], step_w: float | None, offset_w: float | None
) -> None:
    """Step and offset of a sum match those computed by hand; they are None if a shunt or voltage is unknown."""
    found = ina3221.compute_resolution_w(channels), ina3221.compute_offset_uncertainty_w(channels)

    assert found == ((None, None) if step_w is None else (pytest.approx(step_w), pytest.approx(offset_w, rel=1e-6)))


def test_the_step_of_a_sum_makes_its_spread() -> None:
    """The rounding errors of two rails add up to a spread of their sum's step / sqrt(12)."""
    rails = np.random.default_rng(1).uniform(0, 40, (200_000, 2))
    steps = np.array([0.4, 0.04])
    wrong = (np.round(rails / steps) * steps - rails).sum(axis=1)

    step = ina3221.compute_resolution_w([ORIN, NANO])
    assert step is not None
    assert wrong.std() == pytest.approx(step / math.sqrt(12), rel=0.01)


@pytest.mark.parametrize(
    ("samples", "interval_ms", "seconds"),
    [(1, 7, 0.007), (64, 1, 0.064), (512, 0, 0.256), (1, None, None), (None, 7, None), (0, 7, None), (-1, 7, None)],
)
def test_averaging(samples: float | None, interval_ms: float | None, seconds: float | None) -> None:
    """A reading averages over samples x update_interval at most, where 0 ms is less than half of one."""
    assert ina3221.compute_averaging_s(samples, interval_ms) == (None if seconds is None else pytest.approx(seconds))
