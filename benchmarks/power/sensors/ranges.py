"""What the hardware can draw: a reading beyond it is void, because nothing but an error of the sensor gives it.

A device draws more than its rated power for a moment. PCI Express CEM 5.0 lets a card draw three times its rating for
100 us, and NVIDIA states 330 W for 1 ms for the Thor module of 130 W; a sensor averages over longer. So no reading is
over EXCURSION times the rated power.
"""

EXCURSION = 3.0
GPUS = {
    "GB10": (140.0, "NVIDIA's TDP of the GB10, whose driver reports no limit"),
    "Thor": (130.0, "NVIDIA's power of the Thor module, whose driver reports no limit"),
}
"""{part of a GPU's name: (its rated watts, who states them)}, for drivers that report no limit."""


def compute_largest_w(rated_w: float) -> float:
    """Return the most that a device of a rated power draws in one reading, watts."""
    return EXCURSION * rated_w


def describe(rated_w: float, who: str) -> str:
    """Return who states the range of a sensor, in words."""
    return f"{EXCURSION:g} x {rated_w:g} W, {who}"
