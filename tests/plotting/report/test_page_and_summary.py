"""The results page and the summary contain everything that they must.

Tests plotting.analysis.conditions, plotting.report.page and plotting.report.summary.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plotting.analysis.observations import list_observations
from plotting.analysis.ranking import CATEGORIES, HEADLINES, rank, split_for_ranking
from plotting.figures import FIGURES
from plotting.metrics.registry import METRICS, format_value
from plotting.report import page, summary
from tests.support import made
from tests.support.factory import NO_SENSOR, record, unmeasured

if TYPE_CHECKING:
    import pandas as pd

FILES = [Path("results/thor/0001_thor.json"), Path("results/dell/0002_dell.json")]


def flat(text: str) -> str:
    """Return a text without its line breaks, escapes and runs of blanks."""
    return " ".join(re.sub(r"\\([\\`*_\[\]<>|#~$.])", r"\1", text).split())


def both(table: pd.DataFrame) -> list[str]:
    """Return page and summary of a table as flat text."""
    return [flat(page.write_page(table, FILES, [])), flat(summary.write_summary(table, []))]


@pytest.fixture(scope="module")
def study_page(study: pd.DataFrame) -> str:
    """Return the study's page."""
    return page.write_page(study, FILES, [])


@pytest.fixture(scope="module")
def study_summary(study: pd.DataFrame) -> str:
    """Return the study's summary."""
    return summary.write_summary(study, [])


def section(text: str, title: str) -> str:
    """Return the part of a page under a second-level heading."""
    [found] = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return str(found)


def test_a_negligible_uncertainty_is_shown_as_less_than_something(tmp_path: Path) -> None:
    """The rounding error of a constant sensor is shown as less than 0.05% of the value, not as a row of zeros."""
    steady = record()
    steady["power"]["uncertainty"] = [{"name": "statistical", "relative": 3.5e-15, "source": "spread"}]
    table = made.one(tmp_path, steady)

    assert summary.format_cell(table.iloc[0], "joules_per_token_uncertainty") == "<0.000625 stat."
    assert table.iloc[0]["energy_budget"] == "statistical <0.01%: spread"
    assert "0.00000" not in summary.write_summary(table, [])


@pytest.mark.parametrize(("kind", "mode"), [("jetson-thor", "not read"), ("gb10", "none")])
def test_only_a_jetson_lacks_a_power_mode(tmp_path: Path, kind: str, mode: str) -> None:
    """A Jetson's unknown power mode is "not read"; another machine has none."""
    made.on(tmp_path, [record()], kind=kind)

    assert f"| {kind} | {mode} |" in page.write_page(made.table(tmp_path), FILES, [])


def test_page_names_what_was_measured(study_page: str) -> None:
    """The page lists date, devices, models with checkpoints, precisions, and saves."""
    assert "Measured 2026-11-23 by edge-vlm-bench, from 2 saves." in study_page
    assert "Precisions: fp16, bf16." in study_page
    for name in (*made.DEVICES, *made.MODELS.values(), "SmolVLM2-2.2B-Instruct", "0001_thor.json", "0002_dell.json"):
        assert name in flat(study_page)
    assert f"| {made.THOR} | jetson-thor | not read | none | 2.14.1 | 5.23.0 | 11 of 12 |" in study_page


@pytest.mark.parametrize("name", FIGURES)
def test_page_shows_and_explains_every_figure(study_page: str, name: str) -> None:
    """The page shows every figure under its title, with its explanation, linked by its file name."""
    figures = section(study_page, "Figures")

    assert f"]({name})" in figures
    assert f"![{FIGURES[name].title}" in figures
    assert f"### {FIGURES[name].title}" in figures
    assert FIGURES[name].explanation in flat(figures)


@pytest.mark.parametrize("name", ["vision_model_metrics.csv", "unmeasured_pairs.csv", "benchmark_summary_report.txt"])
def test_page_links_the_data(lone: pd.DataFrame, name: str) -> None:
    """The page links each data file."""
    assert f"[{name}]({name})" in page.write_page(lone, FILES, [])


