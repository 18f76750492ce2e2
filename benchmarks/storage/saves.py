"""pytest-benchmark's file storage, but whole or not at all, and it remembers where the save went."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.storage.file import FileStorage
from pytest_benchmark.utils import safe_dumps

from benchmarks.elsewhere import Backed
from benchmarks.errors import BenchmarkError
from benchmarks.storage import locks

LONGEST_NAME = 100
RESULTS = "results"


class AtomicFileStorage(FileStorage):
    """Writes results/<machine>/NNNN_name.json by temporary file, fsync and rename.

    Attributes:
        saved: the file of this session's save, None until it is written.
        troubles: gets a sentence where the save had to go elsewhere.
    """

    saved: Path | None = None
    troubles: list[str]

    def save(self, output_json: dict[str, Any], save: str) -> None:
        """Write a save as pytest-benchmark would, under the next free number."""
        data = safe_dumps(output_json, ensure_ascii=True, indent=1).encode()
        try:
            self.saved = self._save_here(save, data)
        except OSError as error:
            self.saved = self._save_elsewhere(save, data, error)

    def _save_here(self, save: str, data: bytes) -> Path:
        """Write the save under the next free number; two sessions that end at once take two."""
        folder = Path(self.get("")).resolve()  # type: ignore[no-untyped-call]
        with _alone_in(folder):
            number = int(self._next_num)
            while any(folder.glob(f"{number:04}_*")):
                number += 1
            target = folder / f"{number:04}_{save}.json"
            write_whole(target, data)
        return target

    def _save_elsewhere(self, save: str, data: bytes, error: OSError) -> Path | None:
        """Write the save into a new folder for temporary files, so that a full disk costs no day's work."""
        trouble = f"The save could not be written to {self.path} ({error.strerror})"
        try:
            target = Path(tempfile.mkdtemp(prefix="edge-vlm-bench-")) / f"0001_{slug(save)}.json"
            write_whole(target, data)
        except OSError as second:
            self.troubles.append(f"{trouble}, nor elsewhere ({second.strerror}): free some space and type --resume.")
            return None
        self.troubles.append(
            f"{trouble}; it is in {target}: copy it into results/, or free some space and type --resume."
        )
        return target


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other sessions of this suite from choosing a number in `folder` meanwhile."""
    if os.name == "nt":  # a folder cannot be opened there
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        locks.take(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


def write_whole(target: Path, data: bytes) -> None:
    """Write `data` so that `target` is never seen half written, even after a power cut."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def anchor(config: pytest.Config) -> None:
    """Make a relative --benchmark-storage=file://... relative to the checkout, not to the shell's folder."""
    uri = config.option.benchmark_storage
    if uri.startswith("file://") and not uri[7:].startswith("/"):
        config.option.benchmark_storage = f"file://{config.rootpath / uri[7:]}"


def check_name(name: str) -> None:
    """Raise BenchmarkError where a save's name would make no file name everywhere."""
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise BenchmarkError(
            f"--benchmark-save={name[:40]!r}: needs at most {LONGEST_NAME} printable characters, "
            "e.g. --benchmark-save=thor."
        )


def check_compare(config: pytest.Config) -> None:
    """Raise BenchmarkError where pytest-benchmark's own comparison would end the session without a save."""
    if config.getoption("benchmark_compare", None) and not Path.cwd().is_relative_to(config.rootpath):
        raise BenchmarkError(f"--benchmark-compare works in the checkout only; type cd {config.rootpath} first.")


def install(session: Any, troubles: list[str], root: Path) -> None:
    """Put AtomicFileStorage in place of a stock file storage, back any other, and guard --benchmark-json.

    `root` is the checkout: what another storage does not take goes into its results/.
    """
    write = session.save_json

    def save_json(output_json: dict[str, Any]) -> None:
        try:
            write(output_json)
        except OSError as error:  # else it would cost the save as well, which comes after it
            troubles.append(f"--benchmark-json could not be written ({error.strerror}); the save holds the same.")

    session.save_json = save_json
    stock = session.storage

    def files(folder: Path) -> AtomicFileStorage:
        made = AtomicFileStorage(str(folder), stock.logger, stock.default_machine_id)  # type: ignore[no-untyped-call]
        made.troubles = troubles
        return made

    if type(stock) is FileStorage:
        session.storage = files(stock.path)
    elif not isinstance(stock, FileStorage):
        session.storage = Backed(stock, lambda: files(root / RESULTS), troubles)


def slug(label: str) -> str:
    """Return a device's label as a save's name: "Jetson AGX Orin" -> "jetson-agx-orin"."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-") or "device"
