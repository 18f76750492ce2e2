"""Write products: never over a user's file, and either all of them or none."""

import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from plotting.load import clean
from plotting.selection import UsageError

try:
    import fcntl
except ImportError:  # Windows: what a killed run left stays there
    fcntl = None  # type: ignore[assignment]

MARKS = {
    ".csv": b"device,model,precision,", ".txt": b"edge-vlm-bench: summary", ".jsonl": b', "precision": ',
    ".json": b"\\nworkload ", ".parquet": b"workload_hash", ".md": b"# Vision-language models on edge devices: results",
}  # fmt: skip
"""Kind of product -> text near the start or end of each one, in every version; pictures have none."""
WEAK = (".md", ".png", ".svg", ".pdf")  # kinds that are products only beside another one: users copy and draw too
ENDS = 2**17
ROOM = ".edge-vlm-bench-parts."


def prepare(out: Path, names: Collection[str]) -> None:
    """Make the folders of the products; raise UsageError, before, if one would replace a file that is no product."""
    there = {name: Path(name).suffix for name in names if os.path.lexists(out / name)}
    marked = {name: kind for name, kind in there.items() if _has_mark(out / name)}
    known = any(kind not in WEAK for kind in marked.values())
    if foreign := [name for name, kind in there.items() if name not in marked or (kind in WEAK and not known)]:
        named = ", ".join([*foreign[:3], *(["..."] if len(foreign) > 3 else [])])
        raise UsageError(
            f"--out {clean(str(out))}: would overwrite {named} there, which python -m plotting did not make; "
            "name another folder, e.g. --out plots, or move what is there away."
        )
    for folder in {(out / name).parent for name in names}:
        folder.mkdir(parents=True, exist_ok=True)


def _has_mark(path: Path) -> bool:
    """Return whether a file can be a product; an empty one, of no runs, has no mark."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(ENDS)
        file.seek(max(0, path.stat().st_size - ENDS))
        return not start or MARKS.get(path.suffix, b"") in start + file.read()


def write_together(out: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write all files next to their places first, then replace all: an error leaves every old file as it was."""
    prepare(out, contents)
    paths = [out / name for name in contents]
    with ExitStack() as stack:
        rooms = {folder: stack.enter_context(_make_room(folder)) for folder in {path.parent for path in paths}}
        parts = [rooms[path.parent] / str(number) for number, path in enumerate(paths)]
        for part, content in zip(parts, contents.values(), strict=True):
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for part, path in zip(parts, paths, strict=True):
            part.replace(path)
    return paths


@contextmanager
def _make_room(folder: Path) -> Iterator[Path]:
    """Yield a new, locked folder in `folder`, and delete those of killed processes, whose locks are gone."""
    for left in folder.glob(f"{ROOM}*"):
        if (held := _lock(left, wait=False)) is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(held)
    room = held = None
    while room is None or not room.exists():  # another process can delete it until it is locked
        room = Path(tempfile.mkdtemp(prefix=ROOM, dir=folder))
        held = _lock(room, wait=True)
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)
        if held is not None:
            os.close(held)


def _lock(folder: Path, *, wait: bool) -> int | None:
    """Lock a folder and return its descriptor; None if another process holds it or there are no locks here."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, AttributeError):
        return None
    return descriptor
