"""Reading saves: whatever lies in the folder, the good ones are kept and the others are named."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.record import SCHEMA
from plotting import load
from plotting.table import build
from tests.support import made
from tests.support.factory import record, save, unmeasured

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["benchmarks", "unmeasured", "machine_info", "device", "label", "extra_info", "schema"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is no JSON"),
    "cut off": (b'{"benchmarks": [{"name": "test_gen', "is no JSON"),
    "binary": (bytes(range(256)), "is no JSON"),
    "bottomless": (b"[" * 100_000, "is no JSON"),
    "list": (b"[]", "its top level is no object"),
    "null": (b"null", "its top level is no object"),
    "object": (b"{}", "has no list `benchmarks`"),
    "no list": (b'{"benchmarks": {}}', "has no list `benchmarks`"),
    "another suite": (
        b'{"benchmarks": [{"name": "test_sort", "extra_info": {}}], "machine_info": {}}',
        "another suite",
    ),
    "nothing": (b'{"benchmarks": [], "machine_info": {"device": {"label": "Thor"}}}', "holds no benchmark"),
}
"""Name -> what is in the file, and what is said of it."""


def without(key: str) -> dict[str, Any]:
    """Return a measured Record without one of its parts."""
    made_up = record()
    del made_up[key]
    return made_up


FAULTY: dict[str, tuple[dict[str, Any], str]] = {
    "another suite's": ({"note": "mine"}, "has no Record"),
    "newer schema": (record() | {"schema": SCHEMA + 1}, f"schema {SCHEMA + 1}, and this version reads up to {SCHEMA}"),
    "odd schema": (record() | {"schema": "one"}, "unknown schema 'one'"),
    "no pair": (without("pair"), "does not name its pair"),
    "pair without model": (record() | {"pair": {"label": "Phi", "precision": "fp16"}}, "does not name its pair"),
    "no status": (record() | {"status": "fine"}, "without a status"),
    "no runs": (without("runs"), "is measured, but has no runs"),
}
"""Name -> a Record that is none, and what is said of it."""


def write(path: Path, extra_info: list[dict[str, Any]]) -> Path:
    """Write a save with these `extra_info`, whatever is in them."""
    save(path, [])
    content = json.loads(path.read_text())
    content["benchmarks"] = [{"name": "test", "extra_info": info} for info in extra_info]
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_and_the_good_one_kept(tmp_path: Path, name: str) -> None:
    """A file that is no save of ours gives one problem with its path and its cause, and loses nothing else."""
    content, cause = BROKEN[name]
    broken = tmp_path / "0000_broken.json"
    broken.write_bytes(content)
    good = made.on(tmp_path, [record()])

    saves = made.read(tmp_path)
    assert [entry.save for entry in saves.entries] == saves.files == [good]
    [problem] = saves.problems
    assert problem.startswith(f"{broken}: ")
    assert cause in problem


@pytest.mark.parametrize("name", FAULTY)
def test_a_faulty_record_is_named_and_its_neighbours_kept(tmp_path: Path, name: str) -> None:
    """An entry that is no Record gives one problem with file, place and cause; the save's others are read."""
    faulty, cause = FAULTY[name]
    path = write(tmp_path / "0001_thor.json", [record("llava"), faulty, record("phi")])

    saves = load.load([path])
    assert [entry.record["pair"]["model"] for entry in saves.entries] == ["llava", "phi"]
    [problem] = saves.problems
    assert problem.startswith(f"{path}: entry 2 ")
    assert cause in problem


