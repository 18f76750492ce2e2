"""What pytest sees of the suite: options, hooks and fixtures. The composition root; imports no torch."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import elsewhere, models, options, signals
from benchmarks.errors import BenchmarkError
from benchmarks.hub.prefetch import prefetch
from benchmarks.pair.measure import PairSession
from benchmarks.planning import preview
from benchmarks.planning.plan import Plan
from benchmarks.planning.plan import make as make_plan
from benchmarks.progress import Progress
from benchmarks.state import Study
from benchmarks.storage import recovery, saves
from benchmarks.storage.journal import PairLog
from benchmarks.summary import write_summary

STUDY = pytest.StashKey[Study]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the command line of design and README."""
    options.add(parser)


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Answer --models=help without collecting anything."""
    if config.getoption("models") == "help":
        print(models.format_help())  # noqa: T201 - it is what the user asked for
        return 0
    return None


def pytest_configure(config: pytest.Config) -> None:
    """Prepare before pytest-benchmark configures itself, which it does last."""
    saves.anchor(config)
    with _usage_errors():
        elsewhere.check(config.option.benchmark_storage)
    config.stash[STUDY] = Study()


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Refuse unknown models and precisions before pytest would wrap the sentence into a collection error."""
    config = session.config
    with _usage_errors():
        models.list_pairs(config.getoption("models"), config.getoption("precisions"))
        if config.getoption("dist", "no") != "no" and any("benchmarks" in Path(arg).parts for arg in config.args):
            raise BenchmarkError("--numprocesses: pytest-xdist would measure pairs beside each other; leave it out.")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test of each pair, in plain strings: pytest-benchmark writes params as they are."""
    if {"model", "precision"} <= set(metafunc.fixturenames):
        get = metafunc.config.getoption
        cases = models.list_pairs(get("models"), get("precisions"))
        metafunc.parametrize(("model", "precision"), cases, ids=["-".join(case) for case in cases])


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Check all that can be checked before the first pair, if there are pairs to measure; True is all that is done."""
    config = session.config
    if config.getoption("collectonly") or not any("pair" in getattr(i, "fixturenames", ()) for i in session.items):
        return None
    with _usage_errors():
        plan = make_plan(config)
    pairs = [(c.params["model"], c.params["precision"]) for item in session.items if (c := _pair_of(item))]
    if config.getoption("plan") or config.getoption("prefetch"):
        return _instead_of_measuring(session, plan, pairs)
    config.stash[STUDY].plan = plan
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.showfspath = False  # each pair names itself when it closes
    config.stash[STUDY].restore_signals = signals.install()
    _prepare_saving(session, plan, ["-".join(pair) for pair in pairs])
    return None


def _instead_of_measuring(session: pytest.Session, plan: Plan, pairs: list[tuple[str, str]]) -> bool:
    """Download (--prefetch) or forecast (--plan) what the pairs need; what cannot be downloaded fails it."""
    progress = Progress(session.config)
    bench: Any = session.config._benchmarksession  # type: ignore[attr-defined]  # noqa: SLF001 - it has no public place
    bench.save = bench.autosave = bench.json = None  # or it would say that nothing is saved, and write an empty file
    with _usage_errors(), _sentences("--plan, --prefetch"):
        if plan.weights == "mini":
            raise BenchmarkError("--plan, --prefetch: a miniature is made here in seconds; leave --weights=mini out.")
        if session.config.getoption("prefetch"):
            if plan.weights != "hub":
                raise BenchmarkError("--prefetch: random weights need no download; leave --weights=random out.")
            wanted = [plan.checkpoint(models.MODELS[model]) for model, _ in pairs]
            session.testsfailed += sum(o.snapshot is None for o in prefetch(wanted, progress.say, progress.show))
        if session.config.getoption("plan"):
            preview.show(plan, pairs, progress.say)
    return True


def _prepare_saving(session: pytest.Session, plan: Plan, pairs: list[str]) -> None:
    """Have the session saved whatever the options say, and open its journal."""
    config, study = session.config, session.config.stash[STUDY]
    bench: Any = config._benchmarksession  # type: ignore[attr-defined]  # noqa: SLF001 - it has no public place
    if bench.disabled:  # a smoke test: pytest-benchmark calls each target once and saves nothing
        study.plan = replace(plan, runs=1)
        return
    if bench.skip or config.getoption("setuponly") or config.getoption("setupplan"):
        return  # nothing is measured
    saves.install(bench, study.troubles, config.rootpath)
    if not (bench.save or bench.autosave):
        bench.save = saves.slug(plan.machine["label"])
        study.saved_unasked = True
    study.pairs = pairs
    folder = recovery.folder_of(getattr(bench.storage, "path", None), config.rootpath)
    name = bench.save or bench.autosave
    with _usage_errors():
        saves.check_name(name)
        saves.check_compare(config)
        study.journal = recovery.open_journal(plan, name, study.pairs, folder, Progress(config).say)


def _pair_of(item: pytest.Item) -> Any:
    """Return the parameters of a test that measures a pair; None of any other."""
    return getattr(item, "callspec", None) if "pair" in getattr(item, "fixturenames", ()) else None


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport, config: pytest.Config) -> tuple[str, str, str] | None:
    """Leave out the dot or F of a pair: its closing line has just said how it went."""
    if config.stash[STUDY].plan is None or report.when != "call":
        return None
    return report.outcome, "", report.outcome.upper()


@pytest.fixture
def pair(request: pytest.FixtureRequest, model: str, precision: str) -> PairSession:
    """One pair, ready to be measured."""
    study = request.config.stash[STUDY]
    if study.plan is None:
        raise BenchmarkError("The fixture `pair` measures; ask for it in a test under benchmarks/.")
    log = PairLog(study.journal, f"{model}-{precision}")
    return PairSession(model, precision, study.plan, Progress(request.config), study.keep, log)


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
        output_json["unmeasured"] = [{"reason": record["status"], **record} for record in study.unmeasured]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let go of the journal; where all that it holds is saved (pytest-benchmark has just done it), remove it."""
    study = session.config.stash[STUDY]
    if study.journal is None:
        return
    bench: Any = session.config._benchmarksession  # type: ignore[attr-defined]  # noqa: SLF001
    saved = getattr(bench.storage, "saved", True) or getattr(bench.storage, "stored", None) or bench.json
    if study.complete and saved and not study.troubles:
        study.journal.remove()
    else:
        study.journal.close()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Put the signal handlers back."""
    if STUDY in config.stash:
        config.stash[STUDY].restore_signals()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the study's table, where the save went, and what to type next."""
    study = config.stash[STUDY]
    if study.records:
        bench: Any = config._benchmarksession  # type: ignore[attr-defined]  # noqa: SLF001
        place = bench.storage
        write_summary(terminalreporter, study, getattr(place, "saved", None), getattr(place, "stored", ()))


@contextmanager
def _sentences(options: str) -> Iterator[None]:
    """Turn whatever went wrong in a helper process into a sentence."""
    try:
        yield
    except BenchmarkError:
        raise
    except Exception as error:
        first = next(iter(str(error).strip().splitlines()), "")
        raise BenchmarkError(f"{options}: {type(error).__name__}: {first[:300]}") from error


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Turn a BenchmarkError into pytest's usage error: one sentence, exit code 4."""
    try:
        yield
    except BenchmarkError as error:
        raise pytest.UsageError(str(error)) from None
