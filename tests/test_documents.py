"""README, CONTRIBUTING and the pages in docs/ agree with the code."""

import importlib.util
import re
import sys
from typing import Any

import pytest
from _pytest.config.argparsing import Parser

from benchmarks import plugin
from benchmarks.machine import sysfs
from benchmarks.models import MODELS
from benchmarks.power import AUTO, MONITORS
from benchmarks.power.sensors.rails import BOARDS
from plotting.figures import FIGURES
from plotting.metrics.registry import METRICS
from tests.support import product
from tests.support.markdown import find_section, list_anchors, list_blocks, list_rows

DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *sorted(f"docs/{p.name}" for p in (product.ROOT / "docs").glob("*.md")),
)
TEXTS = {name: (product.ROOT / name).read_text() for name in DOCUMENTS}
README, CONTRIBUTING, CLI = TEXTS["README.md"], TEXTS["CONTRIBUTING.md"], TEXTS["docs/cli.md"]
CI = (product.ROOT / ".ci/run").read_text()
DEFAULTS_IN_WORDS = {
    "--models": "the six below",
    "--precisions": "both",
    "--images": "four built in",
    "--prompts": "three built in",
    "--device-label": "detected",
    "--start-method": "by weights",
    "--ram-floor": "by device",
    "--revision": "the pinned one",
}
"""The defaults that depend on the session, as docs/cli.md describes them."""
WORDS = {"pair", "run", "warmup", "window", "save", "series", "scope", "coverage", "decode step", "phase"}
WORDS |= {"budget of uncertainty", "baseline", "side", "verdict", "gate", "segment", "journal", "record", "work group"}


def read_documented_defaults(heading: str) -> dict[str, str]:
    """Return {option: default} of an option table of docs/cli.md; each option has one row."""
    table = find_section(CLI, heading).partition("\n### ")[0]
    rows = [row for row in list_rows(table) if row[0].startswith("`--")]
    found = {re.split(r"[= `]", row[0].strip("`"))[0]: row[1] for row in rows}
    assert len(found) == len([row for row in rows if len(row) == 3])
    return found


def describe_default(name: str, default: Any) -> str:
    """Return a default as docs/cli.md writes it."""
    if default is None or default == []:
        return DEFAULTS_IN_WORDS[name]
    if isinstance(default, bool):
        return "on" if default else "off"
    return default if isinstance(default, str) else f"{default:g}"


def list_suite_options() -> dict[str, Any]:
    """Return {option: default} of the options that the suite adds to pytest."""
    parser = Parser(_ispytest=True)
    plugin.pytest_addoption(parser)
    return {option.names()[0]: option.attrs().get("default") for option in parser.getgroup("edge-vlm-bench").options}


def test_the_two_commands_come_first() -> None:
    """README's first commands are the two that work in a fresh clone, and CI runs the second one as it stands."""
    blocks = list_blocks(README)
    start = "python3 -m venv .venv && .venv/bin/pip install tox && .venv/bin/tox run -e "

    assert blocks[0].strip() == f"{start}bench"
    assert blocks[1].strip() == f"{start}tests"
    assert blocks[1].strip() in CI.splitlines()


@pytest.mark.parametrize(
    ("document", "until", "most"), [("README.md", None, 800), ("docs/faults.md", "| Fault |", 200)]
)
def test_what_is_read_first_is_short(document: str, until: str | None, most: int) -> None:
    """README has at most 800 words, and the top of docs/faults.md at most 200."""
    assert len(TEXTS[document].partition(until)[0].split() if until else TEXTS[document].split()) <= most


def test_every_option_is_documented_with_its_default() -> None:
    """docs/cli.md has one row for each option that the suite adds to pytest, with its default, and no other row."""
    options = list_suite_options()

    assert len(options) >= 24
    assert read_documented_defaults("## `pytest benchmarks`") == {
        name: describe_default(name, default) for name, default in options.items()
    }


@pytest.mark.parametrize(
    ("heading", "command"),
    [
        ("## `python -m plotting [SAVE ...]`", ("plotting",)),
        ("## `python -m plotting compare SAVE [SAVE ...]`", ("plotting", "compare")),
        ("## `python -m benchmarks.power`", ("benchmarks.power",)),
    ],
)
def test_every_option_of_a_command_is_documented(heading: str, command: tuple[str, ...]) -> None:
    """docs/cli.md has one row for each option in a command's --help, with the default that it names."""
    done = product.run([sys.executable, "-m", *command, "--help"])
    options = dict(re.findall(r"^  (?:-h, )?(--[\w-]+)(.*?)(?=^  -|\Z|\n\n)", done.stdout, re.MULTILINE | re.DOTALL))
    assert options.pop("--help", None) is not None
    shown = read_documented_defaults(heading)

    assert set(shown) == set(options)
    for name, text in options.items():
        named = re.search(r"default:\s+([^\s;)]+)", text)
        assert shown[name] == (named[1] if named else shown[name]), name
        assert named or shown[name] in ("off", "none"), name


def test_the_other_root_is_documented() -> None:
    """The variable that says below which folder the machine's files are is documented."""
    assert f"`{sysfs.ROOT}=" in CLI
    assert f"`{sysfs.ROOT}=" in TEXTS["docs/devices.md"]


