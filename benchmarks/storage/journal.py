"""The journal: what a session has measured so far, written to disk between its runs, for --resume.

A session's journal is one file of JSON lines in `.journal/` beside its saves. Its first line, the *head*, contains the
session's settings; every other line belongs to a pair:

    {"pair": "llava-bf16", "do": "segment", ...}    a child has loaded the model, the meters run
    {"pair": "llava-bf16", "do": "run", ...}        a run's time marks
    {"pair": "llava-bf16", "do": "failed", ...}     a run, warm-up or load that failed
    {"pair": "llava-bf16", "do": "idle", ...}       a window of idle power
    {"pair": "llava-bf16", "do": "samples", ...}    power and memory since the last such line
    {"pair": "llava-bf16", "do": "done", ...}       the pair's Record

Lines are appended and fsynced between runs, so a power cut loses only the current run. A journal is plain JSON:
nothing in it is executed or unpickled.
"""

import contextlib
import errno
import json
import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

from benchmarks import redact
from benchmarks.errors import BenchmarkError
from benchmarks.storage import locks
from benchmarks.storage.saves import make_slug

VERSION = 1
FOLDER = ".journal"
Line = dict[str, Any]


class Damaged(BenchmarkError):
    """A journal that cannot be continued; the message says where it is damaged."""


@dataclass
class Contents:
    """A journal's head, its lines by pair, and the size of its complete lines, bytes."""

    head: Line
    lines: dict[str, list[Line]] = field(default_factory=dict)
    size: int = 0

    def record(self, pair: str) -> Any | None:
        """Return the Record of a finished pair; None if the pair is not finished."""
        return next((line["record"] for line in self.lines.get(pair, ()) if line["do"] == "done"), None)


