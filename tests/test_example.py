"""The committed example and the page of the models are what their commands make, and README shows the example."""

import csv
import json
import re
import statistics
from pathlib import Path
from typing import Any

import pytest

from benchmarks import summary
from benchmarks.formatting import format_number
from benchmarks.models import MODELS
from benchmarks.planning import preview
from benchmarks.record.headline import compute_tokens_per_sec
from plotting.__main__ import main
from plotting.metrics.registry import METRICS
from tests.support import product
from tests.support.markdown import find_section, list_blocks, list_rows
from tests.support.models_page import build_page

README = (product.ROOT / "README.md").read_text()
EXAMPLE = product.ROOT / "docs/example"


@pytest.mark.parametrize(("saves", "folder"), [("*_example", "docs/example"), ("*_random", "docs/example/random")])
def test_the_example_is_what_its_command_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], saves: str, folder: str
) -> None:
    """The committed texts of the example are those that the command beside them makes from the committed saves."""
    assert f"python -m plotting '{saves}' --out {folder}" in (product.ROOT / "CONTRIBUTING.md").read_text()
    monkeypatch.chdir(product.ROOT)
    assert main([saves, "--out", str(tmp_path), "--dpi=50"]) == 0  # the texts are the same at any resolution
    if folder == "docs/example":
        assert capsys.readouterr().out.splitlines()[-1] in list_blocks(README)[3].splitlines()

    for made in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        committed = product.ROOT / folder / made.relative_to(tmp_path)
        assert committed.exists(), made.name
        if made.suffix != ".png":
            assert committed.read_text() == made.read_text(), made.name


def test_the_page_of_models_is_what_its_command_makes() -> None:
    """The committed page of the models is what the command that it names makes from the registry."""
    page = (product.ROOT / "docs/models.md").read_text()

    assert "`python -m tests.support.models_page > docs/models.md`" in page
    assert build_page("forkserver") == page


def test_the_full_size_example_is_sane() -> None:
    """The save of a full-size model with random weights adds up, names its bandwidth, and took less than 2 GB."""
    [bench] = _read_save("random")["benchmarks"]
    record = bench["extra_info"]
    runs = record["runs"]
    marks = zip(*(runs[name] for name in ("preprocess_s", "vision_s", "prefill_s", "decode_s")), strict=True)

    assert [sum(parts) for parts in marks] == pytest.approx(runs["latency_s"], rel=0.01)
    assert (record["pair"]["id"], record["workload"]["new_tokens"], len(runs["run"])) == ("smolvlm2-256m-bf16", 16, 5)
    assert record["checkpoint"]["parameters"] == MODELS["smolvlm2-256m"].parameters
    assert record["memory"]["ram_peak_bytes"] < 2_000_000_000
    assert record["numerics"]["first_nonfinite"] is None
    assert record["roofline"]["bandwidth_source"].startswith("measured: copy within the device's memory")
    assert 0 < METRICS["mbu"].compute(record) < 1


def _read_save(name: str) -> Any:
    [path] = (product.ROOT / "results").rglob(f"*_{name}.json")
    return json.loads(path.read_text())


def test_readmes_table_is_the_examples() -> None:
    """README's table has the values of the example's page, and its conditions; its remarks agree with the CSV."""
    page = (EXAMPLE / "README.md").read_text()
    found = {tuple(row[1:3]): (row[3], row[5], row[11]) for row in list_rows(find_section(page, "## Results"))}
    section = find_section(README, "## The example")
    header, *rows = list_rows(section)
    conditions = [line for line in section.splitlines() if line.startswith("- ")]
    with (EXAMPLE / "vision_model_metrics.csv").open() as file:
        measured = list(csv.DictReader(file))

    assert header[1:] == [f"{name} {kind}" for name in ("tokens/s", "TTFT s", "RAM GB") for kind in ("fp16", "bf16")]
    assert len(rows) == 6
    for model, *values in rows:
        assert values == [
            value for both in zip(found[model, "fp16"], found[model, "bf16"], strict=True) for value in both
        ]
    assert len(conditions) == 1
    assert conditions[0] in page.splitlines()
    assert re.search(r"[\d.]+ to [\d.]+ million parameters", section)[0] in page  # type: ignore[index]
    assert {row["joules_per_token"] for row in measured} == {""}


def test_readmes_output_is_real() -> None:
    """The session that README shows is the example's, cell by cell, and its headers are those of the commands."""
    lines = list_blocks(README)[3].splitlines()
    records = {bench["extra_info"]["pair"]["id"]: bench["extra_info"] for bench in _read_save("example")["benchmarks"]}
    start = next(place for place, line in enumerate(lines) if re.split(r"\s{2,}", line) == list(summary.HEADER))

    for line in lines[start + 1 : lines.index("", start)]:
        pair, *cells = line.split()
        runs, ram = records[pair]["runs"], records[pair]["memory"]["ram_avg_bytes"] / 1e9
        numbers = (compute_tokens_per_sec(runs), statistics.median(runs["ttft_s"]), None, ram)
        written = ["-" if number is None else format_number(number) for number in numbers]
        assert cells == [*written, f"0/{len(runs['run'])}"]
    assert [*preview.HEADER, "verdict"] in [re.split(r"\s{2,}", line) for line in lines]
