"""Benchmarks of the harness itself: in full by `tox run -e perf`, once and small in the unit suite."""

from __future__ import annotations

from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Size:
    """How much is measured: rounds a benchmark, saved boards, and runs a pair in them; the soak's pairs and kills."""

    rounds: int
    boards: int
    runs: int
    soak_pairs: int
    soak_runs: int
    kills: int


@pytest.fixture(scope="session")
def size(request: pytest.FixtureRequest) -> Size:
    """In full where benchmarks were asked for; else once each, because the unit suite judges no speed."""
    return Size(60, 20, 2500, 12, 2500, 50) if request.config.getoption("benchmark_only") else Size(1, 2, 3, 2, 40, 2)
