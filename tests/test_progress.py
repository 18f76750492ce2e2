"""What a user reads while runs go by.

Tests benchmarks.progress and benchmarks.formatting.
"""

from __future__ import annotations

import pytest

from benchmarks.formatting import format_number
from benchmarks.progress import format_progress


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0423, "0.0423"), (0.00012345, "0.000123"), (9.96, "9.96"), (99.7, "99.7"), (1234.5, "1234")]
)
def test_a_small_figure_is_not_nothing(value: float, shown: str) -> None:
    """A figure is shown in three significant digits: a slow model's rate is never 0.0."""
    assert format_number(value) == shown


def test_the_line_of_a_run() -> None:
    """The line says which run it is, what failed, how fast it goes and how long it still takes."""
    assert (
        format_progress("phi-bf16", 1, 3, 1, 0.0085, 236.0) == "phi-bf16  run 1/3  failed 1  0.0085 tok/s  8 min left"
    )
    assert format_progress("phi-bf16", 0, 3, 0, None, 0.0) == "phi-bf16  run 0/3  failed 0"
