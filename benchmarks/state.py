"""The state of one pytest session: its Plan, its journal, and the Records so far."""

import os
from dataclasses import dataclass, field
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.planning.plan import Plan
from benchmarks.record import INTERRUPTED, MEASURED, Record
from benchmarks.storage.journal import Journal


@dataclass
class SessionState:
    """Kept in pytest's config."""

    plan: Plan | None = None  # what it does; None in sessions that measure nothing, such as the unit tests
    records: list[Record] = field(default_factory=list)  # of the pairs that have ended
    saved_by_default: bool = False  # whether the save has the device's name because the user gave none
    pairs: list[str] = field(default_factory=list)  # ids of the chosen pairs
    journal: Journal | None = None  # until it is opened
    problems: list[str] = field(default_factory=list)  # sentences about saving that the user must read
    compare: Any = None  # the value of --benchmark-compare
    process: int = field(default_factory=os.getpid)  # id of the process that the session started in
    begun: list[str] = field(default_factory=list)  # ids of the pairs whose measurement has begun

    def begin(self, pair: str) -> None:
        """Note that a pair's measurement begins.

        Raises:
            BenchmarkError: it has begun before: another plugin repeats tests.
        """
        if pair in self.begun:
            raise BenchmarkError(
                f"{pair} was measured in this session, and its Record is kept; leave out what repeats its test."
            )
        self.begun.append(pair)

    @property
    def unmeasured(self) -> list[Record]:
        """The Records that pytest-benchmark would drop."""
        return [record for record in self.records if record["status"] != MEASURED]

    @property
    def complete(self) -> bool:
        """Whether every chosen pair has ended."""
        ended = {record["pair"]["id"] for record in self.records if record["status"] != INTERRUPTED}
        return ended == set(self.pairs)
