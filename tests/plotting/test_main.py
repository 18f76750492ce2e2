"""The command line, run in this process: exit codes, one sentence for each mistake, and the products."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from plotting.__main__ import main
from plotting.figures import FIGURES
from tests.factory import record, save, unmeasured
from tests.plotting import made

PRODUCTS = {
    "vision_model_metrics.csv",
    "unmeasured_pairs.csv",
    "benchmark_summary_report.txt",
    "README.md",
    *FIGURES,
    *(f"figures-data/{name.removesuffix('.png')}.csv" for name in FIGURES),
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Return a folder of two saves, 0001_thor and 0002_dell."""
    folder = tmp_path / "results"
    made.on(folder, [record("phi")])
    made.on(folder, [record("phi", latency_s=0.25)], label="Dell")
    return folder


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one sentence with which a command line is refused, with exit code 2 and nothing on stdout."""
    try:
        code = main(arguments)
    except SystemExit as left:
        code = int(left.code or 0)
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    [sentence] = err.splitlines()
    return str(sentence)


class Done(NamedTuple):
    """One finished command: exit code, both outputs, and the files that it wrote."""

    code: int
    out: str
    err: str
    files: dict[str, bytes]


def plot(capsys: pytest.CaptureFixture[str], folder: Path, out: Path, *options: str) -> Done:
    """Run the command that writes all products."""
    code = main(["--results", str(folder), "--out", str(out), *options])
    said = capsys.readouterr()
    files = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return Done(code, said.out, said.err, files)


def test_products_problems_and_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All products are written and named; twice gives the same bytes; a broken file is named, and 1 under --strict."""
    folder, out = tmp_path / "results", tmp_path / "new" / "plots"
    made.on(folder, [record("phi"), unmeasured("llava", "bf16")])
    (folder / "0000_broken.json").write_text("{")

    strict = plot(capsys, folder, out, "--strict")
    assert strict.code == 1
    assert set(strict.files) == PRODUCTS
    assert {Path(line).relative_to(out).as_posix() for line in strict.out.splitlines()[:-1]} == PRODUCTS
    assert strict.out.splitlines()[-1].startswith("1 save, 1 device, pairs: 1 failed, 1 measured; 1 left out")
    broken = f"{folder}/0000_broken.json"
    assert strict.err == f"python -m plotting: {broken}: is no JSON (empty, cut off or damaged); left out\n"
    assert all(strict.files[name].startswith(b"\x89PNG") for name in FIGURES)

    again = plot(capsys, folder, out)
    assert again.code == 0
    assert again.files == strict.files


@pytest.mark.parametrize("command", [[], ["compare", "a", "b"]], ids=["plot", "compare"])
def test_a_missing_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    """A folder that is not there is named, with the command that makes a save and the option to name another."""
    gone = tmp_path / "gone"

    said = refused(capsys, *command, "--results", str(gone))
    assert said == (
        f"python -m plotting: --results {gone}: there is no such folder; type pytest benchmarks --weights=mini "
        "--benchmark-save=first to make one, or name a folder with --results."
    )


def test_an_empty_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without a save, even one with products and journals in it, is named, with what to type."""
    made.on(tmp_path / "plots", [record()])
    made.on(tmp_path / ".journal", [record()])

    said = refused(capsys, "--results", str(tmp_path))
    assert f"--results {tmp_path}: there is no save in it; type pytest benchmarks" in said


def test_only_broken_files_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no file holds a benchmark of ours each is named with its cause, and the last sentence says what to type."""
    (tmp_path / "a.json").write_bytes(b"\xff\xfe")
    (tmp_path / "b.json").write_text("{}")

    assert main(["--results", str(tmp_path), "--out", str(tmp_path / "plots")]) == 2
    first, second, last = capsys.readouterr().err.splitlines()
    assert first.startswith(f"python -m plotting: {tmp_path / 'a.json'}: is no JSON")
    assert second.startswith(f"python -m plotting: {tmp_path / 'b.json'}: is no save of pytest-benchmark")
    assert "none of 2 files holds a benchmark of this suite; type pytest benchmarks" in last
    assert not (tmp_path / "plots").exists()


