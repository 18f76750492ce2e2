"""--export: pairs and runs for other tools, and arrays for github-action-benchmark.

Tests plotting.export.rows.
"""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from plotting import export
from plotting.__main__ import EXPORTS, main
from plotting.export import action, rows
from plotting.metrics.registry import METRICS
from tests.support import made, product
from tests.support.commands import exported
from tests.support.factory import record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FORMULA = '=HYPERLINK("http://x","y")'


def typed(path: Path, like: pd.DataFrame) -> pd.DataFrame:
    """Read a CSV file with the types of a table; quotes before formulas stay."""
    return pd.read_csv(path, dtype=like.dtypes.to_dict(), keep_default_na=False, na_values=[""])


def lines(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines strictly: NaN and Infinity are refused."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


def from_jsonl(path: Path, like: pd.DataFrame) -> pd.DataFrame:
    """Read JSON lines with the types of a table."""
    return pd.DataFrame(lines(path), columns=like.columns).astype(like.dtypes.to_dict())


def from_parquet(path: Path, like: pd.DataFrame) -> pd.DataFrame:
    """Read a parquet file, which has types of its own; texts may be stored in several ways."""
    read = pd.read_parquet(path, engine="pyarrow")
    for name, kind in like.dtypes.items():
        if kind == rows.TEXT:
            assert pd.api.types.is_string_dtype(read[name]), name
            read[name] = read[name].astype(rows.TEXT)
    return read


READERS: dict[str, Callable[[Path, pd.DataFrame], pd.DataFrame]] = {
    "csv": typed,
    "jsonl": from_jsonl,
    "parquet": from_parquet,
}


@pytest.mark.parametrize("name", READERS)
def test_what_is_read_equals_what_was_written(saves: Path, name: str) -> None:
    """Pairs and runs read back from a file have every value, null and type of the table."""
    if name == "parquet":
        pytest.importorskip("pyarrow", reason="needs pyarrow: pip install pyarrow")
    table = made.table(saves)
    expected = {"pairs": rows.make_pairs(table), "runs": rows.make_runs(table, [])}
    out = exported(saves, name)

    assert {path.name for path in out.iterdir()} == {f"pairs.{name}", f"runs.{name}"}
    for which, like in expected.items():
        pd.testing.assert_frame_equal(READERS[name](out / f"{which}.{name}", like), like)


def test_a_pair_has_its_metrics_and_why_one_is_missing(saves: Path) -> None:
    """A pair's row holds its metrics and known intervals; a missing metric is null, with its reason."""
    found = {(row["model"], row["precision"]): row for row in lines(exported(saves, "jsonl") / "pairs.jsonl")}
    table = made.table(saves)
    measured = made.row(table, "Phi", "fp16")

    assert len(found) == len(table) == 4
    phi, llava = found["Phi", "fp16"], found["LLaVA", "fp16"]
    assert {name: phi[name] for name in METRICS if phi[name] is not None} == {
        name: measured[name] for name in METRICS if not pd.isna(measured[name])
    }
    assert (llava["joules_per_token"], llava["joules_per_token_reason"]) == (None, "no sensor here")
    assert llava["tokens_per_sec_reason"] is None
    assert llava["tokens_per_sec_low"] <= llava["tokens_per_sec"] <= llava["tokens_per_sec_high"]
    assert (phi["tokens_per_sec_low"], phi["tokens_per_sec_high"]) == (None, None)  # of three runs
    assert (phi["runs"], phi["failed_runs"], phi["finite_logits"]) == (3, 0, True)


def test_pairs_without_a_run_are_rows_of_nulls(saves: Path) -> None:
    """A failed pair, and one never attempted, have status and reason, and null for every metric."""
    found = {(row["model"], row["precision"]): row for row in lines(exported(saves, "jsonl") / "pairs.jsonl")}
    failed, never = found["LLaVA", "bf16"], found["Phi", "bf16"]

    assert (failed["status"], failed["failed_runs"], failed["runs"]) == ("failed", 10, 0)
    assert failed["reason"].startswith("llava-bf16: all 10 runs failed")
    assert (never["status"], never["reason"]) == ("never attempted", "no save contains this pair")
    for row in (failed, never):
        assert [row[name] for name in METRICS if row[name] is not None and "runs" not in name] == []
        assert (row["finite_logits"], row["scope_mismatch"]) == (None, None)
    assert never["planned"] is None


def test_a_run_has_every_column_of_its_record(saves: Path) -> None:
    """A run's row holds its series and each column of the Record, null if missing."""
    found = [row for row in lines(exported(saves, "jsonl") / "runs.jsonl") if row["model"] == "Phi"]
    recorded = record("phi", "fp16", runs=3)["runs"]

    assert [row["energy_j"] for row in found] == [20.0, None, 20.0]
    assert [row["energy_coverage"] for row in found] == [1.0, 0.5, 1.0]
    for name in set(recorded) - {"reasons", "energy_j", "energy_coverage"}:
        assert [row[name] for row in found] == recorded[name], name
    assert {(row["device"], row["precision"], row["power_scope"], row["save"]) for row in found} == {
        ("Jetson Thor", "fp16", "gpu", "0001_thor.json")
    }


def test_runs_are_those_of_the_pairs(tmp_path: Path) -> None:
    """Of two saves of one series only the newer is exported, in pairs and in runs."""
    made.on(tmp_path, [record("phi", latency_s=0.5)], datetime="2026-11-23T10:00:00")
    made.on(tmp_path, [record("phi", latency_s=0.25, runs=4)], datetime="2026-11-24T10:00:00")
    table = made.table(tmp_path)
    pairs, runs = rows.make_pairs(table), rows.make_runs(table, [])

    assert list(runs["latency_s"]) == [0.25] * 4
    assert set(runs["save"]) == set(pairs["save"]) == {"0002_thor.json"}


def test_runs_that_are_damaged_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Runs with columns of different lengths are left out and named; --strict exits with 1."""
    damaged = record("phi")
    damaged["runs"]["images"] = [1, 1]
    damaged["runs"]["energy_j"] = damaged["runs"]["energy_coverage"] = None
    made.on(tmp_path, [damaged, record("llava")])
    out = tmp_path / "out"

    assert main(["--results", str(tmp_path), "--out", str(out), "--export=jsonl", "--strict"]) == 1
    assert capsys.readouterr().err == (
        f"python -m plotting: {tmp_path / '0001_thor.json'}: entry 1 contains a Record of phi-bf16 with an "
        "invalid value: the columns of its runs have different lengths; left out\n"
    )
    assert {row["model"] for row in lines(out / "runs.jsonl")} == {"LLaVA"}


@pytest.mark.parametrize("value", [math.inf, "0.5", True, 2**60])
def test_runs_that_are_no_numbers_are_named(value: object) -> None:
    """A value that is not a finite number, or not exact as a float, is refused with the column's name."""
    runs = record("phi")["runs"]
    runs["latency_s"][3] = value

    with pytest.raises(TypeError, match=r"^latency_s holds '(inf|0\.5|True|1152921504606846976)'$"):
        rows._read_runs(runs)


def test_no_cell_of_the_csv_is_a_formula(tmp_path: Path) -> None:
    """A name that a spreadsheet would run is quoted in the CSV files, and unchanged in JSON lines."""
    made.on(tmp_path, [record("phi")], label=FORMULA)
    out = exported(tmp_path, "csv", "jsonl")

    for which in ("pairs", "runs"):
        assert set(pd.read_csv(out / f"{which}.csv")["device"]) == {f"'{FORMULA}"}
        assert {row["device"] for row in lines(out / f"{which}.jsonl")} == {FORMULA}


def test_without_pyarrow_it_says_what_to_install(saves: Path, tmp_path: Path) -> None:
    """Without pyarrow, parquet is refused in one sentence, and no other file is written."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "pyarrow.py").write_text("raise ImportError('libarrow.so: not here')")
    command = ["--results", str(saves), "--out", str(tmp_path / "out"), "--export=csv,parquet"]
    done = product.run([sys.executable, "-m", "plotting", *command], PYTHONPATH=f"{hidden}:{product.ROOT}")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "python -m plotting: --export=parquet: needs pyarrow, which cannot be imported here "
        "(libarrow.so: not here); type pip install pyarrow, or --export=csv.\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("asked", ["xml", "csv,", ""])
def test_an_unknown_format_is_refused(capsys: pytest.CaptureFixture[str], asked: str) -> None:
    """An unknown format is refused with exit code 2, and the known ones are listed."""
    with pytest.raises(SystemExit) as left:
        main([f"--export={asked}"])

    assert left.value.code == 2
    unknown = asked.rpartition(",")[2]
    assert capsys.readouterr().err == (
        f"python -m plotting: argument --export: unknown format {unknown!r}, choose from parquet, csv, jsonl, "
        "customBiggerIsBetter, customSmallerIsBetter; type python -m plotting --help.\n"
    )
    assert EXPORTS == export.FORMATS


def test_export_writes_nothing_else(saves: Path) -> None:
    """--export writes only its own files, and the same bytes each time."""
    formats = [name for name in EXPORTS if name != "parquet" or importlib.util.find_spec("pyarrow")]
    first = {path.name: path.read_bytes() for path in exported(saves, *formats).iterdir()}
    again = {path.name: path.read_bytes() for path in exported(saves, *formats).iterdir()}

    assert set(first) == {
        f"{which}.{name}" for name in formats if name in export.TABLES for which in ("pairs", "runs")
    } | {f"{tool}.json" for tool in action.TOOLS}
    assert again == first