def test_what_cannot_be_opened_is_a_problem(tmp_path: Path) -> None:
    """A path that is not there, or is a folder, is a problem with its name and no traceback."""
    gone, folder = tmp_path / "gone.json", tmp_path / "folder.json"
    folder.mkdir()

    saves = load.load([gone, folder])
    assert saves.entries == []
    assert [problem.partition(": ")[0] for problem in saves.problems] == [str(gone), str(folder)]
    assert all("cannot be read" in problem for problem in saves.problems)


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe or a device among the saves is named and left out, and nothing waits for it or fills the memory."""
    os.mkfifo(tmp_path / "0001_pipe.json")
    (tmp_path / "0002_zero.json").symlink_to("/dev/zero")

    saves = load.load(load.find(tmp_path))
    assert [problem.rpartition(": ")[2] for problem in saves.problems] == [
        "cannot be read (no regular file); left out"
    ] * 2


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A file of more than 1 GB is named and left out, without a byte of it being read."""
    with (tmp_path / "0001_huge.json").open("wb") as file:
        file.truncate(2_000_000_000)  # sparse: it takes no room

    (problem,) = load.load([tmp_path / "0001_huge.json"]).problems
    assert problem.endswith("0001_huge.json: is larger than 1 GB; left out")


def test_nan_is_not_measured(tmp_path: Path) -> None:
    """NaN and Infinity, which pytest-benchmark writes though JSON has none, are read as not measured."""
    odd = record()
    odd["runs"]["ttft_s"][0] = float("nan")
    odd["load"]["load_time_s"] = float("inf")

    row = made.row(made.one(tmp_path, odd))
    assert row[["ttft_p50_s", "load_time_s"]].isna().all()
    assert row[["ttft_p50_s_reason", "load_time_s_reason"]].all()
    assert row["tokens_per_sec"] == 32


def test_values_of_the_wrong_kind_leave_out_their_record_alone(tmp_path: Path) -> None:
    """A Record whose columns hold words is left out of the table with file and pair in the problem."""
    odd = record("llava")
    odd["runs"]["latency_s"] = ["half a second"] * 10
    path = made.on(tmp_path, [odd, record("phi")])

    saves = made.read(tmp_path)
    built = build.build(saves)
    assert list(built["model"]) == ["Phi"]
    [problem] = saves.problems
    assert problem.startswith(f"{path}: the Record of llava-bf16 has values of the wrong kind")


def test_names_are_printable(tmp_path: Path) -> None:
    """Terminal escapes, control and invisible characters are out of every name, and no text is endless."""
    odd = record() | {"message": "x" * 10_000}
    odd["pair"]["label"] = "Smol\x1b[31mVLM2\x07\u202e\n"
    made.on(tmp_path, [odd], label="Thor\x9b2J\x00", power_mode="MAXN\r\n\t2")

    [entry] = made.read(tmp_path).entries
    assert entry.record["pair"]["label"] == "Smol [31mVLM2"
    assert entry.device["label"] == "Thor 2J"
    assert entry.device["power_mode"] == "MAXN 2"
    assert len(entry.record["message"]) == load.LONGEST_TEXT


def test_journals_and_products_are_no_saves(tmp_path: Path) -> None:
    """Saves are found at any depth in order of their names, and none in .journal or plots."""
    for name in ("b/0002_x.json", "a/0001_x.json", "a/.journal/run.json", "plots/x.json", "a/notes.txt"):
        save(tmp_path / name, [record()])

    assert [path.relative_to(tmp_path).as_posix() for path in load.find(tmp_path)] == ["a/0001_x.json", "b/0002_x.json"]


def test_unmeasured_records_are_read_beside_the_measured(tmp_path: Path) -> None:
    """Pairs that failed come from the top level's `unmeasured`, with the save's date and device."""
    made.on(tmp_path, [record("phi"), unmeasured("llava", "fp16")], datetime="2026-01-02T00:00:00")

    entries = made.read(tmp_path).entries
    assert [(entry.record["pair"]["model"], entry.record["status"]) for entry in entries] == [
        ("phi", "measured"),
        ("llava", "failed"),
    ]
    assert {(entry.datetime, entry.device["label"]) for entry in entries} == {("2026-01-02T00:00:00", made.THOR)}


@settings(max_examples=60)
@given(JSON_VALUES)
def test_no_json_makes_it_raise(value: object) -> None:
    """Whatever JSON a file holds, reading never raises, and gives Records or names the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "odd.json"
        path.write_text(json.dumps(value))

        saves = load.load([path])
        assert saves.entries or str(path) in saves.problems[0]
