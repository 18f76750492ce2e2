"""What the sensors of the Jetson boards share: which rails are GPU+SOC on which board, and L4T's release.

The board is told by the rails that a sensor shows, so that this works in a container, where the
board's name cannot be read. A board's total is never used: on an AGX Orin it counts VDDQ twice,
and jetson-stats has changed what it adds up (https://github.com/rbonghi/jetson_stats/pull/900).
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

SCOPE = "gpu+soc"
GAIN_SOURCE = (
    "TI's SBOS576 states 0.25% at most for the INA3221 alone; nobody states the tolerance of the boards' shunts"
)


@dataclass(frozen=True)
class Layout:
    """The rails of a board that make up GPU+SOC.

    Attributes:
        board: in words.
        rails: the names of those that are added up.
        holds: what they feed, in words, because boards differ in what cannot be told apart.
    """

    board: str
    rails: tuple[str, ...]
    holds: str


LAYOUTS = (
    Layout("Jetson AGX Orin", ("VDD_GPU_SOC",), "GPU and SOC"),
    Layout("Jetson Thor", ("VDD_GPU", "VDD_CPU_SOC_MSS"), "GPU, and SOC with CPU and memory subsystem"),
    Layout("Jetson Orin NX or Nano, Xavier NX", ("VDD_CPU_GPU_CV", "VDD_SOC"), "GPU with CPU and CV, and SOC"),
    Layout("Jetson AGX Xavier", ("GPU", "SOC"), "GPU and SOC"),
)
"""The boards that L4T 35 to 39 run on; never VIN, VDD_IN or VIN_SYS_5V0, which feed more than GPU+SOC."""


def layout_of(names: Iterable[str]) -> Layout | None:
    """Return the first layout all of whose rails are among `names`."""
    found = set(names)
    return next((layout for layout in LAYOUTS if found.issuperset(layout.rails)), None)


def watts_of(milliwatts: Mapping[str, int], rails: Sequence[str]) -> float | None:
    """Return the sum of `rails`, watts; None where one is missing, because a smaller sum is no reading."""
    if any(rail not in milliwatts for rail in rails):
        return None
    return sum(milliwatts[rail] for rail in rails) / 1e3


def period_s(times_ns: Sequence[int], asked_s: float) -> float:
    """Return the median time between readings, seconds, at least `asked_s`: a sensor may be slower than asked."""
    return max([asked_s, *([median(b - a for a, b in itertools.pairwise(times_ns)) / 1e9] if times_ns[1:] else [])])


def l4t(root: Path) -> str | None:
    """Return L4T's release, e.g. "38.4.0"; None where it cannot be read."""
    try:
        text = (root / "etc/nv_tegra_release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    found = re.search(r"R(\d{1,4}).{0,40}REVISION:\s{0,9}([\d.]{1,20})", text)
    return f"{found[1]}.{found[2]}" if found else None
