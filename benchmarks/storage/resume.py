"""Unfinished journals: which ones there are, what they contain, and how a session continues one (--resume)."""

import contextlib
import re
import shlex
import stat
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from benchmarks import redact
from benchmarks.errors import BenchmarkError
from benchmarks.formatting import make_printable
from benchmarks.machine import device
from benchmarks.machine.versions import read_versions
from benchmarks.models import MODELS, miniature
from benchmarks.options import flag_of, list_must_match
from benchmarks.planning.plan import Plan
from benchmarks.processes.helper import run_in_process
from benchmarks.storage import locks
from benchmarks.storage.journal import Contents, Damaged, Journal, Line, create_journal, read_journal, refuse_folder
from benchmarks.storage.line_checks import check
from benchmarks.storage.saves import make_slug

WEIGHTS_OF = "weights of "  # start of the fingerprint's keys that identify a model's weights
NAME = r"-\d{8}T\d{6}-[0-9a-f]{8}"  # of a journal, after its save's
LISTED = 10  # unfinished sessions, the latest ones
SEARCHED = 2**24  # bytes at the end of a journal, for finished pairs
DONE = re.compile(rb'^\{"pair":("[^"\n]*"),"do":"done"', re.MULTILINE)


def open_journal(plan: Plan, save: str, pairs: Sequence[str], folder: Path, say: Callable[[str], None]) -> Journal:
    """Open the journal of a session that will be saved as `save`: a new one, or with --resume an unfinished one.

    Running and unfinished sessions are listed through `say`.

    Raises:
        BenchmarkError: it cannot be written, or with --resume no unfinished journal matches.
    """
    head: Line = {"save": save, "pairs": [*pairs], "boot": device.read_boot_id()}
    head["fingerprint"] = redact.hide_secrets_everywhere(take_fingerprint(plan, pairs))  # as a journal has it
    for path in list_journals(folder, suffix=".tmp"):
        if re.fullmatch(f".+{NAME}", path.stem):  # its session was killed as it began
            with contextlib.suppress(OSError):
                path.unlink()
    for path in list_journals(folder, held=True):
        say(describe_running(path))
    if plan.resume:
        return resume(folder, head, say, partial(_is_same_checkpoint, plan), partial(check, plan))
    unfinished = list_journals(folder)
    for path in unfinished[-LISTED:]:
        say(describe_unfinished(path))
    if len(unfinished) > LISTED:
        say(f"Unfinished: {len(unfinished) - LISTED} older ones too; delete what is not needed from {folder}.")
    return create_journal(folder, head, say)


def take_fingerprint(plan: Plan, pairs: Sequence[str]) -> dict[str, Any]:
    """Return everything that must be equal for a session to continue another, by its name on the command line."""
    models = sorted({pair.rpartition("-")[0] for pair in pairs})
    return {
        **{flag_of(name): getattr(plan, name) for name in list_must_match()},
        "device": plan.machine["label"],
        "kind of device": plan.machine["kind"],
        "power mode": plan.machine["power_mode"],
        "workload": plan.work.hash,
        **{f"{WEIGHTS_OF}{name}": _identify_weights(plan, name) for name in models},
        **read_versions(),
    }


def _identify_weights(plan: Plan, name: str) -> str:
    spec = MODELS[name]
    return (plan.find_revision(spec) or "main") if plan.weights == "hub" else miniature.compute_identity(spec)


def list_journals(folder: Path, *, held: bool = False, suffix: str = ".jsonl") -> list[Path]:
    """Return the journals in `folder` that no running session holds (`held`: those that one does), oldest first."""
    found: list[tuple[float, Path]] = []
    for path in folder.glob(f"*{suffix}"):
        with contextlib.suppress(OSError):  # its session has just ended and removed it
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and _is_free(path) != held:
                found.append((status.st_mtime, path))
    return [path for _, path in sorted(found)]


def _is_free(path: Path) -> bool:
    """Return whether no session holds a journal. On a read-only disk no session can."""
    try:
        file: IO[bytes] = path.open("r+b")  # some network file systems lock only files that are open for writing
    except OSError:
        file = path.open("rb")
    with file:
        return locks.take(file.fileno(), shared=True)


