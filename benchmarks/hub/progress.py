"""How far a download is, by the bytes in the cache's folder, and whether the disk has room for it."""

import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.formatting import format_size
from benchmarks.hub.checkpoint import DownloadPlan

SPEED_OVER_S = 5.0
DISK_MARGIN = 0.05
"""Share of a download's size that must stay free."""


class ProgressMeter:
    """Shows how far a download is; the speed is the mean of the last seconds."""

    def __init__(self, model: str, plan: DownloadPlan, show: Callable[[str], None]) -> None:
        self._model, self._plan, self._show = model, plan, show
        self._blobs = plan.state.folder / "blobs"
        self._start_bytes = count_bytes(self._blobs)
        self._history = deque([(time.monotonic(), 0)])

    def update(self) -> None:
        """Count the bytes, and show the progress."""
        now, arrived = time.monotonic(), max(0, count_bytes(self._blobs) - self._start_bytes)
        self._history.append((now, arrived))
        while now - self._history[0][0] > SPEED_OVER_S and len(self._history) > 2:
            self._history.popleft()
        then, before = self._history[0]
        speed = max(0, arrived - before) / max(now - then, 1e-9)
        self._show(describe_progress(self._model, self._plan, arrived, speed))


def describe_progress(model: str, plan: DownloadPlan, arrived: int, speed: float) -> str:
    """Return the progress in words; `arrived` bytes of this download, `speed` in bytes/s."""
    total = plan.total_bytes
    unit, scale = ("GB", 1e9) if total >= 1e9 else ("MB", 1e6)
    done = min(plan.cached_bytes + arrived, total)
    return f"{model}: {done / scale:.1f} of {total / scale:.1f} {unit}, {speed / 1e6:.0f} MB/s"


def compare_with_disk(plans: Sequence[DownloadPlan]) -> list[str]:
    """Return the line that compares the sum of some downloads with the free disk space."""
    if not plans:
        return []
    cache = plans[0].state.cache
    needed, free = sum(plan.missing_bytes for plan in plans), get_free_bytes(cache)
    verdict = "" if needed * (1 + DISK_MARGIN) <= free else ": not enough for all, set HF_HOME to a larger disk"
    return [f"{format_size(needed)} to download into {cache}, {format_size(free)} free{verdict}"]


def count_bytes(folder: Path) -> int:
    """Return the bytes of the files in a folder, partial ones included; 0 if there is no folder."""
    total = 0
    for path in folder.glob("*"):
        try:
            status = path.stat()
        except OSError:  # renamed meanwhile
            continue
        total += min(status.st_size, status.st_blocks * 512)  # a file may get its size before its bytes
    return total


def get_free_bytes(folder: Path) -> int:
    """Return the free bytes of the file system of `folder`, which may not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
