"""Whether a model fits into memory: predicted before it is loaded, then watched.

On unified memory (Jetson, GB10) too large an allocation raises no error: the host hangs
(https://github.com/pytorch/pytorch/issues/174358), and cgroups do not count CUDA's allocations. So a model that
cannot fit is not loaded, and a child that uses memory below the floor is killed.
"""

import re
from collections import deque
from pathlib import Path

from benchmarks.formatting import format_gb
from benchmarks.machine import device, memory, sysfs
from benchmarks.pair.handle import Child
from benchmarks.power.sampler import Sampler
from benchmarks.processes.protocol import OOM_KILL, WorkerFailed
from benchmarks.record import DID_NOT_FIT
from benchmarks.record.not_measured import explain_nulls

PERIOD_S = 0.1
LOW_SHARE = 0.1  # share of the memory below which earlyoom or systemd-oomd may kill a process before the guard does
NOT_GUARDED = "no --ram-floor was set"
NOT_ASKED = "the session that finished the pair loaded no model"


class MemoryGuard:
    """Guards the machine's memory for one pair. Without a floor it only records.

    It has its own sampler, because the pair's memory is sampled only after the load, and the load fills the memory.
    """

    def __init__(self, floor: int | None, root: Path = Path("/")) -> None:
        self.floor = floor  # bytes that must stay available; None disables the guard
        self.predicted: int | None = None  # the least that the model needs, bytes
        self.available: int | None = None  # MemAvailable before the load, bytes
        self.least: int | None = None  # the lowest MemAvailable while a child was watched, bytes
        self.found_below: int | None = None  # MemAvailable when the child was killed, bytes; None if it was not
        self._root = root
        self._kills: int | None = None
        self._latest: deque[int] = deque(maxlen=10)  # MemAvailable in the last second
        self._worker: Child | None = None
        self._sampler: Sampler[None] | None = None

    def admit(self, predicted: int | None) -> None:
        """Check, before the load, that a model that needs at least `predicted` bytes fits.

        Raises:
            WorkerFailed: it does not fit; the message has the numbers.
        """
        self.predicted = predicted
        self.available = memory.read_available_bytes(self._root)
        if self.floor is None or self.predicted is None or self.available is None:
            return
        if self.available - self.predicted < self.floor:
            raise WorkerFailed(
                DID_NOT_FIT,
                f"it needs at least {format_gb(self.predicted)}, but {format_gb(self.available)} are available, "
                f"of which {format_gb(self.floor)} must stay free (--ram-floor)",
            )

    def watch(self, worker: Child) -> None:
        """Kill `worker` as soon as less than the floor is available; ends with `stop`."""
        self._kills = count_kills(self._root)
        if self.floor is not None:
            self._worker, self.found_below = worker, None
            self._sampler = Sampler(self._check, PERIOD_S, regular=True)
            self._sampler.start()

    def stop(self) -> None:
        """Stop watching. Can be called twice."""
        self._worker = None
        if self._sampler is not None:
            self._sampler.stop()
            self._sampler = None

    def explain(self, failure: WorkerFailed) -> WorkerFailed:
        """Return the failure with the reason that memory gives if this guard or the kernel killed the worker for it."""
        if failure.died and failure.reason == "SIGKILL" and self.found_below is None:
            shortage = self._find_shortage()
            return WorkerFailed(OOM_KILL, f"{failure}: {shortage}", died=True) if shortage else failure
        if not failure.died or self.found_below is None or self.floor is None:
            return failure
        return WorkerFailed(
            DID_NOT_FIT,
            f"only {format_gb(self.found_below)} were available, but {format_gb(self.floor)} must stay free "
            "(--ram-floor), so its process was killed",
            died=True,
        )

    def describe(self) -> tuple[dict[str, int | None], dict[str, str]]:
        """Return the Record's memory fields about the fit, and the reason for each null."""
        values = {
            "ram_predicted_bytes": self.predicted,
            "ram_available_bytes": self.available,
            "ram_available_min_bytes": self.least,
            "ram_floor_bytes": self.floor,
        }
        missing = memory.NOT_LINUX if self.predicted is not None else NOT_ASKED
        reasons = {
            "ram_predicted_bytes": NOT_ASKED if self.available is None else "the weight files cannot be read",
            "ram_available_bytes": missing,
            "ram_available_min_bytes": NOT_GUARDED if self.floor is None else "nothing was loaded",
            "ram_floor_bytes": NOT_GUARDED,
        }
        return values, explain_nulls(values, reasons)

    def _find_shortage(self) -> str | None:
        """Return what says that memory was short when the worker was killed; None if nothing does."""
        before, self._kills = self._kills, count_kills(self._root)
        if None not in (before, self._kills) and self._kills != before:
            return "the kernel ran out of memory (its count oom_kill rose)"
        total, least = device.read_ram_bytes(self._root), min(self._latest, default=None)
        if total is not None and least is not None and least < LOW_SHARE * total:
            return f"only {format_gb(least)} of {format_gb(total)} were available"
        return None

    def _check(self) -> list[None]:
        available, worker = memory.read_available_bytes(self._root), self._worker
        if available is None or worker is None or self.floor is None:
            return []
        self._latest.append(available)
        self.least = available if self.least is None else min(self.least, available)
        if available < self.floor and self.found_below is None:
            self.found_below = available
            worker.kill()
        return []


def count_kills(root: Path = Path("/")) -> int | None:
    """Return how many processes the kernel killed for want of memory: in this control group, else on the machine."""
    shown = sysfs.read_text(sysfs.locate(root, "proc/self/cgroup"))
    groups = [*re.findall(r"^\d+:(?:|.*\bmemory\b.*):(/.*)$", shown, re.MULTILINE), ""]  # "": a container's own root
    places = [f"sys/fs/cgroup{group}/memory.events" for group in groups]
    places += [f"sys/fs/cgroup/memory{group}/memory.oom_control" for group in groups]
    texts = (sysfs.read_text(sysfs.locate(root, place)) for place in (*places, "proc/vmstat"))
    found = (re.search(r"^oom_kill (\d+)$", text, re.MULTILINE) for text in texts)
    return next((int(count[1]) for count in found if count), None)
