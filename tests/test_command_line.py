"""The command line of `pytest benchmarks`: each bad option is refused in one sentence, before anything is measured.

Tests benchmarks.options, benchmarks.plugin, benchmarks.planning.plan, benchmarks.errors and benchmarks.worker.devices.
"""

import io
import re
import shlex
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image

from tests.support import product

WHOLE = "needs a whole number from"
NAME = "needs at most 100 printable characters, e.g. --benchmark-save=thor."
BREAKS_A_LINE = rf"--benchmark-save='a\nb': {NAME}"
LABEL = "--device-label: needs 1 to 60 printable characters, e.g. --device-label='Jetson Thor'."
NO_MINIATURES = "--plan, --prefetch: a miniature is built here in seconds; leave --weights=mini out."
HUB = "--weights=hub"


def refuse(tmp_path: Path, *options: str) -> str:
    """Return the sentence that refuses these options: exit code 4, no traceback, no save and no journal."""
    done = product.measure_here(tmp_path / "results", *options)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(tmp_path.rglob("*.json*"))
    text = done.stderr.partition("error: ")[2] or done.stderr.removeprefix("ERROR: ")
    return text.splitlines()[0]


PARSED = [
    ("--runs=0", f"asked for '0', {WHOLE} 1 to 1000000000"),
    ("--runs=many", f"asked for 'many', {WHOLE} 1 to 1000000000"),
    ("--warmup-runs=-1", f"asked for '-1', {WHOLE} 0 to 1000000000"),
    (f"--runs={'9' * 500}", f"asked for '{'9' * 40}', {WHOLE} 1 to 1000000000"),
    ("--batch-size=0", f"asked for '0', {WHOLE} 1 to 1000000000"),
    ("--batch-size=-4", f"asked for '-4', {WHOLE} 1 to 1000000000"),
    ("--batch-size=two", f"asked for 'two', {WHOLE} 1 to 1000000000"),
    ("--new-tokens=-1", f"asked for '-1', {WHOLE} 2 to 1000000000"),
    ("--revision=phi", "asked for 'phi', needs MODEL=REVISION, e.g. phi=main"),
    ("--revision=phi=a b", "asked for 'phi=a b', needs MODEL=REVISION, e.g. phi=main"),
    ("--revision=phi=../../etc", "asked for 'phi=../../etc', needs MODEL=REVISION, e.g. phi=main"),
    ("--run-timeout=0", "asked for '0', needs a number of seconds above 0"),
    ("--run-timeout=nan", "asked for 'nan', needs a number of seconds above 0"),
    ("--ram-floor=-1", "asked for '-1', needs a number of GB, 0 or more"),
    ("--benchmark-save=../thor", "Must not contain any of these characters: /:*?<>|\\ (it has '/')"),
]


@pytest.mark.parametrize(("option", "complaint"), PARSED)
def test_values_that_cannot_be_parsed(tmp_path: Path, option: str, complaint: str) -> None:
    """A value that an option cannot hold is refused while the command line is parsed."""
    assert refuse(tmp_path, option) == f"argument {option.partition('=')[0]}: {complaint}"


