"""pytest and its other plugins: what must be there, and what must not take part in a measurement.

conftest.py loads this module before `plugin`, which cannot be imported without a pytest-benchmark that is new enough.
So this module imports neither of them.
"""

import os
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks.errors import BenchmarkError

LEAST = {"pytest": (9, 0), "pytest-benchmark": (5, 3, 1)}
"""Package -> its oldest version that works, as in pyproject.toml."""
ELSEWHERE = (
    "would measure each pair in a process that takes its Record with it; "
    "leave it out: each model has a process of its own anyway."
)
REMEDY = "leave out `-p no:benchmark` and PYTEST_DISABLE_PLUGIN_AUTOLOAD, or type -p pytest_benchmark.plugin."
REPEATING = {
    "flake_finder_enable": "--flake-finder",
    "reruns": "--reruns",
    "force_reruns": "--force-reruns",
    "max_suite_reruns": "--max-suite-reruns",
    "retries": "--retries",
    "force_flaky": "--force-flaky",
}
"""Options that repeat a test, and more than a few tests: pytest-flakefinder, -rerunfailures, -retry, flaky."""
COUNTING = {"count": "--count", "parallel_threads": "--parallel-threads", "iterations": "--iterations"}
"""Options that repeat a test if they are more than 1: pytest-repeat, -run-parallel."""
GROUPS = ("group", "name", "func", "fullname", "fullfunc", "param", "param:model", "param:precision")


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Refuse a pytest that cannot run the suite, before it complains of options that it does not know."""
    for package, least in LEAST.items():
        found, needed = _find_version(package), ".".join(map(str, least))
        if found is None or _parse_version(found) < least:
            what = f"found {found}" if found else "found none"
            raise pytest.UsageError(
                f"The suite needs {package} {needed} or newer and {what}; type pip install '{package}>={needed}'."
            )
    if not any(getattr(plugin, "__name__", "") == "pytest_benchmark.plugin" for plugin in pluginmanager.get_plugins()):
        raise pytest.UsageError(f"pytest-benchmark, which measures the pairs, is switched off; {REMEDY}")


def _find_version(package: str) -> str | None:
    if package == "pytest":
        return pytest.__version__
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _parse_version(text: str) -> tuple[int, ...]:
    digits = ("".join(filter(str.isdigit, part)) for part in text.split(".")[:3])
    return tuple(int(part or 0) for part in digits)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Turn what pytest-benchmark raises after the save is written, a failed gate, into an exit code of 1."""
    try:
        yield
    except Exception as error:
        if type(error).__name__ != "PerformanceRegression" and not isinstance(error, OSError):
            raise
        if isinstance(error, OSError):
            terminalreporter.write_line(f"A report could not be written ({error.strerror}); the save has been.")
        terminalreporter._session.exitstatus = pytest.ExitCode.TESTS_FAILED  # type: ignore[union-attr]  # noqa: SLF001


def check_beside(config: pytest.Config) -> None:
    """Raise BenchmarkError if pytest-xdist would run pairs beside each other."""
    if config.getoption("dist", "no") != "no" and any(_may_measure(config, argument) for argument in config.args):
        raise BenchmarkError("--numprocesses: pytest-xdist would measure several pairs at the same time; leave it out.")


def _may_measure(config: pytest.Config, argument: str) -> bool:
    folder, path = Path(__file__).parent, (config.invocation_params.dir / argument.partition("::")[0]).resolve()
    return path == folder or folder in path.parents or path in folder.parents or "benchmarks" in Path(argument).parts


def check_plugins(config: pytest.Config, pairs: Sequence[str]) -> None:
    """Raise BenchmarkError if another plugin would measure a pair twice, or in another process."""
    for name, flag in _list_repeating(config):
        raise BenchmarkError(
            f"{flag}{name} would measure a pair several times in one session, which keeps one Record of a pair; "
            "leave it out, and type --runs=N for more runs."
        )
    if config.getoption("forked", None):
        raise BenchmarkError(f"--forked {ELSEWHERE}")
    pair, times = Counter(pairs).most_common(1)[0]
    if times > 1:
        raise BenchmarkError(
            f"{pair} would be measured {times} times in one session, which keeps one Record of a pair; "
            "leave out what repeats its test (another plugin, or --keep-duplicates), and type --runs=N for more runs."
        )


def _list_repeating(config: pytest.Config) -> Iterator[tuple[str, str]]:
    """Yield (what follows the flag, flag) of each option that repeats tests."""
    for name, flag in REPEATING.items():
        if config.getoption(name, None):
            yield "", flag
    for name, flag in COUNTING.items():
        value = config.getoption(name, None)
        if isinstance(value, int) and value > 1:
            yield f"={value}", flag
    if config.pluginmanager.hasplugin("rerunfailures") and config.getini("reruns"):
        yield f"={config.getini('reruns')}", "-o reruns"


def check_interpreter(names: Sequence[str | None]) -> None:
    """Raise BenchmarkError if the interpreter runs without docstrings, or could not read one of the typed `names`."""
    if sys.flags.optimize > 1:
        raise BenchmarkError(
            "python -OO (PYTHONOPTIMIZE=2) takes the docstrings away that transformers needs; type python without -OO."
        )
    for name in names:
        if name and any(unicodedata.category(character) == "Cs" for character in name):
            shown = os.fsencode(name).decode(errors="replace")
            raise BenchmarkError(
                f"{shown!r} was typed, but this locale's encoding, {sys.getfilesystemencoding()}, lacks some letters; "
                "type LC_ALL=C.UTF-8 before the command, or other letters."
            )


def check_process(started: int) -> None:
    """Raise BenchmarkError in another process than the session's, `started`: what is measured there would be lost."""
    if os.getpid() != started:
        raise BenchmarkError(f"A plugin of pytest that runs tests in processes of their own {ELSEWHERE}")


def check_reports(config: pytest.Config) -> None:
    """Raise BenchmarkError if an option of pytest-benchmark can only fail, and only after everything is measured."""
    get = config.getoption
    if get("benchmark_histogram") and find_spec("pygal") is None:
        raise BenchmarkError(
            "--benchmark-histogram: needs pygal, which is not installed; "
            "type pip install 'pytest-benchmark[histogram]', or leave it out."
        )
    unknown = [name for name in get("benchmark_group_by").split(",") if name not in GROUPS]
    if unknown:
        raise BenchmarkError(f"--benchmark-group-by: there is no {unknown[0]!r}; choose from {', '.join(GROUPS)}.")


def check_compared(compared: dict[Any, dict[str, Any]], names: Sequence[str]) -> None:
    """Raise BenchmarkError if --benchmark-compare-fail can compare none of the tests with these names."""
    if not any(name in benches for benches in compared.values() for name in names):
        lack, other = "there is no save to compare with", "a save in its folder"
        if compared:
            lack, other = "the save to compare with has none of the chosen pairs", "another"
        raise BenchmarkError(
            f"--benchmark-compare-fail: {lack}; "
            f"type --benchmark-compare=NNNN with the number of {other}, or leave it out."
        )
