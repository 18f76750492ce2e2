"""What TI's INA3221 adds to the power that it shows: pure functions; imports nothing of ours.

It measures the voltage over a shunt and the bus voltage V; the kernel makes I = shunt voltage / R of the first, and
power is V I. TI's data sheet SBOS576 (Electrical Characteristics) states for the chip: shunt offset +-80 uV at most,
a step of 40 uV, gain 0.25% at most; bus voltage in steps of 8 mV. The step of the bus voltage is left out: at 5 V it
is 0.16% of a step in power.
"""

import math
from collections.abc import Iterable

SHUNT_STEP_V = 40e-6
SHUNT_OFFSET_V = 80e-6
DATA_SHEET = "TI SBOS576"
LEAST_INTERVAL_MS = 0.5
"""What the kernel shows as 0 ms is less than this."""

Channel = tuple[float | None, float | None]
"""(bus voltage in volts, shunt in ohms); None of what is not known."""


def resolution_w(channels: Iterable[Channel]) -> float | None:
    """Return the step of a sum of channels, watts; None where a voltage or a shunt is not known.

    One channel's step is q = V 40 uV / R. The steps of several are independent: q^2 = sum of q_i^2, which makes
    q / sqrt(12) the standard uncertainty of their sum.
    """
    steps = _per_channel(channels, SHUNT_STEP_V)
    return None if steps is None else math.hypot(*steps)


def offset_uncertainty_w(channels: Iterable[Channel]) -> float | None:
    """Return the standard uncertainty of the offset of a sum of channels, watts; None as above.

    One channel is off by at most a = V 80 uV / R. One converter measures all channels of a chip in turn, so that
    their offsets may be the same: u = (sum of a_i) / sqrt(3), for a uniform distribution.
    """
    bounds = _per_channel(channels, SHUNT_OFFSET_V)
    return None if bounds is None else sum(bounds) / math.sqrt(3)


def averaging_s(samples: float | None, update_interval_ms: float | None) -> float | None:
    """Return the longest time that one reading averages over, seconds: samples x update_interval; None as above.

    Until 6.0 the kernel's update_interval, channels x samples x conversion times, held the samples already, as
    https://docs.kernel.org/hwmon/ina3221.html still says; since then it does not.
    """
    if not samples or samples < 0 or update_interval_ms is None:
        return None
    return samples * max(update_interval_ms, LEAST_INTERVAL_MS) / 1e3


def _per_channel(channels: Iterable[Channel], shunt_v: float) -> list[float] | None:
    """Return the power that a voltage over the shunt stands for in each channel, watts."""
    found = []
    for volts, ohms in channels:
        if volts is None or ohms is None or ohms <= 0:
            return None
        found.append(abs(volts) * shunt_v / ohms)
    return found