REFUSED = {
    "--models=smolvm2": "--models=smolvm2: there is no 'smolvm2'; did you mean smolvlm2, smolvlm2-500m, smolvlm2-256m? "
    "--models=help lists them all.",
    "--precisions=fp32": "--precisions=fp32: there is no 'fp32'; did you mean fp16? there are fp16, bf16.",
    "--revision=phi=main": "--revision: --weights=mini loads no published checkpoint; leave one of the two out.",
    f"{HUB} --revision=phj=main": "--revision=phj: there is no 'phj'; did you mean phi? --models=help lists them all.",
    f"{HUB} --models=llava --revision=phi=main": "--revision=phi=main: phi is not one of the models of this session.",
    f"{HUB} --models=phi --trust-remote-code": "--trust-remote-code: phi is not pinned to a commit; "
    "type --revision=phi=SHA with all 40 digits, or leave --trust-remote-code out.",
    f"{HUB} --revision=phi=a --revision=phi=b": "--revision: phi is given twice; "
    "a session measures one revision of a model.",
    "--trust-remote-code": "--trust-remote-code: --weights=mini has no code of its own; leave --trust-remote-code out.",
    "--plan": NO_MINIATURES,
    "--prefetch": NO_MINIATURES,
    "--weights=random --prefetch": "--prefetch: random weights need no download; leave --weights=random out.",
    "--images=/nonexistent": "--images=/nonexistent: cannot be read (No such file or directory); "
    "name a folder of photographs or one file.",
    "--prompts=/nonexistent": "--prompts=/nonexistent: cannot be read (No such file or directory); "
    "name a text file with one prompt per line.",
    "--torch-device=gpu": "--torch-device=gpu: there is no 'gpu'; type auto, cuda, cuda:N, mps or cpu after the `=`.",
    "--power-monitor=nvlm": "--power-monitor=nvlm: there is no 'nvlm'; did you mean nvml? "
    "choose from auto, none, csv, hwmon, jtop, nvml, rapl, replay, tegrastats.",
    "--power-monitor=rapl:0": "--power-monitor=rapl:0: rapl takes no argument; type --power-monitor=rapl.",
    "--power-monitor=replay:/nonexistent": "--power-monitor=replay:/nonexistent: cannot be read "
    "(No such file or directory); name a file of samples.",
    "--ram-floor=1 --isolation=none": "--ram-floor=1: needs a child process to kill; leave --isolation=none out.",
    "--run-timeout=600 --isolation=none": "--run-timeout=600: needs a child process to kill; "
    "leave --isolation=none out.",
    f"--benchmark-save={'x' * 101}": f"--benchmark-save='{'x' * 40}': {NAME}",
    "--resume --benchmark-save=thor": "--resume: there is no unfinished session named 'thor' (unfinished: none); "
    "type --benchmark-save=NAME with one of these names, or leave --resume out.",
    f"--device-label={'x' * 61}": LABEL,
}


@pytest.mark.parametrize("options", REFUSED)
def test_bad_options(tmp_path: Path, options: str) -> None:
    """A bad option is refused in one sentence that says what was asked, what was found and what to type."""
    assert refuse(tmp_path, *options.split()) == REFUSED[options]


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--device-label= ", LABEL),
        ("--device-label=a\x1b]0;b", LABEL),
        ("--benchmark-save=a\nb", BREAKS_A_LINE),
        (
            "--torch-device=a\x1b[1m\nb",
            "--torch-device=a [1m b: there is no 'a\\x1b[1m\\nb'; type auto, cuda, cuda:N, mps or cpu after the `=`.",
        ),
    ],
)
def test_names_that_cannot_be_shown(tmp_path: Path, option: str, sentence: str) -> None:
    """A name that is blank or breaks a line is refused."""
    assert refuse(tmp_path, option) == sentence


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="needs /proc/meminfo, to know what the machine has")
def test_a_floor_above_the_machines_memory(tmp_path: Path) -> None:
    """A --ram-floor that the machine can never keep is refused with the size of its memory."""
    said = refuse(tmp_path, "--ram-floor=1e6")

    assert re.fullmatch(r"--ram-floor=1e\+06: this machine has \d+\.\d GB; type a smaller number\.", said)


def test_cuda_without_cuda(tmp_path: Path) -> None:
    """--torch-device=cuda with a torch that sees no CUDA is refused with the remedy, never a run on the CPU."""
    said = refuse(tmp_path, "--torch-device=cuda")

    assert said.startswith(f"--torch-device=cuda:0: torch {version('torch')}")
    assert said.endswith(
        " finds no CUDA device; install the build of torch that the board's vendor ships (for a Jetson, NVIDIA's), "
        "or type --torch-device=cpu."
    )


