"""pytest-benchmark's file storage, but whole or not at all, and it remembers where the save went."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_benchmark.storage.file import FileStorage
from pytest_benchmark.utils import safe_dumps

if TYPE_CHECKING:
    import pytest


class AtomicFileStorage(FileStorage):
    """Writes results/<machine>/NNNN_name.json by temporary file, fsync and rename.

    Attributes:
        saved: the file of this session's save, None until it is written.
    """

    saved: Path | None = None

    def save(self, output_json: dict[str, Any], save: str) -> None:
        """Write a save as pytest-benchmark would, under the next free number."""
        target = Path(self.get(f"{self._next_num}_{save}.json"))  # type: ignore[no-untyped-call]
        write_whole(target, safe_dumps(output_json, ensure_ascii=True, indent=1).encode())
        self.saved = target


def write_whole(target: Path, data: bytes) -> None:
    """Write `data` so that `target` is never seen half written, even after a power cut."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def anchor(config: pytest.Config) -> None:
    """Make a relative --benchmark-storage=file://... relative to the checkout, not to the shell's folder."""
    uri = config.option.benchmark_storage
    if uri.startswith("file://") and not uri[7:].startswith("/"):
        config.option.benchmark_storage = f"file://{config.rootpath / uri[7:]}"


def install(session: Any) -> None:
    """Put AtomicFileStorage in place of a stock file storage; others (elasticsearch) stay."""
    stock = session.storage
    if type(stock) is FileStorage:
        session.storage = AtomicFileStorage(  # type: ignore[no-untyped-call]
            str(stock.path), stock.logger, stock.default_machine_id
        )


def slug(label: str) -> str:
    """Return a device's label as a save's name: "Jetson AGX Orin" -> "jetson-agx-orin"."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-") or "device"
