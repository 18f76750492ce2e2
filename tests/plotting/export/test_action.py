"""--export=customBiggerIsBetter, customSmallerIsBetter: arrays that github-action-benchmark accepts.

Tests plotting.export.action.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from plotting.__main__ import main
from plotting.export import action
from plotting.metrics.registry import METRICS
from tests.support import made
from tests.support.commands import exported
from tests.support.factory import record, unmeasured

if TYPE_CHECKING:
    from pathlib import Path


def accepted(path: Path) -> list[dict[str, Any]]:
    """Read a file as github-action-benchmark does, but more strictly.

    The action reads a JSON array of objects. It converts name and unit to text and value to a number (null
    to 0). range and extra are optional texts. An empty array is an error. The name identifies a chart. A
    range of plus-minus and a number is parsed.
    """
    (array,) = lines_of_one(path)
    assert array
    for entry in array:
        assert set(entry) - {"range", "extra"} == {"name", "unit", "value"}
        assert all(isinstance(entry[key], str) for key in entry if key != "value")
        assert type(entry["value"]) is float
        assert math.isfinite(entry["value"])
        if "range" in entry:
            found = re.search(r"(?P<prefix>(\+-|±)\s*)(?P<value>\d.*)", entry["range"])
            assert found
            assert float(found["value"]) >= 0
    assert len({entry["name"] for entry in array}) == len(array)
    return list(array)


def lines_of_one(path: Path) -> list[Any]:
    """Return the one JSON value of a file, read strictly."""
    text = path.read_text()
    return [json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))]


def test_the_action_takes_what_is_written(saves: Path) -> None:
    """Each direction's array holds only its metrics, with unit, value and uncertainty, and no null."""
    out = exported(saves, *action.TOOLS)
    table = made.table(saves)
    values = {}
    for tool, bigger in action.TOOLS.items():
        for entry in accepted(out / f"{tool}.json"):
            device, pair, name = entry["name"].split(": ")
            metric = METRICS[name]
            assert (device, metric.higher_is_better, metric.unit) == ("Jetson Thor", bigger, entry["unit"])
            values[pair, name] = entry
    for name, metric in METRICS.items():
        for pair in (("Phi", "fp16"), ("LLaVA", "fp16")):
            value = made.row(table, *pair)[name]
            charted = metric.higher_is_better is not None and not pd.isna(value)
            assert ((" ".join(pair), name) in values) == charted
            if charted:
                assert values[" ".join(pair), name]["value"] == value
    assert values["LLaVA bf16", "failed_runs"]["value"] == 10
    assert values["LLaVA bf16", "failed_runs"]["extra"].startswith("failed: llava-bf16: all 10 runs failed")
    assert [name for pair, name in values if pair == "LLaVA bf16"] == ["failed_runs"]
    assert [pair for pair, _ in values if pair == "Phi bf16"] == []


def test_the_action_gets_the_uncertainty(tmp_path: Path) -> None:
    """Energy per token has its standard uncertainty as range; a metric without one has no range."""
    made.on(tmp_path, [record("phi")])
    found = {
        e["name"].rpartition(" ")[2]: e
        for e in accepted(exported(tmp_path, *action.TOOLS) / "customSmallerIsBetter.json")
    }

    assert found["joules_per_token"]["range"] == "± 0.0125"  # 1% of 40 W x 0.5 s / 16 tokens
    assert "range" not in found["ttft_p50_s"]
    assert found["ttft_p50_s"]["extra"].splitlines() == [
        "10 good runs, 0 failed", "mini weights, 16 new tokens, batch 1", "workload hash-of-16", "save 0001_thor.json",
    ]  # fmt: skip


def test_what_is_not_ranked_is_not_charted(tmp_path: Path) -> None:
    """Energy from a sensor that misses the device, and pairs with non-finite logits, are left out."""
    aside, odd = record("phi"), record("llava")
    aside["power"]["scope_mismatch"] = True
    odd["health"]["finite_logits"] = False
    made.on(tmp_path, [aside, odd])
    out = exported(tmp_path, *action.TOOLS)
    names = {entry["name"].partition(": ")[2] for tool in action.TOOLS for entry in accepted(out / f"{tool}.json")}

    assert "Phi bf16: tokens_per_sec" in names
    assert not [name for name in names if "Phi" in name and ("joules" in name or "watt" in name)]
    assert {name for name in names if "LLaVA" in name} == {"LLaVA bf16: failed_runs"}


def test_names_do_not_break_the_actions_tables(tmp_path: Path) -> None:
    """Backquotes and bars in a device's name are replaced, because they would break tables."""
    made.on(tmp_path, [record("phi")], label="a`b|c")
    found = accepted(exported(tmp_path, "customBiggerIsBetter") / "customBiggerIsBetter.json")

    assert found[0]["name"] == "a'b/c: Phi bf16: tokens_per_sec"


def test_nothing_for_the_action_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a value for a direction no file is written, because the action refuses an empty one."""
    made.on(tmp_path, [unmeasured("phi", "bf16")])
    out = tmp_path / "out"

    assert main(["--results", str(tmp_path), "--out", str(out), "--export=customBiggerIsBetter"]) == 2
    assert capsys.readouterr().err == (
        "python -m plotting: --export=customBiggerIsBetter: no pair has a value for it, and github-action-benchmark "
        "refuses an empty file; type python -m plotting --export=csv to see why each is missing.\n"
    )
    assert not out.exists()
