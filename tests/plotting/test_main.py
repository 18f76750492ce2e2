"""The command line in this process: exit codes, one sentence for each error, and the products.

Tests plotting.__main__ and plotting.selection.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from plotting.__main__ import main
from plotting.figures import FIGURES
from tests.support import made
from tests.support.commands import refused
from tests.support.factory import record, unmeasured

PRODUCTS = {
    "vision_model_metrics.csv",
    "unmeasured_pairs.csv",
    "benchmark_summary_report.txt",
    "README.md",
    *FIGURES,
    *(f"figures-data/{name.removesuffix('.png')}.csv" for name in FIGURES),
}


class Done(NamedTuple):
    """One finished command: exit code, both outputs, and the files that it wrote."""

    code: int
    out: str
    err: str
    files: dict[str, bytes]


def plot(capsys: pytest.CaptureFixture[str], folder: Path, out: Path, *options: str) -> Done:
    """Run the command that writes all products."""
    code = main(["--results", str(folder), "--out", str(out), "--dpi=50", *options])
    said = capsys.readouterr()
    files = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    return Done(code, said.out, said.err, files)


def test_products_problems_and_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All products are written and listed, with the same bytes each time; --strict exits with 1 for a broken file."""
    folder, out = tmp_path / "results", tmp_path / "new" / "plots"
    made.on(folder, [record("phi"), unmeasured("llava", "bf16")])
    (folder / "0000_broken.json").write_text("{")

    strict = plot(capsys, folder, out, "--strict")
    assert strict.code == 1
    assert set(strict.files) == PRODUCTS
    assert {Path(line).relative_to(out).as_posix() for line in strict.out.splitlines()[:-1]} == PRODUCTS
    assert strict.out.splitlines()[-1].startswith("1 save, 1 device, pairs: 1 failed, 1 measured; 1 left out")
    broken = f"{folder}/0000_broken.json"
    assert strict.err == f"python -m plotting: {broken}: is not JSON (empty, cut off or damaged); left out\n"
    assert all(strict.files[name].startswith(b"\x89PNG") for name in FIGURES)

    again = plot(capsys, folder, out)
    assert again.code == 0
    assert again.files == strict.files


@pytest.mark.parametrize("command", [[], ["compare", "a", "b"]], ids=["plot", "compare"])
def test_a_missing_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    """The error for a missing folder names it, the command that makes a save, and the option for another folder."""
    gone = tmp_path / "gone"

    said = refused(capsys, *command, "--results", str(gone))
    assert said == (
        f"python -m plotting: --results {gone}: there is no such folder; type pytest benchmarks --weights=mini "
        "--benchmark-save=first to make one, or name a folder with --results."
    )


def test_an_empty_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error for a folder without saves names it, even if it holds products and journals."""
    made.on(tmp_path / "plots", [record()])
    made.on(tmp_path / ".journal", [record()])

    said = refused(capsys, "--results", str(tmp_path))
    assert f"--results {tmp_path}: there is no save in it; type pytest benchmarks" in said


def test_only_broken_files_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If no file contains a benchmark, each is named with its problem, and the last sentence says what to type."""
    (tmp_path / "a.json").write_bytes(b"\xff\xfe")
    (tmp_path / "b.json").write_text("{}")

    assert main(["--results", str(tmp_path), "--out", str(tmp_path / "plots")]) == 2
    first, second, last = capsys.readouterr().err.splitlines()
    assert first.startswith(f"python -m plotting: {tmp_path / 'a.json'}: is not JSON")
    assert second.startswith(f"python -m plotting: {tmp_path / 'b.json'}: is not a save of pytest-benchmark")
    assert "none of 2 files contains a benchmark of this suite; type pytest benchmarks" in last
    assert not (tmp_path / "plots").exists()


@pytest.mark.parametrize(
    ("out", "cause"), [("taken", "File exists"), ("taken/below", "Not a directory")], ids=["file", "below a file"]
)
def test_an_unwritable_out_is_said(
    results: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, out: str, cause: str
) -> None:
    """The error for an unwritable --out names it, the cause, and what to type; existing files are unchanged."""
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
    """An unknown, abbreviated or incomplete option is refused in one sentence that says what to type."""
    said = refused(capsys, *arguments)

    program = "python -m plotting compare" if arguments[0] == "compare" else "python -m plotting"
    assert said.startswith(f"{program}: ")
    assert said.endswith(f"; type {program} --help.")


@pytest.mark.parametrize("command", ["plot", "compare"])
def test_a_name_that_matches_nothing_is_said(results: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    """The error for a name without a save repeats it and lists the known names."""
    arguments = ["compare", "thor", "orin"] if command == "compare" else ["orin"]

    said = refused(capsys, *arguments, "--results", str(results))
    assert said == ("python -m plotting: 'orin' matches no save; type a path, or one of: 0001_thor, 0002_dell.")


@pytest.mark.parametrize("arguments", [["--help"], ["compare", "--help"]], ids=" ".join)
def test_help_names_every_option(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """--help exits with 0 and names every option of its command."""
    with pytest.raises(SystemExit) as left:
        main(arguments)

    out = capsys.readouterr().out
    assert left.value.code == 0
    own = ["--format", "--fail-if", "SAVE"]
    if arguments[0] != "compare":
        own = ["--out", "--strict", "--export", "compare", "--figure-format", "--dpi", "--theme"]
    assert all(option in out for option in ("--results", *own))
