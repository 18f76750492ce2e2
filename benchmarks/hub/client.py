"""What a helper process does with the Hub and its cache: find, survey, fetch. Imports huggingface_hub late.

Each function here is called through `aside`, in a process that reads HF_HOME, HF_ENDPOINT, HF_TOKEN and the
like for itself, as huggingface_hub does when it is imported.
"""

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.hub.checkpoint import Checkpoint, Found, Listing, Snapshot
from benchmarks.hub.errors import HubTrouble, explain, incomplete, mismatch, no_checkpoint
from benchmarks.hub.files import cut_short, drop, expected, intact, lacking, wanted

LOST_HALVES = "blobs/*.*.incomplete"
"""What version 2 of huggingface_hub leaves of a download; that of version 1, <etag>.incomplete, is taken up again."""
RETRIES = 5
RETRY_AFTER_S = 1.0


def find(checkpoint: Checkpoint) -> Found:
    """Return what the cache holds of `checkpoint`; asks no network.

    Raises:
        HubTrouble: the cache cannot be read.
    """
    hub = _hub()
    cache = Path(hub.constants.HF_HUB_CACHE)
    folder = cache / f"models--{checkpoint.repo.replace('/', '--')}"
    try:
        revision = _held_commit(folder, checkpoint) or checkpoint.revision
        path = hub.snapshot_download(
            checkpoint.repo, revision=revision, local_files_only=True, allow_patterns=["config.json"]
        )
        return _inspected(hub, checkpoint, Found(cache, folder, Path(path)))
    except FileNotFoundError:  # LocalEntryNotFoundError is one
        return Found(cache, folder)
    except (OSError, ValueError) as error:
        raise explain(error, checkpoint, Found(cache, folder), hub.constants.ENDPOINT) from None


def survey(checkpoints: Sequence[Checkpoint]) -> list[Listing | HubTrouble]:
    """Return what each checkpoint is; the Hub is asked about those that are not complete in the cache."""
    return [_surveyed(checkpoint) for checkpoint in checkpoints]


def listing(checkpoint: Checkpoint, found: Found | None = None) -> Listing:
    """Ask the Hub for the wanted files of `checkpoint`.

    Raises:
        HubTrouble: it says no, cannot be reached, or has no checkpoint there.
    """
    hub = _hub()
    found = found or find(checkpoint)
    try:
        info = _info(hub, checkpoint)
    except Exception as error:  # noqa: BLE001 - whatever it is, the user reads one sentence
        raise explain(error, checkpoint, found, hub.constants.ENDPOINT) from None
    entries = info.siblings or []
    sizes = {entry.rfilename: entry.size or 0 for entry in entries}
    files = {name: sizes[name] for name in wanted(sizes, checkpoint)}
    lacks = lacking(files, checkpoint)
    if lacks:
        raise no_checkpoint(checkpoint, lacks, hub.constants.ENDPOINT)
    commit = str(info.sha)
    here = frozenset(e.rfilename for e in entries if e.rfilename in files and _is_here(found.folder, commit, e))
    return Listing(commit, files, here, found, sum(half.stat().st_size for half in _halves(found)))


def fetch(checkpoint: Checkpoint, plan: Listing) -> Snapshot:
    """Download what is missing, and check the bytes of what came.

    Raises:
        HubTrouble: it failed; what is complete by then stays, and the next try goes on from there.
    """
    hub = _hub()
    snapshot = plan.found.folder / "snapshots" / plan.commit
    try:
        sweep(hub, plan.found)
        for name in plan.files:
            if name not in plan.here:
                _drop_damaged(snapshot / name, plan.files[name])
        _download(hub, checkpoint, plan)
    except Exception as error:  # noqa: BLE001 - as above
        raise explain(error, checkpoint, plan.found, hub.constants.ENDPOINT) from None
    for name in plan.files:
        if name not in plan.here and not intact(snapshot / name):
            drop(snapshot / name)
            raise mismatch(checkpoint, name)
    found = find(checkpoint)
    if found.complete is None:
        raise incomplete(checkpoint, found)
    return found.complete


def sweep(hub: Any, found: Found) -> None:
    """Delete the halves that killed downloads left, which huggingface_hub 2 never takes up again.

    A download that is going on, ours or another program's, holds the lock of its file.
    """
    for half in found.folder.glob(LOST_HALVES):
        lock = found.cache / ".locks" / found.folder.name / f"{half.name.partition('.')[0]}.lock"
        with contextlib.suppress(OSError):  # filelock.Timeout is one
            lock.parent.mkdir(parents=True, exist_ok=True)
            with hub.utils.WeakFileLock(lock, timeout=0.1):
                half.unlink(missing_ok=True)


