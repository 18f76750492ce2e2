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

Each line ends with its *seal*, the CRC-32 of all lines up to it, without seals: a line that was edited, removed,
doubled or moved is seen. Journals of older versions have none; a session that continues one seals what it adds.
"""

import contextlib
import errno
import itertools
import json
import os
import re
import secrets
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

from benchmarks import redact
from benchmarks.errors import BenchmarkError
from benchmarks.formatting import make_printable
from benchmarks.record.typecheck import fits
from benchmarks.storage import locks
from benchmarks.storage.saves import make_slug

VERSION = 1
FOLDER = ".journal"
LONGEST_HEAD = 2**20  # bytes
SEAL = re.compile(rb',"seal":"([0-9a-f]{8})"\}\n\Z')
WRONG = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)  # of a damaged line
Line = dict[str, Any]
Say = Callable[[str], None]


class Damaged(BenchmarkError):
    """A journal that cannot be continued; the message says where it is damaged."""


@dataclass
class Contents:
    """A journal's head and other lines, their size in bytes, and the checksum of them all; `sealed` if they have it."""

    head: Line = field(default_factory=dict)
    entries: list[Line] = field(default_factory=list)
    size: int = 0
    checksum: int = 0
    sealed: bool = False

    def record(self, pair: str) -> Any | None:
        """Return the Record of a finished pair; None if the pair is not finished."""
        return next((line["record"] for line in self.entries if (line["pair"], line["do"]) == (pair, "done")), None)

    def add(self, raw: bytes) -> None:
        """Add the next line of the file; raise one of WRONG if this module did not write it there."""
        found = SEAL.search(raw)
        if self.sealed and not found:
            raise ValueError("it has no seal")
        self.checksum = zlib.crc32(raw[: found.start()] if found else raw[:-1], self.checksum)
        if found and int(found[1], 16) != self.checksum:
            raise ValueError("its seal does not match: it was changed or moved, or a line before it is missing")
        line: Line = json.loads(raw)
        if found:
            self.sealed = bool(line.pop("seal"))
        known = (line["pair"], line["do"]) if self.head else (line["save"], *line["pairs"], *line["fingerprint"])
        if not fits([*known], list[str]) or not (self.head or line["journal"] == VERSION):
            raise ValueError("it is not in the format of a journal")
        if self.head:
            self.entries.append(line)
        self.head = self.head or line
        self.size += len(raw)


def read_journal(path: Path, *, whole: bool = True) -> Contents:
    """Read a journal, or its head; raise Damaged if a line is not as this module wrote it.

    An incomplete last line is ignored: the power may have failed while it was written.
    """
    contents, number = Contents(), 0
    try:
        with path.open("rb") as file:
            lines = itertools.chain([file.readline(LONGEST_HEAD)], file if whole else ())
            for number, raw in enumerate(lines):  # noqa: B007
                if raw.endswith(b"\n"):
                    contents.add(raw)
    except OSError as error:
        raise Damaged(f"{path}: cannot be read ({error.strerror}); make it readable, or delete it.") from error
    except WRONG as error:
        if number:
            raise refuse_line(path, number + 1, error) from error
    if not contents.head or contents.head.get("sealed", contents.sealed) is not contents.sealed:
        raise Damaged(f"{path}: its head was changed, or it is not a journal of this version; delete it to start over.")
    return contents


def refuse_line(path: Path, number: int, error: Exception, pair: str = "") -> Damaged:
    """Return the error for a line of a journal that cannot be continued."""
    why = f"{pair[:60]}{'' if type(error) is ValueError else f'{type(error).__name__}: '}{error}"[:300]
    advice = "delete it and all lines after it to continue from there, or delete the journal to start over."
    return Damaged(make_printable(f"{path}: line {number} is damaged ({why}); {advice}"))