def test_a_bad_image_among_good_ones(tmp_path: Path) -> None:
    """A folder with one damaged photograph is refused with that photograph's name, before anything is loaded."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    buffer = io.BytesIO()
    Image.effect_noise((640, 480), 60).save(buffer, "JPEG")
    (folder / "good.jpg").write_bytes(buffer.getvalue())
    (folder / "cut.jpg").write_bytes(buffer.getvalue()[:5000])

    assert "cut.jpg is damaged" in refuse(tmp_path, f"--images={folder}")


def test_a_conftest_among_the_photographs_is_not_run(tmp_path: Path) -> None:
    """--images=DIR, written with its `=`, runs nothing that lies in the folder."""
    (tmp_path / "conftest.py").write_text("raise SystemExit('run')")

    assert "the folder contains no image" in refuse(tmp_path, f"--images={tmp_path}")


def test_pairs_are_not_measured_beside_each_other(tmp_path: Path) -> None:
    """pytest-xdist would run pairs at once, each beside the other's load: it is refused."""
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")

    said = refuse(tmp_path, "-n1", "--collect-only")  # which starts no process that must be ended again
    assert said == "--numprocesses: pytest-xdist would measure several pairs at the same time; leave it out."


def test_a_place_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    """A session whose save could not be written is refused before the first pair, in one sentence."""
    (tmp_path / "results").write_text("")

    said = refuse(tmp_path, "--models=llava", "--precisions=bf16", "--runs=1")
    assert "cannot be written (Not a directory), so an interrupted session would be lost" in said


def test_models_help(tmp_path: Path) -> None:
    """--models=help lists the models and measures nothing."""
    done = product.measure_here(tmp_path, "--models=help")

    assert done.returncode == 0
    assert "HuggingFaceTB/SmolVLM2-2.2B-Instruct" in done.stdout
    assert "test session starts" not in done.stdout


@pytest.mark.parametrize("option", ["--benchmark-skip", "--setup-only", "--collect-only"])
def test_what_measures_nothing_leaves_nothing(tmp_path: Path, option: str) -> None:
    """A session that measures nothing leaves neither a save nor a journal."""
    done = product.measure_here(tmp_path, "--models=llava", "--precisions=bf16", option)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_generate[llava-bf16]" in done.stdout or "1 skipped" in done.stdout
    assert not list(tmp_path.rglob("*.json*"))


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--runs=0", f"error: argument --runs: asked for '0', {WHOLE} 1 to 1000000000"),
        ("--torch-device=gpu", f"ERROR: {REFUSED['--torch-device=gpu']}"),
    ],
)
def test_a_refusal_in_a_process_of_its_own(tmp_path: Path, option: str, sentence: str) -> None:
    """As a user starts it, a refused session has exit code 4, one sentence on stderr, and no traceback."""
    done = product.measure(tmp_path, option)

    assert done.returncode == 4, done.stdout + done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(tmp_path.rglob("*.json*"))


def test_a_session_without_enough_files_is_refused(tmp_path: Path) -> None:
    """Where the shell allows few open files, nothing is begun, and a sentence says what to look at."""
    command = shlex.join(product.command(tmp_path, "--weights=random", "--models=smolvlm2-256m", "--plan"))
    done = product.run(["sh", "-c", f"ulimit -n 20; exec {command}"])

    assert done.returncode == 4, done.stdout + done.stderr
    assert (
        "ERROR: A process cannot be started (Too many open files); type `ulimit -n 1024` before the command."
        in done.stderr
    )
    assert "Traceback" not in done.stdout + done.stderr


def test_a_smoke_test_saves_nothing(tmp_path: Path) -> None:
    """--benchmark-disable tries one run a pair, and neither saves it nor leaves a journal."""
    done = product.measure_here(tmp_path, "--models=llava", "--precisions=bf16", "--benchmark-disable")

    assert done.returncode == 0, done.stdout
    assert "llava-bf16: measured, 1 of 1 runs good" in done.stdout
    assert "given up" not in done.stdout
    assert not list(tmp_path.rglob("*.json*"))
