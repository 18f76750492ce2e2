"""pytest's other plugins, and pytest-benchmark's own reports: what would spoil a session is refused before it.

Tests benchmarks.neighbours, benchmarks.state and benchmarks.harness.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from benchmarks import neighbours
from tests.support import product
from tests.test_command_line import refuse

if TYPE_CHECKING:
    from pathlib import Path

OTHERS = ("-p", "tests.support.other_plugins")
ONE = ("--models=llava", "--precisions=bf16", "--runs=2")
SWITCHED_OFF = "pytest-benchmark, which measures the pairs, is switched off"


@pytest.mark.parametrize("option", ["--count=2", "--flake-finder", "--reruns=1"])
def test_a_plugin_that_repeats_tests_is_refused(tmp_path: Path, option: str) -> None:
    """An option of another plugin that repeats tests would make two Records of one pair: it is refused by its name."""
    assert refuse(tmp_path, *OTHERS, option) == (
        f"{option if option == '--count=2' else option.partition('=')[0]} would measure a pair several times in one "
        "session, which keeps one Record of a pair; leave it out, and type --runs=N for more runs."
    )


def test_a_plugin_that_forks_is_refused(tmp_path: Path) -> None:
    """--forked would measure in a process that takes the Record with it: it is refused."""
    assert refuse(tmp_path, *OTHERS, "--forked") == (
        "--forked would measure each pair in a process that takes its Record with it; "
        "leave it out: each model has a process of its own anyway."
    )


def test_a_test_that_is_collected_twice_is_refused(tmp_path: Path) -> None:
    """An unknown plugin that collects a pair twice is refused too: the pair is named."""
    said = refuse(tmp_path, *OTHERS, "--collect-twice", *ONE)

    assert said.startswith("llava-bf16 would be measured 2 times in one session, which keeps one Record of a pair")


def test_a_test_that_is_run_twice_keeps_its_first_record(tmp_path: Path) -> None:
    """An unknown plugin that runs a test again gets a failure in one sentence, and the pair's Record is kept once."""
    done = product.measure_here(tmp_path, *OTHERS, "--run-twice", *ONE)
    [save] = product.read_saves(tmp_path)

    assert done.returncode == 1, done.stdout
    assert "llava-bf16 was measured in this session, and its Record is kept" in done.stdout
    assert [bench["extra_info"]["counts"]["good"] for bench in save["benchmarks"]] == [2]
    assert save["unmeasured"] == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork(2)")
def test_a_test_that_is_run_elsewhere_measures_nothing(tmp_path: Path) -> None:
    """An unknown plugin that runs tests in processes of their own is told so before anything is measured."""
    done = product.measure(tmp_path, *OTHERS, "--run-elsewhere", *ONE)

    assert "A plugin of pytest that runs tests in processes of their own would measure each pair in a process" in (
        done.stdout + done.stderr
    )
    assert not list(tmp_path.rglob("0001_*.json"))


REPORTS = {
    "--benchmark-compare-fail=median:5%": "--benchmark-compare-fail: there is no save to compare with; "
    "type --benchmark-compare=NNNN with the number of a save in its folder, or leave it out.",
    "--benchmark-compare=0009 --benchmark-compare-fail=median:5%": "--benchmark-compare-fail: there is no save to "
    "compare with; type --benchmark-compare=NNNN with the number of a save in its folder, or leave it out.",
    "--benchmark-group-by=param:size": "--benchmark-group-by: there is no 'param:size'; choose from group, name, func, "
    "fullname, fullfunc, param, param:model, param:precision.",
    "--benchmark-compare=a/b/c": "--benchmark-compare=a/b/c: a save there cannot be compared (ValueError: 'a/b/c' "
    "isn't an existing file or acceptable glob. Expected 'platform-glob/filename-glob' or 'filename-glob'.); "
    "name another, or leave it out.",
}


@pytest.mark.parametrize("options", REPORTS)
def test_reports_that_can_only_fail_are_refused(tmp_path: Path, options: str) -> None:
    """An option of pytest-benchmark that could only fail at the end is refused before the first run."""
    assert refuse(tmp_path, *options.split()) == REPORTS[options]


def test_a_histogram_without_its_library_is_refused(tmp_path: Path) -> None:
    """--benchmark-histogram without pygal is refused before the first run, with what to install."""
    if find_spec("pygal") is not None:
        pytest.skip("pygal is installed")

    assert refuse(tmp_path, "--benchmark-histogram").startswith("--benchmark-histogram: needs pygal, which is not ")


