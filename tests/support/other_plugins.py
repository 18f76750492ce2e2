"""Plugins that other people write for pytest, as far as they matter here: they repeat tests, or run them elsewhere.

Load it by `-p tests.support.other_plugins`. The names of known options are those of pytest-repeat, pytest-flakefinder,
pytest-rerunfailures and pytest-forked; an environment that has these plugins keeps theirs.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from _pytest.runner import runtestprotocol

if TYPE_CHECKING:
    import pytest

KNOWN = {"--count": int, "--flake-finder": bool, "--reruns": int, "--forked": bool}
UNKNOWN = ("--collect-twice", "--run-twice", "--run-elsewhere")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add their options."""
    for flag, kind in KNOWN.items():
        with suppress(ValueError):  # the plugin itself is installed
            name = "flake_finder_enable" if flag == "--flake-finder" else flag[2:]
            if kind is bool:
                parser.addoption(flag, dest=name, action="store_true", default=False)
            else:
                parser.addoption(flag, dest=name, type=kind, default=None)
    for flag in UNKNOWN:
        parser.addoption(flag, action="store_true", default=False)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """--collect-twice: collect each test twice."""
    if config.getoption("collect_twice"):
        items[:] = [item for item in items for _ in range(2)]


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """--run-twice: run each test again; --run-elsewhere: run it in a process of its own, and write how it ended."""
    if item.config.getoption("run_twice"):
        runtestprotocol(item, nextitem=None)
        return None
    if not item.config.getoption("run_elsewhere"):
        return None
    child = os.fork()
    if child == 0:
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        os.write(2, "\n".join(str(report.longrepr) for report in reports if report.failed).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return True
