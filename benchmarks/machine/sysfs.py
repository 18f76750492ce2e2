"""Read the small files of the kernel and the firmware, with one word or number each."""

import fnmatch
import itertools
import math
import os
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.machine.inputs import read_regular

ROOT = "EDGE_VLM_BENCH_ROOT"
MOST_BYTES = 2**18  # /proc/cpuinfo alone may have more, and begins with what is wanted
PADDING = "\0 \t\r\n"  # strings of the device tree end in a NUL


def find_root() -> Path:
    """Return the root folder of the machine's files: $EDGE_VLM_BENCH_ROOT, else /.

    The variable serves containers that mount the host's files elsewhere, and tests of a board's files.

    Raises:
        BenchmarkError: the variable names no folder.
    """
    asked = os.environ.get(ROOT) or "/"
    folder = Path(asked).absolute()
    if not os.path.isdir(folder):  # a name that is too long raises nothing
        raise BenchmarkError(f"{ROOT}={asked}: there is no such folder; type one with proc and sys, or unset it.")
    return folder


def locate(root: Path, name: str) -> Path:
    """Return where the file `name` of the machine below `root` is, whose links lead as they do on that machine.

    /proc/device-tree and usually /etc/nvpmodel.conf are absolute links. They lead inside the root, and none leads out.
    """
    if root == Path("/"):
        return root / name
    done, left, links = root, list(reversed(Path(name).parts)), 0
    while left:
        step = done / left.pop()
        if step.name == "..":
            done = done if done == root else done.parent
        elif not step.is_symlink():
            done = step
        elif (links := links + 1) > 40:  # as Linux allows in one path
            return Path(os.devnull)
        else:
            target = step.readlink()
            if target.is_absolute():
                done, target = root, _make_relative(root, target)
            left += reversed(target.parts)
    return done


def find_files(root: Path, pattern: str) -> list[Path]:
    """Return what matches `pattern` below `root`, in order, with links as `locate` follows them.

    A path keeps its last name if that is no link that leads elsewhere on this machine.
    """
    if root == Path("/"):
        return sorted(root.glob(pattern))
    names = [""]
    for part in Path(pattern).parts:
        folders = [(name, locate(root, name)) for name in names]
        names = [f"{name}/{found}".lstrip("/") for name, folder in folders for found in _list_matches(folder, part)]
    pairs = [(locate(root, str(Path(name).parent)) / Path(name).name, locate(root, name)) for name in names]
    return [shown if os.path.realpath(shown) == os.path.realpath(found) else found for shown, found in pairs]


def read_text(file: Path) -> str:
    """Return a file's text, stripped; "" if it cannot be read at once."""
    try:
        return read_regular(file, MOST_BYTES).decode("utf-8", errors="replace").strip(PADDING)
    except OSError:
        return ""


def read_number(file: Path) -> float | None:
    """Return the number in a file, exact below 2^53; None if there is no finite one."""
    try:
        value = float(read_text(file))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _make_relative(root: Path, target: Path) -> Path:
    """Return the absolute target of a link relative to the root; it may contain the root already."""
    inside = target.relative_to("/")
    if not os.path.lexists(root / inside):
        for known in (root, root.resolve()):
            if target.is_relative_to(known):
                return target.relative_to(known)
    return inside


def _list_matches(folder: Path, pattern: str) -> list[str]:
    """Return the names in a folder that match, in order; none if it cannot be read."""
    try:
        names = (entry.name for entry in itertools.islice(folder.iterdir(), 10_000))
        return sorted(fnmatch.filter(names, pattern))
    except OSError:
        return []
