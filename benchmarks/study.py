"""What one pytest session measures: its Plan, and the Records so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchmarks.record import MEASURED

if TYPE_CHECKING:
    from benchmarks.options import Plan
    from benchmarks.record import Record


@dataclass
class Study:
    """Lives in pytest's config. `plan` is None in sessions that measure nothing, such as the unit tests."""

    plan: Plan | None = None
    records: list[Record] = field(default_factory=list)
    saved_unasked: bool = False

    def keep(self, record: Record) -> None:
        """Add a pair's Record."""
        self.records.append(record)

    @property
    def unmeasured(self) -> list[Record]:
        """Records that pytest-benchmark would drop."""
        return [record for record in self.records if record["status"] != MEASURED]
