"""Benchmarks of the harness itself run on demand, because the unit suite judges no speed."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what measures the harness unless benchmarks were asked for."""
    if config.getoption("benchmark_only"):
        return
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="measures the harness: tox run -e perf"))
