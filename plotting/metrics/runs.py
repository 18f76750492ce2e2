"""The good runs of a Record: its columns and their energy, each read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.record import ENERGY_COVERAGE, ENERGY_RUNS
from plotting.metrics.bootstrap import Array

Record = dict[str, Any]
Result = tuple[float | None, str]

NOT_SAID = "the save does not say why"


def section(record: Record, name: str) -> Record:
    """Return a section of a Record, empty where it is not there."""
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def reason(found: Record, *fields: str) -> str:
    """Return the first reason that a section gives for one of its fields."""
    reasons = section(found, "reasons")
    return next((str(reasons[name]) for name in fields if reasons.get(name)), NOT_SAID)


@dataclass(frozen=True)
class Energy:
    """One total that J/token, watts and tokens/s/W all come from, so that they agree."""

    joules: float
    seconds: float
    tokens: float
    images: float
    sequences: float


class Runs:
    """What was measured in each good run of a Record.

    Attributes:
        record: the Record.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self._runs = section(record, "runs")
        self._columns: dict[str, Array | None] = {}
        self._count = 0  # runs, once a column is read

    def columns(self, *names: str) -> tuple[Array, ...] | str:
        """Return these columns, one value a run; or why the first is missing that was not measured in each run.

        Raises:
            ValueError: one has more or fewer values than another.
        """
        found = {name: column for name in names if (column := self._column(name)) is not None}
        missing = [name for name in names if name not in found]
        return reason(self._runs, missing[0]) if missing else tuple(found[name] for name in names)

    def _column(self, name: str) -> Array | None:
        if name not in self._columns:
            values = self._runs.get(name)
            known = isinstance(values, list) and len(values) > 0 and None not in values
            self._columns[name] = self._array(values) if known else None
        return self._columns[name]

    @cached_property
    def energy(self) -> tuple[Array, ...] | str:
        """What `Energy` sums up, run by run, 0 in the runs that do not count; or why there is none.

        A run counts from a coverage of ENERGY_COVERAGE on; fewer than ENERGY_RUNS of the good runs is none.
        """
        joules, coverage = self._runs.get("energy_j"), self._runs.get("energy_coverage")
        if not isinstance(joules, list) or not isinstance(coverage, list):
            return reason(section(self.record, "power"), "method", "monitor")
        beside = self.columns("latency_s", "new_tokens", "images", "sequences")
        if isinstance(beside, str):
            return "the save does not hold time, tokens and photographs of every run"
        covered = [j is not None and share >= ENERGY_COVERAGE for j, share in zip(joules, coverage, strict=True)]
        good = sum(covered)
        if good < ENERGY_RUNS * len(joules) or not good:
            return f"power samples cover {good} of {len(joules)} runs, and {ENERGY_RUNS:.0%} are needed"
        columns = (self._array(joules), *beside)
        return columns if good == len(joules) else tuple(np.where(covered, column, 0.0) for column in columns)

    def _array(self, values: Any) -> Array:
        array = np.array(values, dtype=np.float64)
        if array.shape != (self._count or len(array),):
            raise ValueError("the columns of its runs are not of one length")
        self._count = len(array)
        return array


def energy(record: Record) -> Energy | str:
    """Return the energy of the runs that samples cover, or why there is none."""
    found = Runs(record).energy
    return found if isinstance(found, str) else Energy(*totals(found))


def totals(columns: tuple[Array, ...]) -> list[float]:
    """Return the sum of each column; what is beyond a float is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return [float(column.sum()) for column in columns]