def resume(
    folder: Path,
    head: Line,
    complain: Callable[[str], None],
    is_same_checkpoint: Callable[[str, str], bool] = lambda *_: False,
    check_lines: Callable[[Path, Contents], None] = lambda *_: None,
) -> Journal:
    """Open the latest unfinished journal of the save that `head` names, if `check_lines` raises nothing.

    `is_same_checkpoint(model, identity)` says whether weights with another identity are those of today.

    Raises:
        BenchmarkError: no journal has this name, it is damaged, or its session differs from this one.
    """
    path, contents = _find_journal(folder, head["save"])
    then, now = contents.head["fingerprint"], head["fingerprint"]
    names = [name for name in sorted(then.keys() | now.keys()) if then.get(name) != now.get(name)]
    differences = [
        f"{name} was {_shorten(then.get(name))}, is {_shorten(now.get(name))}"
        for name in names
        if not (name.startswith(WEIGHTS_OF) and is_same_checkpoint(name.removeprefix(WEIGHTS_OF), str(then.get(name))))
    ]
    if contents.head.get("pairs") != head["pairs"]:
        differences.append("the chosen pairs")
    if differences:
        raise BenchmarkError(
            f"--resume: {path.name} was started with other settings: {'; '.join(differences)}; "
            "type the same options as then, or leave --resume out to start over."
        )
    check_lines(path, contents)
    try:
        return Journal(path, contents, complain)
    except OSError as error:
        raise refuse_folder(folder, error) from error


def _find_journal(folder: Path, save: str) -> tuple[Path, Contents]:
    """Return the latest unfinished journal of a save; raise as `resume` does. Of others at most the head is read."""
    unfinished, damage = list_journals(folder), None
    for path in reversed(unfinished):
        if re.fullmatch(f"{re.escape(make_slug(save))}{NAME}", path.stem):
            try:
                found = read_journal(path, whole=False).head["save"]
            except Damaged as error:
                damage = damage or error
                continue
            if found == save:
                return path, read_journal(path)
    if damage is not None:
        raise damage
    others = ", ".join(sorted({_read_save_name(path) for path in unfinished[-LISTED:]})) or "none"
    raise BenchmarkError(
        f"--resume: there is no unfinished session named {save!r} (unfinished: {others}); "
        "type --benchmark-save=NAME with one of these names, or leave --resume out."
    )


def _is_same_checkpoint(plan: Plan, model: str, identity: str) -> bool:
    """Return whether generated weights that an older version of the suite identified otherwise equal today's."""
    if plan.weights == "hub" or model not in MODELS or not re.fullmatch(r"[0-9a-f]{16}", identity):
        return False
    method, size = plan.start_method or "spawn", "mini" if plan.weights == "mini" else "full"
    spec, cache = MODELS[model], miniature.find_cache_root()
    return run_in_process(method, miniature.is_same_checkpoint, spec, identity, cache, size)


def _shorten(value: object) -> str:
    return "absent" if value is None else str(value)[:60]


def _read_save_name(path: Path) -> str:
    try:
        return make_printable(read_journal(path, whole=False).head["save"])
    except Damaged:
        return make_printable(f"{path.name} (damaged)")


def describe_running(path: Path) -> str:
    """Return a line about another session that is measuring at the same time."""
    return make_printable(
        f"Running: another session, {_read_save_name(path)}, is measuring on this machine, and each slows the other. "
        "Stop one, unless they use two different devices; both are saved, each under its own number."
    )


def describe_unfinished(path: Path) -> str:
    """Return a line about an unfinished journal: what it contains, how to continue it, how to delete it."""
    try:
        contents = read_journal(path, whole=False)
        skipped = max(0, path.stat().st_size - contents.size - SEARCHED)
        with path.open("rb") as file:
            file.seek(contents.size + skipped)
            found = set(DONE.findall(file.read(SEARCHED).rpartition(b"\n")[0]))
    except (Damaged, OSError) as damage:
        return make_printable(f"Unfinished: {damage}")
    save, pairs = shlex.quote(contents.head["save"]), contents.head["pairs"]
    done = f"{'at least ' if skipped else ''}{len(found)} of {len(pairs)} pairs done"
    return make_printable(
        f"Unfinished: {save} of {contents.head.get('created')}, {done}; "
        f"type --benchmark-save={save} --resume to continue it, or delete {shlex.quote(str(path))} to discard it."
    )
