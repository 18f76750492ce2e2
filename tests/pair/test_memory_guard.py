"""A model's memory is predicted before it is loaded, and guarded while it runs.

Tests benchmarks.pair.memory_guard and benchmarks.machine.footprint.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest
from safetensors.numpy import save_file

from benchmarks.machine import device, memory
from benchmarks.machine.footprint import PROCESS_BYTES, predict_bytes
from benchmarks.pair import handle
from benchmarks.pair.memory_guard import MemoryGuard
from benchmarks.processes.protocol import WorkerFailed
from benchmarks.record import DID_NOT_FIT, find_violations
from tests.support import product
from tests.support.jobs import make_job
from tests.support.meanwhile import runs, when

if TYPE_CHECKING:
    from pathlib import Path

GB = 1_000_000_000
HOG = "import sys, time; hog = bytearray(b'x') * int(sys.argv[1]); print('full', flush=True); time.sleep(600)"


def machine(folder: Path, available: int) -> Path:
    """Make, or make anew, a machine of 16 GB with so many bytes available."""
    (folder / "proc").mkdir(exist_ok=True)
    kilobytes = f"MemTotal: {16 * GB // 1024} kB\nMemAvailable: {available // 1024} kB\n"
    (folder / "proc/new").write_text(kilobytes)
    (folder / "proc/new").rename(folder / "proc/meminfo")
    return folder


def weights(folder: Path, **tensors: Any) -> list[Path]:
    """Write a safetensors file."""
    save_file(tensors, folder / "model.safetensors")
    return [folder / "model.safetensors"]


def available() -> int:
    """Return what is available on this machine, bytes."""
    found = memory.read_available_bytes()
    if found is None or found < 6 * GB:
        pytest.skip("needs /proc/meminfo and 6 GB of memory to give some of it away")
    return found


def test_a_prediction_is_weights_in_two_bytes(tmp_path: Path) -> None:
    """Floating weights count two bytes each however they are stored, others their own size, and the process on top."""
    files = weights(tmp_path, a=np.zeros((10, 5), np.float32), b=np.zeros(7, np.float16), c=np.zeros(3, np.int64))

    assert predict_bytes(files) == PROCESS_BYTES + 2 * 50 + 2 * 7 + 8 * 3


def test_what_cannot_be_read_is_not_predicted(tmp_path: Path) -> None:
    """Weights that are damaged or missing have no prediction, and the load itself says what is wrong with them."""
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{damaged")

    assert predict_bytes([tmp_path / "model.safetensors"]) is None
    assert predict_bytes([]) is None
    MemoryGuard(GB, machine(tmp_path, 2 * GB)).admit(predict_bytes([tmp_path / "model.safetensors"]))


def test_a_model_that_cannot_fit_is_not_loaded(tmp_path: Path) -> None:
    """Where prediction and floor exceed what is available, the load is refused with the three figures."""
    files = weights(tmp_path, a=np.zeros(250_000_000, np.float16))
    MemoryGuard(GB, machine(tmp_path, 2 * GB)).admit(predict_bytes(files))
    MemoryGuard(None, machine(tmp_path, GB)).admit(predict_bytes(files))
    with pytest.raises(WorkerFailed) as refusal:
        MemoryGuard(GB, machine(tmp_path, 1_800_000_000)).admit(predict_bytes(files))

    assert refusal.value.reason == DID_NOT_FIT
    assert str(refusal.value) == (
        "it needs at least 0.9 GB, but 1.8 GB are available, of which 1.0 GB must stay free (--ram-floor)"
    )


def run_for_ever(worker: handle.Handle) -> NoReturn:
    """Run until it fails."""
    while True:
        worker.run([(0, 0)])


def test_a_child_is_killed_below_the_floor(tmp_path: Path) -> None:
    """As soon as less than the floor is available the child is killed in the middle of its work, and it is said why."""
    guard = MemoryGuard(GB, machine(tmp_path, 2 * GB))
    worker = handle.Child(make_job("llava"), "forkserver")
    worker.load()
    guard.watch(worker)
    worker.run([(0, 0)])
    machine(tmp_path, 900_000_000)
    with pytest.raises(WorkerFailed) as failure:
        run_for_ever(worker)
    guard.stop()
    worker.close()

    why = guard.explain(failure.value)
    assert failure.value.reason == "SIGKILL"
    assert (why.reason, why.died) == (DID_NOT_FIT, True)
    assert str(why) == "only 0.9 GB were available, but 1.0 GB must stay free (--ram-floor), so its process was killed"
    assert guard.describe()[0]["ram_available_min_bytes"] == pytest.approx(900_000_000, abs=1024)


def test_another_death_keeps_its_name(tmp_path: Path) -> None:
    """A child that dies while enough is available did not die for want of guard."""
    guard = MemoryGuard(GB, machine(tmp_path, 2 * GB))
    crash = WorkerFailed("SIGSEGV", "the process that ran the model was killed (SIGSEGV)", died=True)

    assert guard.explain(crash) is crash


SIGKILL = WorkerFailed("SIGKILL", "the process that ran the model was killed (SIGKILL)", died=True)
COUNTS = {
    "sys/fs/cgroup/a/b/memory.events": "low 0\noom 9\noom_kill {}\noom_group_kill 0\n",
    "sys/fs/cgroup/memory.events": "oom 9\noom_kill {}\n",
    "sys/fs/cgroup/memory/a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n",
    "proc/vmstat": "pgfree 7\noom_kill {}\n",
}


@pytest.mark.parametrize("place", COUNTS)
def test_a_kill_by_the_kernel_is_for_want_of_memory(tmp_path: Path, place: str) -> None:
    """SIGKILL did not fit only if the kernel's own count of such kills rose, in the control group or on the machine."""
    root = machine(tmp_path, 8 * GB)
    (root / "proc/self").mkdir()
    (root / "proc/self/cgroup").write_text("4:cpu,memory:/a\n0::/a/b\n")
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_text(COUNTS[place].format(3))
    guard = MemoryGuard(None, root)
    worker = handle.Child(make_job("llava"), "forkserver")
    guard.watch(worker)
    worker.close(at_once=True)
    assert guard.explain(SIGKILL) is SIGKILL

    (root / place).write_text(COUNTS[place].format(4))
    why = guard.explain(SIGKILL)
    assert why.ran_out_of_memory
    assert str(why).endswith("(SIGKILL): the kernel ran out of memory (its count oom_kill rose)")
    assert guard.explain(SIGKILL) is SIGKILL