@pytest.mark.parametrize("name", HEADLINES)
def test_page_has_the_top_three(study_page: str, study: pd.DataFrame, name: str) -> None:
    """The key findings list the top three of throughput, efficiency and energy, with value and unit."""
    findings = flat(section(study_page, "Key findings"))

    assert f"**{METRICS[name].axis}, {METRICS[name].direction}**" in findings
    for found in rank(study, name):
        where = f"{found.place}. {found.model} on {found.device}, {found.precision}"
        assert f"{where}: {format_value(found.value)} {METRICS[name].unit}" in findings


def test_ties_keep_their_place_on_the_page(tmp_path: Path) -> None:
    """Places 1, 1 and 3 keep their numbers, because they do not start a Markdown list."""
    table = made.one(tmp_path, *(record(m, latency_s=s) for m, s in (("llava", 0.1), ("phi", 0.1), ("smolvlm2", 1.0))))
    findings = section(page.write_page(table, FILES, []), "Key findings")

    lines = [line for line in findings.partition("**Efficiency")[0].splitlines() if line.startswith("- ")]
    assert [line.split()[1:3] for line in lines] == [["1\\.", "LLaVA"], ["1\\.", "Phi"], ["3\\.", "SmolVLM2"]]
    assert not re.search(r"^\d+\. ", findings, re.MULTILINE)


@pytest.mark.parametrize("name", CATEGORIES)
def test_summary_has_the_top_three(study_summary: str, study: pd.DataFrame, name: str) -> None:
    """The summary lists the top three of every category, in order, for each group that is ranked separately."""
    lines = study_summary.splitlines()
    for part in split_for_ranking(study, name):
        kind = f", {part.words}" if part.words else ""
        start = lines.index(f"{METRICS[name].axis}, {METRICS[name].direction}{kind}")

        expected = [f"  {summary.describe_place(found, METRICS[name].unit)}" for found in rank(part.table, name)]
        assert len(expected) >= 3
        if len(expected) > summary.MOST_PLACES:
            more = len(expected) - summary.MOST_PLACES
            expected = [*expected[: summary.MOST_PLACES], f"  and {more} more, tied with these"]
        assert lines[start + 1 : start + 1 + len(expected)] == expected


def test_ties_are_marked(tmp_path: Path) -> None:
    """Equal values are marked as a tie in page and summary."""
    for text in both(made.one(tmp_path, record("phi"), record("llava"))):
        assert f"1. LLaVA on {made.THOR}, bf16: 32.0 tokens/s (tie)" in text
        assert f"1. Phi on {made.THOR}, bf16: 32.0 tokens/s (tie)" in text


def test_observations_are_there(study_page: str, study_summary: str, study: pd.DataFrame) -> None:
    """Page and summary contain every observation."""
    said = list_observations(study)

    assert len(said) == 6
    for text in map(flat, (study_page, study_summary)):
        assert [sentence for sentence in said if flat(sentence) not in text] == []


def test_too_few_pairs_are_said(lone: pd.DataFrame) -> None:
    """With one pair, page and summary say that an observation needs more."""
    for text in both(lone):
        assert "None: too few pairs." in text


def test_what_failed_and_why(study_page: str, study_summary: str) -> None:
    """Page and summary list each pair that failed, with its message, and each that was never attempted."""
    for text in map(flat, (study_page, study_summary)):
        assert f"{made.THOR}, Gemma3N, fp16: failed, {made.OUT_OF_MEMORY}." in text
        assert "Laptop, Phi, fp16: never attempted, no save contains this pair." in text


def test_everything_measured_is_said(tmp_path: Path) -> None:
    """If nothing is missing, page and summary say so."""
    for text in both(made.one(tmp_path, record())):
        assert "Every pair and every category above was measured." in text


def test_how_power_was_measured(study_page: str, study_summary: str) -> None:
    """The page's notes and the summary's conditions say for each device how power was measured."""
    how = "gpu, integration, NVML, driver 580.1"
    notes = flat(section(study_page, "Notes"))

    assert all(f"{device}: {how}" in notes for device in made.DEVICES)
    assert f"Power: {made.THOR}: {how}; Laptop: {how}; Workstation: {how}." in flat(study_summary)


