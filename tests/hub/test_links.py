"""A copied cache may hold links to anything: nothing behind one is deleted or written.

Tests benchmarks.hub.files.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.hub import HubError, client
from benchmarks.hub import files as hub_files
from benchmarks.hub.checkpoint import CacheState, Checkpoint, DownloadPlan
from benchmarks.processes.helper import run_in_process
from benchmarks.storage.locks import take
from tests.support.hub_layout import COMMIT, lay_out, weights
from tests.support.hub_server import use_hub

WHOLE = {"config.json": b"{}", "model.safetensors": weights()}


@pytest.mark.parametrize(("target", "stays"), [("blobs/a", False), ("outside", True), ("blobs/../outside", True)])
def test_only_blobs_are_deleted_with_a_file(tmp_path: Path, target: str, stays: bool) -> None:
    """A file of a snapshot is deleted with its blob, but a link to another place never deletes its target."""
    for folder in ("blobs", "snapshots"):
        (tmp_path / folder).mkdir()
    (tmp_path / target).write_text("x")
    pointer = tmp_path / "snapshots/config.json"
    pointer.symlink_to(f"../{target}")
    hub_files.delete_file(pointer, tmp_path / "blobs")

    assert not pointer.is_symlink()
    assert (tmp_path / target).exists() == stays


@pytest.mark.parametrize("linked", ["blobs", "snapshots", "snapshots/a"])
def test_nothing_is_deleted_behind_a_link(tmp_path: Path, linked: str) -> None:
    """If a folder of the cache is a link to a user's folder, no file in that folder is deleted."""
    repository, mine = tmp_path / "cache/models--a--b", tmp_path / "mine"
    for folder in ("blobs", "snapshots/a"):
        (repository / folder).mkdir(parents=True)
    (repository / "snapshots/a/config.json").symlink_to("../../blobs/config")
    (repository / "blobs/config").write_text("{}")
    (repository / linked).rename(mine)
    (repository / linked).symlink_to(mine)
    before = sorted(path.relative_to(mine) for path in mine.rglob("*"))
    hub_files.delete_file(repository / "snapshots/a/config.json", repository / "blobs")

    assert sorted(path.relative_to(mine) for path in mine.rglob("*")) == before


LINKS = {
    "repository": "models--org--repository",
    "blobs": "models--org--blobs/blobs",
    "refs": "models--org--refs/refs",
    "ref-folder": "models--org--ref-folder/refs/refs",
    "snapshots": "models--org--snapshots/snapshots",
    "snapshot": f"models--org--snapshot/snapshots/{COMMIT}",
    "folder": f"models--org--folder/snapshots/{COMMIT}/vision-lora",
    "lock-folder": ".locks/models--org--lock-folder",
    "lock": ".locks/models--org--lock/a.lock",
    "partial": "models--org--partial/blobs/a.incomplete",
    "lost-partial": "models--org--lost-partial/blobs/a.b.incomplete",
}
"""Repository -> what of its cache is a link to a user's folder or file."""


def download_all(plans: Sequence[tuple[Checkpoint, DownloadPlan]]) -> list[str]:
    """Return the error of each download; for one helper process."""
    found = []
    for checkpoint, plan in plans:
        try:
            found.append(str(client.fetch(checkpoint, plan)))
        except HubError as error:
            found.append(str(error))
    return found


def test_no_download_goes_through_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that would write or delete behind a link of a copied cache is refused, and the link is named."""
    cache, mine = tmp_path / "home/hub", tmp_path / "mine"
    use_hub(monkeypatch, tmp_path / "home", "http://hub.invalid")
    asked = []
    for name, place in LINKS.items():
        lay_out(tmp_path / "home", f"org/{name}", WHOLE | {"vision-lora/a.json": b""}, refs=("main", "refs/pr/1"))
        link, target = cache / place, mine / name
        target.parent.mkdir(exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_dir():
            link.rename(target)
        elif link.suffix:
            target.write_text("mine")
        else:
            target.mkdir()
        link.symlink_to(target)
        folder = cache / f"models--org--{name}"
        asked.append((Checkpoint("llava", f"org/{name}"), DownloadPlan(COMMIT, {"a": 1}, 0, CacheState(cache, folder))))
    before = sorted((path, path.read_bytes()) for path in mine.rglob("*") if path.is_file())
    found = run_in_process("spawn", download_all, asked)

    assert found == [
        f"llava (org/{name}): {cache / place} is a link, and nothing behind a link in the cache is changed; "
        "delete the link, or set HF_HOME to another folder."
        for name, place in LINKS.items()
    ]
    assert sorted((path, path.read_bytes()) for path in mine.rglob("*") if path.is_file()) == before


def test_a_cache_on_another_disk_is_no_link(tmp_path: Path) -> None:
    """A whole cache may be a link, and the files of a snapshot are links."""
    lay_out(tmp_path, "org/whole", WHOLE, refs=("main",))
    (tmp_path / "hub").rename(tmp_path / "disk")
    (tmp_path / "hub").symlink_to(tmp_path / "disk")

    assert hub_files.find_link(tmp_path / "hub", tmp_path / "hub/models--org--whole") is None


def delete_lost_partials(home: Path) -> None:
    """Delete the lost partial files of a cache; for a helper process."""
    client.delete_lost_partials(client._import_hub(), CacheState(home / "hub", home / "hub/models--org--whole"))


def test_only_lost_partial_files_are_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partial file is deleted unless a download is running or the next one continues it."""
    home = tmp_path
    use_hub(monkeypatch, home, "http://hub.invalid")
    blobs, locks = home / "hub/models--org--whole/blobs", home / "hub/.locks/models--org--whole"
    blobs.mkdir(parents=True)
    locks.mkdir(parents=True)
    for name in ("lost.0a1b2c3d.incomplete", "busy.0a1b2c3d.incomplete", "kept.incomplete"):
        (blobs / name).touch()
    with (locks / "busy.lock").open("w") as busy:
        assert take(busy.fileno())
        run_in_process("spawn", delete_lost_partials, home)

    assert {path.name for path in blobs.iterdir()} == {"busy.0a1b2c3d.incomplete", "kept.incomplete"}
