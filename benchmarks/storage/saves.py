"""pytest-benchmark's file storage, with saves that are written whole and a record of where the save went."""

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

from benchmarks.errors import BenchmarkError
from benchmarks.storage import locks

LONGEST_NAME = 100


class AtomicFileStorage(FileStorage):
    """Writes results/<machine>/NNNN_name.json by temporary file, fsync and rename.

    Attributes:
        saved: the file of this session's save; None until it is written.
        problems: receives a sentence if the save could not be written to its folder.
    """

    saved: Path | None = None
    problems: list[str]

    @property
    def location(self) -> str:
        """The folder, for a message: pytest-benchmark's own fails outside of the current folder."""
        return str(self.path)

    def save(self, output_json: dict[str, Any], save: str) -> None:
        """Write a save as pytest-benchmark would, under the next free number."""
        data = safe_dumps(output_json, ensure_ascii=True, indent=1).encode()
        try:
            self.saved = self._save_here(save, data)
        except OSError as error:
            self.saved = self._save_to_temporary_folder(save, data, error)

    def _save_here(self, save: str, data: bytes) -> Path:
        """Write the save under the next free number; two sessions that end at the same time get two numbers."""
        folder = Path(self.get("")).resolve()  # type: ignore[no-untyped-call]
        with _lock_folder(folder):
            number = int(self._next_num)
            while any(folder.glob(f"{number:04}_*")):
                number += 1
            target = folder / f"{number:04}_{save}.json"
            write_whole(target, data)
        return target

    def _save_to_temporary_folder(self, save: str, data: bytes, error: OSError) -> Path | None:
        """Write the save to a new temporary folder, so that a full disk does not lose a day's work."""
        problem = f"The save could not be written to {self.path} ({error.strerror})"
        try:
            target = Path(tempfile.mkdtemp(prefix="edge-vlm-bench-")) / f"0001_{make_slug(save)}.json"
            write_whole(target, data)
        except OSError as second:
            self.problems.append(
                f"{problem}, nor to the temporary folder ({second.strerror}): free some space and type --resume."
            )
            return None
        self.problems.append(
            f"{problem}; it is in {target}: copy it into results/, or free some space and type --resume."
        )
        return target


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    """Keep other sessions of this suite from choosing a number in `folder`."""
    if os.name == "nt":  # Windows cannot open a folder
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


def anchor_storage(config: pytest.Config) -> None:
    """Make a relative --benchmark-storage=file://... relative to the checkout, not to the current folder."""
    uri = config.option.benchmark_storage
    if uri.startswith("file://") and not uri[7:].startswith("/"):
        config.option.benchmark_storage = f"file://{config.rootpath / uri[7:]}"


def check_name(name: str) -> None:
    """Raise BenchmarkError if a save's name cannot be part of a file name."""
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise BenchmarkError(
            f"--benchmark-save={name[:40]!r}: needs at most {LONGEST_NAME} printable characters, "
            "e.g. --benchmark-save=thor."
        )


def replace_storage(session: Any, problems: list[str]) -> None:
    """Replace pytest-benchmark's file storage by AtomicFileStorage, and keep --benchmark-json from losing the save.

    Any other storage (elasticsearch) is left as it is.
    """
    write_json = session.save_json

    def save_json(output_json: dict[str, Any]) -> None:
        try:
            write_json(output_json)
        except OSError as error:  # it would end the session before the save is written
            problems.append(f"--benchmark-json could not be written ({error.strerror}); the save contains the same.")

    session.save_json = save_json
    stock = session.storage
    if type(stock) is FileStorage:
        storage = AtomicFileStorage(str(stock.path), stock.logger, stock.default_machine_id)  # type: ignore[no-untyped-call]
        storage.problems = problems
        session.storage = storage


def make_slug(label: str) -> str:
    """Return a device's label as a save's name: "Jetson AGX Orin" -> "jetson-agx-orin"."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-") or "device"
