"""Damaged saves: each is named and left out, and every product is made of the others."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plotting.load import load
from plotting.report import csv_files, page, summary
from plotting.table import build
from tests.support import made
from tests.support.factory import record, unmeasured

if TYPE_CHECKING:
    from pathlib import Path

ESCAPE = "\x1b[31mred"
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.just(ESCAPE)
    | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of each value in a JSON document, containers too."""
    found = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, item in inner:
        found += leaves(item, (*path, key))
    return found


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of a document with `value` in one place."""
    if not path:
        return value
    copied = copy.copy(document)
    copied[path[0]] = changed(document[path[0]], path[1:], value)
    return copied


def texts(folder: Path) -> list[str]:
    """Return every text that is made of a folder's saves."""
    saves = load(sorted(folder.glob("*.json")))
    built = build.build(saves)
    if built.empty:
        return saves.problems
    assert not built.duplicated(["device", "model", "precision"]).any()
    products = [
        csv_files.write_measured(built),
        csv_files.write_unmeasured(built),
        summary.write_summary(built, saves.problems),
    ]
    return [*products, page.write_page(built, saves.files, saves.problems), *saves.problems]


def document(folder: Path) -> Any:
    """Return a good save: two measured pairs and a failed one."""
    return json.loads(made.on(folder, [record(), record("phi", power_w=None), unmeasured("llava", "fp16")]).read_text())


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a good save, read once."""
    return document(tmp_path_factory.mktemp("good"))


@given(data=st.data())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_any_place(good: Any, tmp_path: Path, data: st.DataObject) -> None:
    """With any value in any place of a save, every text is made, printable, and free of terminal escapes."""
    path = data.draw(st.sampled_from(leaves(good)))
    (tmp_path / "0001_x.json").write_text(json.dumps(changed(good, path, data.draw(ANY))))

    for text in texts(tmp_path):
        assert "\x1b" not in text
        text.encode()


@given(data=st.data())
@settings(max_examples=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_good_record_is_lost(good: Any, tmp_path: Path, data: st.DataObject) -> None:
    """With any value in one Record, the others are read exactly as written, and nothing is raised.

    A Record whose parts contradict each other loses that part, or is left out; either is said.
    """
    record_of = {0: ("benchmarks", 0, "extra_info"), 1: ("benchmarks", 1, "extra_info"), 2: ("unmeasured", 0)}
    hit = data.draw(st.sampled_from([*record_of]))
    inner = data.draw(st.sampled_from([(), *leaves(at(good, record_of[hit]))]))
    damaged = changed(good, (*record_of[hit], *inner), data.draw(ANY))
    (tmp_path / "0001_x.json").write_text(json.dumps(damaged))

    saves = load([tmp_path / "0001_x.json"])
    read = [entry.record for entry in saves.entries]
    for number, path in record_of.items():
        assert number == hit or at(good, path) in read
    assert len(read) + sum(" whose " not in problem for problem in saves.problems) == 3


@given(junk=st.binary(max_size=300), cut=st.integers(0, 20_000))
@settings(max_examples=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_beside_a_good_save(good: Any, tmp_path: Path, junk: bytes, cut: int) -> None:
    """With any bytes in a file, it is named or read, and the other save is read completely."""
    whole = json.dumps(good).encode()
    (tmp_path / "0001_good.json").write_bytes(whole)
    (tmp_path / "0002_bad.json").write_bytes(whole[:cut] + junk)

    saves = load([tmp_path / "0001_good.json", tmp_path / "0002_bad.json"])
    read = [entry.record for entry in saves.entries if entry.save.name == "0001_good.json"]
    assert read == [*(bench["extra_info"] for bench in good["benchmarks"]), *good["unmeasured"]]
    assert all("0002_bad.json" in problem for problem in saves.problems)
    assert saves.problems or len(saves.files) == 2


def at(document: Any, path: tuple[Any, ...]) -> Any:
    """Return what stands at a path of a document."""
    for key in path:
        document = document[key]
    return document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("machine_info", "device", "power_mode"), {"a": 1}),
        (("benchmarks", 0, "extra_info", "checkpoint", "weights"), ["mini"]),
        (("benchmarks", 0, "extra_info", "message"), {"a": 1}),
        (("benchmarks", 0, "extra_info", "counts", "good"), 2.5),
        (("benchmarks", 0, "extra_info", "pair", "label"), "\x07"),
    ],
)
def test_a_value_of_the_wrong_kind_costs_its_record(
    good: Any, tmp_path: Path, path: tuple[Any, ...], value: Any
) -> None:
    """A Record with a value of the wrong kind is left out with a sentence that names its file; the others stay."""
    (tmp_path / "0001_x.json").write_text(json.dumps(changed(good, path, value)))
    saves = load([tmp_path / "0001_x.json"])
    built = build.build(saves)

    assert saves.problems
    assert all("0001_x.json" in problem and "left out" in problem for problem in saves.problems)
    if path[0] == "benchmarks":
        assert made.row(built, "Phi", "bf16")["status"] == "measured"


@pytest.mark.parametrize("depth", [300, 700, 3_000, 100_000])
def test_deep_nesting_is_read_or_named(good: Any, tmp_path: Path, depth: int) -> None:
    """A save nested deeper than Python can recurse is named and left out, and never raises."""
    text = json.dumps(changed(good, ("benchmarks", 0, "extra_info", "load"), "here"))
    (tmp_path / "0001_deep.json").write_text(text.replace('"here"', "[" * depth + "]" * depth))

    saves = load([tmp_path / "0001_deep.json"])
    if saves.entries:
        assert depth < 100_000
    else:
        (problem,) = saves.problems
        assert "0001_deep.json" in problem
        assert problem.endswith("left out")


def test_divisions_by_zero_have_a_reason(tmp_path: Path) -> None:
    """A pair with energy but without a photograph has no energy of one, and a reason instead."""
    empty = record()
    empty["runs"]["images"] = [0] * 10
    row = made.row(made.one(tmp_path, empty))

    assert row[["joules_per_image"]].isna().all()
    assert row["joules_per_image_reason"] == "the value is not a finite number"


def test_an_unknown_size_is_said_in_words(tmp_path: Path) -> None:
    """No text says nan for a model whose number of parameters is unknown."""
    silent = record()
    silent["checkpoint"]["parameters"] = None
    made.on(tmp_path, [silent])

    assert not load(sorted(tmp_path.glob("*.json"))).problems
    assert all("nan" not in text.replace("nano", "") for text in texts(tmp_path))