def read_journal(path: Path) -> Contents:
    """Read a journal. An incomplete last line is ignored: the power may have failed while it was written.

    Raises:
        Damaged: any other line is not in the format that this module writes.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Damaged(f"{path}: cannot be read ({error.strerror}); delete it to start over.") from error
    whole, _, _ = data.rpartition(b"\n")
    lines = [_line(path, number, raw) for number, raw in enumerate(whole.split(b"\n"), 1)] if whole else []
    if not lines or not _is_head(lines[0]):
        raise Damaged(f"{path}: is not a journal of this version; delete it to start over.")
    contents = Contents(lines[0], size=len(whole) + 1)
    for number, line in enumerate(lines[1:], 2):
        whole_line = isinstance(line.get("pair"), str) and isinstance(line.get("do"), str)
        if not whole_line or (line["do"] == "done" and not isinstance(line.get("record"), dict)):
            raise _damaged(path, number)
        contents.lines.setdefault(line["pair"], []).append(line)
    return contents


def _is_head(line: Line) -> bool:
    pairs = line.get("pairs")
    return (
        line.get("journal") == VERSION
        and isinstance(line.get("fingerprint"), dict)
        and isinstance(line.get("save"), str)
        and isinstance(pairs, list)
        and all(isinstance(pair, str) for pair in pairs)
    )


def _line(path: Path, number: int, raw: bytes) -> Line:
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, number) from error
    if not isinstance(line, dict):
        raise _damaged(path, number)
    return line


def _damaged(path: Path, number: int) -> Damaged:
    return Damaged(f"{path}: line {number} is damaged; correct it, or delete the journal to start over.")


class Journal:
    """A session's journal, open for appending.

    If a write fails, its lines wait in memory and are written before the next ones; the first failure is reported to
    `complain`. A line that could not be written completely is removed from the file again.
    """

    def __init__(
        self, path: Path, contents: Contents, complain: Callable[[str], None], file: IO[bytes] | None = None
    ) -> None:
        self.path = path
        self.contents = contents
        self._complain = complain
        self._complained = False
        self._waiting = b""
        self._size = contents.size
        self._file = file or path.open("ab", buffering=0)
        if file is None and not locks.take(self._file.fileno()):
            self._file.close()
            raise BenchmarkError(
                f"{path}: another session is writing this file; wait until it ends, or save under another name."
            )
        self._truncate()

    def append(self, pair: str, lines: Iterable[Line]) -> None:
        """Write lines of a pair; on return they are on the disk, or wait in memory."""
        self._write(b"".join(_encode({"pair": pair, **line}) for line in lines))

    def remove(self) -> None:
        """Delete the journal, because everything in it is saved."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        """Try to write the waiting lines, and close the file. Can be called twice."""
        if not self._file.closed:
            self._write(b"")
            self._file.close()

    def _write(self, data: bytes) -> None:
        self._waiting += data
        if not self._waiting or self._file.closed:
            return
        try:
            self._truncate()  # a signal may have interrupted the last write
            self._write_whole(self._waiting)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._truncate()
            self._report(error)
            return
        self._size += len(self._waiting)
        self._waiting = b""

    def _write_whole(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += self._file.write(data[written:]) or 0
        os.fsync(self._file.fileno())
        if not self.path.exists():  # the disk was unmounted or the file deleted beneath us
            raise FileNotFoundError(2, "the journal was deleted", str(self.path))

    def _truncate(self) -> None:
        """Remove everything after the last complete line."""
        if os.fstat(self._file.fileno()).st_size > self._size:
            self._file.truncate(self._size)

    def _report(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            self._complain(
                f"The journal cannot be written ({error.strerror}): the session continues in memory and will try again."
            )


class PairJournal:
    """One pair's lines in a session's journal; without a journal nothing is written."""

    def __init__(self, journal: Journal | None, pair: str) -> None:
        self._journal = journal
        self._pair = pair

    @property
    def lines(self) -> list[Line]:
        """The lines that earlier sessions wrote about the pair."""
        return [] if self._journal is None else self._journal.contents.lines.get(self._pair, [])

    @property
    def record(self) -> Any | None:
        """The Record if an earlier session finished the pair, else None."""
        return None if self._journal is None else self._journal.contents.record(self._pair)

    def append(self, *lines: Line) -> None:
        """Write lines; on return they are on the disk, or wait in memory."""
        if self._journal is not None and lines:
            self._journal.append(self._pair, lines)


def _encode(line: Line) -> bytes:
    return json.dumps(redact.hide_secrets_everywhere(line), separators=(",", ":"), allow_nan=False).encode() + b"\n"


def create_journal(folder: Path, head: Line, complain: Callable[[str], None]) -> Journal:
    """Create a journal in `folder`; version and date are added to `head`.

    Raises:
        BenchmarkError: the folder cannot be written.
    """
    created = datetime.now(timezone.utc)
    head = {"journal": VERSION, **head, "created": created.isoformat(timespec="seconds")}
    path = folder / f"{make_slug(head['save'])}-{created:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.jsonl"
    hidden = path.with_suffix(
        ".tmp"
    )  # until it is locked and has its head: another session must not see it as unfinished
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _create_file(hidden, _encode(head))
        hidden.rename(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            hidden.unlink(missing_ok=True)
        raise refuse_folder(folder, error) from error
    return Journal(path, read_journal(path), complain, file)


def _create_file(path: Path, data: bytes) -> IO[bytes]:
    """Return a new file, open for appending and locked, with `data` on the disk."""
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666), "ab", buffering=0)
    with contextlib.ExitStack() as undo:
        undo.callback(file.close)
        locks.take(file.fileno())
        if file.write(data) != len(data):  # only a part was written
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())
        undo.pop_all()
    return file


def refuse_folder(folder: Path, error: OSError) -> BenchmarkError:
    """Return the error for a session whose journal cannot be written to `folder`."""
    return BenchmarkError(
        f"{folder.parent} cannot be written ({error.strerror}), so an interrupted session would be lost; "
        "make it writable, or type --benchmark-storage=file://DIR to save somewhere else."
    )
