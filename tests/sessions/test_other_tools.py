"""Saves of this suite, read by others: pytest-benchmark's own commands, and github-action-benchmark.

The saves are made by real sessions: one was interrupted in its second pair, one has no measured pair at all,
and one came from another machine.
"""

from __future__ import annotations

import json
import math
import re
import shlex
import signal
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from pytest_benchmark import cli

from benchmarks.machine import device
from benchmarks.record import find_violations
from tests.support import product

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

STOPPED, NOTHING, OTHER = "0001_thor", "0002_small", "0001_orin"
RUNS = 15
PAGE = (product.ROOT / "docs/other-tools.md").read_text()
ELSEWHERE = "Linux-CPython-3.13-64bit"
"""The folder of a machine with another Python."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the three saves."""
    folder = tmp_path_factory.mktemp("others") / "results"
    options = ["--models=moondream2,smolvlm2", "--precisions=bf16", f"--runs={RUNS}", "--power-monitor=none"]
    command = product.command(folder, *options, "--benchmark-save=thor")
    with product.Terminal(command) as terminal:
        terminal.wait_for(f"moondream2-bf16: measured, {RUNS} of {RUNS} runs good")
        terminal.wait_for("smolvlm2-bf16  run ")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.finish() == 2
    total = device.read_ram_bytes()
    if total is None:
        pytest.skip("needs /proc/meminfo, to have a model that does not fit")
    floor = f"--ram-floor={total / 1e9 - 0.3}"  # no running system leaves so much available
    done = product.measure_here(folder, "--models=moondream2", "--precisions=bf16", floor, "--benchmark-save=small")
    assert done.returncode == 1, done.stdout
    (stopped,) = folder.rglob(f"{STOPPED}.json")
    content = json.loads(stopped.read_text())
    content["machine_info"]["device"]["label"] = "Jetson AGX Orin"
    content["benchmarks"][0]["stats"]["median"] *= 2
    (folder / ELSEWHERE).mkdir()
    (folder / ELSEWHERE / f"{OTHER}.json").write_text(json.dumps(content))
    return folder


def save(results: Path, name: str) -> dict[str, Any]:
    """Return a save by its name, read as strict JSON: NaN and Infinity are none."""
    (path,) = results.rglob(f"{name}.json")
    content = json.loads(path.read_text(), parse_constant=lambda found: pytest.fail(f"{found} is no JSON"))
    return dict(content)


