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
    """Kept in pytest's config.

    Attributes:
        plan: what the session does; None in sessions that measure nothing, such as the unit tests.
        records: the Records of the pairs that have ended.
        saved_by_default: whether the save has the device's name because the user gave none.
        pairs: ids of the chosen pairs.
        journal: None until it is opened.
        problems: sentences about saving that the user must read.
        compare: the value of --benchmark-compare.
        process: id of the process that the session started in.
        begun: ids of the pairs whose measurement has begun.
    """

    plan: Plan | None = None
    records: list[Record] = field(default_factory=list)
    saved_by_default: bool = False
    pairs: list[str] = field(default_factory=list)
    journal: Journal | None = None
    problems: list[str] = field(default_factory=list)
    compare: Any = None
    process: int = field(default_factory=os.getpid)
    begun: list[str] = field(default_factory=list)

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

    def keep(self, record: Record) -> None:
        """Add a pair's Record."""
        self.records.append(record)

    @property
    def unmeasured(self) -> list[Record]:
        """The Records that pytest-benchmark would drop."""
        return [record for record in self.records if record["status"] != MEASURED]

    @property
    def complete(self) -> bool:
        """Whether every chosen pair has ended."""
        ended = {record["pair"]["id"] for record in self.records if record["status"] != INTERRUPTED}
        return ended == set(self.pairs)
