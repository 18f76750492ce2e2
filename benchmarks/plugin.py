"""What pytest sees of the suite: options, hooks and fixtures. It connects all other modules; imports no torch."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from benchmarks import harness, models, neighbours, redact, signals, workload
from benchmarks.errors import BenchmarkError
from benchmarks.harness import BenchmarkSession
from benchmarks.hub.prefetch import prefetch
from benchmarks.options import add_options
from benchmarks.pair.measure import PairSession
from benchmarks.planning import preview
from benchmarks.planning.plan import Plan, make_plan
from benchmarks.processes.start_methods import check_temporary_folder
from benchmarks.progress import Progress
from benchmarks.state import SessionState
from benchmarks.storage import saves
from benchmarks.storage.journal import FOLDER, PairJournal
from benchmarks.storage.resume import open_journal
from benchmarks.summary import write_summary

STATE = pytest.StashKey[SessionState]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the suite's options."""
    add_options(parser)


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Answer --models=help without collecting anything."""
    if config.getoption("models") == "help":
        print(models.format_help())  # noqa: T201 - the user asked for it
        return 0
    return None


def pytest_configure(config: pytest.Config) -> None:
    """Prepare before pytest-benchmark configures itself, which it does last."""
    config.pluginmanager.register(harness)
    config.pluginmanager.register(signals)
    with _as_usage_error():
        saves.anchor_storage(config)
    config.stash[STATE] = SessionState(compare=harness.delay_compare(config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Refuse unknown models and precisions here: later, pytest would report a collection error instead."""
    config = session.config
    with _as_usage_error():
        models.list_pairs(config.getoption("models"), config.getoption("precisions"))
        neighbours.check_beside(config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test for each pair. The parameters are strings: pytest-benchmark writes params to the save."""
    if {"model", "precision"} <= set(metafunc.fixturenames):
        get = metafunc.config.getoption
        cases = models.list_pairs(get("models"), get("precisions"))
        metafunc.parametrize(("model", "precision"), cases, ids=["-".join(case) for case in cases])


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Check everything before the first pair; return True if nothing is to be measured (--plan, --prefetch)."""
    config = session.config
    pairs = [(c.params["model"], c.params["precision"]) for item in session.items if (c := _get_callspec(item))]
    if config.getoption("collectonly") or not pairs:
        with _as_usage_error():
            BenchmarkSession(config).load_compared(config.stash[STATE].compare)
        return None
    plan = _make_plan(config, pairs)
    if plan.plan or plan.prefetch:
        return _preview_or_prefetch(session, plan, pairs)
    config.stash[STATE].plan = plan
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.showfspath = False  # the last line of each pair names it
    signals.install()
    _prepare_saving(session, plan, ["-".join(pair) for pair in pairs])
    return None


def _make_plan(config: pytest.Config, pairs: Sequence[tuple[str, str]]) -> Plan:
    """Return the Plan after all checks, the cheap ones first, and say which photographs are not read."""
    with _as_usage_error():
        neighbours.check_plugins(config, ["-".join(pair) for pair in pairs])
        neighbours.check_interpreter([config.getoption("device_label"), config.getoption("benchmark_save")])
        neighbours.check_reports(config)
        plan = make_plan(config)
        check_temporary_folder(plan.start_method)
    if passed_over := workload.describe_passed_over(plan.images):
        Progress(config).say(passed_over)
    return plan


def _preview_or_prefetch(session: pytest.Session, plan: Plan, pairs: list[tuple[str, str]]) -> bool:
    """Download (--prefetch) or preview (--plan) what the pairs need. A failed download fails the session."""
    progress = Progress(session.config)
    BenchmarkSession(session.config).disable_saving()
    with _as_usage_error(), _as_sentence("--plan, --prefetch"):
        if plan.prefetch:
            wanted = [plan.describe_checkpoint(models.MODELS[model]) for model, _ in pairs]
            session.testsfailed += sum(o.snapshot is None for o in prefetch(wanted, progress.say, progress.show))
        if plan.plan:
            for line in preview.preview(plan, pairs):
                progress.say(line)
    return True


def _prepare_saving(session: pytest.Session, plan: Plan, pairs: Sequence[str]) -> None:
    """Make sure that the session is saved, and open its journal."""
    config = session.config
    state, bench = config.stash[STATE], BenchmarkSession(config)
    if bench.is_disabled:  # a smoke test: each target is called once and nothing is saved
        state.plan = replace(plan, runs=1)
        return
    if bench.is_skipped or config.getoption("setuponly", False) or config.getoption("setupplan", False):
        return  # nothing is measured
    name = bench.save_name
    if name is None:
        name = bench.save_name = saves.make_slug(plan.machine["label"])
        state.saved_by_default = True
    state.pairs = list(pairs)
    harness.keep_origin(config)
    with _as_usage_error():
        saves.check_name(name)
        redact.set_names(name, plan.machine["label"])
        bench.install_storage(name, state.problems)
        _load_compared(session)
        folder = (bench.storage_folder or config.rootpath / "results") / FOLDER
        state.journal = open_journal(plan, name, state.pairs, folder, Progress(config).say)


def _load_compared(session: pytest.Session) -> None:
    """Read the saves of --benchmark-compare, now that the device is known."""
    bench = BenchmarkSession(session.config)
    compared = bench.load_compared(session.config.stash[STATE].compare)
    if session.config.getoption("benchmark_compare_fail"):
        neighbours.check_compared(compared, [item.nodeid for item in session.items if _get_callspec(item)])


def _get_callspec(item: pytest.Item) -> Any:
    """Return the parameters of a test that measures a pair; None for any other test."""
    return getattr(item, "callspec", None) if "pair" in getattr(item, "fixturenames", ()) else None


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """Leave out the dot or F of a pair: its last line has said how it ended."""
    if config.stash[STATE].plan is None or report.when != "call":
        return None
    return report.outcome, "", report.outcome.upper()


@pytest.fixture
def pair(request: pytest.FixtureRequest, model: str, precision: str) -> Iterator[PairSession]:
    """One pair, ready to be measured."""
    state = request.config.stash[STATE]
    if state.plan is None:
        raise BenchmarkError("The fixture `pair` measures; use it only in a test under benchmarks/.")
    journal = PairJournal(state.journal, f"{model}-{precision}")
    try:
        neighbours.check_process(state.process)
        state.begin(f"{model}-{precision}")
    except BenchmarkError as error:
        pytest.fail(str(error), pytrace=False)
    session = PairSession(model, precision, state.plan, Progress(request.config), state.records.append, journal)
    yield session
    state.plan = replace(state.plan, capability=session.pair.capability)


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Add the device; remove what differs between equal sessions or names the host."""
    plan = config.stash[STATE].plan
    if plan is not None:
        machine_info["device"] = plan.machine
        machine_info["node"] = plan.machine["label"]
        machine_info["cpu"] = {}  # it holds the current clock, so pytest-benchmark would warn of another machine


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add the Records of the pairs that are not measured: pytest-benchmark would drop them."""
    state = config.stash[STATE]
    if state.plan is not None:
        output_json["unmeasured"] = [{"reason": record["status"], **record} for record in state.unmeasured]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Close the journal, and delete it if pytest-benchmark has just saved everything in it. No save is no success."""
    state, bench = session.config.stash[STATE], BenchmarkSession(session.config)
    if state.journal is None:
        return
    if state.complete and bench.holds_all(all_measured=not state.unmeasured):
        state.journal.remove()
    else:
        state.journal.close()
    if session.exitstatus == pytest.ExitCode.OK and not bench.is_saved:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if signals.waiting:
        session.exitstatus = pytest.ExitCode.INTERRUPTED
        state.problems.append(f"{signals.waiting[0]} came after the last run: the exit code is 2.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the session's table, where the save is, and what to type next."""
    state = config.stash[STATE]
    if state.records or state.journal is not None:
        write_summary(terminalreporter, state, BenchmarkSession(config).saved)


@contextmanager
def _as_sentence(options: str) -> Iterator[None]:
    """Turn any error of a helper process into a BenchmarkError."""
    try:
        yield
    except BenchmarkError:
        raise
    except Exception as error:
        first = next(iter(str(error).strip().splitlines()), "")
        raise BenchmarkError(f"{options}: {type(error).__name__}: {first[:300]}") from error


@contextmanager
def _as_usage_error() -> Iterator[None]:
    """Turn a BenchmarkError into pytest's usage error: one sentence, exit code 4."""
    try:
        yield
    except BenchmarkError as error:
        raise pytest.UsageError(str(error)) from None
    except OSError as error:
        raise pytest.UsageError(f"Nothing was begun ({error.strerror}); check ulimit -n and the disks.") from None