def test_no_sensor_is_said_with_its_reason(powerless: pd.DataFrame) -> None:
    """Without a sensor, page and summary say "not measured" and why in place of energy rankings, and show no 0."""
    text, short = page.write_page(powerless, FILES, []), summary.write_summary(powerless, [])

    findings = flat(section(text, "Key findings"))
    assert findings.count(f"Not measured: {NO_SENSOR}.") == 2
    assert short.count(f"  not measured: {NO_SENSOR}") == 2
    for said in (flat(text), flat(short)):
        assert f"{made.THOR}: not measured, {NO_SENSOR}" in said
        assert f"{made.THOR}, efficiency, energy per token: {NO_SENSOR}." in said
    assert (
        f"| {made.THOR} | LLaVA | fp16 | 32.0 | 30.8 to 32.0 | 0.100 |  |  |  |  |  | 6.00 | 0.0373 | 3.00 | 0 |"
        in text
    )


def test_gross_net_and_uncertainty_stand_side_by_side(tmp_path: Path) -> None:
    """Page and summary show J/token, its uncertainty, marked if it is statistical only, and net J/token."""
    stated = record("phi")
    stated["power"]["uncertainty"].append({"name": "gain", "relative": 0.05, "source": "data sheet"})
    table = made.one(tmp_path, record(), stated)
    text, short = page.write_page(table, [], []), summary.write_summary(table, [])

    assert "| J/token | ± (k=1) | net J/token |" in text
    assert "| 1.25 | 0.0125 stat. | 0.938 |" in text
    assert "| 1.25 | 0.0637 | 0.938 |" in text
    (unknown,) = [line for line in short.splitlines() if "0.0125 stat." in line]
    assert " ".join(unknown.split()[-10:-4]) == "1.25 0.0125 stat. 0.938 0.800 40.0"
    for said in (flat(text), flat(short)):
        assert (
            f"{made.THOR}: the uncertainty of the energy is ± 1.0% to 5.1% (standard uncertainty, k=1; statistical only"
            in said
        )


def test_invalid_rows_are_warned_about(tmp_path: Path) -> None:
    """The page warns of a row with an MBU over 1, and of one measured despite an overflow."""
    over, odd = record("phi"), record("gemma3n", "fp16")
    over["roofline"]["bandwidth_bytes_per_s"] = 5e9
    odd["numerics"] |= {"first_nonfinite": "model.vision_tower.conv", "nonfinite_kind": "inf", "allowed": True}
    text = flat(page.write_page(made.one(tmp_path, over, odd), [], []).replace("\\", ""))

    assert "Phi: MBU would be 2.03: bytes, time or peak are wrong, so this row is invalid" in text
    assert "Gemma3N: measured although the output of model.vision_tower.conv is not finite" in text


def test_generated_text_is_shown(tmp_path: Path) -> None:
    """The page shows the text that published weights generated for a photograph, on one line, if there is any."""
    sampled = record("phi", weights="hub")
    sampled["sample"] = {"image": "rocket.jpg", "prompt": "What is it?", "text": "A rocket\non its | pad."}

    text = page.write_page(made.one(tmp_path, sampled), [], [])
    assert "| Phi | bf16 | Jetson Thor | rocket.jpg | What is it? | A rocket on its \\| pad. |" in text
    assert "Text that the models generated" in text
    assert "Text that the models generated" not in page.write_page(made.one(tmp_path / "b", record("phi")), [], [])


def test_warnings_and_remarks_are_shown(tmp_path: Path) -> None:
    """The page shows the warnings about a Record's power, and how its model differs from the published one."""
    flagged = record()
    flagged["power"] |= {"flags": ["Only 7 samples."], "scope_mismatch": True}
    flagged["checkpoint"]["remarks"] = ["The vision tower is smaller."]
    notes = flat(section(page.write_page(made.one(tmp_path, flagged), FILES, []), "Notes"))

    assert "Warnings: - SmolVLM2: Only 7 samples." in notes
    assert "About the models: - SmolVLM2: The vision tower is smaller." in notes
    assert "(scope mismatch: not ranked)" in notes


