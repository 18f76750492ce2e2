"""A process that is killed leaves no process and no file behind: real kills, real processes.

Tests benchmarks.processes.lifetime, benchmarks.processes.helper and benchmarks.processes.start_methods.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.support import product
from tests.support.jobs import make_job
from tests.support.miniatures import write_photograph
from tests.support.processes import alive, children, gone

BUSY = """
import sys
from pathlib import Path
from benchmarks.pair import handle
from benchmarks.processes.protocol import Job
if __name__ == "__main__":
    worker = handle.start(Job("llava", "bf16", "mini", Path(sys.argv[1]), "cpu", (Path(sys.argv[2]).read_bytes(),),
                              ("What is it?",), 100_000), isolation="process", start_method=sys.argv[3])
    worker.load()
    print(worker.pid, flush=True)
    worker.run([(0, 0)])
"""


@pytest.mark.parametrize("start_method", ["spawn", "forkserver"])
def test_a_busy_child_never_outlives_its_parent(tmp_path: Path, start_method: str) -> None:
    """A child in the middle of a run is gone within seconds when its parent is killed."""
    source, script = make_job("llava").source, tmp_path / "busy.py"
    photograph = write_photograph(tmp_path / "grey.jpg")
    script.write_text(BUSY)
    settings = product.environment() | {"PYTHONPATH": str(product.ROOT)}
    arguments = [sys.executable, *map(str, (script, source, photograph)), start_method]
    with subprocess.Popen(arguments, env=settings, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        time.sleep(1.0)
        assert alive(child)
        parent.kill()

    assert gone([child])


SERVED = """
import time
from benchmarks.processes.start_methods import get_context
if __name__ == "__main__":
    get_context("forkserver").Process(target=str).start()
    print("started", flush=True)
    time.sleep(600)
"""


def test_a_killed_session_leaves_no_folder(tmp_path: Path) -> None:
    """The folder in which a forkserver listens is gone with the session that started it, killed or not."""
    script = tmp_path / "served.py"
    script.write_text(SERVED)
    with tempfile.TemporaryDirectory() as short:  # a socket's path has at most 107 characters
        settings = product.environment() | {"PYTHONPATH": str(product.ROOT), "TMPDIR": short}
        with subprocess.Popen([sys.executable, script], env=settings, stdout=subprocess.PIPE, text=True) as session:
            assert session.stdout is not None
            session.stdout.readline()
            assert len(list(Path(short).glob("pymp-*"))) == 1
            servers = children(session.pid)
            session.kill()

        assert gone(servers)
        assert list(Path(short).glob("pymp-*")) == []


HELPED = """
import time
from benchmarks.processes.helper import run_in_process
if __name__ == "__main__":
    run_in_process("spawn", time.sleep, 600)
"""


def test_a_helper_never_outlives_its_parent(tmp_path: Path) -> None:
    """A process that decodes or builds something aside is gone within seconds when its parent is killed."""
    script = tmp_path / "helped.py"
    script.write_text(HELPED)
    settings = product.environment() | {"PYTHONPATH": str(product.ROOT)}
    with subprocess.Popen([sys.executable, script], env=settings) as parent:
        while len(children(parent.pid)) < 2:  # the helper and multiprocessing's tracker
            assert parent.poll() is None
            time.sleep(0.05)
        time.sleep(1.0)
        helpers = children(parent.pid)
        parent.kill()

    assert gone(helpers)
