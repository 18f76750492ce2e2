"""The benchmark: each (model, precision) pair generates text from photographs, one run a round."""

from typing import TYPE_CHECKING

import pytest

from benchmarks.pair.measure import PairSession
from benchmarks.record import MEASURED, SKIPPED

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


def test_generate(pair: PairSession, benchmark: "BenchmarkFixture") -> None:
    """Measure one pair: load, warm up, `--runs` runs, and a Record of all of it."""
    status, reason = pair.measure(benchmark)
    if status == SKIPPED:
        pytest.skip(reason)
    if status != MEASURED:
        pytest.fail(reason, pytrace=False)
