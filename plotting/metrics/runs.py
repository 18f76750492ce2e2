"""The good runs of a Record as arrays, and what they add up to."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.record import Record
from benchmarks.record.headline import select_covered
from benchmarks.record.not_measured import require
from plotting.metrics.bootstrap import Array


@dataclass(frozen=True)
class Energy:
    """Totals over the covered runs. J/token, watts and tokens/s/W all come from them, so they agree."""

    joules: float
    seconds: float
    tokens: float
    images: float
    sequences: float


class GoodRuns:
    """The columns of a Record's good runs, each converted to an array once."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._arrays: dict[str, Array] = {}

    def columns(self, *names: str) -> tuple[Array, ...]:
        """Return these columns, one value a run.

        Raises:
            NotMeasured: one is null.
        """
        return tuple(map(self._column, names))

    def _column(self, name: str) -> Array:
        if name not in self._arrays:
            self._arrays[name] = np.array(require(require(self.record, "runs"), name), np.float64)
        return self._arrays[name]

    @cached_property
    def energy(self) -> tuple[Array, ...]:
        """The columns that `Energy` sums up, 0 in the runs that are not covered.

        Raises:
            NotMeasured: there is no sensor, or it covers too few runs.
        """
        require(self.record["power"], "method")
        covered = select_covered(require(self.record, "runs"))
        columns = self.columns("energy_j", "latency_s", "new_tokens", "images", "sequences")
        return columns if all(covered) else tuple(np.where(covered, column, 0.0) for column in columns)


def sum_energy(record: Record) -> Energy:
    """Return the energy of the covered runs.

    Raises:
        NotMeasured: there is no sensor, or it covers too few runs.
    """
    return Energy(*sum_columns(GoodRuns(record).energy))


def sum_columns(columns: tuple[Array, ...]) -> list[float]:
    """Return the sum of each column; a sum beyond the largest float is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return [float(column.sum()) for column in columns]
