"""From a model to a complete local directory of its published checkpoint: in the cache, or from the Hub.

huggingface_hub and the network are left to a helper process (`client`); this side blocks, and tells
the progress by looking at the bytes in the cache's folder.
"""

import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.formatting import format_size
from benchmarks.hub import client
from benchmarks.hub.checkpoint import Checkpoint, Listing, Snapshot
from benchmarks.hub.errors import HubTrouble, no_room, other_architecture
from benchmarks.hub.files import settings
from benchmarks.models.base import ModelSpec
from benchmarks.processes.helper import run_in_process

__all__ = [
    "Checkpoint",
    "HubTrouble",
    "Snapshot",
    "checkpoint",
    "download",
    "obtain",
]

LOOK_EVERY_S = 0.5
SPEED_OVER_S = 5.0
"""The speed that is told is that of the last seconds."""
MARGIN = 0.05
"""Share of a download's size that must be free beyond it."""


def checkpoint(spec: ModelSpec, *, revision: str | None = None, remote_code: bool = False) -> Checkpoint:
    """Return the published checkpoint of `spec`, at `revision` instead of its own if that is given."""
    folders = (spec.adapter,) if spec.adapter else ()
    return Checkpoint(spec.id, spec.repo, revision or spec.revision, folders, remote_code, spec.architecture)


def obtain(wanted: Checkpoint, say: Callable[[str], None]) -> Snapshot:
    """Return the complete snapshot, downloading what is missing of it.

    Asks the Hub nothing where the cache has it all: config.json, every weight file that its index names, none of
    them cut short, the extra folders, and all that huggingface_hub remembers the repository to hold. `say` is told
    the progress twice a second.

    Raises:
        HubTrouble: it could not be had.
    """
    (plan,) = run_in_process("spawn", client.survey, [wanted])
    if isinstance(plan, HubTrouble):
        raise plan
    return had(wanted, plan, say)


def had(wanted: Checkpoint, plan: Listing, say: Callable[[str], None]) -> Snapshot:
    """Return the complete snapshot that `plan` is of, downloaded where something is missing.

    Raises:
        HubTrouble: as `obtain`.
    """
    snapshot = plan.found.complete or download(wanted, plan, say)
    found = settings(snapshot.path)
    own_code = wanted.remote_code and "auto_map" in found
    if wanted.architecture not in (None, found.get("model_type")) and not own_code:
        raise other_architecture(wanted, snapshot.commit, found)
    return snapshot


def download(wanted: Checkpoint, plan: Listing, say: Callable[[str], None]) -> Snapshot:
    """Download what `plan` says is missing.

    Raises:
        HubTrouble: as `obtain`; "no room" before a byte is asked for.
    """
    needed, free = round(plan.missing_bytes * (1 + MARGIN)), free_bytes(plan.found.cache)
    if needed > free:
        raise no_room(wanted, needed, free, str(plan.found.cache))
    look = Telling(wanted.model, plan, say).look
    return run_in_process("spawn", client.fetch, wanted, plan, on_tick=look, tick_s=LOOK_EVERY_S)


class Telling:
    """Tells how far a download is, from the bytes in its folder."""

    def __init__(self, model: str, plan: Listing, say: Callable[[str], None]) -> None:
        self._model = model
        self._say = say
        self._plan = plan
        self._blobs = plan.found.folder / "blobs"
        self._before = bytes_in(self._blobs)
        self._seen = deque([(time.monotonic(), 0)])

    def look(self) -> None:
        """Look, and tell."""
        now, came = time.monotonic(), max(0, bytes_in(self._blobs) - self._before)
        self._seen.append((now, came))
        while now - self._seen[0][0] > SPEED_OVER_S and len(self._seen) > 2:
            self._seen.popleft()
        then, had = self._seen[0]
        self._say(told(self._model, self._plan, came, max(0, came - had) / max(now - then, 1e-9)))


def told(model: str, plan: Listing, came: int, speed: float) -> str:
    """Return the progress in words; `came` bytes of this download, `speed` in bytes/s."""
    total = plan.total_bytes
    unit, per = ("GB", 1e9) if total >= 1e9 else ("MB", 1e6)
    done = min(plan.here_bytes + plan.half_bytes + came, total)
    return f"{model}: {done / per:.1f} of {total / per:.1f} {unit}, {speed / 1e6:.0f} MB/s"


def against_disk(plans: Sequence[Listing]) -> list[str]:
    """Return the line that sets the whole of some downloads against the free disk."""
    if not plans:
        return []
    cache = plans[0].found.cache
    needed, free = sum(plan.missing_bytes for plan in plans), free_bytes(cache)
    verdict = "" if needed * (1 + MARGIN) <= free else ": not enough for all, set HF_HOME to a larger disk"
    return [f"{format_size(needed)} to download into {cache}, {format_size(free)} free{verdict}"]


def bytes_in(folder: Path) -> int:
    """Return the bytes that the files of a folder take, halves of files included; 0 where there is none."""
    total = 0
    for path in folder.glob("*"):
        try:
            found = path.stat()
        except OSError:  # renamed meanwhile
            continue
        total += min(found.st_size, found.st_blocks * 512)  # a file may be given its size before its bytes
    return total


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the file system that `folder` is on, or would be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
