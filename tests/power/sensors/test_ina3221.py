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
    [
        *((1, 7, 0.007), (1, 0, 0.0005), (64, 1, 0.064), (512, 0, 0.256), (4, 7, 0.028), (1024, 49, 50.176)),
        *((512, 430, 0.43), (64, 422, 0.422), (4, 26, 0.026), (64, 18, 0.018), (1024, 215_040, 215.04)),
        (16, 13, None),
        *((1, None, None), (None, 7, None), (0, 7, None), (-1, 7, None)),
    ],
)
def test_averaging(samples: float | None, interval_ms: float | None, seconds: float | None) -> None:
    """Samples are multiplied in once: by the driver where the interval cannot be one sweep, and by nobody in doubt."""
    assert ina3221.compute_averaging_s(samples, interval_ms) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("samples", [1, 4, 16, 64, 128, 256, 512, 1024])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("conversion_ms", ina3221.CONVERSIONS_MS)
def test_both_drivers_average_alike(samples: int, channels: int, conversion_ms: float) -> None:
    """What Linux shows before and since 6.0 gives the chip's own averaging time, or none, but never another one."""
    true_s = samples * channels * 2 * conversion_ms / 1e3
    for shown_ms in (true_s * 1e3, true_s * 1e3 / samples):
        found = ina3221.compute_averaging_s(samples, round(shown_ms))
        rounding_s = 0.5e-3 * samples
        assert found is None or found == pytest.approx(true_s, abs=rounding_s + 1e-9)


@pytest.mark.parametrize(
    ("volts", "amperes", "ohms", "beyond"),
    [
        (19.0, 0.8, 0.002, False),
        (19.0, 81.86, 0.002, False),  # one step below the end of the scale
        (19.0, 81.9, 0.002, True),
        (19.0, -81.92, 0.002, True),
        (5.0, 32.76, 0.005, True),
        (5.0, 32.76, None, False),
        (26.0, 1.0, None, False),
        (32.76, 1.0, None, True),
    ],
)
def test_the_range_of_the_chip(volts: float, amperes: float, ohms: float | None, *, beyond: bool) -> None:
    """At the end of the shunt's scale, 163.8 mV, and over 26 V the chip does not measure."""
    assert ina3221.is_beyond(volts, amperes, ohms) == beyond
