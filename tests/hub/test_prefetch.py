"""--prefetch: first the sizes, then one checkpoint after another; afterwards no network is needed.

Tests benchmarks.hub.prefetch and benchmarks.hub.progress.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.hub import HubError, client, prefetch
from benchmarks.hub.checkpoint import CacheState, Checkpoint, DownloadPlan
from benchmarks.hub.progress import describe_progress
from benchmarks.processes.helper import run_in_process
from tests.support.hub_handler import Fault
from tests.support.hub_server import HubServer, make_stocked_server, use_hub

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
    with make_stocked_server() as started:
        started.faults["org/gated/model.safetensors"] = Fault(403, "GatedRepo")
        yield started


def test_prefetch(server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each available checkpoint is downloaded once, whatever else fails, and then needs no network."""
    use_hub(monkeypatch, tmp_path, server.url)
    said: list[str] = []
    shown: list[str] = []
    results = prefetch.prefetch(WANTED, said.append, shown.append)

    assert [(one.checkpoint.model, one.snapshot is not None) for one in results] == [
        ("llava", True), ("phi", True), ("gemma3n", False), ("moondream2", False),
    ]  # fmt: skip
    assert [one.error.reason for one in results if isinstance(one.error, HubError)] == ["gated", "no repository"]
    assert len(server.got("org/llava", "model.safetensors")) == 1
    assert said[0].split() == ["model", "repository", "revision", "download", "already", "here"]
    assert said[1].split() == ["llava", "org/llava", server.commit[:12], "24.0", "MB", "0.0", "MB"]
    assert said[3].split() == ["gemma3n", "org/gated", "main", "gated", "?"]
    assert said[4].split() == ["moondream2", "org/missing", "main", "no", "repository", "?"]
    assert said[5].startswith(f"48.0 MB to download into {tmp_path}/hub, ")
    assert said[6:8] == [f"llava: complete at {server.commit[:12]}", f"phi: complete at {server.commit[:12]}"]
    assert said[8].startswith("gemma3n: not fetched. gemma3n (org/gated) is gated: accept the licence at ")
    assert all(" of 24.0 MB, " in line for line in shown)

    shutil.rmtree(tmp_path / "hub/models--org--llava/snapshots")  # like another commit with the same weights
    prefetch.prefetch(WANTED[:1], said.append, shown.append)
    assert said[-3].split()[3:] == ["0.0", "MB", "24.0", "MB"]
    assert len(server.got("org/llava", "model.safetensors")) == 1

    asked = len(server.asked)
    again = prefetch.prefetch(WANTED[:2], said.append, shown.append)
    assert [one.snapshot for one in again] == [one.snapshot for one in results[:2]]
    assert len(server.asked) == asked
    assert said[-3].startswith("0.0 MB to download into ")

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    plans = run_in_process("spawn", client.plan_downloads, WANTED)
    assert [isinstance(plan, DownloadPlan) for plan in plans] == [True, True, False, False, True]


def make_plan(gigabytes: float, cached_bytes: int = 0) -> DownloadPlan:
    """Return the plan of one big file and a small one."""
    files = {"model.safetensors": round(gigabytes * 1e9), "config.json": 500_000}
    return DownloadPlan("0123456789abcdef" * 2 + "01234567", files, cached_bytes, CacheState(Path("/"), Path("/none")))


def test_the_table() -> None:
    """The table shows each download, what is here already, the sum, and whether the disk has room."""
    wanted = [Checkpoint("llava", "llava-hf/llava-1.5-7b-hf"), Checkpoint("gemma3n", "google/gemma-3n-E2B-it")]
    plans: list[DownloadPlan | HubError] = [make_plan(14.1, 500_000), make_plan(1e6)]
    *rows, total = prefetch.build_table(wanted, plans)

    assert rows == [
        "model    repository                revision          download  already here",
        "llava    llava-hf/llava-1.5-7b-hf  0123456789ab       14.1 GB        0.5 MB",
        "gemma3n  google/gemma-3n-E2B-it    0123456789ab  1000000.0 GB        0.0 MB",
    ]
    assert total.startswith("1000014.1 GB to download into /, ")
    assert total.endswith(
        " free: not enough for all of them; free some space, or set HF_HOME to a folder on a larger disk"
    )


def test_the_progress() -> None:
    """The progress counts what is here already, and never exceeds the total."""
    plan = make_plan(10.9, 500_000)

    assert describe_progress("gemma3n", plan, 3_200_000_000, 85e6) == "gemma3n: 3.2 of 10.9 GB, 85 MB/s"
    assert describe_progress("gemma3n", plan, 20_000_000_000, 0.0) == "gemma3n: 10.9 of 10.9 GB, 0 MB/s"
