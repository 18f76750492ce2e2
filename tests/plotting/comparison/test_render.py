"""A comparison as a table, Markdown, CSV and JSON: complete, without repetition, and within the terminal.

Tests plotting.comparison.render.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from plotting.comparison import compare, render
from tests.support import made
from tests.support.factory import NO_SENSOR, record, unmeasured

if TYPE_CHECKING:
    from pathlib import Path

DEVICES = ("Dell Pro Max GB10", "Jetson Thor", "Jetson AGX Orin")


@pytest.fixture
def mixed(tmp_path: Path) -> list[compare.Line]:
    """Return a comparison with ratios, a missing sensor, a missing pair, and odd names."""
    tables = {
        "a": made.one(tmp_path / "a", record("phi"), label="=Board|1"),
        "b": made.one(tmp_path / "b", record("phi", latency_s=0.25, power_w=None), record("llava"), label="Board 2"),
    }
    return compare.compare_sides(tables)


@pytest.fixture
def boards(tmp_path: Path) -> list[compare.Line]:
    """Return a comparison of three devices with two pairs, one of which failed everywhere."""
    tables = {}
    for slower, device in enumerate(DEVICES, start=1):
        records = [record("phi", latency_s=0.3 * slower), unmeasured("llava", "bf16")]
        tables[f"0001_{device.split()[-1].lower()}"] = made.one(tmp_path / device, *records, label=device)
    return compare.compare_sides(tables)


def test_json_is_the_lines(mixed: list[compare.Line]) -> None:
    """The JSON holds every line, with null for unknown values."""
    found = json.loads(render.write_json(mixed))

    assert found == [vars(line) for line in mixed]
    assert {"value": None, "ratio": None, "why": NO_SENSOR}.items() <= next(
        line for line in found if (line["save"], line["metric"], line["value"]) == ("b", "joules_per_token", None)
    ).items()


def test_csv_is_the_lines(mixed: list[compare.Line]) -> None:
    """The CSV has a row for each line, empty cells for unknown values, and no formula."""
    rows = list(csv.DictReader(io.StringIO(render.write_csv(mixed))))

    assert len(rows) == len(mixed)
    for row, line in zip(rows, mixed, strict=True):
        assert (row["pair"], row["metric"], row["why"]) == (line.pair, line.metric, line.why)
        assert (row["value"] == "") == (line.value is None)
        assert (row["ratio"] == "") == (line.ratio is None)
        assert float(row["value"] or 0) == pytest.approx(line.value or 0)
    assert {row["device"] for row in rows} == {"'=Board|1", "Board 2", ""}


def test_the_table_has_a_column_for_each_save(mixed: list[compare.Line]) -> None:
    """The table names sides and devices, then has a row for each metric; a missing value has a note."""
    legend, table, notes = (part.splitlines() for part in render.write_table(mixed, 200).split("\n\n"))
    header, phi, speed, *rows = table

    assert legend == ["a (baseline): =Board|1", "b: Board 2; single session"]
    assert (header.split(), phi) == (["a", "b"], "Phi bf16")
    assert speed.split() == ["tokens_per_sec", "32.0", "64.0", "x", "2.000", "1.923", "to", "2.080", "better"]
    assert [row.split() for row in rows if row.startswith(" joules")] == [
        ["joules_per_token", "1.25", "-", "[1]"],
        ["joules_per_token", "-", "[3]", "1.25", "not", "comparable", "[4]"],
    ]
    assert [note for note in notes if note.startswith("[")] == [
        f"[1] {NO_SENSOR}",
        "[2] one session per side gives one value, whose variation is unknown: compare three saves per side",
        "[3] not in this save",
        "[4] not in the baseline",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal(boards: list[compare.Line], width: int) -> None:
    """No line is wider than the terminal; sides without room follow below, again with the baseline."""
    lines = render.write_table(boards, width).splitlines()
    headers = [line.split() for line in lines if line.startswith("    ")]

    assert max(map(len, lines)) <= width
    assert headers == (
        [["0001_gb10", "0001_thor"], ["0001_gb10", "0001_orin"]] if width == 80 else [list(compare_names(boards))]
    )
    assert len([line for line in lines if "tokens_per_sec" in line]) == len(headers)


def compare_names(found: list[compare.Line]) -> dict[str, None]:
    """Return the names of the sides, in order."""
    return dict.fromkeys(line.save for line in found)


def test_a_narrow_terminal_is_no_error(boards: list[compare.Line]) -> None:
    """If not even one side fits, the sides stand below each other anyway."""
    assert render.write_table(boards, 10).count("tokens_per_sec") == 2


def test_what_many_cells_say_is_said_once(boards: list[compare.Line]) -> None:
    """A reason that many cells share is one numbered note."""
    text = render.write_table(boards, 120)

    assert text.count("one session per side gives one value") == 1
    assert text.count("not comparable [3]") == 4  # RAM and load time of two sides
    assert text.count("single session: the interval") == 1


def test_long_names_of_sides_are_numbered(tmp_path: Path) -> None:
    """A side with a long name is headed by its number, and named above the table."""
    names = ("0001_x", "results/orin/Linux-CPython-3.11-64bit/0001_x.json")
    found = compare.compare_sides({name: made.one(tmp_path / name, record("phi")) for name in names})
    legend, table, _ = render.write_table(found, 80).split("\n\n")

    assert legend.split("\n") == [
        "side 1, 0001_x (baseline): Jetson Thor",
        f"side 2, {names[1]}: Jetson Thor; single",
        "  session",
    ]
    assert table.splitlines()[0].split() == ["side", "1", "side", "2"]


def test_a_pair_that_no_save_measured_is_one_row(tmp_path: Path) -> None:
    """A pair without any value is a single row with one note of each save's reason."""
    lost = unmeasured("llava", "bf16", "did not fit")
    tables = {"a": made.one(tmp_path / "a", record("phi"), lost), "b": made.one(tmp_path / "b", record("phi"))}
    text = render.write_table(compare.compare_sides(tables), 120)

    assert [row for row in text.splitlines() if row.startswith("LLaVA")] == ["LLaVA bf16 [1]"]
    assert f"[1] a: did not fit: {lost['message']}; b: not in this save" in text.splitlines()


