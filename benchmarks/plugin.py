"""What pytest sees of the suite: options, hooks and fixtures. The composition root; imports no torch."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import models, options, storage
from benchmarks.errors import BenchmarkError
from benchmarks.progress import Progress
from benchmarks.session import PairSession
from benchmarks.study import Study
from benchmarks.terminal import write_summary

if TYPE_CHECKING:
    from collections.abc import Iterator

STUDY = pytest.StashKey[Study]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the command line of design and README."""
    options.add(parser)


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Answer --models=help without collecting anything."""
    if config.getoption("models") == "help":
        print(models.help_text())  # noqa: T201 - it is what the user asked for
        return 0
    return None


def pytest_configure(config: pytest.Config) -> None:
    """Prepare before pytest-benchmark configures itself, which it does last."""
    storage.anchor(config)
    config.stash[STUDY] = Study()


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Refuse unknown models and precisions before pytest would wrap the sentence into a collection error."""
    with _usage_errors():
        models.matrix(session.config.getoption("models"), session.config.getoption("precisions"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of each pair, in plain strings: pytest-benchmark writes params as they are."""
    if {"model", "precision"} <= set(metafunc.fixturenames):
        get = metafunc.config.getoption
        cases = models.matrix(get("models"), get("precisions"))
        metafunc.parametrize(("model", "precision"), cases, ids=["-".join(case) for case in cases])


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Check all that can be checked before the first pair, if there are pairs to measure."""
    config = session.config
    if config.getoption("collectonly") or not any("pair" in getattr(i, "fixturenames", ()) for i in session.items):
        return
    with _usage_errors():
        plan = options.plan(config)
    config.stash[STUDY].plan = plan
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.showfspath = False  # each pair names itself when it closes
    bench: Any = config._benchmarksession  # type: ignore[attr-defined]  # noqa: SLF001 - it has no public place
    storage.install(bench)
    if not (bench.save or bench.autosave or bench.json or bench.disabled):
        bench.save = storage.slug(plan.machine["label"])
        config.stash[STUDY].saved_unasked = True


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """Leave out the dot or F of a pair: its closing line has just said how it went."""
    if config.stash[STUDY].plan is None or report.when != "call" or report.outcome == "skipped":
        return None
    return report.outcome, "", report.outcome.upper()


@pytest.fixture
def pair(request: pytest.FixtureRequest, model: str, precision: str) -> PairSession:
    """One pair, ready to be measured."""
    study = request.config.stash[STUDY]
    if study.plan is None:
        raise BenchmarkError("The fixture `pair` measures; ask for it in a test under benchmarks/.")
    return PairSession(model, precision, study.plan, Progress(request.config), study.keep)


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Say which device this is; drop what differs between equal sessions or names the host."""
    plan = config.stash[STUDY].plan
    if plan is not None:
        machine_info["device"] = plan.machine
        machine_info["node"] = plan.machine["label"]
        machine_info["cpu"] = {}  # its current clock makes every session "different" to pytest-benchmark


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add the Records of pairs without one complete measurement: pytest-benchmark drops those."""
    study = config.stash[STUDY]
    if study.plan is not None:
        output_json["unmeasured"] = study.unmeasured


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the study's table, where the save went, and what to type next."""
    study = config.stash[STUDY]
    if study.records:
        bench: Any = config._benchmarksession  # type: ignore[attr-defined]  # noqa: SLF001
        write_summary(terminalreporter, study, getattr(bench.storage, "saved", None))


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Turn a BenchmarkError into pytest's usage error: one sentence, exit code 4."""
    try:
        yield
    except BenchmarkError as error:
        raise pytest.UsageError(str(error)) from None
