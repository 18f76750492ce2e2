"""The Record's rules: null has a reason, JSON can hold it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from benchmarks.record import faults
from tests import factory


@pytest.mark.parametrize("power_w", [40.0, None])
@pytest.mark.parametrize("kind", ["host", "unified", "discrete"])
def test_made_records_keep_the_rules(kind: str, power_w: float | None) -> None:
    """The Records that other tests read keep the same rules as real ones."""
    assert list(faults(factory.record(memory_kind=kind, power_w=power_w))) == []


@pytest.mark.parametrize(
    ("section", "field", "value", "complaint"),
    [
        ("load", "load_time_s", None, "record.load.load_time_s is null without a reason"),
        ("load", "load_time_s", math.nan, "record.load.load_time_s is nan, which JSON cannot hold"),
        ("power", "source", Path("/dev"), "which JSON cannot hold"),
        ("runs", "energy_j", [1.0, None], "record.runs.energy_j is null without a reason"),
    ],
)
def test_broken_rules_are_named(section: str, field: str, value: Any, complaint: str) -> None:
    """A null without a reason, a NaN and an object that JSON has no type for are each named with their place."""
    broken = factory.record()
    broken[section][field] = value

    found = list(faults(broken))
    assert len(found) == 1
    assert complaint in found[0]
