"""Downloads from a Hub on this machine, over real HTTP by huggingface_hub itself: they resume, stop, and heal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from benchmarks import hub
from benchmarks.hub import Checkpoint, HubTrouble, Snapshot, client
from benchmarks.processes.helper import run_in_process
from tests.support import product
from tests.support.hub_handler import Fault
from tests.support.hub_server import BIG, TOKEN, HubServer, stocked, use
from tests.support.processes import children, gone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

REPO = "org/name"
WANTED = Checkpoint("llava", REPO, "refs/pr/70")


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    """A Hub that is used by one test after another."""
    with stocked() as found:
        yield found


@pytest.fixture
def home(server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HF_HOME beside the Hub, which has no faults and has been asked nothing."""
    use(monkeypatch, tmp_path, server.url)
    server.faults.clear()
    server.later = ()
    server.asked.clear()
    return tmp_path


def trouble() -> HubTrouble:
    """Return what goes wrong when a checkpoint is wanted."""
    with pytest.raises(HubTrouble) as caught:
        hub.obtain(WANTED, print)
    return caught.value


def test_a_download_goes_on_where_it_was_dropped(server: HubServer, home: Path) -> None:
    """A dropped download resumes by Range and tells its progress; what is there in the end is not asked for again."""
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


@pytest.mark.parametrize("later", [(), ("f" * 40, "e" * 40)], ids=["the last", "main went on"])
def test_the_beginning_of_a_commit_names_that_commit(server: HubServer, home: Path, later: tuple[str, ...]) -> None:
    """Of a commit's first digits the Hub's history gives the rest, also when main went on; then the cache knows it."""
    server.later = later
    beginning = Checkpoint("internvl2-2b", REPO, server.commit[:7])

    first = hub.obtain(beginning, print)
    asked = [one.path for one in server.asked]
    assert (f"/api/models/{REPO}/commits/main" in asked) == bool(later)
    assert first == Snapshot(home / "hub/models--org--name/snapshots" / server.commit, server.commit)
    assert hub.obtain(beginning, print) == first
    assert len(server.asked) == len(asked)


@pytest.mark.parametrize("later", [(), ("abcdef1" + "0" * 33, "abcdef1" + "1" * 33)], ids=["none", "two"])
def test_a_beginning_of_no_commit_or_of_two_is_refused(server: HubServer, home: Path, later: tuple[str, ...]) -> None:
    """First digits that no commit of main has, or two have, are refused by one sentence, before a download."""
    server.later = ("f" * 40, *later)
    with pytest.raises(HubTrouble, match="has no revision abcdef1; type --revision=llava=SHA with one of ") as caught:
        hub.obtain(Checkpoint("llava", REPO, "abcdef1"), print)

    assert caught.value.reason == "no revision"
    assert not [path for path in home.rglob("*") if path.is_file()]