def test_a_kill_while_little_was_available_is_for_want_of_memory(tmp_path: Path) -> None:
    """A program like earlyoom leaves no count: what was available in the last second says that memory was short."""
    guard = MemoryGuard(GB, machine(tmp_path, 1_400_000_000))
    worker = handle.Child(make_job("llava"), "forkserver")
    guard.watch(worker)
    worker.load()
    guard.stop()
    worker.close()

    assert str(guard.explain(SIGKILL)).endswith("(SIGKILL): only 1.4 GB of 16.0 GB were available")


def unmeasured(storage: Path) -> dict[str, Any]:
    """Return the one Record of a save's one pair, which is not measured."""
    (path,) = storage.rglob("*.json")
    save = json.loads(path.read_text())
    assert save["benchmarks"] == []
    (found,) = save["unmeasured"]
    assert list(find_violations(found)) == []
    return dict(found)


def test_a_session_without_room_loads_nothing(tmp_path: Path) -> None:
    """A pair whose prediction would reach below --ram-floor did not fit: it is saved with the figures, unloaded."""
    total = device.read_ram_bytes()
    if total is None:
        pytest.skip("needs /proc/meminfo")
    floor = total / GB - 0.3  # no running system leaves so much available
    done = product.measure_here(tmp_path, "--models=llava", "--precisions=bf16", f"--ram-floor={floor}")

    found = unmeasured(tmp_path)
    assert done.returncode == 1, done.stdout
    assert (found["reason"], found["failures"]["stage"]) == ("did not fit", "load")
    assert "did not fit: it needs at least 0.4 GB, but " in found["message"]
    assert found["message"] in done.stdout
    assert found["memory"]["ram_floor_bytes"] == pytest.approx(floor * GB, rel=1e-4)
    assert PROCESS_BYTES < found["memory"]["ram_predicted_bytes"] < PROCESS_BYTES + 10_000_000
    assert found["memory"]["ram_available_bytes"] - found["memory"]["ram_predicted_bytes"] < floor * GB
    assert found["counts"]["attempted"] == 0


def test_memory_that_runs_out_ends_the_pair(tmp_path: Path) -> None:
    """When a real process takes the machine below --ram-floor, the child is ended and the pair did not fit."""
    floor = (available() - 2.5 * GB) / GB
    options = ["--models=llava", "--precisions=bf16", "--runs=20000", f"--ram-floor={floor}"]
    hogs: list[subprocess.Popen[bytes]] = []
    taking = [sys.executable, "-c", HOG, str(4 * GB)]
    with when(runs(tmp_path), lambda: hogs.append(subprocess.Popen(taking, stdout=subprocess.PIPE))):
        status = product.measure_here(tmp_path, *options).returncode
    for hog in hogs:
        with hog:
            hog.kill()

    found = unmeasured(tmp_path)
    assert status == 1
    assert found["reason"] == "did not fit"
    (left,) = re.findall(r"good runs of 20000: only ([\d.]+) GB were", found["message"])
    assert float(left) == pytest.approx(found["memory"]["ram_available_min_bytes"] / GB, abs=0.5)  # read a moment later
    assert found["failures"]["by_reason"] == {DID_NOT_FIT: 1}
    assert found["memory"]["ram_available_min_bytes"] < floor * GB
    assert len(found["runs"]["latency_s"]) == found["counts"]["good"] > 0
