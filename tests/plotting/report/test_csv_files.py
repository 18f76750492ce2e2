"""The CSV files parse, give a reason for each empty cell, and contain no formula.

Tests plotting.report.csv_files and plotting.table.columns.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from benchmarks.record import MEASURED
from plotting.metrics.registry import METRICS
from plotting.report import csv_files
from plotting.table.columns import IDENTITY, UNMEASURED
from tests.support import made
from tests.support.factory import NO_SENSOR, record, unmeasured

if TYPE_CHECKING:
    from pathlib import Path


def parsed(text: str) -> pd.DataFrame:
    """Return a CSV file as pandas reads it, with words unchanged."""
    return pd.read_csv(io.StringIO(text), keep_default_na=False, na_values={name: [""] for name in METRICS})


def test_a_row_each_measured_pair_and_device(study: pd.DataFrame) -> None:
    """The metrics file has exactly one row for each measured pair and device, in the table's order."""
    measured = study[study["status"] == MEASURED]
    rows = parsed(csv_files.write_measured(study))

    identity = list(IDENTITY)
    assert rows[identity].to_numpy().tolist() == measured[identity].to_numpy().tolist()


@pytest.mark.parametrize("name", METRICS)
def test_values_survive_the_file(study: pd.DataFrame, name: str) -> None:
    """Every metric has a column with the table's values to nine digits, empty if missing."""
    measured = study[study["status"] == MEASURED]
    rows = parsed(csv_files.write_measured(study))

    assert list(rows[name]) == pytest.approx(list(measured[name]), rel=1e-8, nan_ok=True)


def test_the_contracts_columns_are_there(lone: pd.DataFrame) -> None:
    """The columns that other scripts read keep their names."""
    columns = set(parsed(csv_files.write_measured(lone)).columns)

    assert {"device", "model", "precision", "tokens_per_sec", "avg_ram_gb"} <= columns
    assert {"avg_power_watts", "tps_per_watt", "joules_per_token", "not_measured"} <= columns


def test_not_measured_is_empty_and_never_zero(tmp_path: Path) -> None:
    """Without sensor and load time the cells are empty, and `not_measured` gives each reason."""
    text = csv_files.write_measured(made.one(tmp_path, record(power_w=None, load_time_s=None)))
    [row] = csv.DictReader(io.StringIO(text))

    for name in ("joules_per_token", "avg_power_watts", "tps_per_watt", "net_joules_per_token", "load_time_s"):
        assert row[name] == ""
    assert "the clock was not read (load_time_s)" in row["not_measured"]
    energy = "joules_per_token, joules_per_token_uncertainty, energy_uncertainty, avg_power_watts, tps_per_watt"
    assert f"{NO_SENSOR} ({energy}," in row["not_measured"]
    assert row["power_source"] == ""


def test_the_uncertainty_is_in_the_csv_with_its_terms(tmp_path: Path) -> None:
    """The CSV holds the uncertainty of J/token, each term with its source, and whether it includes the gain."""
    stated = record("phi")
    stated["power"]["uncertainty"].append({"name": "gain", "relative": 0.05, "source": "data sheet"})
    table = made.one(tmp_path, record(), stated)
    known, alone = csv.DictReader(io.StringIO(csv_files.write_measured(table)))

    assert float(alone["joules_per_token_uncertainty"]) == pytest.approx(0.0125)
    assert alone["uncertainty_kind"] == "statistical only"
    assert known["uncertainty_kind"] == "with the sensor's gain error"
    assert known["energy_budget"] == "statistical 1.00%: spread of the samples; gain 5.00%: data sheet"
    assert known["phase_uncertainty"] == "preprocess 5.0%; vision 5.0%; prefill 5.0%; decode 5.0%"


def test_every_empty_cell_is_explained(study: pd.DataFrame) -> None:
    """`not_measured` names exactly the metrics with empty cells."""
    for row in csv.DictReader(io.StringIO(csv_files.write_measured(study))):
        empty = {name for name in METRICS if row[name] == ""}
        named = {name for part in row["not_measured"].split("(")[1:] for name in part.partition(")")[0].split(", ")}
        assert named == empty


def test_counts_are_whole(lone: pd.DataFrame) -> None:
    """Runs, tokens and parameters are written without decimals."""
    [row] = csv.DictReader(io.StringIO(csv_files.write_measured(lone)))

    assert (row["runs"], row["failed_runs"], row["new_tokens"], row["parameters"]) == ("10", "0", "16", "1500000")


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_cell_is_a_formula(tmp_path: Path, start: str) -> None:
    """A name or message that a spreadsheet would run is quoted in both files."""
    odd = record()
    odd["pair"]["label"] = f"{start}cmd|' /C calc'!A0"
    failed = unmeasured("phi", "bf16", message=f'{start}HYPERLINK("http://example.org")')
    table = made.one(tmp_path, odd, failed, label=f"{start}1+1")

    for text in (csv_files.write_measured(table), csv_files.write_unmeasured(table)):
        [row] = csv.DictReader(io.StringIO(text))
        assert row["device"] == f"'{start}1+1"
        assert not any(str(cell).startswith(start) for cell in row.values())


def test_commas_quotes_and_other_scripts_survive(tmp_path: Path) -> None:
    """Commas, quotes and letters of any script are read back unchanged."""
    name = 'Größe, "große" 测试'

    assert list(parsed(csv_files.write_measured(made.one(tmp_path, record(), label=name)))["device"]) == [name]


def test_unmeasured_pairs_have_state_and_reason(study: pd.DataFrame) -> None:
    """The file of unmeasured pairs lists failed and never attempted pairs with status and reason."""
    rows = list(csv.DictReader(io.StringIO(csv_files.write_unmeasured(study))))

    columns = ("device", "model", "precision", "status", "reason", "planned", "attempted", "failed_runs")
    assert [tuple(row[column] for column in columns) for row in rows] == [
        (*made.FAILED, "failed", made.OUT_OF_MEMORY, "10", "10", "10"),
        (*made.NEVER, "never attempted", "no save contains this pair", "", "", ""),
    ]


def test_empty_files_keep_their_header(lone: pd.DataFrame, hopeless: pd.DataFrame) -> None:
    """A file without rows has a header anyway."""
    assert csv_files.write_unmeasured(lone) == ",".join(UNMEASURED) + "\n"
    assert parsed(csv_files.write_measured(hopeless)).empty
    assert "tokens_per_sec" in csv_files.write_measured(hopeless)
