"""The errors that TI's INA3221 adds to the power that it measures.

It measures the voltage over a shunt and the bus voltage V. The kernel computes I = shunt voltage / R, and power is V I.
TI's data sheet SBOS576 (Electrical Characteristics) states: shunt offset +-80 uV at most, shunt step 40 uV, gain 0.25%
at most, bus voltage step 8 mV. The last is left out: at 5 V it is 0.16% of a step in power.
"""

import math
from collections.abc import Iterable

SHUNT_STEP_V = 40e-6
SHUNT_OFFSET_V = 80e-6
DATA_SHEET = "TI SBOS576"
LEAST_INTERVAL_MS = 0.5  # the kernel shows a shorter interval as 0 ms

Channel = tuple[float | None, float | None]
"""(bus voltage in volts, shunt in ohms); None if it is unknown."""


def compute_resolution_w(channels: Iterable[Channel]) -> float | None:
    """Return the step of a sum of channels, watts; None if a voltage or a shunt is unknown.

    One channel's step is q = V 40 uV / R. The steps are independent: q^2 = sum of q_i^2, and q / sqrt(12) is the
    standard uncertainty of the sum.
    """
    steps = _scale(channels, SHUNT_STEP_V)
    return None if steps is None else math.hypot(*steps)


def compute_offset_uncertainty_w(channels: Iterable[Channel]) -> float | None:
    """Return the standard uncertainty of the offset of a sum of channels, watts; None if one is unknown.

    One channel is off by at most a = V 80 uV / R. One converter measures all channels of a chip in turn, so their
    offsets may be the same: u = (sum of a_i) / sqrt(3), for a uniform distribution.
    """
    bounds = _scale(channels, SHUNT_OFFSET_V)
    return None if bounds is None else sum(bounds) / math.sqrt(3)


def compute_averaging_s(samples: float | None, update_interval_ms: float | None) -> float | None:
    """Return the longest time that one reading averages over, seconds: samples x update_interval.

    Before Linux 6.0 update_interval already included the samples, as https://docs.kernel.org/hwmon/ina3221.html says.
    """
    if not samples or samples < 0 or update_interval_ms is None:
        return None
    return samples * max(update_interval_ms, LEAST_INTERVAL_MS) / 1e3


def _scale(channels: Iterable[Channel], shunt_v: float) -> list[float] | None:
    """Return each channel's power at a shunt voltage, watts: V shunt_v / R."""
    found = []
    for volts, ohms in channels:
        if volts is None or ohms is None or ohms <= 0:
            return None
        found.append(abs(volts) * shunt_v / ohms)
    return found
