"""The crash journal: what a session has measured, on disk between its runs, for --resume.

A session's journal is one file of JSON lines below `.journal/` beside its saves. Its first line, the
*head*, says what the session measures and with what; each other line belongs to a pair:

    {"pair": "llava-bf16", "do": "segment", ...}    a child has loaded and the meters run
    {"pair": "llava-bf16", "do": "run", ...}        a run's marks
    {"pair": "llava-bf16", "do": "failed", ...}     a run, warm-up or load that failed
    {"pair": "llava-bf16", "do": "idle", ...}       a window of idle power
    {"pair": "llava-bf16", "do": "samples", ...}    power and memory since the last such line
    {"pair": "llava-bf16", "do": "done", ...}       the pair's Record

Lines are appended between runs and fsynced, so that a power cut costs the run in flight. JSON only:
nothing in a journal is ever executed or unpickled.
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
from benchmarks.storage.saves import slug

VERSION = 1
FOLDER = ".journal"
Line = dict[str, Any]


class Damaged(BenchmarkError):
    """A journal that cannot be gone on with; says where it is damaged."""


@dataclass
class Contents:
    """What a journal holds: its head, its lines by pair, and how many bytes of it are whole."""

    head: Line
    lines: dict[str, list[Line]] = field(default_factory=dict)
    size: int = 0

    def record(self, pair: str) -> Any | None:
        """Return the Record of a pair that is done; None of one that is not."""
        return next((line["record"] for line in self.lines.get(pair, ()) if line["do"] == "done"), None)


def read(path: Path) -> Contents:
    """Read a journal. A torn last line is forgiven: the power may have gone while it was written.

    Raises:
        Damaged: anything else is not as this module writes it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Damaged(f"{path}: cannot be read ({error.strerror}); delete it to begin anew.") from error
    whole, _, _ = data.rpartition(b"\n")
    lines = [_line(path, number, raw) for number, raw in enumerate(whole.split(b"\n"), 1)] if whole else []
    if not lines or not _is_head(lines[0]):
        raise Damaged(f"{path}: is no journal of this version; delete it to begin anew.")
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
    return Damaged(f"{path}: line {number} is damaged; mend it, or delete the journal to begin anew.")


class Journal:
    """A session's journal, open for appending.

    Where the disk refuses, lines wait in memory and go before the next ones; `complain` is told
    once. What is on disk stays as it was: a line that could not be written whole is cut off again.
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
            raise BenchmarkError(f"{path}: another session is writing it; wait for it, or save under another name.")
        self._cut()

    def append(self, pair: str, lines: Iterable[Line]) -> None:
        """Write lines of a pair; on return they have reached the disk, or wait for it."""
        self._write(b"".join(_encoded({"pair": pair, **line}) for line in lines))

    def remove(self) -> None:
        """Delete the journal: all that it holds is saved."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        """Try the waiting lines a last time, and let go of the file; harmless to repeat."""
        if not self._file.closed:
            self._write(b"")
            self._file.close()

    def _write(self, data: bytes) -> None:
        self._waiting += data
        if not self._waiting or self._file.closed:
            return
        try:
            self._cut()  # of a write that an interruption broke off
            self._write_whole(self._waiting)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._cut()
            self._tell(error)
            return
        self._size += len(self._waiting)
        self._waiting = b""

    def _write_whole(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += self._file.write(data[written:]) or 0
        os.fsync(self._file.fileno())
        if not self.path.exists():  # the disk was unmounted or the file deleted beneath us
            raise FileNotFoundError(2, "the journal is gone", str(self.path))

    def _cut(self) -> None:
        """Cut off what stands behind the last whole line."""
        if os.fstat(self._file.fileno()).st_size > self._size:
            self._file.truncate(self._size)

    def _tell(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            self._complain(
                f"The journal cannot be written ({error.strerror}): the session goes on in memory, and tries again."
            )


class PairLog:
    """One pair's part of a session's journal; without a journal it keeps nothing."""

    def __init__(self, journal: Journal | None, pair: str) -> None:
        self._journal = journal
        self._pair = pair

    @property
    def lines(self) -> list[Line]:
        """What earlier sessions wrote of the pair."""
        return [] if self._journal is None else self._journal.contents.lines.get(self._pair, [])

    @property
    def record(self) -> Any | None:
        """The Record, where an earlier session has finished the pair."""
        return None if self._journal is None else self._journal.contents.record(self._pair)

    def append(self, *lines: Line) -> None:
        """Write lines; on return they have reached the disk, or wait for it."""
        if self._journal is not None and lines:
            self._journal.append(self._pair, lines)


def _encoded(line: Line) -> bytes:
    return json.dumps(redact.hide_secrets_everywhere(line), separators=(",", ":"), allow_nan=False).encode() + b"\n"


def begin(folder: Path, head: Line, complain: Callable[[str], None]) -> Journal:
    """Begin a journal in `folder` with `head`, which gets version and date.

    Raises:
        BenchmarkError: the folder cannot be written.
    """
    created = datetime.now(timezone.utc)
    head = {"journal": VERSION, **head, "created": created.isoformat(timespec="seconds")}
    path = folder / f"{slug(head['save'])}-{created:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.jsonl"
    hidden = path.with_suffix(".tmp")  # until it is locked and has its head, so that nobody takes it for unfinished
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _created(hidden, _encoded(head))
        hidden.rename(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            hidden.unlink(missing_ok=True)
        raise unwritable(folder, error) from error
    return Journal(path, read(path), complain, file)


def _created(path: Path, data: bytes) -> IO[bytes]:
    """Return a new file, open for appending and locked, with `data` on the disk."""
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644), "ab", buffering=0)
    with contextlib.ExitStack() as undo:
        undo.callback(file.close)
        locks.take(file.fileno())
        if file.write(data) != len(data):  # the disk took a part
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())
        undo.pop_all()
    return file


def unwritable(folder: Path, error: OSError) -> BenchmarkError:
    """Return the refusal of a session whose journal cannot be written to `folder`."""
    return BenchmarkError(
        f"{folder.parent} cannot be written ({error.strerror}), and a session must not be lost; "
        "free it, or type --benchmark-storage=file://DIR for another place."
    )
