"""Downloads by huggingface_hub, over real HTTP, from a Hub on this machine: they resume, stop and are repaired.

Tests benchmarks.hub.client.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks import hub
from benchmarks.hub import Checkpoint, HubError, Snapshot, client
from benchmarks.processes.helper import run_in_process
from tests.support import product
from tests.support.hub_handler import Fault
from tests.support.hub_server import BIG, TOKEN, HubServer, make_stocked_server, use_hub
from tests.support.processes import children, gone

REPO = "org/name"
WANTED = Checkpoint("llava", REPO, "refs/pr/70")


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    """A Hub for one test after another."""
    with make_stocked_server() as started:
        yield started


@pytest.fixture
def home(server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HF_HOME; the Hub has no faults and no recorded requests."""
    use_hub(monkeypatch, tmp_path, server.url)
    server.faults.clear()
    server.later = ()
    server.asked.clear()
    return tmp_path


def get_error() -> HubError:
    """Return the error of obtaining WANTED."""
    with pytest.raises(HubError) as caught:
        hub.obtain(WANTED, print)
    return caught.value


def test_a_dropped_download_resumes(server: HubServer, home: Path) -> None:
    """A dropped download resumes by Range and shows its progress; a complete one is not asked for again."""
    server.faults[f"{REPO}/model.safetensors"] = Fault(drop_after=22_000_000, times=1)
    said: list[str] = []
    snapshot = hub.obtain(WANTED, said.append)

    assert snapshot == Snapshot(home / "hub/models--org--name/snapshots" / server.commit, server.commit)
    assert sorted(path.name for path in snapshot.path.rglob("*")) == [
        "config.json", "model.safetensors", "tokenizer.json",
    ]  # fmt: skip
    assert (snapshot.path / "model.safetensors").read_bytes() == BIG
    first, second = server.got(REPO, "model.safetensors")
    pieces = 2 * 10 * 2**20  # what was written when the connection ended
    assert (first.range, second.range) == (None, f"bytes={pieces}-")
    assert second.sent == len(BIG) - pieces
    assert any(line.startswith("llava: 21.0 of 24.0 MB, ") and line.endswith(" MB/s") for line in said)

    asked = len(server.asked)
    for revision in ("refs/pr/70", server.commit):
        assert hub.obtain(Checkpoint("llava", REPO, revision), said.append) == snapshot
    assert len(server.asked) == asked


@pytest.mark.parametrize("later", [(), ("f" * 40, "e" * 40)], ids=["the last", "main moved on"])
def test_an_abbreviated_commit_is_resolved(server: HubServer, home: Path, later: tuple[str, ...]) -> None:
    """The Hub's history completes an abbreviated commit, also when main moved on; afterwards the cache does."""
    server.later = later
    beginning = Checkpoint("internvl2-2b", REPO, server.commit[:7])

    first = hub.obtain(beginning, print)
    asked = [one.path for one in server.asked]
    assert (f"/api/models/{REPO}/commits/main" in asked) == bool(later)
    assert first == Snapshot(home / "hub/models--org--name/snapshots" / server.commit, server.commit)
    assert hub.obtain(beginning, print) == first
    assert len(server.asked) == len(asked)


@pytest.mark.parametrize("later", [(), ("abcdef1" + "0" * 33, "abcdef1" + "1" * 33)], ids=["none", "two"])
def test_an_ambiguous_or_unknown_commit_is_refused(server: HubServer, home: Path, later: tuple[str, ...]) -> None:
    """An abbreviated commit that no commit of main matches, or two match, is refused before a download."""
    server.later = ("f" * 40, *later)
    with pytest.raises(
        HubError, match="has no revision abcdef1; type --revision=llava=SHA with a commit from "
    ) as caught:
        hub.obtain(Checkpoint("llava", REPO, "abcdef1"), print)

    assert caught.value.reason == "no revision"
    assert not [path for path in home.rglob("*") if path.is_file()]


@pytest.mark.parametrize("commit", ["../../../escaped", "c0ffee", "C0FFEE" * 6 + "1234"])
def test_an_invalid_commit_is_refused(server: HubServer, home: Path, commit: str) -> None:
    """A commit from the Hub that is not 40 lower-case hex digits is refused before it becomes a path."""
    server.later = (commit,)
    with pytest.raises(HubError, match="answers with the invalid commit ") as caught:
        hub.obtain(Checkpoint("llava", REPO), print)

    assert caught.value.reason == "invalid"
    assert not list(home.rglob("*"))


