"""How far a download is, by the bytes in the cache's folder, and whether the disk has room for it."""

import contextlib
import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.formatting import format_size
from benchmarks.hub.checkpoint import DownloadPlan
from benchmarks.hub.errors import LARGER

DISK_MARGIN = 0.05  # share of a download's size that must stay free


def make_meter(model: str, plan: DownloadPlan, show: Callable[[str], None]) -> Callable[[], None]:
    """Return a function that shows how far a download is; the speed is the mean of its last ten calls."""
    blobs = plan.state.folder / "blobs"
    start_bytes = count_bytes(blobs)
    history = deque([(time.monotonic(), 0)], maxlen=11)

    def update() -> None:
        now, arrived = time.monotonic(), max(0, count_bytes(blobs) - start_bytes)
        history.append((now, arrived))
        then, before = history[0]
        show(describe_progress(model, plan, arrived, max(0, arrived - before) / max(now - then, 1e-9)))

    return update


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
    verdict = "" if needed * (1 + DISK_MARGIN) <= free else f": not enough for all of them; {LARGER}"
    return [f"{format_size(needed)} to download into {cache}, {format_size(free)} free{verdict}"]


def count_bytes(folder: Path) -> int:
    """Return the bytes of the files in a folder, partial ones included; 0 if there is no folder."""
    total = 0
    for path in folder.glob("*"):
        with contextlib.suppress(OSError):  # renamed meanwhile
            status = path.stat()
            total += min(status.st_size, status.st_blocks * 512)  # a file may get its size before its bytes
    return total


def get_free_bytes(folder: Path) -> int:
    """Return the free bytes of the file system of `folder`, which may not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
