"""What one pytest session measures: its Plan, and the Records so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.planning.plan import Plan
from benchmarks.record import INTERRUPTED, MEASURED, Record

if TYPE_CHECKING:
    from benchmarks.storage.journal import Journal


@dataclass
class Study:
    """Lives in pytest's config. `plan` is None in sessions that measure nothing, such as the unit tests."""

    plan: Plan | None = None
    records: list[Record] = field(default_factory=list)
    saved_unasked: bool = False
    pairs: list[str] = field(default_factory=list)
    journal: Journal | None = None
    restore_signals: Callable[[], None] = lambda: None
    troubles: list[str] = field(default_factory=list)

    def keep(self, record: Record) -> None:
        """Add a pair's Record."""
        self.records.append(record)

    @property
    def unmeasured(self) -> list[Record]:
        """Records that pytest-benchmark would drop."""
        return [record for record in self.records if record["status"] != MEASURED]

    @property
    def complete(self) -> bool:
        """Whether every chosen pair has come to its end."""
        ended = {record["pair"]["id"] for record in self.records if record["status"] != INTERRUPTED}
        return ended == set(self.pairs)
