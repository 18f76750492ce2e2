"""Write files atomically: a reader sees the old file or the new one, never a part."""

import errno
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Call `write` with a temporary file next to `path`, then replace `path` with it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_read_umask())  # mkstemp sets 0600, but other users may read these files
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write all files next to their places first, then replace all: an error leaves every old file as it was."""
    written: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            if path.is_dir():  # it cannot be replaced
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            write_whole(path.with_name(f".{path.name}.new"), lambda part, content=content: part.write_bytes(content))  # type: ignore[misc]
            written[path] = path.with_name(f".{path.name}.new")
        for path, part in written.items():
            part.replace(path)
    finally:
        for part in written.values():
            part.unlink(missing_ok=True)


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
