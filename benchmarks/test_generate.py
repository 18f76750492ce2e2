"""The benchmark: each (model, precision) pair generates from photographs, one run a round."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from benchmarks.pair.measure import PairSession


def test_generate(pair: PairSession, benchmark: BenchmarkFixture) -> None:
    """Measure one pair: load, warm up, `--runs` runs, and a Record of all of it."""
    pair.measure(benchmark)
