"""The Record's rules: each null has a reason, and JSON can hold each value.

Tests benchmarks.record.sections, benchmarks.record.typecheck and benchmarks.record.not_measured.
"""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path
from typing import Any

import pytest

from benchmarks.record import ADDED, SCHEMA, Record, add_missing_fields, find_violations
from benchmarks.record.sections import Interruption
from benchmarks.record.typecheck import fits
from tests.support import factory, product


@pytest.mark.parametrize("power_w", [40.0, None])
@pytest.mark.parametrize("kind", ["host", "unified", "discrete"])
def test_made_records_keep_the_rules(kind: str, power_w: float | None) -> None:
    """The Records that other tests read keep the same rules as real ones."""
    assert list(find_violations(factory.record(memory_kind=kind, power_w=power_w))) == []


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

    found = list(find_violations(broken))
    assert len(found) == 1
    assert complaint in found[0]


def test_the_examples_records_are_of_the_declared_type() -> None:
    """Each Record of the example holds every field in its declared type, and each null has its reason."""
    (path,) = (product.ROOT / "results").rglob("0001_example.json")
    save = json.loads(path.read_text())
    records = [bench["extra_info"] for bench in save["benchmarks"]]

    assert len(records) == 12
    for record in map(add_missing_fields, records):
        assert fits(record, Record)
        assert list(find_violations(record)) == []


def test_saved_records_of_schema_1_are_brought_up() -> None:
    """A Record that was saved under schema 1 holds every field when it is read, what came later as null."""
    with zipfile.ZipFile(product.ROOT / "tests/data/same_machine.zip") as saves:
        found = [json.loads(saves.read(name))["benchmarks"][0]["extra_info"] for name in saves.namelist()]

    assert len(found) == 24
    for record in found:
        assert record["schema"] == 1
        assert not fits(record, Record)
        assert fits(add_missing_fields(record), Record)
        assert list(find_violations(record)) == list(find_violations(add_missing_fields(record))) == []


@pytest.mark.parametrize("schema", ADDED)
def test_an_older_record_is_brought_up(schema: int) -> None:
    """A Record of before gets the fields that a schema added as null, with its own schema as the reason."""
    old = factory.record() | {"schema": schema - 1}
    for section, fields in ADDED[schema].items():
        old[section] = {name: value for name, value in old[section].items() if name not in fields}
        old[section]["reasons"] = {name: why for name, why in old[section]["reasons"].items() if name not in fields}
    found = add_missing_fields(old)

    assert fits(found, Record)
    assert list(find_violations(found)) == []
    for section, fields in ADDED[schema].items():
        assert {found[section][name] for name in fields} == {None}
        assert {found[section]["reasons"][name] for name in fields} == {f"schema {schema - 1} had no such field"}
    assert add_missing_fields(factory.record()) == factory.record()
    assert max(ADDED) == SCHEMA


@pytest.mark.parametrize(
    ("value", "hint", "does"),
    [
        (1, float, True),
        (True, int, False),
        (float("nan"), float, False),
        (None, int | None, True),
        ([1.0, None], list[float | None] | None, True),
        ([1.0, "2"], list[float], False),
        ({"a": "b"}, dict[str, str], True),
        ((1, 2), tuple[int, int], True),
        ((1, 2, 3), tuple[int, int], False),
        (("a", "b", "c"), tuple[str, ...], True),
        ((), tuple[str, ...], True),
        ({"after_runs": 1, "resumed": "now", "same_boot": True}, Interruption, True),
        ({"after_runs": 1, "resumed": "now"}, Interruption, False),
    ],
)
def test_types_are_checked_all_the_way_down(value: object, hint: object, does: bool) -> None:
    """A value fits an annotation only where each part of it does."""
    assert fits(value, hint) is does
