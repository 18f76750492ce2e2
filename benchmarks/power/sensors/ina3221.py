"""The range of TI's INA3221, and the errors that it adds to the power that it measures.

It measures the voltage over a shunt and the bus voltage V. The kernel computes I = shunt voltage / R, and power is V I.
TI's data sheet SBOS576 (Electrical Characteristics) states: shunt voltage up to +-163.8 mV, bus voltage up to 26 V,
shunt offset +-80 uV at most, shunt step 40 uV, gain 0.25% at most, bus voltage step 8 mV. The last is left out: at 5 V
it is 0.16% of a step in power.
"""

import math
from collections.abc import Iterable

SHUNT_STEP_V = 40e-6
SHUNT_OFFSET_V = 80e-6
LARGEST_SHUNT_V = 163.8e-3  # 4095 steps; a larger voltage reads as this one
LARGEST_BUS_V = 26.0
DATA_SHEET = "TI SBOS576"
LEAST_INTERVAL_MS = 0.5  # the kernel shows a shorter interval as 0 ms
CONVERSIONS_MS = (0.14, 0.204, 0.332, 0.588, 1.1, 2.116, 4.156, 8.244)
SWEEPS_MS = tuple(2 * time * channels for time in CONVERSIONS_MS for channels in (1, 2, 3))
"""The times in which the chip can measure all its channels once. The kernel sets one time for shunt and bus voltage."""

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


def is_beyond(volts: float, amperes: float, ohms: float | None) -> bool:
    """Return whether a channel's reading lies at the end of the chip's range, where more reads the same, or beyond."""
    shunt_v = abs(amperes) * (ohms or 0.0)
    return abs(volts) > LARGEST_BUS_V or shunt_v > LARGEST_SHUNT_V - SHUNT_STEP_V / 2


def compute_averaging_s(samples: float | None, update_interval_ms: float | None) -> float | None:
    """Return the time that one reading averages over, seconds; None if unknown.

    Linux documents update_interval = channels x samples x conversion times, and computes it so before 6.0. Since 6.0
    it computes one sweep over the channels: https://docs.kernel.org/hwmon/ina3221.html. The interval shows which one it
    is: a sweep takes one of SWEEPS_MS. If it may be both, the time is unknown.
    """
    if not samples or samples < 0 or update_interval_ms is None:
        return None
    once_s, each_s = update_interval_ms / 1e3, samples * max(update_interval_ms, LEAST_INTERVAL_MS) / 1e3
    if samples == 1:
        return each_s
    if update_interval_ms > max(SWEEPS_MS) + 0.5:
        return once_s
    if update_interval_ms < samples * min(SWEEPS_MS) - 0.5:
        return each_s
    is_once, is_each = (
        any(abs(sweep * count - update_interval_ms) <= 0.5 for sweep in SWEEPS_MS) for count in (samples, 1)
    )
    return None if is_once == is_each else once_s if is_once else each_s


def _scale(channels: Iterable[Channel], shunt_v: float) -> list[float] | None:
    """Return each channel's power at a shunt voltage, watts: V shunt_v / R."""
    found = []
    for volts, ohms in channels:
        if volts is None or ohms is None or ohms <= 0:
            return None
        found.append(abs(volts) * shunt_v / ohms)
    return found
