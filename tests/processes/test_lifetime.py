"""A process that is killed leaves no process and no file behind: real kills, real processes.

Tests benchmarks.processes.lifetime, benchmarks.processes.helper and benchmarks.processes.start_methods.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Killed:
    """A session that was killed while its child was busy.

    Attributes:
        child: the busy child.
        others: its other descendants, such as a forkserver.
        running: folders of a forkserver's socket while it ran, after another session had swept.
        left: those that its kill left.
        after: those that were left when the next session had swept.
    """

    child: int
    others: list[int]
    running: list[Path]
    left: list[Path]
    after: list[Path]


@pytest.fixture(scope="module", params=["spawn", "forkserver"])
def killed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """Kill a session while its child is in the middle of a run."""
    folder = tmp_path_factory.mktemp("busy")
    (folder / "busy.py").write_text(BUSY)
    files = (folder / "busy.py", make_job("llava").source, write_photograph(folder / "grey.jpg"))
    with tempfile.TemporaryDirectory() as short:  # a socket's path has at most 107 characters
        settings = product.environment() | {"PYTHONPATH": str(product.ROOT), "TMPDIR": short}
        arguments = [sys.executable, *map(str, files), request.param]
        with subprocess.Popen(arguments, env=settings, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            time.sleep(1.0)
            assert alive(child)
            others = [pid for pid in children(parent.pid) if pid != child]
            running = sweep(short)
            parent.kill()
        gone([child, *others])
        return Killed(child, others, running, list(Path(short).glob("pymp-*")), sweep(short))


SWEEP = "from benchmarks.processes.start_methods import check_temporary_folder as check; check('spawn')"


def sweep(folder: str) -> list[Path]:
    """Begin another session, which leaves nothing, and return the folders that it leaves of others."""
    Path(folder, "pymp-another").mkdir(exist_ok=True)
    product.run([sys.executable, "-c", SWEEP], TMPDIR=folder)
    assert Path(folder, "pymp-another").is_dir()
    return [path for path in Path(folder).glob("pymp-*") if path.name != "pymp-another"]


def test_a_busy_child_never_outlives_its_parent(killed: Killed) -> None:
    """A child in the middle of a run is gone within seconds when its parent is killed."""
    assert not alive(killed.child)


@pytest.mark.parametrize("killed", ["forkserver"], indirect=True)
def test_what_a_kill_leaves_is_swept_at_the_next_start(killed: Killed) -> None:
    """The folder of a killed session's socket is deleted by the next one, never that of a running one or another's."""
    assert len(killed.running) == 1
    assert len(killed.left) == 2  # with that of another program
    assert killed.others
    assert not any(map(alive, killed.others))
    assert killed.after == []


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
