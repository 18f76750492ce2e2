"""README, CONTRIBUTING and the example say what is true of the code."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from _pytest.config.argparsing import Parser

from benchmarks import options
from benchmarks.machine import sysfs
from benchmarks.models import MODELS
from benchmarks.models.__main__ import COMMAND, make
from benchmarks.power import MONITORS
from plotting.figures import FIGURES
from plotting.metrics.registry import METRICS
from tests.support import product

if TYPE_CHECKING:
    from pathlib import Path

README = (product.ROOT / "README.md").read_text()
CONTRIBUTING = (product.ROOT / "CONTRIBUTING.md").read_text()
EXAMPLE = product.ROOT / "docs/example"
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/models.md", "docs/other-tools.md")


def test_the_two_commands_come_first() -> None:
    """README's first commands are the two that work in a fresh clone, and CI runs the second one as it stands."""
    blocks = re.findall(r"^```\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    start = "python3 -m venv .venv && .venv/bin/pip install tox && .venv/bin/tox run -e "

    assert blocks[0].strip() == f"{start}bench"
    assert blocks[1].strip() == f"{start}tests"
    assert blocks[1].strip() in (product.ROOT / ".ci/run").read_text().splitlines()


def test_the_other_root_is_documented() -> None:
    """README names the variable that says below which folder the machine's files are."""
    assert f"`{sysfs.ROOT}=" in README


def test_every_option_is_documented() -> None:
    """Each option that the suite adds to pytest stands in README's table."""
    source = (product.ROOT / "benchmarks/options.py").read_text()
    options = re.findall(r'add_option\(\s*"(--[\w-]+)"', source)

    assert len(options) >= 12
    assert [option for option in options if f"`{option}" not in README] == []


def test_the_defaults_are_those_of_the_table() -> None:
    """What an option is when it is not typed is what README's table says."""
    parser = Parser(_ispytest=True)
    options.add(parser)
    found = vars(parser.parse([]))
    shown: dict[str, str] = dict(re.findall(r"^\| `(--[^\n]*?)` \| [^\n]* \| ([^|\n]*) \|$", README, re.MULTILINE))

    def default(name: str) -> str:
        return next(cell for option, cell in shown.items() if option.startswith(name))

    assert default("--weights") == found["weights"] == "hub"
    assert default("--runs") == f"{found['runs']}, {found['warmup_runs']}" == "100, 3"
    assert default("--new-tokens") == f"{found['new_tokens']}, {found['batch_size']}" == "64, 1"
    assert default("--torch-device") == found["torch_device"] == default("--power-monitor") == found["power_monitor"]
    assert default("--isolation") == found["isolation"]
    assert default("--run-timeout") == f"{found['run_timeout']:g}"


@pytest.mark.parametrize("name", [*MODELS, *MONITORS, *FIGURES, "vision_model_metrics.csv", "unmeasured_pairs.csv"])
def test_every_name_is_documented(name: str) -> None:
    """Each model, sensor and product has its name in README."""
    assert name in README


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    """Each relative link and picture of a document leads to a file of the checkout, or to a heading."""
    text = (product.ROOT / document).read_text()
    headings = {_anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("https://"):
            assert (product.ROOT / target).exists(), target


def _anchor(heading: str) -> str:
    """Return the anchor that a Markdown page gives a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize(("saves", "folder"), [("*_example", "docs/example"), ("*_random", "docs/example/random")])
def test_the_example_is_what_its_command_makes(tmp_path: Path, saves: str, folder: str) -> None:
    """The committed texts of the example are those that the command beside them makes from the committed saves."""
    assert f"python -m plotting '{saves}' --out {folder}" in CONTRIBUTING
    done = product.plotting(saves, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr

    for made in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        committed = product.ROOT / folder / made.relative_to(tmp_path)
        assert committed.exists(), made.name
        if made.suffix != ".png":
            assert committed.read_text() == made.read_text(), made.name


def test_the_page_of_models_is_what_its_command_makes() -> None:
    """The committed page of the models is what the command that it names makes from the registry."""
    page = (product.ROOT / "docs/models.md").read_text()

    assert f"`{COMMAND}`" in page
    assert make("forkserver") == page


def test_the_full_size_example_is_sane() -> None:
    """The save of a full-size model with random weights adds up, names its bandwidth, and took less than 2 GB."""
    (path,) = (product.ROOT / "results").rglob("*_random.json")
    (bench,) = json.loads(path.read_text())["benchmarks"]
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


def test_readmes_table_is_the_examples() -> None:
    """Each row of README's table, and its line of conditions, stands in the example's page as it was generated."""
    pages = [(EXAMPLE / name).read_text().splitlines() for name in ("README.md", "random/README.md")]
    page = [line for lines in pages for line in lines]
    shown = README.partition("\n## The example\n")[2].partition("\n## ")[0].splitlines()
    rows = [line for line in shown if line.startswith("|")]

    assert len(rows) == 2 + 12 + 2 + 1
    assert [row for row in rows if row not in page] == []
    assert [line for line in shown if line.startswith("- ") and line not in page] == []