@pytest.mark.parametrize(
    ("out", "cause"), [("taken", "File exists"), ("taken/below", "Not a directory")], ids=["file", "below a file"]
)
def test_an_unwritable_out_is_said(
    results: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, out: str, cause: str
) -> None:
    """An --out that cannot be written is named with the cause and another to type, and nothing is harmed."""
    taken = tmp_path / "taken"
    taken.write_text("mine")

    said = refused(capsys, "--results", str(results), "--out", str(tmp_path / out))
    assert said == (
        f"python -m plotting: --out {tmp_path / out}: cannot write there ({cause}); "
        "name another folder, e.g. --out plots."
    )
    assert taken.read_text() == "mine"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--colour", "red"],
        ["--str"],
        ["--out"],
        ["compare"],
        ["compare", "a", "b", "--format=xml"],
        ["compare", "a", "b", "--form=csv"],
    ],
    ids=" ".join,
)
def test_bad_usage_is_one_sentence(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """An unknown, abbreviated or incomplete option is refused in one sentence that ends with what to type."""
    said = refused(capsys, *arguments)

    program = "python -m plotting compare" if arguments[0] == "compare" else "python -m plotting"
    assert said.startswith(f"{program}: ")
    assert said.endswith(f"; type {program} --help.")


@pytest.mark.parametrize("command", ["plot", "compare"])
def test_a_name_that_matches_nothing_is_said(results: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    """A name that matches no save is repeated, beside the names that there are."""
    arguments = ["compare", "thor", "orin"] if command == "compare" else ["orin"]

    said = refused(capsys, *arguments, "--results", str(results))
    assert said == (
        "python -m plotting: 'orin' matches no save; there are: 0001_thor, 0002_dell. Type one of these, or a path."
    )


def test_one_save_is_not_compared(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Comparing takes two saves: one alone, or one named twice, is refused with the names that there are."""
    said = refused(capsys, "compare", "thor", "0001*", "--results", str(results))

    assert "found only '0001_thor', and it takes two saves" in said
    assert said.endswith("with names from: 0001_thor, 0002_dell.")


@pytest.mark.parametrize("first", ["dell", "0002_dell", "0002_dell.json", "*_dell", "PATH"])
def test_saves_are_named_in_several_ways(results: Path, capsys: pytest.CaptureFixture[str], first: str) -> None:
    """A save is named with or without its number, by a pattern or by its path, and the first is the baseline."""
    first = str(results / "0002_dell.json") if first == "PATH" else first

    assert main(["compare", first, "thor", "--format=json", "--results", str(results)]) == 0
    lines = [line for line in json.loads(capsys.readouterr().out) if line["metric"] == "tokens_per_sec"]
    assert [(line["save"], line["device"], line["ratio"]) for line in lines] == [
        ("0002_dell", "Dell", None),
        ("0001_thor", "Jetson Thor", pytest.approx(0.5)),
    ]


def test_folders_are_repeatable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Saves of one name in two folders are told apart by their paths."""
    for name in ("a", "b"):
        made.on(tmp_path / name, [record("phi")])

    folders = ["--results", str(tmp_path / "a"), "--results", str(tmp_path / "b")]
    assert main(["compare", "thor", *folders, "--format=csv"]) == 0
    saves = {row["save"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert saves == {"0001_thor", str(tmp_path / "b" / "0001_thor.json")}


@pytest.mark.parametrize("name", ["table", "markdown"])
def test_formats_for_people(results: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """The table, which is the default, and the Markdown show values with ratios."""
    options = [] if name == "table" else ["--format", name]

    assert main(["compare", "thor", "dell", "--results", str(results), *options]) == 0
    out, err = capsys.readouterr()
    assert "64.0 (x 2.000)" in out
    assert out.startswith("|") == (name == "markdown")
    assert err == ""


def test_compare_names_what_it_leaves_out(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An entry that is no Record is named on stderr, and the rest is compared all the same."""
    path = results / "0001_thor.json"
    content = json.loads(path.read_text())
    content["unmeasured"].append({"note": "mine"})
    path.write_text(json.dumps(content))

    assert main(["compare", "thor", "dell", "--format=json", "--results", str(results)]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)
    assert err == f"python -m plotting: {path}: entry 2 has no Record; left out\n"


@pytest.mark.parametrize("arguments", [["--help"], ["compare", "--help"]], ids=" ".join)
def test_help_names_every_option(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """--help leaves with 0 and names the options of its command."""
    with pytest.raises(SystemExit) as left:
        main(arguments)

    out = capsys.readouterr().out
    assert left.value.code == 0
    own = ["--format", "--fail-if", "SAVE"]
    if arguments[0] != "compare":
        own = ["--out", "--strict", "--export", "compare", "--figure-format", "--dpi", "--theme"]
    assert all(option in out for option in ("--results", *own))


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    """Return a folder of three saves of each of two commits, and one of another device."""
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
    """Two patterns that match several like saves each are two sides, whose sessions are the units."""
    old, new = compared(capsys, sessions, "*_old", "*_new")

    assert [(line["save"], line["sessions"]) for line in (old, new)] == [("*_old", 3), ("*_new", 3)]
    assert (new["ratio"], new["verdict"]) == (pytest.approx(5 / 6), "worse")
    assert new["basis"] == "3 + 3 sessions"


def test_a_pattern_alone_is_a_side_for_each_save(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One pattern alone sets its saves beside each other."""
    found = compared(capsys, sessions, "*_old")

    assert [line["save"] for line in found] == ["0000_old", "0001_old", "0002_old"]


def test_unlike_saves_of_a_pattern_are_sides(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pattern that matches unlike saves is a side for each; a save stands on the first side that names it."""
    found = compared(capsys, sessions, "0001_old", "0009*", "000[019]*")

    assert [line["save"] for line in found] == ["0001_old", "0009_orin", "000[019]*"]
    mixed = compared(capsys, sessions, "0001_old", "000[09]*")
    assert [line["save"] for line in mixed] == ["0001_old", "0000_new", "0000_old", "0009_orin"]


def test_one_side_is_not_compared(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two patterns of which the first takes all saves as its sessions leave no second side, which is said."""
    said = refused(capsys, "compare", "*_old", "0001_old", "--results", str(sessions))

    assert "'*_old' stands for all of these saves as sessions of one side, and it takes two sides; type" in said


def test_a_copy_is_no_session(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A save that was copied counts once."""
    (sessions / "0008_old.json").write_bytes((sessions / "0000_old.json").read_bytes())

    assert compared(capsys, sessions, "*_old", "*_new")[0]["sessions"] == 3


def test_other_saves_know_the_spread(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Between two single sessions the other saves of the series tell how far sessions of one name lie apart."""
    _, new = compared(capsys, sessions, "0000_old", "0000_new")

    assert new["basis"] == "single session, spread of 4 other saves"
    assert new["spread"] == pytest.approx(0.001 / 2**0.5, rel=0.01)  # two that lie 0.1% apart, twice
    assert new["verdict"] == "worse"

    (sessions / "0007_old.json").write_bytes((sessions / "0000_old.json").read_bytes())  # a copy is no further save
    assert compared(capsys, sessions, "0000_old", "0000_new")[1]["basis"] == new["basis"]


@pytest.mark.parametrize(("gate", "code"), [("tokens_per_sec<-5%", 1), ("tokens_per_sec<-20%", 0)])
def test_a_gate_sets_the_exit_code(sessions: Path, capsys: pytest.CaptureFixture[str], gate: str, code: int) -> None:
    """A gate that fails is said on stderr, and the exit code is 1; the comparison is printed all the same."""
    assert main(["compare", "*_old", "*_new", "--fail-if", gate, "--results", str(sessions)]) == code
    out, err = capsys.readouterr()

    assert "26.6 (x 0.833)" in out
    assert err.startswith(f"python -m plotting: --fail-if '{gate}': Phi bf16, *_new: -16.7% (95% interval") == (
        code == 1
    )
    assert (err == "") == (code == 0)


def test_a_gated_metric_is_shown(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A metric that is gated is compared, also one that is not compared by itself."""
    assert main(["compare", "*_old", "*_new", "--fail-if=latency_p95_s>50%", "--results", str(sessions)]) == 0
    assert "Latency, p95 (s)" in capsys.readouterr().out


def test_a_bad_gate_is_bad_usage(sessions: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gate that is none is refused before anything is read."""
    said = refused(capsys, "compare", "*_old", "*_new", "--fail-if", "speed<5%", "--results", str(sessions))

    assert said.startswith("python -m plotting: --fail-if 'speed<5%': there is no metric 'speed'; type one of ")