def test_markdown_is_a_whole_table(mixed: list[compare.Line]) -> None:
    """The Markdown is one table with equal rows, between a list of sides and a list of notes."""
    legend, table, notes = render.write_markdown(mixed).split("\n\n")
    rows = table.splitlines()

    assert legend.splitlines()[0] == "- a (baseline): =Board\\|1"
    assert rows[:2] == ["| pair | metric | a | b |", "| --- | --- | --- | --- |"]
    assert {row.replace(r"\|", "").count("|") for row in rows} == {5}
    assert any("64.0 x 2.000 1.923 to 2.080 better" in row for row in rows)
    assert "- b differs from a in device: =Board\\|1, Board 2." in notes.splitlines()


def test_the_basis_of_verdicts_is_explained(tmp_path: Path) -> None:
    """The notes explain "single session" and "not in turn" if a verdict has that basis."""
    stamps = {name: f"2026-11-24T0{at}:00:00+00:00" for at, name in enumerate(("old1", "old2", "new1", "new2"))}
    built = {name: made.one(tmp_path / name, record("phi"), datetime=stamp) for name, stamp in stamps.items()}
    single = compare.compare_sides({"old": built["old1"], "new": built["new1"]})
    block = compare.compare_sides({side: pd.concat([built[f"{side}1"], built[f"{side}2"]]) for side in ("old", "new")})

    assert "single session: the interval comes from the runs of one session per side" in render.write_table(single, 120)
    assert "new: Jetson Thor; 2 + 2 sessions, not in turn" in render.write_table(block, 120)
    assert render.write_table(block, 200).rstrip().endswith("alternate them: A B A B A B.")
    assert "single session" not in render.write_table(block, 120)


def test_failed_runs_and_throttling_stand_below(tmp_path: Path) -> None:
    """Problems of a side's runs are one note, with the pairs that have them."""
    odd = [record(model) for model in ("llava", "phi")]
    for built in odd:
        built["counts"] |= {"planned": 12, "attempted": 12, "failed": 2}
    tables = {"a": made.one(tmp_path / "a", record("phi"), record("llava")), "b": made.one(tmp_path / "b", *odd)}

    assert (
        "b, LLaVA bf16, Phi bf16: 2 of 12 runs failed."
        in render.write_table(compare.compare_sides(tables), 120).splitlines()
    )