def test_the_token_goes_to_the_hub_only(server: HubServer, home: Path) -> None:
    """The token is sent to the Hub and not to the store that it redirects to; the progress does not show it."""
    said: list[str] = []
    hub.obtain(WANTED, said.append)

    sent = {one.path.partition("/")[2].split("/")[0]: one.authorization for one in server.asked}
    assert sent["org"] == f"Bearer {TOKEN}"
    assert sent["cdn"] is None
    assert TOKEN not in " ".join(said)
    assert not [path for path in home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_a_listing(server: HubServer, home: Path) -> None:
    """A listing gives the wanted files, their bytes and the commit, and downloads nothing."""
    found = run_in_process("spawn", client.listing, WANTED)

    assert found.commit == server.commit
    assert found.files == {"config.json": 11, "tokenizer.json": 14, "model.safetensors": len(BIG)}
    assert (found.here_bytes, found.missing_bytes) == (0, len(BIG) + 25)
    assert not list(home.rglob("*.safetensors"))


def test_too_little_room_is_said_before_a_byte_comes(server: HubServer, home: Path) -> None:
    """A download that the disk has no room for is refused by what it needs and what is free, and not begun."""
    server.faults[f"{REPO}/model.safetensors"] = Fault(size=10**18)
    found = trouble()

    assert found.reason == "no room"
    assert str(found).startswith(f"llava (org/name) needs 1050000000.0 GB in {home}/hub, ")
    assert str(found).endswith(" GB are free; free some, or set HF_HOME to a folder on a larger disk.")
    assert not [one for one in server.asked if "/resolve/" in one.path]


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
    """A disk that somebody else fills in the middle is named, what is complete stays, and the next try goes on."""
    ballast = small_disk / "ballast"
    server.faults[f"{REPO}/model.safetensors"] = Fault(before=lambda: ballast.write_bytes(b"0" * 20_000_000))
    found = trouble()

    assert found.reason == "disk full"
    assert str(found) == (
        f"llava (org/name): {small_disk}/hub is full; what is complete stays, and the next try goes on from there: "
        "free some, or set HF_HOME to a larger disk."
    )
    assert not list(small_disk.rglob("*.*.incomplete"))
    ballast.unlink()
    server.faults.clear()
    hub.obtain(WANTED, print)
    assert len(server.got(REPO, "config.json")) == 1


def test_a_read_only_cache(small_disk: Path) -> None:
    """A cache that cannot be written is named with the remedy."""
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    found = trouble()

    assert found.reason == "read-only"
    assert str(found) == (
        f"llava (org/name) is not in the cache {small_disk}/hub, which cannot be written (Read-only file system); "
        "set HF_HOME to a folder that may be written."
    )


def soon(happens: Callable[[], bool]) -> bool:
    """Wait up to 15 s for something to happen, and return whether it has."""
    deadline = time.monotonic() + 15
    while not happens() and time.monotonic() < deadline:
        time.sleep(0.05)
    return happens()


DOWNLOADING = """
from benchmarks import hub
if __name__ == "__main__":
    hub.obtain(hub.Checkpoint("llava", "org/name", "refs/pr/70"), lambda text: print(text, flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_download(server: HubServer, home: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C ends a download at once and leaves no helper; the half that is left is deleted by the next try."""
    server.faults[f"{REPO}/model.safetensors"] = Fault(before=lambda: time.sleep(20), times=1)
    script = tmp_path / "downloading.py"
    script.write_text(DOWNLOADING)
    settings = product.environment() | {"PYTHONPATH": str(product.ROOT)}
    arguments = [sys.executable, str(script)]
    with subprocess.Popen(arguments, env=settings, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as session:
        assert soon(lambda: any(one.path.startswith("/cdn/") for one in server.asked))
        assert soon(lambda: len([*home.rglob("config.json"), *home.rglob("tokenizer.json")]) == 2)
        helpers = children(session.pid)
        began = time.monotonic()
        session.send_signal(number)
        assert session.wait() != 0
        assert gone(helpers)
        assert time.monotonic() - began < 5

    assert len(list(home.rglob("*.incomplete"))) == 1
    assert (hub.obtain(WANTED, print).path / "model.safetensors").read_bytes() == BIG
    assert not list(home.rglob("*.incomplete"))


def test_a_damaged_file_is_downloaded_anew(server: HubServer, home: Path) -> None:
    """A file that was cut short after its download is noticed, and fetched again; the others are not."""
    snapshot = hub.obtain(WANTED, print)
    assert snapshot.path.is_relative_to(home)
    weight = snapshot.path / "model.safetensors"
    os.truncate(weight.resolve(), 1000)
    assert run_in_process("spawn", client.find, WANTED).complete is None

    assert hub.obtain(WANTED, print) == snapshot
    assert weight.read_bytes() == BIG
    assert [len(server.got(REPO, name)) for name in ("model.safetensors", "config.json")] == [2, 1]
