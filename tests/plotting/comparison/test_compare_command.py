"""`python -m plotting compare`: choice of sides, outputs, and exit codes."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plotting.__main__ import main
from tests.support import made, product
from tests.support.commands import refused
from tests.support.factory import record, save


def test_one_save_is_not_compared(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A single save, also named twice, is refused, and the known names are listed."""
    said = refused(capsys, "compare", "thor", "0001*", "--results", str(results))

    assert "found only '0001_thor', and a comparison needs two saves" in said
    assert said.endswith("with names from: 0001_thor, 0002_dell.")


@pytest.mark.parametrize("first", ["dell", "0002_dell", "0002_dell.json", "*_dell", "PATH"])
def test_saves_are_named_in_several_ways(results: Path, capsys: pytest.CaptureFixture[str], first: str) -> None:
    """A save can be named with or without its number, by a pattern or by its path; the first is the baseline."""
    first = str(results / "0002_dell.json") if first == "PATH" else first

    assert main(["compare", first, "thor", "--format=json", "--results", str(results)]) == 0
    lines = [line for line in json.loads(capsys.readouterr().out) if line["metric"] == "tokens_per_sec"]
    assert [(line["save"], line["device"], line["ratio"]) for line in lines] == [
        ("0002_dell", "Dell", None),
        ("0001_thor", "Jetson Thor", pytest.approx(0.5)),
    ]


def test_folders_are_repeatable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Saves with one name in two folders are listed by their paths."""
    for name in ("a", "b"):
        made.on(tmp_path / name, [record("phi")])

    folders = ["--results", str(tmp_path / "a"), "--results", str(tmp_path / "b")]
    assert main(["compare", "thor", *folders, "--format=csv"]) == 0
    saves = {row["save"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert saves == {"0001_thor", str(tmp_path / "b" / "0001_thor.json")}


@pytest.mark.parametrize("name", ["table", "markdown"])
def test_formats_for_people(results: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """The table (the default) and the Markdown show values with ratios."""
    options = [] if name == "table" else ["--format", name]

    assert main(["compare", "thor", "dell", "--results", str(results), *options]) == 0
    out, err = capsys.readouterr()
    assert f"64.0{' ' if name == 'markdown' else '  '}x 2.000" in out
    assert ("| pair | metric |" in out) == (name == "markdown")
    assert err == ""


def test_compare_names_what_it_leaves_out(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An entry without a Record is named on stderr, and the rest is compared anyway."""
    path = results / "0001_thor.json"
    content = json.loads(path.read_text())
    content["unmeasured"].append({"note": "mine"})
    path.write_text(json.dumps(content))

    assert main(["compare", "thor", "dell", "--format=json", "--results", str(results)]) == 0
    out, err = capsys.readouterr()
    speeds = [line["value"] for line in json.loads(out) if line["metric"] == "tokens_per_sec"]
    assert speeds == [32.0, 64.0]
    assert err == f"python -m plotting: {path}: entry 2 contains no Record; left out\n"


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    """Return a folder with three saves each of two commits, and one of another device."""
    folder = tmp_path / "results"
    for name, latency in (("old", 0.5), ("new", 0.6)):
        for number in range(3):
            slower = 1 + number / 1000
            save(folder / f"000{number}_{name}.json", [record("phi", latency_s=latency * slower)])
    save(folder / "0009_orin.json", [record("phi")], label="Jetson AGX Orin")
    return folder


