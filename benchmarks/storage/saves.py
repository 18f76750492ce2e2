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
from benchmarks.formatting import make_printable
from benchmarks.storage import locks

LONGEST_NAME = 100
BEGIN, END = "-----BEGIN SAVE-----", "-----END SAVE-----"  # around a save that no folder took, on standard error


class AtomicFileStorage(FileStorage):
    """Writes results/<machine>/NNNN_name.json by temporary file, fsync and rename."""

    saved: Path | None = None  # the file of this session's save, once it is written, and if it is in its folder
    problems: list[str]  # receives a sentence if the save could not be written to its folder

    @property
    def location(self) -> str:
        """The folder, for a message: pytest-benchmark's own fails outside of the current folder."""
        return str(self.path)

    def save(self, output_json: dict[str, Any], save: str) -> None:
        """Write a save as pytest-benchmark would, under the next free number; elsewhere if its folder refuses it."""
        try:
            self.saved = self._save_here(save, output_json)
        except Exception as error:  # noqa: BLE001 - whatever it is, what was measured must not be lost
            problem = f"The save could not be written to {self.path} ({explain(error)})"
            self.problems.append(_save_elsewhere(output_json, f"0001_{make_slug(save)}.json", problem))

    def check_folder(self, save: str) -> None:
        """Raise BenchmarkError if the folder refuses a file whose name is a little longer than the save's."""
        folder = Path(self.get(""))  # type: ignore[no-untyped-call]
        try:
            with suppress(FileExistsError):  # also of a file or a link to nothing: the next line says which
                folder.mkdir(parents=True)
            tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=f"_{save}.json").close()
        except OSError as error:
            raise BenchmarkError(
                f"{folder} cannot be written ({error.strerror}), so an interrupted session would be lost; make it "
                "writable, shorten --benchmark-save, or type --benchmark-storage=file://DIR to save somewhere else."
            ) from error

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


def _save_elsewhere(output_json: dict[str, Any], name: str, problem: str) -> str:
    """Write a save to a new folder, and return the problem with its place; as the last resort to standard error.

    Raises:
        BenchmarkError: no folder takes it; what to do.
    """
    text = safe_dumps(output_json, ensure_ascii=True)
    for parent in (None, "/dev/shm"):  # noqa: S108 - Linux's file system in memory
        with suppress(Exception):
            folder = Path(tempfile.mkdtemp(prefix="edge-vlm-bench-", dir=parent))
            with suppress(Exception):
                write_whole(folder / name, text.encode())
                return f"{problem}; it is in {folder / name}: copy it into results/ before the next reboot."
            folder.rmdir()
    print(f"\n{BEGIN}\n{text}\n{END}", file=sys.stderr, flush=True)  # noqa: T201 - there is no other place
    raise BenchmarkError(
        f"{problem}, nor to another folder; put the line after {BEGIN} on standard error into a file, {name}."
    )


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


def explain(error: Exception) -> str:
    """Return the system's words for an error, or its class and message; no secret is in them."""
    return (
        getattr(error, "strerror", None)
        or make_printable(redact.hide_secrets(f"{type(error).__name__}: {error}"))[:300]
    )


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
    """Make a relative --benchmark-storage relative to the checkout; raise BenchmarkError if it cannot be used."""
    uri = config.option.benchmark_storage
    shown, folder = make_printable(redact.hide_secrets(uri)), uri.removeprefix("file://")
    try:
        if folder != uri:
            uri = config.option.benchmark_storage = f"file://{config.rootpath / Path(folder).expanduser()}"
        names_none = not folder or folder.startswith(("file:", "localhost/"))
        load_storage("://" if names_none else uri, logger=None, netrc=config.option.benchmark_netrc)  # "://" is refused
    except Exception as error:
        raise BenchmarkError(
            f"--benchmark-storage={shown}: cannot be used ({explain(error)}); "
            "type --benchmark-storage=file://DIR to save into a folder."
        ) from error


def check_name(name: str) -> None:
    """Raise BenchmarkError if a save's name cannot be part of a file name."""
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise BenchmarkError(
            f"--benchmark-save={name[:40]!r}: needs at most {LONGEST_NAME} printable characters, "
            "e.g. --benchmark-save=thor."
        )


def replace_storage(session: Any, name: str, problems: list[str]) -> None:
    """Replace pytest-benchmark's file storage by AtomicFileStorage, and keep what fails at the end from ending pytest.

    Any other storage (elasticsearch) is left as it is. A folder that takes no save of this name is a BenchmarkError.
    """
    stock = session.storage
    if type(stock) is FileStorage:
        storage = AtomicFileStorage(str(stock.path), stock.logger, stock.default_machine_id)  # type: ignore[no-untyped-call]
        storage.check_folder(name)
        storage.problems = problems
        session.storage = storage
    write_json, handle_saving = session.save_json, session.handle_saving

    def save_json(output_json: dict[str, Any]) -> None:
        try:
            write_json(output_json)
        except Exception as error:  # noqa: BLE001 - it would end the session before the save is written
            problems.append(f"--benchmark-json could not be written ({explain(error)}).")

    def save_all() -> None:
        try:
            handle_saving()
        except Exception as error:  # noqa: BLE001 - another plugin's, for example, whose hook is called
            session.failed_to_save = True
            known = isinstance(error, BenchmarkError)
            problems.append(str(error) if known else f"The session could not be saved ({explain(error)}).")

    session.save_json, session.handle_saving, session.failed_to_save = save_json, save_all, False


def make_slug(label: str) -> str:
    """Return a device's label as a save's name: "Jetson AGX Orin" -> "jetson-agx-orin"."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-") or "device"
