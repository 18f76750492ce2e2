"""pytest-benchmark's file storage, with saves that are written whole and a record of where the save went."""

import os
import re
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.storage.file import FileStorage
from pytest_benchmark.utils import load_storage, safe_dumps

from benchmarks import redact
from benchmarks.errors import BenchmarkError
from benchmarks.storage import locks

LONGEST_NAME = 100
MEMORY = "/dev/shm"  # noqa: S108 - Linux's file system in memory: its files are gone after a reboot
BEGIN, END = "-----BEGIN SAVE-----", "-----END SAVE-----"
"""The lines around a save that no folder took, on standard error."""


class AtomicFileStorage(FileStorage):
    """Writes results/<machine>/NNNN_name.json by temporary file, fsync and rename.

    Attributes:
        saved: the file of this session's save; None until it is written.
        in_place: whether that file is in its folder.
        problems: receives a sentence if the save could not be written to its folder.
    """

    saved: Path | None = None
    in_place = False
    problems: list[str]

    @property
    def location(self) -> str:
        """The folder, for a message: pytest-benchmark's own fails outside of the current folder."""
        return str(self.path)

    def save(self, output_json: dict[str, Any], save: str) -> None:
        """Write a save as pytest-benchmark would, under the next free number."""
        try:
            self.saved = self._save_here(save, output_json)
            self.in_place = True
        except Exception as error:  # noqa: BLE001 - whatever it is, what was measured must not be lost
            problem = f"The save could not be written to {self.path} ({explain(error)})"
            self._save_elsewhere(f"0001_{make_slug(save)}.json", output_json, problem)

    def try_folder(self, save: str) -> None:
        """Write a file beside the saves to come, with a longer name than theirs, and delete it again.

        Raises:
            OSError: the folder cannot be written, or the name is too long for its file system.
        """
        folder = Path(self.get(""))  # type: ignore[no-untyped-call]
        with suppress(FileExistsError):  # which a file or a link to nothing raises too: the next line says what it is
            folder.mkdir(parents=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=f"_{save}.json"):
            pass

    def _save_here(self, save: str, output_json: dict[str, Any]) -> Path:
        """Write the save under the next free number; two sessions that end at the same time get two numbers."""
        data = safe_dumps(output_json, ensure_ascii=True, indent=1).encode()
        folder = Path(self.get("")).resolve()  # type: ignore[no-untyped-call]
        with _lock_folder(folder):
            number = int(self._next_num)
            while any(folder.glob(f"{number:04}_*")):
                number += 1
            target = folder / f"{number:04}_{save}.json"
            write_whole(target, data)
        return target

    def _save_elsewhere(self, name: str, output_json: dict[str, Any], problem: str) -> None:
        """Write the save to a new temporary folder or, as the last resort, to standard error."""
        text = safe_dumps(output_json, ensure_ascii=True)
        for parent in (None, MEMORY):
            with suppress(Exception):
                self.saved = _write_to_new_folder(parent, name, text.encode())
                self.problems.append(f"{problem}; it is in {self.saved}: copy it into results/ before the next reboot.")
                return
        for stream_name, stream in (("standard error", sys.stderr), ("standard output", sys.stdout)):
            with suppress(Exception):
                stream.write(f"\n{BEGIN}\n{text}\n{END}\n")
                stream.flush()
                place = f"it is the line between {BEGIN} and {END} on {stream_name}"
                self.problems.append(f"{problem}, nor to another folder; {place}: put that line into a file, {name}.")
                return
        self.problems.append(f"{problem}, nor anywhere else.")


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


def _write_to_new_folder(parent: str | None, name: str, data: bytes) -> Path:
    """Write a file into a new folder, in the temporary folder if `parent` is None; return its path."""
    folder = Path(tempfile.mkdtemp(prefix="edge-vlm-bench-", dir=parent))
    try:
        write_whole(folder / name, data)
    except BaseException:
        folder.rmdir()
        raise
    return folder / name


def explain(error: Exception) -> str:
    """Return the system's words for an error, or its class and message; no secret is in them."""
    words = error.strerror if isinstance(error, OSError) else None
    return words or redact.make_printable(redact.hide_secrets(f"{type(error).__name__}: {error}"))[:300]


def write_whole(target: Path, data: bytes) -> None:
    """Write `data` so that `target` is never seen half written, even after a power cut."""
    hidden = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with hidden.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(target)
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise


def anchor_storage(config: pytest.Config) -> None:
    """Make a relative --benchmark-storage=file://... relative to the checkout, not to the current folder.

    Raises:
        BenchmarkError: pytest-benchmark could not use it, and would end with a traceback.
    """
    uri = config.option.benchmark_storage
    folder = uri.removeprefix("file://")
    shown = f"--benchmark-storage={redact.make_printable(redact.hide_secrets(uri))}"
    if not folder or folder.startswith(("file:", "localhost/")) or ("://" in folder and "elasticsearch+" not in folder):
        raise BenchmarkError(f"{shown}: is no folder; type --benchmark-storage=file://DIR to save into a folder.")
    try:
        if folder != uri:
            config.option.benchmark_storage = f"file://{config.rootpath / Path(folder).expanduser()}"
        load_storage(config.option.benchmark_storage, logger=None, netrc=config.option.benchmark_netrc)
    except Exception as error:
        raise BenchmarkError(
            f"{shown}: cannot be used ({explain(error)}); type --benchmark-storage=file://DIR to save into a folder."
        ) from error


def check_name(name: str) -> None:
    """Raise BenchmarkError if a save's name cannot be part of a file name."""
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise BenchmarkError(
            f"--benchmark-save={name[:40]!r}: needs at most {LONGEST_NAME} printable characters, "
            "e.g. --benchmark-save=thor."
        )


def replace_storage(session: Any, problems: list[str]) -> None:
    """Replace pytest-benchmark's file storage by AtomicFileStorage, and keep what fails at the end from ending pytest.

    Any other storage (elasticsearch) is left as it is.
    """
    stock = session.storage
    if type(stock) is FileStorage:
        storage = AtomicFileStorage(str(stock.path), stock.logger, stock.default_machine_id)  # type: ignore[no-untyped-call]
        storage.problems = problems
        session.storage = storage
    write_json, handle_saving = session.save_json, session.handle_saving
    refused: list[str] = []

    def save_json(output_json: dict[str, Any]) -> None:
        try:
            write_json(output_json)
        except Exception as error:  # noqa: BLE001 - it would end the session before the save is written
            refused.append(f"--benchmark-json could not be written ({explain(error)})")

    def save_all() -> None:
        try:
            handle_saving()
        except Exception as error:  # noqa: BLE001 - for example of another plugin, whose hook is called
            session.failed_to_save = True
            problems.append(f"The session could not be saved ({explain(error)}).")
        same = "; the save contains the same." if getattr(session.storage, "saved", None) else "."
        problems.extend(f"{sentence}{same}" for sentence in refused)

    session.save_json, session.handle_saving, session.failed_to_save = save_json, save_all, False


def make_slug(label: str) -> str:
    """Return a device's label as a save's name: "Jetson AGX Orin" -> "jetson-agx-orin"."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-") or "device"