def test_files_left_out_are_named(lone: pd.DataFrame) -> None:
    """Page and summary list the reader's problems; without any the summary says "None."."""
    problem = "results/0003_x.json: is no JSON (empty, cut off or damaged); left out"

    assert f"Files left out: - {problem}" in flat(page.write_page(lone, FILES, [problem]))
    assert problem in flat(summary.write_summary(lone, [problem]))
    assert summary.write_summary(lone, []).endswith("Files left out\n--------------\nNone.\n")


def test_names_are_no_markdown(tmp_path: Path) -> None:
    """Links, tags, emphasis, code and cell borders in names and messages are escaped."""
    odd = record()
    odd["pair"]["label"] = "[x](http://e.org) | **b** <img src=x> `c` _d_"
    failed = unmeasured("phi", "bf16", message="# <script>alert(1)</script>")
    text = page.write_page(made.one(tmp_path, odd, failed, label="A|B"), [Path("~x~.json")], ["a_b_.json: no"])

    assert r"\[x\](http:&#8203;//e.org) \| \*\*b\*\* \<img src=x\> \`c\` \_d\_" in text
    assert r"\# \<script\>alert(1)\</script\>" in text
    assert r"a\_b\_.json: no" in text
    assert r"\~x\~.json" in text
    assert not re.search(r"(?<!\\)<|(?<!\\)\[x|A\|B", text)


def test_tables_of_the_page_are_whole(study_page: str) -> None:
    """Every row of a table on the page has as many cells as its header."""
    rows = [line for line in study_page.splitlines() if line.startswith("|")]
    blocks = "\n".join(line if line.startswith("|") else "" for line in study_page.splitlines())

    assert len(rows) > 36
    for block in re.split(r"\n{2,}", blocks.strip()):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1, block


def test_breakdown_has_every_pair(study_summary: str) -> None:
    """The summary's breakdown lists every device and precision of each model, with a status if not measured."""
    breakdown = study_summary[study_summary.index("Model by model") : study_summary.index("Quick reference")]

    for model in made.MODELS.values():
        [lines] = re.findall(rf"^{model}\n((?:  .*\n?)+)", breakdown, flags=re.MULTILINE)
        rows = [line.split() for line in lines.splitlines()[1:]]
        places = [f"{device} {precision}".split() for device in made.DEVICES for precision in made.PRECISIONS]
        assert [row[: len(place)] for row, place in zip(rows, places, strict=True)] == places
    assert re.search(r"Jetson Thor +fp16 +failed", breakdown)
    assert re.search(r"Laptop +fp16 +never attempted", breakdown)


def test_quick_reference(study_summary: str, study: pd.DataFrame) -> None:
    """The quick reference counts pairs by status, and gives number, minimum, median and maximum of each metric."""
    speeds = study["tokens_per_sec"]

    assert "Pairs: 1 failed, 34 measured, 1 never attempted." in study_summary
    expected = ["Throughput", "tokens/s", "34", *map(format_value, (speeds.min(), speeds.median(), speeds.max()))]
    assert expected in [line.split() for line in study_summary.splitlines()]


def test_dates_are_a_span(tmp_path: Path) -> None:
    """Saves of several days have a date range."""
    made.on(tmp_path, [record("phi")], datetime="2026-11-23T23:00:00+00:00")
    made.on(tmp_path, [record("llava")], datetime="2026-11-21T01:00:00+00:00")

    assert summary.describe_dates(made.table(tmp_path)) == "2026-11-21 to 2026-11-23"


def test_summary_fits_a_terminal(study_summary: str) -> None:
    """No sentence of the summary is wider than 100 characters."""
    sentences = [line for line in study_summary.splitlines() if "  " not in line.strip()]

    assert max(map(len, sentences)) <= summary.WIDTH


def test_nothing_measured_is_said(hopeless: pd.DataFrame) -> None:
    """If every pair failed, page and summary say that nothing was measured, and show every message."""
    for text in both(hopeless):
        assert "Nothing was measured." in text
        assert "llava-fp16: all 10 runs failed, first with RuntimeError: no." in text
        assert "phi-bf16: all 10 runs failed, first with RuntimeError: no." in text