def test_the_token_goes_to_the_hub_only(server: HubServer, home: Path) -> None:
    """The token is sent to the Hub, not to the store that it redirects to; no progress and no file holds it."""
    said: list[str] = []
    hub.obtain(WANTED, said.append)

    sent = {one.path.partition("/")[2].split("/")[0]: one.authorization for one in server.asked}
    assert sent["org"] == f"Bearer {TOKEN}"
    assert sent["cdn"] is None
    assert TOKEN not in " ".join(said)
    assert not [path for path in home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_a_plan_downloads_nothing(server: HubServer, home: Path) -> None:
    """A plan gives the needed files, their bytes and the commit; it downloads and writes nothing."""
    plan = run_in_process("spawn", client.plan_download, WANTED)

    assert plan.commit == server.commit
    assert plan.files == {"config.json": 11, "tokenizer.json": 14, "model.safetensors": len(BIG)}
    assert (plan.cached_bytes, plan.missing_bytes) == (0, len(BIG) + 25)
    assert not [one for one in server.asked if one.method == "GET" and not one.path.startswith("/api/")]
    assert not [path for path in home.rglob("*") if path.is_file()]


def test_too_little_room_is_said_before_a_byte_comes(server: HubServer, home: Path) -> None:
    """A download without room on the disk is refused with both sizes, before any file is asked for."""
    server.faults[f"{REPO}/model.safetensors"] = Fault(size=10**18)
    found = get_error()

    assert found.reason == "no room"
    assert str(found).startswith(f"llava (org/name) needs 1050000000.0 GB in {home}/hub, but only ")
    assert str(found).endswith(" GB are free; free some space, or set HF_HOME to a folder on a larger disk.")
    assert not [one for one in server.asked if one.method == "GET" and not one.path.startswith("/api/")]


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """HF_HOME on a file system of 32 MB."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", home], check=False).returncode:
        pytest.skip("mounting a file system is not permitted here")
    yield home
    subprocess.run(["umount", "-l", home], check=True)


def test_a_disk_that_fills_up(server: HubServer, small_disk: Path) -> None:
    """A disk that becomes full during a download is named; complete files are kept, and the next try continues."""
    ballast = small_disk / "ballast"
    server.faults[f"{REPO}/model.safetensors"] = Fault(before=lambda: ballast.write_bytes(b"0" * 20_000_000))
    found = get_error()

    assert found.reason == "disk full"
    assert str(found) == (
        f"llava (org/name): {small_disk}/hub is full; complete files are kept, and the next try continues from there: "
        "free some space, or set HF_HOME to a folder on a larger disk."
    )
    assert not list(small_disk.rglob("*.*.incomplete"))
    ballast.unlink()
    server.faults.clear()
    hub.obtain(WANTED, print)
    assert len(server.got(REPO, "config.json")) == 1


def test_a_read_only_cache(small_disk: Path) -> None:
    """A cache that cannot be written is named, with the remedy."""
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    found = get_error()

    assert found.reason == "read-only"
    assert str(found) == (
        f"llava (org/name) is not in the cache {small_disk}/hub, "
        "and the cache cannot be written (Read-only file system); set HF_HOME to a writable folder."
    )


def wait_until(condition: Callable[[], bool]) -> bool:
    """Wait up to 15 s for a condition, and return whether it holds."""
    deadline = time.monotonic() + 15
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


DOWNLOADING = """
from benchmarks import hub
if __name__ == "__main__":
    hub.obtain(hub.Checkpoint("llava", "org/name", "refs/pr/70"), lambda text: print(text, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_download(server: HubServer, home: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C or a kill ends a download and its helper at once; the next try deletes the partial file."""
    server.faults[f"{REPO}/model.safetensors"] = Fault(before=lambda: time.sleep(20), times=1)
    script = tmp_path / "downloading.py"
    script.write_text(DOWNLOADING)
    settings = product.environment() | {"PYTHONPATH": str(product.ROOT)}
    arguments = [sys.executable, str(script)]
    with subprocess.Popen(arguments, env=settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as session:
        assert wait_until(lambda: any(one.method == "GET" and one.path.startswith("/cdn/") for one in server.asked))
        assert wait_until(lambda: len([*home.rglob("config.json"), *home.rglob("tokenizer.json")]) == 2)
        helpers = children(session.pid)
        began = time.monotonic()
        session.send_signal(number)
        assert session.wait() != 0
        assert gone(helpers)
        assert time.monotonic() - began < 5

    assert len(list(home.rglob("*.incomplete"))) == 1
    assert (hub.obtain(WANTED, print).path / "model.safetensors").read_bytes() == BIG
    assert not list(home.rglob("*.incomplete"))


def test_a_damaged_file_is_downloaded_again(server: HubServer, home: Path) -> None:
    """A file that was cut short in the cache is downloaded again, the others are not; the plan knows its true size."""
    snapshot = hub.obtain(WANTED, print)
    assert snapshot.path.is_relative_to(home)
    weight = snapshot.path / "model.safetensors"
    os.truncate(weight.resolve(), 1000)
    plan = run_in_process("spawn", client.plan_download, WANTED)
    assert plan.state.damaged == ("model.safetensors",)
    assert (plan.cached_bytes, plan.missing_bytes) == (25, len(BIG))

    assert hub.obtain(WANTED, print) == snapshot
    assert weight.read_bytes() == BIG
    assert [len(server.got(REPO, name)) for name in ("model.safetensors", "config.json")] == [2, 1]
