"""--prefetch: sizes first, then one checkpoint after another; afterwards no network is needed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import hub
from benchmarks.hub import HubTrouble, client, prefetch
from benchmarks.hub.checkpoint import Checkpoint, Found, Listing
from benchmarks.processes.helper import run_in_process
from tests.support.hub_handler import Fault
from tests.support.hub_server import HubServer, stocked, use

if TYPE_CHECKING:
    from collections.abc import Iterator

WANTED = [
    Checkpoint("llava", "org/llava"),
    Checkpoint("phi", "org/phi", "refs/pr/70"),
    Checkpoint("gemma3n", "org/gated"),
    Checkpoint("moondream2", "org/missing"),
    Checkpoint("llava", "org/llava"),  # for its other precision
]


@pytest.fixture
def server() -> Iterator[HubServer]:
    """A Hub where one repository is gated."""
    with stocked() as found:
        found.faults["org/gated/model.safetensors"] = Fault(403, "GatedRepo")
        yield found


def test_prefetch(server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that can be had is had once, whatever fails on the way, and is found again without the network."""
    use(monkeypatch, tmp_path, server.url)
    said: list[str] = []
    shown: list[str] = []
    outcomes = prefetch.prefetch(WANTED, said.append, shown.append)

    assert [(one.checkpoint.model, one.snapshot is not None) for one in outcomes] == [
        ("llava", True), ("phi", True), ("gemma3n", False), ("moondream2", False),
    ]  # fmt: skip
    assert [one.trouble.reason for one in outcomes if isinstance(one.trouble, HubTrouble)] == ["gated", "no repository"]
    assert len(server.got("org/llava", "model.safetensors")) == 1
    assert said[0].split() == ["model", "repository", "revision", "download", "already", "here"]
    assert said[1].split() == ["llava", "org/llava", server.commit[:12], "24.0", "MB", "0.0", "MB"]
    assert said[4].split() == ["moondream2", "org/missing", "main", "no", "repository", "?"]
    assert said[5].startswith(f"72.0 MB to download into {tmp_path}/hub, ")
    assert said[6:8] == [f"llava: complete at {server.commit[:12]}", f"phi: complete at {server.commit[:12]}"]
    assert said[8].startswith("gemma3n: not fetched. gemma3n (org/gated) is gated: accept the licence at ")
    assert all(" of 24.0 MB, " in line for line in shown)

    shutil.rmtree(tmp_path / "hub/models--org--llava/snapshots")  # as if the commit were another with the same weights
    prefetch.prefetch(WANTED[:1], said.append, shown.append)
    assert said[-3].split()[3:] == ["0.0", "MB", "24.0", "MB"]
    assert len(server.got("org/llava", "model.safetensors")) == 1

    asked = len(server.asked)
    again = prefetch.prefetch(WANTED[:2], said.append, shown.append)
    assert [one.snapshot for one in again] == [one.snapshot for one in outcomes[:2]]
    assert len(server.asked) == asked
    assert said[-3].startswith("0.0 MB to download into ")

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    plans = run_in_process("spawn", client.survey, WANTED)
    assert [isinstance(plan, Listing) for plan in plans] == [True, True, False, False, True]


def listing(gigabytes: float, here: frozenset[str] = frozenset()) -> Listing:
    """Return a checkpoint of one big file and a small one."""
    files = {"model.safetensors": round(gigabytes * 1e9), "config.json": 500_000}
    return Listing("0123456789abcdef" * 2 + "01234567", files, here, Found(Path("/"), Path("/none")))


def test_the_table() -> None:
    """The table gives each download, what is here already, the whole of it, and whether the disk has room."""
    wanted = [Checkpoint("llava", "llava-hf/llava-1.5-7b-hf"), Checkpoint("gemma3n", "google/gemma-3n-E2B-it")]
    plans: list[Listing | HubTrouble] = [listing(14.1, frozenset({"config.json"})), listing(1e6)]
    *rows, total = prefetch.table(wanted, plans)

    assert rows == [
        "model    repository                revision          download  already here",
        "llava    llava-hf/llava-1.5-7b-hf  0123456789ab       14.1 GB        0.5 MB",
        "gemma3n  google/gemma-3n-E2B-it    0123456789ab  1000000.0 GB        0.0 MB",
    ]
    assert total.startswith("1000014.1 GB to download into /, ")
    assert total.endswith(" free: not enough for all, set HF_HOME to a larger disk")


def test_the_progress() -> None:
    """The progress counts what is here already, and never says more than there is."""
    plan = listing(10.9, frozenset({"config.json"}))

    assert hub.told("gemma3n", plan, 3_200_000_000, 85e6) == "gemma3n: 3.2 of 10.9 GB, 85 MB/s"
    assert hub.told("gemma3n", plan, 20_000_000_000, 0.0) == "gemma3n: 10.9 of 10.9 GB, 0 MB/s"
