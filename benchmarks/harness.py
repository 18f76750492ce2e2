"""pytest-benchmark's private parts: the only place that reads or sets them.

The suite needs four things for which pytest-benchmark has no public interface: its session (options, storage and
`save_json`), `has_error` (which keeps a pair out of the save's `benchmarks`), the list of round times, and the storage
object itself. Checked against pytest-benchmark 5.3.1.
"""

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.record import MEASURED, Record
from benchmarks.storage.journal import refuse_folder
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

    def install_storage(self, problems: list[str]) -> None:
        """Replace pytest-benchmark's file storage by one that writes whole files; leave any other storage alone."""
        replace_storage(self._session, problems)

    def check_folder(self, name: str) -> None:
        """Raise BenchmarkError if the folder of the saves takes no file, or none with this save's name."""
        storage = self._session.storage
        try:
            if isinstance(storage, AtomicFileStorage):
                storage.try_folder(name)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise refuse_folder(storage.get("save"), error) from error
            raise BenchmarkError(
                f"--benchmark-save={name[:40]!r}: its {len(os.fsencode(name))} bytes are too long for a file's name "
                f"in {storage.path}; type a shorter one, e.g. --benchmark-save=thor."
            ) from error

    @property
    def storage_folder(self) -> Path | None:
        """The folder of the saves; None if the storage is not made of files (elasticsearch)."""
        folder = getattr(self._session.storage, "path", None)
        return Path(str(folder)) if isinstance(folder, (str, Path)) else None

    @property
    def saved(self) -> Path | None:
        """The file that this session was saved to; None before that, and with another storage than ours."""
        return getattr(self._session.storage, "saved", None)

    def holds_all(self, *, all_measured: bool) -> bool:
        """Return whether everything that was measured is saved where it belongs.

        A storage that is not ours takes measured pairs only.
        """
        if isinstance(self._session.storage, AtomicFileStorage):
            return self._session.storage.in_place
        return all_measured and self.is_saved

    @property
    def is_saved(self) -> bool:
        """Whether the session is saved, in its folder or elsewhere. A storage that is not ours raises if it fails."""
        if isinstance(self._session.storage, AtomicFileStorage):
            return self.saved is not None
        return not self._session.failed_to_save


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
