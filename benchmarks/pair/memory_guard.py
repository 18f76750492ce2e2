"""Whether a model fits into memory: predicted before it is loaded, watched from then on.

On unified memory (Jetson, GB10) an allocation too many raises nothing: the host hangs
(https://github.com/pytorch/pytorch/issues/174358), and cgroups do not see CUDA's allocations. So a
model that cannot fit is not loaded, and a child that takes the machine below a floor is killed.
"""

from pathlib import Path

from benchmarks.formatting import format_gb
from benchmarks.machine import memory
from benchmarks.pair.handle import Child
from benchmarks.power.sampler import Sampler
from benchmarks.processes.protocol import WorkerFailed
from benchmarks.record import DID_NOT_FIT

PERIOD_S = 0.1
NOT_GUARDED = "no --ram-floor was set"
NOT_ASKED = "nothing was loaded in the session that finished the pair"


class MemoryGuard:
    """Guards the machine's memory for one pair. Without a floor it only notes.

    It samples by itself: the pair's own memory is sampled only once the model is loaded, and it is
    the load that fills the memory.

    Attributes:
        floor: bytes that must stay available; None guards nothing.
        predicted: what the model takes at least, bytes.
        available: MemAvailable before the model was loaded, bytes.
        least: the lowest MemAvailable while a child was watched, bytes.
        found_below: what MemAvailable was when the child was killed; None while it was not.
    """

    def __init__(self, floor: int | None, root: Path = Path("/")) -> None:
        self.floor = floor
        self.predicted: int | None = None
        self.available: int | None = None
        self.least: int | None = None
        self.found_below: int | None = None
        self._root = root
        self._worker: Child | None = None
        self._sampler: Sampler[None] | None = None

    def admit(self, predicted: int | None) -> None:
        """Check that a model that takes at least `predicted` bytes fits, before it is loaded.

        Raises:
            WorkerFailed: it cannot, with the figures.
        """
        self.predicted = predicted
        self.available = memory.read_available_bytes(self._root)
        if self.floor is None or self.predicted is None or self.available is None:
            return
        if self.available - self.predicted < self.floor:
            raise WorkerFailed(
                DID_NOT_FIT,
                f"it takes at least {format_gb(self.predicted)} and {format_gb(self.available)} are available, "
                f"of which {format_gb(self.floor)} must stay free (--ram-floor)",
            )

    def watch(self, worker: Child) -> None:
        """Kill `worker` as soon as less than the floor is available, until `stop`."""
        if self.floor is not None:
            self._worker, self.found_below = worker, None
            self._sampler = Sampler(self._look, PERIOD_S)
            self._sampler.start()

    def stop(self) -> None:
        """Watch no more; harmless to repeat."""
        self._worker = None
        if self._sampler is not None:
            self._sampler.stop()
            self._sampler = None

    def explain(self, failure: WorkerFailed) -> WorkerFailed:
        """Return why a worker failed: this guard, where it killed it."""
        if not failure.died or self.found_below is None or self.floor is None:
            return failure
        return WorkerFailed(
            DID_NOT_FIT,
            f"{format_gb(self.found_below)} were available, and {format_gb(self.floor)} must stay free (--ram-floor), "
            "so its process was ended",
            died=True,
        )

    def facts(self) -> tuple[dict[str, int | None], dict[str, str]]:
        """Return the Record's figures on how it fitted, and why some are missing."""
        values = {
            "ram_predicted_bytes": self.predicted,
            "ram_available_bytes": self.available,
            "ram_available_min_bytes": self.least,
            "ram_floor_bytes": self.floor,
        }
        missing = memory.NOT_LINUX if self.predicted is not None else NOT_ASKED
        reasons = {
            "ram_predicted_bytes": NOT_ASKED if self.available is None else "the weights' files cannot be read",
            "ram_available_bytes": missing,
            "ram_available_min_bytes": NOT_GUARDED if self.floor is None else "nothing was loaded",
            "ram_floor_bytes": NOT_GUARDED,
        }
        return values, {name: reasons[name] for name, value in values.items() if value is None}

    def _look(self) -> list[None]:
        available, worker = memory.read_available_bytes(self._root), self._worker
        if available is None or worker is None or self.floor is None:
            return []
        self.least = available if self.least is None else min(self.least, available)
        if available < self.floor and self.found_below is None:
            self.found_below = available
            worker.kill()
        return []
