"""pytest-benchmark's private parts: the only place that reads or sets them.

The suite needs four things for which pytest-benchmark has no public interface: its session (options, storage and
`save_json`), `has_error` (which keeps a pair out of the save's `benchmarks`), the list of round times, and the storage
object itself. Checked against pytest-benchmark 5.3.1.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pytest_benchmark import plugin as stock

from benchmarks.errors import BenchmarkError
from benchmarks.machine.bounded import call_bounded
from benchmarks.record import MEASURED, Record
from benchmarks.storage.saves import AtomicFileStorage, replace_storage

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


STATISTICS = ("min", "max", "mean", "stddev", "median", "iqr", "ops", "rounds", "iterations")
"""What pytest-benchmark's table and gates need of a save."""


def delay_compare(config: pytest.Config) -> Any:
    """Return the value of --benchmark-compare, and keep pytest-benchmark from reading the saves when it configures.

    It would compare their machines with one whose device is not known yet, and say that they are different.
    """
    value, config.option.benchmark_compare = config.option.benchmark_compare, []
    return value


def pytest_benchmark_generate_machine_info() -> dict[str, Any]:
    """Return pytest-benchmark's description of the machine, for which it asks lscpu and others."""
    return call_bounded(stock.pytest_benchmark_generate_machine_info, {})


def pytest_benchmark_generate_commit_info(config: pytest.Config) -> dict[str, Any]:
    """Return pytest-benchmark's description of the commit, for which it asks git."""
    unknown = {"id": "unknown", "error": "git does not answer", "project": config.rootpath.name}
    return call_bounded(partial(stock.pytest_benchmark_generate_commit_info, config), unknown)


def keep_origin(config: pytest.Config) -> None:
    """Let pytest-benchmark find facts on machine and commit at the end as they are now, before the first pair.

    At the end the processes that read them can fail, or be ended by a Ctrl-C; and another commit may be checked out.
    """
    machine = config.hook.pytest_benchmark_generate_machine_info(config=config)
    commit = config.hook.pytest_benchmark_generate_commit_info(config=config)
    origin = SimpleNamespace(
        pytest_benchmark_generate_machine_info=lambda: dict(machine),
        pytest_benchmark_generate_commit_info=lambda: dict(commit),
    )
    config.pluginmanager.register(origin)


class BenchmarkSession:
    """pytest-benchmark's session of one pytest run."""

    def __init__(self, config: pytest.Config) -> None:
        self._session: Any = config._benchmarksession  # type: ignore[attr-defined]  # noqa: SLF001

    @property
    def is_disabled(self) -> bool:
        """Whether each target is called once and nothing is saved (--benchmark-disable)."""
        return bool(self._session.disabled)

    @property
    def is_skipped(self) -> bool:
        """Whether no target is called (--benchmark-skip)."""
        return bool(self._session.skip)

    @property
    def save_name(self) -> str | None:
        """The name that was asked for by --benchmark-save or --benchmark-autosave."""
        return self._session.save or self._session.autosave or None

    @save_name.setter
    def save_name(self, name: str) -> None:
        self._session.save = name

    def load_compared(self, value: Any) -> dict[Any, dict[str, Any]]:
        """Read the saves of --benchmark-compare=value, and return {file: {test: benchmark}}.

        Raises:
            BenchmarkError: one of them is damaged, or there is no such file.
        """
        self._session.compare = value
        try:
            self._session.handle_loading()
            found: dict[Any, dict[str, Any]] = self._session.compared_mapping
            for bench in (bench for benches in found.values() for bench in benches.values()):
                [float(bench["stats"][name]) for name in STATISTICS]
        except Exception as error:
            shown = "" if value is True else f"={value}"
            raise BenchmarkError(
                f"--benchmark-compare{shown}: a save there cannot be compared ({type(error).__name__}: {error}); "
                "name another, or leave it out."
            ) from error
        return found

    def disable_saving(self) -> None:
        """Write no save and no --benchmark-json: without a measured pair both would be empty."""
        self._session.save = self._session.autosave = self._session.json = None

    def install_storage(self, name: str, problems: list[str]) -> None:
        """Replace pytest-benchmark's file storage by one that writes whole files; leave any other storage alone."""
        replace_storage(self._session, name, problems)

    @property
    def storage_folder(self) -> Path | None:
        """The folder of the saves; None if the storage is not made of files (elasticsearch)."""
        folder = getattr(self._session.storage, "path", None)
        return Path(str(folder)) if isinstance(folder, (str, Path)) else None

    @property
    def saved(self) -> Path | None:
        """The file that this session was saved to; None before that, and with another storage than ours."""
        return getattr(self._session.storage, "saved", None)

    @property
    def is_saved(self) -> bool:
        """Whether the session is saved, where it belongs or elsewhere."""
        return not self._session.failed_to_save

    def holds_all(self, *, all_measured: bool) -> bool:
        """Return whether all of it is saved where it belongs; a storage that is not ours takes measured pairs only."""
        is_ours = isinstance(self._session.storage, AtomicFileStorage)
        return self.saved is not None if is_ours else all_measured and self.is_saved


def hold_back(benchmark: "BenchmarkFixture") -> None:
    """Keep a benchmark out of the save until `publish`: an interrupted one must not look complete."""
    benchmark.has_error = True


def has_run(benchmark: "BenchmarkFixture") -> bool:
    """Return whether pytest-benchmark timed any round; False with --benchmark-disable."""
    return benchmark.stats is not None


def publish(benchmark: "BenchmarkFixture", record: Record, latencies_s: Sequence[float]) -> None:
    """Put a pair's Record and its run times into the benchmark that will be saved.

    pytest-benchmark's own round times include the pipe to the child; `latencies_s` are the windows as the child
    measured them.
    """
    benchmark.extra_info.update(record)
    if benchmark.stats is not None:
        benchmark.stats.stats.data[:] = latencies_s
    benchmark.has_error = record["status"] != MEASURED
