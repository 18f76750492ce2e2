"""Bad input of `pytest benchmarks`: one sentence, exit code not 0, never a traceback."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.support import product

if TYPE_CHECKING:
    from pathlib import Path


def refuse(tmp_path: Path, *options: str) -> str:
    """Run a session that must be refused, and return its one sentence."""
    done = product.measure(tmp_path / "results", *options)
    said = done.stdout + done.stderr
    assert done.returncode == 4, said
    assert "Traceback" not in said
    assert not list((tmp_path / "results").rglob("*.json"))
    lines = [line for line in said.splitlines() if "--" in line and ("ERROR" in line or "error" in line)]
    assert len(lines) == 1, said
    return lines[0]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--models=smolvm2"], "there is no 'smolvm2'; did you mean smolvlm2"),
        (["--precisions=fp32"], "there is no 'fp32'; did you mean fp16"),
        (["--runs=0"], "asked for '0', needs a whole number of at least 1"),
        (["--runs=many"], "asked for 'many', needs a whole number of at least 1"),
        (["--batch-size=0"], "asked for '0', needs a whole number of at least 1"),
        (["--batch-size=-4"], "asked for '-4', needs a whole number of at least 1"),
        (["--batch-size=two"], "asked for 'two', needs a whole number of at least 1"),
        (["--new-tokens=-1"], "asked for '-1', needs a whole number of at least 2"),
        (["--revision=phi=main"], "--revision: --weights=mini loads no published checkpoint; leave one of them out"),
        (["--revision=phi"], "asked for 'phi', needs MODEL=SHA, e.g. phi=main"),
        (["--revision=phi=a b"], "asked for 'phi=a b', needs MODEL=SHA"),
        (["--weights=hub", "--revision=phj=main"], "--revision=phj: there is no 'phj'; did you mean phi"),
        (["--weights=hub", "--models=llava", "--revision=phi=main"], "phi is not among the models of this session"),
        (["--revision=phi=../../etc"], "asked for 'phi=../../etc', needs MODEL=SHA"),
        (
            ["--weights=hub", "--models=phi", "--trust-remote-code"],
            "phi is not pinned to a commit; type --revision=phi",
        ),
        (["--weights=hub", "--revision=phi=a", "--revision=phi=b"], "--revision: phi is given twice"),
        (["--trust-remote-code"], "--trust-remote-code: --weights=mini brings no code of its own; leave it out"),
        (["--plan"], "a miniature is made here in seconds; leave --weights=mini out"),
        (["--weights=random", "--prefetch"], "--prefetch: random weights need no download; leave --weights=random out"),
        (["--images=/nonexistent"], "--images=/nonexistent: no such file or folder"),
        (["--prompts=/nonexistent"], "--prompts=/nonexistent: cannot be read (No such file or directory)"),
        (["--torch-device=gpu"], "there is no 'gpu'; type auto, cuda, cuda:N, mps or cpu"),
        (["--power-monitor=nvlm"], "there is no 'nvlm'; did you mean nvml"),
        (["--power-monitor=rapl:0"], "rapl takes no argument; type --power-monitor=rapl"),
        (["--run-timeout=0"], "asked for '0', needs a number of seconds above 0"),
        (["--ram-floor=-1"], "asked for '-1', needs a number of GB, 0 or more"),
        (["--ram-floor=1e6"], "--ram-floor=1e+06: this machine has "),
        (["--ram-floor=1", "--isolation=none"], "--ram-floor=1: needs a process to kill; leave --isolation=none out"),
        (["--benchmark-save=a\nb"], "needs at most 100 printable characters, e.g. --benchmark-save=thor"),
        (["--benchmark-save=../thor"], "Must not contain any of these characters"),
        (["--resume", "--benchmark-save=thor"], "there is no unfinished session named 'thor' (unfinished: none)"),
        (["--device-label= "], "needs 1 to 60 printable characters"),
        (["--power-monitor=replay:/nonexistent"], "--power-monitor=replay:/nonexistent: cannot be read"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_options(tmp_path: Path, options: list[str], complaint: str) -> None:
    """A bad option is refused in one sentence that says what was asked, what was found and what to type."""
    assert complaint in refuse(tmp_path, *options)


def test_cuda_without_cuda(tmp_path: Path) -> None:
    """--torch-device=cuda with a torch that sees no CUDA is refused with the remedy, never a run on the CPU."""
    said = refuse(tmp_path, "--torch-device=cuda")

    assert "sees no CUDA device; install the build of torch that the board's vendor ships" in said
    assert "type --torch-device=cpu" in said


def test_a_bad_image_among_good_ones(tmp_path: Path) -> None:
    """A folder with one damaged photograph is refused with that photograph's name, before anything is loaded."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    buffer = io.BytesIO()
    Image.effect_noise((640, 480), 60).save(buffer, "JPEG")
    (folder / "good.jpg").write_bytes(buffer.getvalue())
    (folder / "cut.jpg").write_bytes(buffer.getvalue()[:5000])

    assert "cut.jpg is damaged" in refuse(tmp_path, f"--images={folder}")


def test_models_help(tmp_path: Path) -> None:
    """--models=help lists the models and measures nothing."""
    done = product.measure(tmp_path, "--models=help")

    assert done.returncode == 0
    assert "HuggingFaceTB/SmolVLM2-2.2B-Instruct" in done.stdout


@pytest.mark.parametrize("option", ["--benchmark-skip", "--setup-only", "--collect-only"])
def test_what_measures_nothing_leaves_nothing(tmp_path: Path, option: str) -> None:
    """A session that measures nothing leaves neither a save nor a journal."""
    assert product.measure(tmp_path, "--models=llava", "--precisions=bf16", option).returncode == 0
    assert not list(tmp_path.rglob("*.json*"))


def test_a_smoke_test_saves_nothing(tmp_path: Path) -> None:
    """--benchmark-disable tries one run a pair, and neither saves it nor leaves a journal."""
    done = product.measure(tmp_path, "--models=llava", "--precisions=bf16", "--benchmark-disable")

    assert done.returncode == 0, done.stdout
    assert "llava-bf16: measured, 1 of 1 runs good" in done.stdout
    assert "given up" not in done.stdout
    assert not list(tmp_path.rglob("*.json*"))


def test_pairs_are_not_measured_beside_each_other(tmp_path: Path) -> None:
    """pytest-xdist would run pairs at once, each beside the other's load: it is refused."""
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")

    assert "--numprocesses: pytest-xdist would measure several pairs at the same time; leave it out" in refuse(
        tmp_path, "-n2"
    )


def test_a_conftest_among_the_photographs_is_not_run(tmp_path: Path) -> None:
    """--images=DIR, written with its `=`, runs nothing that lies in the folder."""
    (tmp_path / "conftest.py").write_text("raise SystemExit('run')")
    said = refuse(tmp_path, f"--images={tmp_path}")

    assert "the folder holds no image" in said


def test_a_place_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    """A session whose save could not be written is refused before the first pair, in one sentence."""
    (tmp_path / "file").write_text("")
    done = product.measure(tmp_path / "file" / "results", "--models=llava", "--precisions=bf16", "--runs=1")

    assert done.returncode == 4, done.stdout
    assert "cannot be written (Not a directory), so an interrupted session would be lost" in done.stdout + done.stderr
    assert "llava-bf16: measured" not in done.stdout