def compared(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Return the lines of tokens/s of a comparison."""
    assert main(["compare", *arguments, "--format=json", "--results", str(folder)]) == 0
    return [line for line in json.loads(capsys.readouterr().out) if line["metric"] == "tokens_per_sec"]


def test_a_pattern_is_a_side_of_sessions(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two patterns that match several similar saves are two sides with sessions."""
    old, new = compared(capsys, sessions, "*_old", "*_new")

    assert [(line["save"], line["sessions"]) for line in (old, new)] == [("*_old", 3), ("*_new", 3)]
    assert (new["ratio"], new["verdict"]) == (pytest.approx(5 / 6), "worse")
    assert new["basis"] == "3 + 3 sessions"


def test_a_pattern_alone_is_a_side_for_each_save(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The saves of a single pattern are compared with each other."""
    found = compared(capsys, sessions, "*_old")

    assert [line["save"] for line in found] == ["0000_old", "0001_old", "0002_old"]


def test_unlike_saves_of_a_pattern_are_sides(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Different saves of a pattern are a side each; a save belongs to the first side that names it."""
    found = compared(capsys, sessions, "0001_old", "0009*", "000[019]*")

    assert [line["save"] for line in found] == ["0001_old", "0009_orin", "000[019]*"]
    mixed = compared(capsys, sessions, "0001_old", "000[09]*")
    assert [line["save"] for line in mixed] == ["0001_old", "0000_new", "0000_old", "0009_orin"]


def test_one_side_is_not_compared(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If the first pattern takes all saves, there is no second side, and the error says so."""
    said = refused(capsys, "compare", "*_old", "0001_old", "--results", str(sessions))

    assert "'*_old' is the only side, and a comparison needs two; type python -m plotting compare A B" in said


def test_a_copy_is_no_session(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copied save counts once."""
    (sessions / "0008_old.json").write_bytes((sessions / "0000_old.json").read_bytes())

    assert compared(capsys, sessions, "*_old", "*_new")[0]["sessions"] == 3


def test_other_saves_know_the_spread(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For single sessions, other saves of the series give the spread between sessions."""
    _, new = compared(capsys, sessions, "0000_old", "0000_new")

    assert new["basis"] == "single session, spread of 4 other saves"
    assert new["spread"] == pytest.approx(0.001 / 2**0.5, rel=0.01)  # two that lie 0.1% apart, twice
    assert new["verdict"] == "worse"

    (sessions / "0007_old.json").write_bytes((sessions / "0000_old.json").read_bytes())  # a copy is no further save
    assert compared(capsys, sessions, "0000_old", "0000_new")[1]["basis"] == new["basis"]


@pytest.mark.parametrize(("gate", "code"), [("tokens_per_sec<-5%", 1), ("tokens_per_sec<-20%", 0)])
def test_a_gate_sets_the_exit_code(sessions: Path, capsys: pytest.CaptureFixture[str], gate: str, code: int) -> None:
    """A gate that fails is named on stderr with exit code 1, and the comparison is printed anyway."""
    assert main(["compare", "*_old", "*_new", "--fail-if", gate, "--results", str(sessions)]) == code
    out, err = capsys.readouterr()

    assert "26.6  x 0.833" in out
    assert err.startswith(f"python -m plotting: --fail-if '{gate}': Phi bf16, *_new: -16.7% (95% interval") == (
        code == 1
    )
    assert (err == "") == (code == 0)


def test_a_gated_metric_is_shown(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A metric with a gate is compared, even if it is not by default."""
    assert main(["compare", "*_old", "*_new", "--fail-if=latency_p95_s>50%", "--results", str(sessions)]) == 0
    [row] = [line for line in capsys.readouterr().out.splitlines() if line.startswith(" latency_p95_s ")]
    assert "x 1.200" in row


def test_a_bad_gate_is_bad_usage(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An invalid gate is refused before anything is read."""
    said = refused(capsys, "compare", "*_old", "*_new", "--fail-if", "speed<5%", "--results", str(sessions))

    assert said.startswith("python -m plotting: --fail-if 'speed<5%': there is no metric 'speed'; type one of ")


def test_a_damaged_save_of_a_pattern_is_left_out(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unreadable file of a pattern is named; its side keeps the other sessions, and an empty side is refused."""
    cut = sessions / "0005_old.json"
    cut.write_bytes((sessions / "0000_old.json").read_bytes()[:500])
    said = f"python -m plotting: {cut}: is not JSON (empty, cut off or damaged); left out\n"

    assert main(["compare", "*_old", "*_new", "--format=json", "--results", str(sessions)]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)[0]["sessions"], err) == (3, said)
    assert main(["compare", "0005_old", "*_new", "--results", str(sessions)]) == 2
    assert capsys.readouterr().err.startswith(
        f"{said}python -m plotting: {str(cut)!r} contains no benchmark of this suite"
    )


def test_a_save_named_twice_is_one_side(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A save that is named by its path and by its name is one side."""
    found = compared(capsys, results, str(results / ".." / "results" / "0001_thor.json"), "thor", "dell")

    assert [line["save"] for line in found] == ["0001_thor", "0002_dell"]


def test_names_of_files_are_printable(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Terminal escapes and undecodable bytes in a file's name are shown as Python writes them."""
    (results / "0002_dell.json").rename(results / "0002_\x1b[2J\udcff.json")

    assert main(["compare", "thor", "0002*", "--results", str(results)]) == 0
    out = capsys.readouterr().out
    assert r"0002_\x1b[2J\udcff" in out
    assert all(letter.isprintable() or letter == "\n" for letter in out)


def command(folder: Path, *options: str) -> list[str]:
    """Return the command of a comparison that fails a gate of 5%."""
    gate = ["--fail-if", "tokens_per_sec<-5%"]
    return [sys.executable, "-m", "plotting", "compare", "*_old", "*_new", "--results", str(folder), *gate, *options]


def test_a_reader_that_leaves_changes_no_exit_code(sessions: Path) -> None:
    """If the reader of the output leaves, as with `| head -1`, the gate is judged and reported anyway."""
    with subprocess.Popen(
        command(sessions), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=product.ROOT
    ) as started:
        assert started.stdout
        assert started.stderr
        started.stdout.close()
        said = started.stderr.read()

    assert started.returncode == 1
    assert said.startswith("python -m plotting: --fail-if 'tokens_per_sec<-5%': Phi bf16, *_new: -16.7%")
    assert len(said.splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk without room")
def test_an_output_without_room_is_said(sessions: Path) -> None:
    """An output that cannot be written is bad usage, reported in one sentence, not a failed gate."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(sessions), stdout=full, stderr=subprocess.PIPE, text=True, cwd=product.ROOT, check=False
        )

    assert (done.returncode, done.stderr) == (
        2,
        "python -m plotting: cannot write the output (No space left on device); send it to another file.\n",
    )


def test_a_terminal_without_the_letters_is_no_error(tmp_path: Path) -> None:
    """Letters that the terminal lacks are shown as numbers."""
    for name, latency in (("old", 0.5), ("new", 0.6)):
        save(tmp_path / f"0001_{name}.json", [record("phi", latency_s=latency)], label="Thör")
    done = product.run(command(tmp_path), PYTHONIOENCODING="ascii")

    assert done.returncode == 1
    assert r"old (baseline): Th\xf6r" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import plotting.comparison.compare, plotting.comparison.gates, plotting.comparison.render",
        "from plotting.__main__ import main; main(['compare', '*_old', '*_new', '--results', sys.argv[1]])",
    ],
    ids=["import", "command"],
)
def test_a_comparison_imports_no_matplotlib(sessions: Path, code: str) -> None:
    """Neither the modules of a comparison nor a real one import matplotlib or seaborn."""
    code = f"import sys; {code}; print(sorted({{'matplotlib', 'seaborn', 'pandas'}} & set(sys.modules)))"
    done = product.run([sys.executable, "-c", code, str(sessions)])

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "['pandas']"