def _hub() -> Any:
    """Import huggingface_hub, silent: the meter tells the progress, and our errors what went wrong."""
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ.setdefault("HF_HUB_VERBOSITY", "critical")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # which waits 3 s for a Hub that does not answer
    import huggingface_hub
    import huggingface_hub.constants
    import huggingface_hub.utils

    return huggingface_hub


def _held_commit(folder: Path, checkpoint: Checkpoint) -> str | None:
    """Return the one commit in the cache that an abbreviated one means; None of another revision, or of none."""
    beginning = checkpoint.beginning
    held = [path.name for path in folder.glob(f"snapshots/{beginning}*")] if beginning else []
    return held[0] if len(held) == 1 else None


def _info(hub: Any, checkpoint: Checkpoint) -> Any:
    """Return the Hub's ModelInfo of a revision; the whole of an abbreviated commit is looked up in main's history."""
    api, beginning = hub.HfApi(), checkpoint.beginning
    ask = partial(api.model_info, checkpoint.repo, files_metadata=True, timeout=hub.constants.HF_HUB_ETAG_TIMEOUT)
    if beginning is None:
        return ask(revision=checkpoint.revision)
    head = ask()
    if str(head.sha).startswith(beginning):
        return head
    commits = [one.commit_id for one in api.list_repo_commits(checkpoint.repo)]
    meant = [commit for commit in commits if commit.startswith(beginning)]
    return ask(revision=meant[0] if len(meant) == 1 else beginning)  # a tag may have such a name


def _inspected(hub: Any, checkpoint: Checkpoint, found: Found) -> Found:
    """Return what is found with its flaws."""
    snapshot = found.snapshot
    if snapshot is None:
        return found
    whole = expected(snapshot, checkpoint, _known(hub, checkpoint.repo, snapshot.name))
    lacks = [name for name in whole if not (snapshot / name).is_file()]
    damaged = [name for name, size in whole.items() if name not in lacks and cut_short(snapshot / name, size)]
    return replace(found, lacks=tuple(lacks), damaged=tuple(damaged))


def _is_here(folder: Path, commit: str, entry: Any) -> bool:
    """Return whether a file needs no download: this commit's snapshot has it, or another's the same."""
    blob = entry.lfs.sha256 if entry.lfs else entry.blob_id
    places = [folder / "snapshots" / commit / entry.rfilename, folder / "blobs" / (blob or "")]
    return any(place.is_file() and place.stat().st_size == entry.size for place in places)


def _surveyed(checkpoint: Checkpoint) -> Listing | HubTrouble:
    try:
        found = find(checkpoint)
        if found.complete is None:
            return listing(checkpoint, found)
    except HubTrouble as trouble:
        return trouble
    path = found.complete.path
    names = wanted((str(file.relative_to(path)) for file in path.rglob("*") if file.is_file()), checkpoint)
    files = {name: (path / name).stat().st_size for name in names}
    return Listing(found.complete.commit, files, frozenset(files), found)


def _download(hub: Any, checkpoint: Checkpoint, plan: Listing) -> None:
    """Have huggingface_hub download, again where the connection broke off and it did not try again itself."""
    for attempt in range(1 + RETRIES):
        try:
            # By its revision, so that the cache remembers what a ref resolved to.
            abbreviated = checkpoint.beginning and plan.commit.startswith(checkpoint.beginning)
            revision = plan.commit if abbreviated else checkpoint.revision
            hub.snapshot_download(checkpoint.repo, revision=revision, allow_patterns=sorted(plan.files))
        except Exception as error:
            if attempt == RETRIES or not _worth_another(error, plan.found):
                raise
            time.sleep(RETRY_AFTER_S)
        else:
            return


def _worth_another(error: Exception, found: Found) -> bool:
    """Return whether a download should be tried again: it was reset, or left a half that is taken up again.

    Version 2 resumes by itself after a closed connection, not after a reset one; version 1 after neither, but
    takes up its half with the next call. The classes are httpx's, of another package in each version.
    """
    name = type(error).__name__
    return name in ("ReadError", "WriteError") or (name == "RemoteProtocolError" and bool(_halves(found)))


def _halves(found: Found) -> list[Path]:
    """Return the halves of files that the next call goes on with."""
    return [half for half in found.folder.glob("blobs/*.incomplete") if not half.match(LOST_HALVES)]


def _known(hub: Any, repo: str, commit: str) -> dict[str, int]:
    """Return {file: bytes} of the repository if huggingface_hub kept its listing, else nothing."""
    try:
        return {entry.path: entry.size for entry in hub.get_cached_repo_tree(repo, revision=commit)}
    except Exception:  # noqa: BLE001 - older versions keep none, and a broken one is no loss
        return {}


def _drop_damaged(path: Path, size: int) -> None:
    """Delete a file that huggingface_hub would take for whole; another program may have completed it meanwhile."""
    if path.is_file() and not cut_short(path, size):
        return
    drop(path)