class Journal:
    """A session's journal, open for appending.

    If a write fails, its lines wait in memory and are written before the next ones; the first failure is reported to
    `complain`. A line that could not be written completely is removed from the file again.
    """

    def __init__(self, path: Path, contents: Contents, complain: Say, file: IO[bytes] | None = None) -> None:
        self.path = path
        self.contents = contents
        self._complain = complain
        self._complained = False
        # Size and checksum of what is on the disk, and the lines that wait: one value, because of signals.
        self._state: tuple[int, int, list[bytes]] = (contents.size, contents.checksum, [])
        self._file = file or path.open("ab", buffering=0)
        if file is None and not locks.take(self._file.fileno()):
            self._file.close()
            raise BenchmarkError(
                f"{path}: another session is writing this file; wait until it ends, or save under another name."
            )

    def append(self, pair: str, lines: Iterable[Line]) -> None:
        """Write lines of a pair; on return they are on the disk, or wait in memory."""
        self._write([_encode({"pair": pair, **line}) for line in lines])

    def remove(self) -> None:
        """Delete the journal, because everything in it is saved."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        """Try to write the waiting lines, and close the file. Can be called twice."""
        if not self._file.closed:
            self._write([])
            self._file.close()

    def _write(self, lines: list[bytes]) -> None:
        size, checksum, waiting = self._state
        self._state = size, checksum, waiting + lines
        data, checksum = _seal(waiting + lines, checksum)
        if not data or self._file.closed:
            return
        try:
            self._truncate()  # a signal may have interrupted the last write
            self._write_whole(data)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._truncate()
            self._report(error)
            return
        self._state = size + len(data), checksum, []

    def _write_whole(self, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += self._file.write(data[written:]) or 0
        os.fsync(self._file.fileno())
        if not self.path.exists():  # the disk was unmounted or the file deleted beneath us
            raise FileNotFoundError(2, "the journal was deleted", str(self.path))

    def _truncate(self) -> None:
        """Remove everything after the last complete line."""
        if os.fstat(self._file.fileno()).st_size > self._state[0]:
            self._file.truncate(self._state[0])

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
        entries = [] if self._journal is None else self._journal.contents.entries
        return [line for line in entries if line["pair"] == self._pair]

    @property
    def record(self) -> Any | None:
        """The Record if an earlier session finished the pair, else None."""
        return None if self._journal is None else self._journal.contents.record(self._pair)

    def append(self, *lines: Line) -> None:
        """Write lines; on return they are on the disk, or wait in memory."""
        if self._journal is not None and lines:
            self._journal.append(self._pair, lines)


def _encode(line: Line) -> bytes:
    return json.dumps(redact.hide_secrets_everywhere(line), separators=(",", ":"), allow_nan=False).encode()


def _seal(lines: Iterable[bytes], checksum: int) -> tuple[bytes, int]:
    """Return JSON objects as the next lines of a journal, and its checksum with them."""
    sealed = []
    for line in lines:
        checksum = zlib.crc32(line[:-1], checksum)  # without its last brace
        sealed.append(line[:-1] + b',"seal":"%08x"}\n' % checksum)
    return b"".join(sealed), checksum


def create_journal(folder: Path, head: Line, complain: Say, tries: int = 3) -> Journal:
    """Create a journal in `folder`; version and date are added to `head`.

    Raises:
        BenchmarkError: the folder cannot be written.
    """
    created = datetime.now(timezone.utc)
    whole = {"journal": VERSION, "sealed": True, **head, "created": created.isoformat(timespec="seconds")}
    path = folder / f"{make_slug(head['save'])}-{created:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.jsonl"
    hidden = path.with_suffix(".tmp")  # until it has a lock and its head: it must not be seen as unfinished
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as undo:
            file = undo.enter_context(_create_file(hidden, _seal([_encode(whole)], 0)[0]))
            hidden.rename(path)
            undo.pop_all()
    except OSError as error:
        with contextlib.suppress(OSError):
            hidden.unlink(missing_ok=True)
        if isinstance(error, FileNotFoundError) and tries > 1:  # it was swept before it was locked
            return create_journal(folder, head, complain, tries - 1)
        raise refuse_folder(folder, error) from error
    return Journal(path, read_journal(path), complain, file)


def _create_file(path: Path, data: bytes) -> IO[bytes]:
    """Return a new file, open for appending and locked, with `data` on the disk."""
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666), "ab", buffering=0)
    with contextlib.ExitStack() as undo:
        undo.callback(file.close)
        locks.take(file.fileno(), wait=True)  # a session that starts may be looking at it
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
