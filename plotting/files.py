"""Write files whole: a reader sees the old one or the new one, never a part."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Have `write` fill a temporary file beside `path`, and put it in place of `path`."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp gives 0600, and others may read these
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def text(path: Path, content: str) -> None:
    """Write a text file in UTF-8 with its lines as they are."""
    whole(path, lambda temporary: temporary.write_bytes(content.encode()))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
