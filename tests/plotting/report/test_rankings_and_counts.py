"""What page and summary rank and count: few good runs, failed runs, energy of unlike sensors, intervals.

Tests plotting.report.summary and plotting.metrics.registry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plotting.metrics.registry import format_interval
from plotting.report import summary
from tests.plotting.report.test_page_and_summary import both
from tests.support import made
from tests.support.factory import record, unmeasured

if TYPE_CHECKING:
    from pathlib import Path


def test_failed_pairs_count_in_failed_runs(tmp_path: Path) -> None:
    """The quick reference's failed runs include those of pairs without a good run."""
    text = summary.write_summary(made.one(tmp_path, record("phi"), unmeasured("llava", "bf16")), [])

    assert ["Failed", "runs", "runs", "2", "0", "5", "10"] in [line.split() for line in text.splitlines()]


def test_a_pair_of_few_good_runs_is_marked(tmp_path: Path) -> None:
    """Page and summary show a pair with 1 of 2500 runs good with that number, and say that it is not ranked."""
    few = record("phi", latency_s=0.001, runs=1, planned=2500)
    few["counts"] |= {"attempted": 2500, "failed": 2499}
    for text in both(made.one(tmp_path, few, record("llava"))):
        assert "(1 of 2500 runs)" in text
        assert f"Not ranked: Phi bf16 on {made.THOR} (1 of 2500 runs good)." in text
        assert f"1. LLaVA on {made.THOR}, bf16: 32.0 tokens/s" in text


def test_energy_of_all_devices_is_one_list(tmp_path: Path) -> None:
    """Three boards with two kinds of sensor have one list of energy, each row with its scope, and a sentence."""
    for label, scope, watts in (("A", "gpu", 10.0), ("B", "gpu+soc", 20.0), ("C", "module", 40.0)):
        found = record("phi", power_w=watts)
        found["power"]["scope"] = scope
        made.on(tmp_path, [found], label=label)
    for text in both(made.table(tmp_path)):
        assert "1. Phi on A, bf16: 0.312 J/token, gpu power" in text
        assert "2. Phi on B, bf16: 0.625 J/token, gpu+soc power" in text
        assert "3. Phi on C, bf16: 1.25 J/token, module power" in text
        assert "The sensors cover different parts (gpu, gpu+soc, module): a wider scope includes more power." in text


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        ((607.51, 607.62), "607.5 to 607.6"),
        ((32.0, 32.0), "32.0 to 32.0"),
        ((153.2, 160.1), "153 to 160"),
        ((0.0512341, 0.0512347), "0.051234 to 0.051235"),
        ((float("nan"), 1.0), "-"),
    ],
)
def test_the_ends_of_an_interval_are_told_apart(ends: tuple[float, float], shown: str) -> None:
    """An interval has three digits, and as many more as tell its ends apart."""
    assert format_interval(*ends) == shown
