"""What a session needs disappears among the runs: its sensor, its disk, its folder. Its times are saved.

Tests benchmarks.pair.meters and benchmarks.storage.saves.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pynvml
import pytest

from benchmarks.record import find_violations
from tests.support import product
from tests.support.limits import limit_file_size
from tests.support.meanwhile import runs, said, when
from tests.support.meter_log import HEAD, make_rows

RUNS, FEW = 50, 25
ONE_PAIR = ("--models=llava", "--precisions=bf16", "--benchmark-save=thor")


def measure(storage: Path, *options: str, status: int = 0) -> str:
    """Measure a pair, and return what the session said."""
    done = product.measure_here(storage, *ONE_PAIR, f"--runs={RUNS}", *options)
    assert done.returncode == status, done.stdout
    return done.stdout


def measured(storage: Path) -> dict[str, Any]:
    """Return the Record of the one measured pair of the one save."""
    (save,) = product.read_saves(storage)
    (bench,) = save["benchmarks"]
    assert save["unmeasured"] == []
    assert list(find_violations(bench["extra_info"])) == []
    return dict(bench["extra_info"])


def test_a_gpu_that_is_lost_costs_its_joules_alone(
    nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When NVML loses the GPU among the runs, their times stay, no joules are made up, and it is said why."""
    gone, storage = tmp_path / "gone", tmp_path / "results"
    monkeypatch.setattr(pynvml, "nvmlLib", ctypes.CDLL(str(nvml_library / "libnvidia-ml.so.1")))
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    monkeypatch.setenv("FAKE_GONE", str(gone))
    with when(runs(storage, RUNS // 2), gone.touch):  # by then the sensor was read, at random moments
        told = measure(storage, "--torch-device=cpu", "--power-monitor=nvml")

    found = measured(storage)
    assert found["counts"]["good"] == len(found["runs"]["latency_s"]) == RUNS
    assert 0 < found["power"]["energy_runs"] < RUNS
    assert None in found["runs"]["energy_j"]
    assert 0 not in found["runs"]["energy_j"]
    assert any("GPU is lost" in flag for flag in found["power"]["flags"])
    assert "GPU is lost" in told
    assert "no J/token, because the power samples cover too few of its runs" in told


def test_what_a_sensor_remarked_survives_a_kill(tmp_path: Path) -> None:
    """What a session that was killed had to say of its sensor stands in the Record of the one that goes on."""
    log, storage = tmp_path / "wall.csv", tmp_path / "results"
    log.write_text(HEAD + make_rows(50, 3600, 3601))
    options = [*ONE_PAIR, f"--runs={FEW}", f"--power-monitor=csv:{log}"]
    with product.Terminal(product.command(storage, *options)) as terminal:
        terminal.wait_for("llava-bf16  run ")
        terminal.process.kill()
    log.write_text(HEAD + make_rows(50, -5, 240))
    done = product.measure_here(storage, *options, "--resume")
    assert done.returncode == 0, done.stdout

    found = measured(storage)
    assert len(found["interruptions"]) == 1
    (remark,) = [flag for flag in found["power"]["flags"] if flag.startswith("The log's nearest sample was ")]
    assert remark.endswith(" s ahead at the start: is the meter's clock right?")
    assert found["power"]["energy_runs"] > 0


def test_a_folder_that_vanishes_costs_nothing(tmp_path: Path) -> None:
    """When results/ is moved away among the runs, the session goes on, says so once, and saves where it was."""
    storage = tmp_path / "results"
    with when(runs(storage), lambda: storage.rename(tmp_path / "elsewhere")):
        told = measure(storage)

    assert measured(storage)["counts"]["good"] == RUNS
    assert told.count("The journal cannot be written (the journal was deleted)") == 1
    (left,) = (tmp_path / "elsewhere/.journal").iterdir()
    assert json.loads(left.read_text().splitlines()[0])["save"] == "thor"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
@pytest.mark.parametrize("freed", [False, True], ids=["full to the end", "freed before the end"])
def test_a_full_file_system_costs_nothing(tmp_path: Path, *, freed: bool) -> None:
    """A results/ that fills up is said once; the save is written elsewhere, or there if there is room again."""
    storage = tmp_path / "small"
    storage.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", storage], check=False).returncode:
        pytest.skip("mounting a file system is not permitted here")
    try:
        (storage / "ballast").write_bytes(b"0" * 152_000)
        with when(said("No space left on device"), (storage / "ballast").unlink if freed else str):
            told = measure(storage, f"--runs={FEW}")
        assert told.count("The journal cannot be written (No space left on device)") == 1
        if freed:
            assert measured(storage)["counts"]["good"] == FEW
            assert list((storage / ".journal").iterdir()) == []
        else:
            elsewhere = saved_elsewhere(told)
            assert len(json.loads(elsewhere.read_text())["benchmarks"]) == 1
            shutil.rmtree(elsewhere.parent)
    finally:
        subprocess.run(["umount", "-l", storage], check=True)


def saved_elsewhere(told: str) -> Path:
    """Return the file that a session names, whose folder was full."""
    (line,) = [line for line in told.splitlines() if line.startswith("The save could not be written")]
    return Path(line.partition("it is in ")[2].partition(":")[0])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full stands for a full disk on Linux only")
def test_benchmark_json_costs_no_save(tmp_path: Path) -> None:
    """A --benchmark-json on a full disk is said in a sentence, and the save is written all the same."""
    done = product.measure_here(tmp_path, *ONE_PAIR, "--runs=2", "--benchmark-json=/dev/full")

    assert done.returncode == 0, done.stdout
    assert measured(tmp_path)["counts"]["good"] == 2
    assert "--benchmark-json could not be written (No space left on device)." in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_session_that_no_disk_takes_is_no_success(tmp_path: Path) -> None:
    """Where every disk is full, the exit code is 1, standard error has the save, and --resume uses the journal."""
    with ExitStack() as undo:
        full = limit_file_size(6000)
        with when(runs(tmp_path, FEW // 2), lambda: undo.enter_context(full)):
            told = measure(tmp_path, f"--runs={FEW}", f"--benchmark-json={tmp_path / 'x.txt'}", status=1)

    assert "put the line after -----BEGIN SAVE----- on standard error into a file, 0001_thor.json." in told
    assert "--benchmark-json could not be written (File too large)." in told
    assert "Type the same command with --resume to save what the journal contains; that is not measured again." in told
    assert product.read_saves(tmp_path) == []
    assert product.count_lines(tmp_path, "run") >= FEW // 2
    measure(tmp_path, f"--runs={FEW}", "--resume")
    assert measured(tmp_path)["counts"]["good"] == FEW


RAISING = """
def pytest_benchmark_update_json(config, benchmarks, output_json):
    raise KeyError("other plugin")
"""


def test_a_plugin_that_raises_costs_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where another plugin's hook keeps pytest-benchmark from saving, it is said, and the journal has every run."""
    (tmp_path / "raising.py").write_text(RAISING)
    monkeypatch.syspath_prepend(tmp_path)
    told = measure(tmp_path, "--runs=2", "-p", "raising", status=1)

    assert "The session could not be saved (KeyError: 'other plugin')." in told
    assert "Traceback" not in told
    assert product.count_lines(tmp_path, "done") == 1
