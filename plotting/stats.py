"""Quantiles by order statistics: a reported p95 is a run that happened."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def quantile(values: Sequence[float], q: float) -> float | None:
    """Return the smallest value with at least a share `q` of `values` at or below it; None of nothing.

    The median of an even number is the mean of the middle two, as everywhere.
    """
    if not values:
        return None
    ordered = sorted(values)
    if q == 0.5 and len(ordered) % 2 == 0:
        return (ordered[len(ordered) // 2 - 1] + ordered[len(ordered) // 2]) / 2
    return ordered[max(math.ceil(q * len(ordered)) - 1, 0)]
