"""Reading saves: good Records are kept, and every other one is named.

Tests plotting.check and plotting.load.
"""

from __future__ import annotations

import json
import math
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
    "empty": (b"", "is not JSON"),
    "cut off": (b'{"benchmarks": [{"name": "test_gen', "is not JSON"),
    "binary": (bytes(range(256)), "is not JSON"),
    "bottomless": (b"[" * 100_000, "is not JSON"),
    "list": (b"[]", "its top level is not an object"),
    "null": (b"null", "its top level is not an object"),
    "object": (b"{}", "has no list `benchmarks`"),
    "no list": (b'{"benchmarks": {}}', "has no list `benchmarks`"),
    "another suite": (
        b'{"benchmarks": [{"name": "test_sort", "extra_info": {}}], "machine_info": {}}',
        "is a save of another benchmark suite (it contains no device name)",
    ),
    "nothing": (b'{"benchmarks": [], "machine_info": {"device": {"label": "Thor"}}}', "contains no benchmark"),
}
"""Name -> the content of the file, and the text that names its fault."""


def without(key: str) -> dict[str, Any]:
    """Return a measured Record without one of its parts."""
    made_up = record()
    del made_up[key]
    return made_up


MISSING = object()


def changed(section: str, **values: object) -> dict[str, Any]:
    """Return a measured Record with other values in a section; MISSING deletes one."""
    made_up = record()
    made_up[section] = {key: value for key, value in (made_up[section] | values).items() if value is not MISSING}
    return made_up


def without_runs() -> dict[str, Any]:
    """Return a measured Record whose columns are empty."""
    made_up = record()
    made_up["runs"] = {key: value if key == "reasons" else [] for key, value in made_up["runs"].items()}
    return made_up


FAULTY: dict[str, tuple[dict[str, Any], str]] = {
    "another suite's": ({"note": "mine"}, "contains no Record"),
    "newer schema": (
        record() | {"schema": SCHEMA + 1},
        f"schema {SCHEMA + 1}, but this version only reads up to {SCHEMA}",
    ),
    "odd schema": (record() | {"schema": "one"}, "unknown schema 'one'"),
    "no pair": (without("pair"), "without the name of its pair"),
    "pair without model": (record() | {"pair": {"label": "Phi", "precision": "fp16"}}, "without the name of its pair"),
    "no status": (record() | {"status": "fine"}, "without a status"),
    "no runs": (without("runs"), "is measured, but has no runs"),
    "no section": (without("memory"), "of smolvlm2-bf16 with an invalid value: memory is missing"),
    "no field": (changed("load", method=MISSING), "load.method is missing"),
    "words": (changed("runs", latency_s=["half a second"] * 10), "runs.latency_s is not list[float]"),
    "null": (changed("workload", new_tokens=None), "workload.new_tokens is not int"),
    "no count": (changed("counts", good=None), "counts.good is not int"),
    "half a run": (changed("counts", good=2.5), "counts.good is not int"),
    "no terms": (changed("power", uncertainty=None), "power.uncertainty is not list[UncertaintyTerm]"),
    "no phases": (changed("power", phases=None), "power.phases is not Phases"),
    "no latency": (changed("token_latency", p50_s=None), "token_latency.p50_s is not float"),
    "a hole": (changed("runs", latency_s=[0.5] * 9 + [None]), "runs.latency_s is not list[float]"),
    "endless": (changed("power", idle_before_w=10**400), "power.idle_before_w is not float | None"),
    "huge": (changed("checkpoint", parameters=2**63), "checkpoint.parameters is not int | None"),
    "half a token": (changed("runs", image_tokens=[100.5] * 10), "runs.image_tokens is not list[int]"),
    "short column": (changed("runs", images=[1, 1]), "the columns of its runs have different lengths"),
    "no sequence": (changed("runs", sequences=[0] * 10), "its runs do not do the work of its workload"),
    "empty runs": (without_runs(), "its runs are empty"),
}
"""Name -> a faulty Record, and the text that names its fault."""


def write(path: Path, extra_info: list[dict[str, Any]]) -> Path:
    """Write a save with these `extra_info`."""
    save(path, [])
    content = json.loads(path.read_text())
    content["benchmarks"] = [{"name": "test", "extra_info": info} for info in extra_info]
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_and_the_good_one_kept(tmp_path: Path, name: str) -> None:
    """A file that is not a save gives one problem with its path and its cause, and every good save is read."""
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
    """A faulty entry gives one problem with file, number and cause, and the other entries are read."""
    faulty, cause = FAULTY[name]
    path = write(tmp_path / "0001_thor.json", [record("llava"), faulty, record("phi")])

    saves = load.load([path])
    assert [entry.record["pair"]["model"] for entry in saves.entries] == ["llava", "phi"]
    [problem] = saves.problems
    assert problem.startswith(f"{path}: entry 2 ")
    assert cause in problem