@cache
def stock(results: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest-benchmark's own command on the saves; it must find nothing to complain of."""
    done = product.call(cli.main, "--storage", str(results), *arguments)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done


def test_the_saves_are_what_the_tests_say(results: Path) -> None:
    """The interrupted save has one measured pair and one interrupted, the second none measured."""
    stopped, nothing = save(results, STOPPED), save(results, NOTHING)

    assert [found["params"]["model"] for found in stopped["benchmarks"]] == ["moondream2"]
    assert [found["reason"] for found in stopped["unmeasured"]] == ["interrupted"]
    assert nothing["benchmarks"] == []
    assert [found["reason"] for found in nothing["unmeasured"]] == ["did not fit"]


def test_ctrl_c_keeps_what_is_finished(results: Path) -> None:
    """Ctrl-C saves the finished pair as measured and the one in flight as interrupted, never as complete."""
    stopped = save(results, STOPPED)
    (interrupted,) = stopped["unmeasured"]

    assert [found["params"]["model"] for found in stopped["benchmarks"]] == ["moondream2"]
    assert (interrupted["status"], interrupted["pair"]["model"]) == ("interrupted", "smolvlm2")
    assert 0 < interrupted["counts"]["attempted"] < RUNS
    assert list(find_violations(interrupted)) == []


def test_list_names_every_save(results: Path) -> None:
    """`pytest-benchmark list` names the saves of every machine's folder, and no journal."""
    listed = stock(results, "list").stdout.split()

    assert sorted(name.rpartition("/")[2] for name in listed) == [f"{OTHER}.json", f"{STOPPED}.json", f"{NOTHING}.json"]


@pytest.mark.parametrize(
    "options",
    [[], ["--columns=median"], ["--group-by=param:model,param:precision"], ["--name=short"], ["--sort=name"]],
    ids=" ".join,
)
def test_compare_shows_what_was_measured(results: Path, options: list[str]) -> None:
    """`pytest-benchmark compare` shows the measured pair once for each machine, and no pair that was interrupted."""
    rows = [line for line in stock(results, "compare", *options).stdout.splitlines() if "moondream2-bf16]" in line]

    assert len(rows) == 2
    assert "smolvlm2" not in "".join(rows)


def test_compare_names_the_machines(results: Path) -> None:
    """Where two machines' folders hold saves, `compare` says with each row which folder and save it is of."""
    shown = stock(results, "compare").stdout

    assert f"({ELSEWHERE}/{OTHER})" in shown
    assert f"/{STOPPED})" in shown


def test_compare_sets_two_machines_side_by_side(results: Path) -> None:
    """`--between` shows the same pair of two machines' saves in one row, with the difference of its median."""
    shown = stock(results, "compare", "--between=median", "*/*_orin", "*/*_thor").stdout
    [row] = [line for line in shown.splitlines() if "moondream2-bf16]" in line]

    assert row.split()[-1] == "-50.0%"  # the Orin's, which takes twice as long here, is the reference


def test_a_save_without_a_measured_pair_is_no_error(results: Path) -> None:
    """Of a save without a measured pair `compare` shows an empty table, and of the others all the same."""
    assert "moondream2" not in stock(results, "compare", "*_small").stdout


COMMANDS = re.findall(
    r"^((?:pytest-benchmark|python -m plotting) .*?)(?: +#.*)?$",
    "".join(text for kind, text in re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) if not kind),
    re.MULTILINE,
)


def test_the_page_has_commands() -> None:
    """docs/other-tools.md has commands of both programs, and those below are all of them."""
    assert {command.split()[0] for command in COMMANDS} == {"pytest-benchmark", "python"}
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_works(results: Path, command: str) -> None:
    """Each command of docs/other-tools.md that reads saves runs as it stands, beside a folder results/."""
    if "parquet" in command:
        pytest.importorskip("pyarrow", reason="needs pyarrow: pip install pyarrow")
    program, *arguments = shlex.split(command)
    if program == "python":
        assert arguments[:2] == ["-m", "plotting"]
        done = product.plotting(*arguments[2:], cwd=results.parent)
    else:
        done = product.call(cli.main, *arguments, cwd=results.parent)

    assert done.returncode == 0, done.stderr
    assert done.stdout


def charts(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what github-action-benchmark's tool `pytest` makes of a save, by the rules of its v1 (src/extract.ts).

    It reads `benchmarks`, and of each: fullname, stats.ops, stats.stddev, stats.mean, stats.rounds. It takes
    the commit from GitHub's event, not from the file, and fails where there is no benchmark.
    """
    found = []
    for bench in content["benchmarks"]:
        stats = bench["stats"]
        numbers = {name: stats[name] for name in ("ops", "stddev", "mean", "rounds")}
        assert all(type(value) in (int, float) and math.isfinite(value) for value in numbers.values())
        found.append({"name": bench["fullname"], "value": numbers["ops"], "unit": "iter/sec"} | numbers)
    return found


def test_the_action_reads_a_save(results: Path) -> None:
    """The action's tool `pytest` charts each measured pair by its test's name, as runs a second: 1 / mean latency."""
    content = save(results, STOPPED)
    [chart] = charts(content)
    latencies = content["benchmarks"][0]["extra_info"]["runs"]["latency_s"]

    assert chart["name"] == "benchmarks/test_generate.py::test_generate[moondream2-bf16]"
    assert chart["value"] == pytest.approx(len(latencies) / sum(latencies))
    assert chart["rounds"] == len(latencies) == RUNS
    assert charts(save(results, NOTHING)) == []  # which it says itself: No benchmark result was found