@pytest.mark.parametrize("name", MODELS)
def test_every_model_is_documented(name: str) -> None:
    """Each model stands in docs/cli.md's table: a default one in the first column, a variant beside its family."""
    rows = list_rows(find_section(CLI, "### Models"))

    assert sum(f"`{name}`" in (row[0] if MODELS[name].default else row[2]) for row in rows) == 1


def test_every_sensor_is_documented() -> None:
    """Each sensor has a row in docs/cli.md and a mention in docs/devices.md; both have the order of `auto`."""
    rows = [row[0] for row in list_rows(find_section(CLI, "### Power sensors"))[1:]]
    order = ", ".join(f"`{name}`" for name in AUTO)

    assert sorted(re.split(r"[`:]", row)[1] for row in rows) == sorted(["auto", "none", *MONITORS])
    for name in MONITORS:
        assert re.search(rf"`(--power-monitor=)?{name}\b", TEXTS["docs/devices.md"]), name
    assert order in CLI
    assert order in TEXTS["docs/devices.md"]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_board_is_documented(board: Any) -> None:
    """docs/devices.md has the name of each board, its rails for GPU and SoC, and those of the whole."""
    page = TEXTS["docs/devices.md"]

    assert board.name in page
    for chosen in (board.gpu_soc, board.whole):
        if chosen is not None:
            assert " + ".join(chosen.labels) in page
            assert chosen.scope in page


@pytest.mark.parametrize("name", [*FIGURES, "vision_model_metrics.csv", "unmeasured_pairs.csv", "figures-data/"])
def test_every_product_is_documented(name: str) -> None:
    """Each product has a row in docs/cli.md."""
    assert [f"`{name}`"] == [row[0] for row in list_rows(find_section(CLI, "### What it writes")) if name in row[0]]


def test_every_metric_is_documented() -> None:
    """docs/measurement.md names each metric once, and no other."""
    assert sorted(re.findall(r"`(\w+)`", find_section(TEXTS["docs/measurement.md"], "## All metrics"))) == sorted(
        METRICS
    )


def test_every_page_is_listed() -> None:
    """docs/README.md says who should read each page of docs/."""
    missing = [
        name for name in DOCUMENTS if name.startswith("docs/") and f"]({name[5:]})" not in TEXTS["docs/README.md"]
    ]
    assert missing == ["docs/README.md"]


def test_a_word_is_explained_once() -> None:
    """docs/glossary.md explains each word once, in one sentence."""
    found = re.findall(
        r"^\* \*\*(.+?)\*\*: (.+?)(?=\n\*|\n\n|\n\Z)", TEXTS["docs/glossary.md"], re.MULTILINE | re.DOTALL
    )
    names = [name.lower() for name, _ in found]

    assert len(set(names)) == len(names)
    assert set(names) >= WORDS
    assert [name for name, text in found if not re.fullmatch(r"[^.]*(\.\w[^.]*)*\.", text)] == []


def test_every_folder_and_ci_environment_is_documented() -> None:
    """CONTRIBUTING has each folder of the code, and a row for each tox environment that CI runs."""
    folders = [
        p.parent.name for name in ("benchmarks", "plotting") for p in (product.ROOT / name).glob("*/__init__.py")
    ]
    environments = re.findall(r"[\w]+", " ".join(re.findall(r"tox run -e ([\w,]+)", CI)))
    tree = find_section(CONTRIBUTING, "## Where things are")

    assert [name for name in folders if f"  {name}/ " not in tree] == []
    assert [row[0].strip("`") for row in list_rows(find_section(CONTRIBUTING, "## What CI runs"))[1:]] == environments


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    """Each relative link and picture leads to a file of the checkout, and to a heading where it names one."""
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[document]):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        path = (product.ROOT / document).parent / name if name else product.ROOT / document
        assert path.exists(), target
        assert not anchor or anchor in list_anchors(path.read_text()), target


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name != "CHANGELOG.md"])
def test_commands_exist(document: str) -> None:
    """Each option, module, environment and test that a document's commands name is there."""
    text = TEXTS[document]
    suite = list_suite_options()
    for options in re.findall(r"pytest benchmarks((?: [^`#\n]*)?)", text):
        for name in re.findall(r"(?<!\S)(--[\w-]+)", options):
            assert name in suite or name.startswith("--benchmark-"), name
    for module in re.findall(r"python -m ((?:benchmarks|plotting)[\w.]*)", text):
        assert importlib.util.find_spec(module), module
    environments = set(re.findall(r"^\[testenv:(\w+)\]", (product.ROOT / "tox.ini").read_text(), re.MULTILINE))
    for name in re.findall(r"\w+", " ".join(re.findall(r"tox run -e ([\w,]+)", text))):
        assert name in environments | {"py310", "py311", "py312", "py313"}, name
    for path in re.findall(r"(?<![\w/])((?:benchmarks|plotting|tests)/[\w/]+\.(?:py|zip))", text):
        assert (product.ROOT / path).exists() or path == "benchmarks/power/battery.py", path