def test_what_cannot_be_opened_is_a_problem(tmp_path: Path) -> None:
    """A missing file or a folder gives a problem with its name, and no traceback."""
    gone, folder = tmp_path / "gone.json", tmp_path / "folder.json"
    folder.mkdir()

    saves = load.load([gone, folder])
    assert saves.entries == []
    assert [problem.partition(": ")[0] for problem in saves.problems] == [str(gone), str(folder)]
    assert all("cannot be read" in problem for problem in saves.problems)


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe or a device among the saves is named and left out, without reading it."""
    os.mkfifo(tmp_path / "0001_pipe.json")
    (tmp_path / "0002_zero.json").symlink_to("/dev/zero")

    saves = load.load(load.find(tmp_path))
    assert [problem.rpartition(": ")[2] for problem in saves.problems] == [
        "cannot be read (not a regular file); left out"
    ] * 2


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    """A file of more than 1 GB is named and left out, without reading it."""
    with (tmp_path / "0001_huge.json").open("wb") as file:
        file.truncate(2_000_000_000)  # a sparse file, which needs no space

    (problem,) = load.load([tmp_path / "0001_huge.json"]).problems
    assert problem.endswith("0001_huge.json: is larger than 1 GB; left out")


def test_nan_is_not_measured(tmp_path: Path) -> None:
    """NaN and Infinity, which pytest-benchmark writes although JSON does not allow them, are not measured."""
    odd = record()
    odd["runs"]["ttft_s"][0] = float("nan")
    odd["load"]["load_time_s"] = float("inf")

    row = made.row(made.one(tmp_path, odd))
    assert row[["ttft_p50_s", "load_time_s"]].isna().all()
    assert row[["ttft_p50_s_reason", "load_time_s_reason"]].all()
    assert row["tokens_per_sec"] == 32


def test_values_of_the_wrong_kind_leave_out_their_record_alone(tmp_path: Path) -> None:
    """A Record whose columns hold words is left out, and the problem names file, pair and field."""
    odd = record("llava")
    odd["runs"]["latency_s"] = ["half a second"] * 10
    path = made.on(tmp_path, [odd, record("phi")])

    saves = made.read(tmp_path)
    built = build.build(saves)
    assert list(built["model"]) == ["Phi"]
    [problem] = saves.problems
    assert problem == (
        f"{path}: entry 1 contains a Record of llava-bf16 with an invalid value: "
        "runs.latency_s is not list[float]; left out"
    )


def test_a_number_beyond_a_float_leaves_out_its_record(tmp_path: Path) -> None:
    """A number that JSON allows, but that a float cannot hold, leaves out its Record."""
    odd = record("llava")
    odd["power"]["idle_before_w"] = math.inf
    path = made.on(tmp_path, [odd, record("phi")])
    path.write_text(path.read_text().replace("Infinity", "1e999"))

    saves = load.load([path])
    assert [entry.record["pair"]["model"] for entry in saves.entries] == ["phi"]
    assert "power.idle_before_w is not float | None" in saves.problems[0]


@pytest.mark.parametrize("column", ["ttft_s", "vision_s", "energy_coverage"])
def test_a_column_with_a_hole_is_not_measured(tmp_path: Path, column: str) -> None:
    """A column that lacks the value of one run is null: the mean of the other runs is another figure."""
    odd = record()
    odd["runs"][column][3] = None
    odd["runs"]["reasons"][column] = "the probe broke"
    made.on(tmp_path, [odd])

    [entry] = made.read(tmp_path).entries
    assert entry.record["runs"] == odd["runs"] | {column: None}


@pytest.mark.parametrize("name", ["kind", "cpu", "gpu", "power_mode", "driver"])
def test_a_device_of_the_wrong_kind_leaves_out_its_save(tmp_path: Path, name: str) -> None:
    """A save whose device has a value that is not text gives one problem that names file and field."""
    odd: dict[str, Any] = {name: 3}
    path = made.on(tmp_path, [record()], **odd)

    saves = load.load([path])
    assert saves.entries == []
    assert saves.problems == [
        f"{path}: contains invalid device information (machine_info.device.{name} is not text); left out"
    ]


def test_names_are_printable(tmp_path: Path) -> None:
    """Names lose terminal escapes, control and invisible characters, and long texts are cut."""
    odd = record() | {"message": "x" * 10_000}
    odd["pair"]["label"] = "Smol\x1b[31mVLM2\x07\u202e\n"
    made.on(tmp_path, [odd], label="Thor\x9b2J\x00", power_mode="MAXN\r\n\t2")

    [entry] = made.read(tmp_path).entries
    assert entry.record["pair"]["label"] == "Smol [31mVLM2"
    assert entry.device["label"] == "Thor 2J"
    assert entry.device["power_mode"] == "MAXN 2"
    assert entry.record["message"] == "x" * load.LONGEST_TEXT


def test_journals_and_products_are_no_saves(tmp_path: Path) -> None:
    """Saves are found at any depth, sorted by name, but not in .journal or plots."""
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
    """For any JSON, reading does not raise, and returns Records or a problem that names the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "odd.json"
        path.write_text(json.dumps(value))

        saves = load.load([path])
        assert saves.entries or str(path) in saves.problems[0]
