"""Journals that a session left unfinished: which there are, what is in them, and how to go on with one."""

import contextlib
import re
import shlex
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from benchmarks import redact
from benchmarks.errors import BenchmarkError
from benchmarks.storage import locks
from benchmarks.storage.journal import Contents, Damaged, Journal, Line, read, unwritable
from benchmarks.storage.saves import slug


def journals(folder: Path, *, held: bool = False) -> list[Path]:
    """Return the journals in `folder` that no running session holds, or those that one does (`held`), oldest first."""
    found: list[tuple[float, Path]] = []
    for path in folder.glob("*.jsonl"):
        with contextlib.suppress(OSError):  # its session has just ended, and removed it
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and _is_free(path) != held:
                found.append((status.st_mtime, path))
    return [path for _, path in sorted(found)]


def _is_free(path: Path) -> bool:
    """Return whether no session holds a journal; a disk that became read-only holds it for nobody."""
    try:
        file: IO[bytes] = path.open("r+b")  # some network file systems lock only what is open for writing
    except OSError:
        file = path.open("rb")
    with file:
        return locks.take(file.fileno(), shared=True)


def resume(folder: Path, head: Line, complain: Callable[[str], None]) -> Journal:
    """Open the latest unfinished journal of the save that `head` names.

    Raises:
        BenchmarkError: there is none, it is damaged, or it was written by a session unlike this
            one; the sentence names what differs.
    """
    named = re.compile(rf"{re.escape(slug(head['save']))}-\d{{8}}T\d{{6}}-[0-9a-f]{{8}}\.jsonl")
    mine, damage = _of_save(head["save"], [path for path in journals(folder) if named.fullmatch(path.name)])
    if not mine and damage is not None:
        raise damage
    if not mine:
        others = ", ".join(sorted({str(_save_of(path)) for path in journals(folder)})) or "none"
        raise BenchmarkError(
            f"--resume: there is no unfinished session named {head['save']!r} (unfinished: {others}); "
            "type --benchmark-save=NAME with one of these, or leave --resume out."
        )
    path, contents = mine[-1]
    differing = _differences(contents.head["fingerprint"], head["fingerprint"])
    if contents.head.get("pairs") != head["pairs"]:
        differing.append("the chosen pairs")
    if differing:
        raise BenchmarkError(
            f"--resume: {path.name} was begun otherwise: {'; '.join(differing)}; "
            "type the options as they were then, or leave --resume out to begin anew."
        )
    try:
        return Journal(path, contents, complain)
    except OSError as error:
        raise unwritable(folder, error) from error


def _of_save(save: str, paths: Iterable[Path]) -> tuple[list[tuple[Path, Contents]], Damaged | None]:
    """Return the journals of a save with what they hold, and the damage of the latest that cannot be read."""
    mine: list[tuple[Path, Contents]] = []
    damage = None
    for path in paths:
        try:
            contents = read(path)
        except Damaged as found:
            damage = found
            continue
        if contents.head["save"] == save:
            mine.append((path, contents))
    return mine, damage


def _differences(then: Line, now: Line) -> list[str]:
    names = [name for name in sorted(then.keys() | now.keys()) if then.get(name) != now.get(name)]
    return [f"{name} was {_shown(then.get(name))}, is {_shown(now.get(name))}" for name in names]


def _shown(value: object) -> str:
    return "absent" if value is None else str(value)[:60]


def _save_of(path: Path) -> object:
    try:
        return read(path).head.get("save")
    except Damaged:
        return f"{path.name} (damaged)"


def beside(path: Path) -> str:
    """Return a line that says of a running session's journal that the new session measures beside it."""
    return redact.make_printable(
        f"Running: another session, {_save_of(path)}, measures here at the moment, and each slows the other; both are "
        "saved, under a number each: stop one, unless they compute on two devices."
    )


def describe(path: Path) -> str:
    """Return a line that says what an unfinished journal holds, and how to go on with it or be rid of it."""
    try:
        contents = read(path)
    except Damaged as damage:
        return f"Unfinished: {damage}"
    save, pairs = shlex.quote(contents.head["save"]), contents.head["pairs"]
    done = sum(contents.record(pair) is not None for pair in pairs)
    return redact.make_printable(
        f"Unfinished: {save} of {contents.head.get('created')}, {done} of {len(pairs)} pairs done; "
        f"--benchmark-save={save} --resume goes on with it, deleting {path} forgets it."
    )