def test_a_comparison_with_an_equal_machine(tmp_path: Path) -> None:
    """A session is compared with one of the same machine, outside the checkout too, without a word on the machine.

    A gate that fails is exit code 1, without a traceback; a gate that has nothing to compare is refused.
    """
    assert product.measure_here(tmp_path, *ONE).returncode == 0
    [path] = tmp_path.rglob("0001_*.json")
    save = json.loads(path.read_text())
    for field in ("min", "median", "mean"):
        save["benchmarks"][0]["stats"][field] /= 1000
    path.write_text(json.dumps(save))
    gate = ("--benchmark-compare=0001", "--benchmark-compare-fail=median:5%")
    done = product.measure_here(tmp_path, *ONE, *gate)
    said = done.stdout + done.stderr

    assert "Performance has regressed" in said
    assert done.returncode == 1
    assert "machine_info is different" not in said
    assert not re.search("Traceback|INTERNALERROR", said)
    other = product.measure_here(tmp_path, "--models=phi", *ONE[1:], *gate)
    assert "the save to compare with has none of the chosen pairs" in other.stderr
    save["benchmarks"][0]["stats"]["iqr"] = None
    path.write_text(json.dumps(save))
    damaged = product.measure_here(tmp_path, *ONE, "--benchmark-compare=0001")
    assert "a save there cannot be compared (TypeError: " in damaged.stderr


@pytest.mark.parametrize("how", ["-p no:benchmark", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1"])
def test_without_pytest_benchmark_there_is_one_sentence(tmp_path: Path, how: str) -> None:
    """pytest-benchmark switched off is said first, and not that its options are unknown."""
    name, _, value = how.partition("=")
    done = product.measure(tmp_path, **{name: value}) if value else product.measure(tmp_path, *how.split())

    assert done.returncode == 4
    assert done.stderr.strip().splitlines() == [f"ERROR: {SWITCHED_OFF}; {neighbours.REMEDY}"]


@pytest.mark.parametrize("version", ["8.4.2", "5.3.0"])
def test_what_is_too_old_is_said_first(tmp_path: Path, version: str) -> None:
    """A pytest or a pytest-benchmark that is too old is one sentence with what to install."""
    package, line = "pytest", f"import pytest; pytest.__version__ = {version!r}"
    if version.startswith("5"):
        package = "pytest-benchmark"
        line = f"import importlib.metadata as m; m.version = dict.fromkeys([{package!r}], {version!r}).__getitem__"
    (tmp_path / "older.py").write_text(line)
    done = product.measure(tmp_path, "-p", "older", PYTHONPATH=f"{tmp_path}:{product.ROOT}")
    needed = ".".join(map(str, neighbours.LEAST[package]))

    assert done.returncode == 4
    assert done.stderr.strip() == (
        f"ERROR: The suite needs {package} {needed} or newer and found {version}; "
        f"type pip install '{package}>={needed}'."
    )


def test_the_oldest_versions_are_those_of_the_project() -> None:
    """The oldest pytest and pytest-benchmark are those that pyproject.toml asks for."""
    project = (product.ROOT / "pyproject.toml").read_text()

    for package, least in neighbours.LEAST.items():
        assert f'"{package}>={".".join(map(str, least))}"' in project


def test_a_session_names_what_images_passes_over(tmp_path: Path) -> None:
    """Before anything is measured a session says which files of --images it does not read."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    Image.effect_noise((64, 64), 60).save(folder / "read.png")
    (folder / "IMG_0003.HEIC").write_bytes(b"")
    done = product.measure_here(tmp_path, *ONE, f"--images={folder}", "--benchmark-skip")

    assert f"--images={folder}: 1 passed over: IMG_0003.HEIC (read are " in done.stdout


def test_a_temporary_folder_with_a_long_path_is_named(tmp_path: Path) -> None:
    """A temporary folder whose path is too long for a socket is named as the reason, before anything is measured."""
    folder = tmp_path / ("t" * 100)
    folder.mkdir()
    done = product.measure(tmp_path / "results", *ONE, TMPDIR=str(folder))

    assert done.returncode == 4
    assert "The path of this machine's temporary folder is too long for a socket (" in done.stderr
    assert "; type TMPDIR=/tmp before the command." in done.stderr


def test_an_interpreter_without_docstrings_is_refused(tmp_path: Path) -> None:
    """`python -OO`, with which transformers cannot be imported, is refused with the reason."""
    done = product.measure(tmp_path, *ONE, PYTHONOPTIMIZE="2")

    assert done.returncode == 4
    assert "python -OO (PYTHONOPTIMIZE=2) takes the docstrings away that transformers needs; " in done.stderr


def test_a_locale_that_lacks_a_letter_is_named(tmp_path: Path) -> None:
    """A label that the locale's encoding cannot hold is refused for that reason, not as unprintable."""
    settings = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = product.measure(tmp_path, *ONE, "--device-label=Gerät", **settings)

    assert done.returncode == 4
    assert "was typed, but this locale's encoding, ascii, lacks some letters; type LC_ALL=C.UTF-8" in done.stderr
