"""Inspect the cache, plan downloads and fetch files with huggingface_hub, in a helper process.

huggingface_hub reads HF_HOME, HF_ENDPOINT, HF_TOKEN and the like when it is imported.
"""

import contextlib
import glob
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.hub import files
from benchmarks.hub.answers import COMMIT, PATIENCE_S, Answers
from benchmarks.hub.checkpoint import CacheState, Checkpoint, DownloadPlan, Snapshot
from benchmarks.hub.errors import BadAnswer, HubError, build_error, describe_state, explain, shorten
from benchmarks.hub.progress import count_bytes

LOST_PARTIALS = "blobs/*.*.incomplete"
"""The partial files of huggingface_hub 2, which never continues them; version 1 continues its <etag>.incomplete."""


def inspect_cache(checkpoint: Checkpoint) -> CacheState:
    """Return what the cache holds of `checkpoint`, without the network."""
    hub = _import_hub()
    cache = Path(hub.constants.HF_HUB_CACHE)
    state = CacheState(cache, cache / f"models--{checkpoint.repo.replace('/', '--')}")
    short = checkpoint.short_commit
    cached = [path.name for path in state.folder.glob(f"snapshots/{short}*") if re.fullmatch(COMMIT, path.name)]
    revision = cached[0] if len(cached) == 1 else checkpoint.revision
    with _explain_errors(hub, checkpoint, state):
        try:  # with no allowed pattern, an incomplete snapshot is returned too
            found = hub.snapshot_download(checkpoint.repo, revision=revision, local_files_only=True, allow_patterns=[])
        except FileNotFoundError:  # LocalEntryNotFoundError is one
            return state
        snapshot = cache.resolve() / state.folder.name / "snapshots" / Path(found).name
        if snapshot != Path(found) or not re.fullmatch(COMMIT, snapshot.name):  # a ref in the cache may name any path
            return state
        return _inspect_snapshot(hub, checkpoint, replace(state, snapshot=snapshot), snapshot)


def plan_downloads(checkpoints: Sequence[Checkpoint], patience_s: float = PATIENCE_S) -> list[DownloadPlan | HubError]:
    """Return the plan of each checkpoint, or the error."""
    answers, plans = Answers(hub := _import_hub()), list[DownloadPlan | HubError]()
    for checkpoint in checkpoints:
        try:
            plans.append(answers.wait_for(partial(plan_download, checkpoint), patience_s))
        except HubError as error:
            plans.append(error)
        except BadAnswer as error:
            plans.append(build_error(error.reason, checkpoint, str(error), endpoint=hub.constants.ENDPOINT))
    return plans


def plan_download(checkpoint: Checkpoint) -> DownloadPlan:
    """Return which files a checkpoint consists of; ask the Hub only if the cache lacks some.

    Raises:
        HubError: the Hub refuses, cannot be reached, or has no checkpoint there.
    """
    hub, state = _import_hub(), inspect_cache(checkpoint)
    if state.complete is not None:
        return DownloadPlan(state.complete.commit, state.files, sum(state.files.values()), state)
    with _explain_errors(hub, checkpoint, state):
        commit = _resolve_commit(hub, checkpoint)
        offered = hub.snapshot_download(checkpoint.repo, revision=commit, allow_patterns=files.PATTERNS, dry_run=True)
        found = {one.filename: one for one in offered}
        sizes = {name: found[name].file_size or 0 for name in files.select_files(found, checkpoint)}
        missing = " and no ".join(files.list_missing(sizes, checkpoint))
        if missing:
            raise build_error("no checkpoint", checkpoint, missing, endpoint=hub.constants.ENDPOINT)
        damaged = sizes.keys() & set(state.damaged)
        for name in damaged:  # the dry run gives their size on the disk
            sizes[name] = hub.get_hf_file_metadata(hub.hf_hub_url(checkpoint.repo, name, revision=commit)).size or 0
        cached = sum(size for name, size in sizes.items() if not found[name].will_download and name not in damaged)
        partials = [path for path in state.folder.glob("blobs/*.incomplete") if not path.match(LOST_PARTIALS)]
        cached += sum(path.stat().st_size for path in partials)
    return DownloadPlan(commit, sizes, cached, state)


def fetch(checkpoint: Checkpoint, plan: DownloadPlan, patience_s: float = PATIENCE_S) -> Snapshot:
    """Return the complete snapshot, after downloading what is missing; complete files survive an error."""
    hub = _import_hub()
    with _explain_errors(hub, checkpoint, plan.state):
        if link := files.find_link(plan.state.cache, plan.state.folder):
            raise build_error("linked", checkpoint, str(link))
        delete_lost_partials(hub, plan.state)
        _download_verified(hub, checkpoint, plan, patience_s)
    state = inspect_cache(checkpoint)
    if state.complete is None:
        raise build_error("incomplete", checkpoint, held=describe_state(state))
    return state.complete


def delete_lost_partials(hub: Any, state: CacheState) -> None:
    """Delete the partial files of killed downloads; a running download holds the lock of its file."""
    for path in state.folder.glob(LOST_PARTIALS):
        lock = state.cache / ".locks" / state.folder.name / f"{path.name.partition('.')[0]}.lock"
        with contextlib.suppress(OSError):  # filelock.Timeout is one
            lock.parent.mkdir(parents=True, exist_ok=True)
            with hub.utils.WeakFileLock(lock, timeout=0.1):
                path.unlink(missing_ok=True)


def _import_hub() -> Any:
    """Import huggingface_hub without its output: `benchmarks.hub` shows the progress and the errors."""
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    os.environ.setdefault("HF_HUB_VERBOSITY", "critical")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # which waits 3 s for a Hub that does not answer
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # its bytes could not be checked
    import huggingface_hub.constants
    import huggingface_hub.utils

    return huggingface_hub


@contextlib.contextmanager
def _explain_errors(hub: Any, checkpoint: Checkpoint, state: CacheState) -> Iterator[None]:
    """Turn every error into a HubError."""
    try:
        yield
    except HubError:
        raise
    except Exception as error:  # noqa: BLE001 - the user reads one sentence for any error
        raise explain(error, checkpoint, state, hub.constants.ENDPOINT) from None


def _inspect_snapshot(hub: Any, checkpoint: Checkpoint, state: CacheState, snapshot: Path) -> CacheState:
    """Return `state` with the needed files of its snapshot."""
    try:
        known = {file.path: file.size for file in hub.get_cached_repo_tree(checkpoint.repo, revision=snapshot.name)}
    except Exception:  # noqa: BLE001 - older versions keep no list of files, and a damaged one is no loss
        known = {}
    names = [path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.is_file()]
    sizes = {name: (snapshot / name).stat().st_size for name in files.select_files(names, checkpoint)}
    shards = files.read_shards(snapshot / files.INDEX)
    needed = [*files.list_missing([*sizes, *shards], checkpoint), *shards, *files.select_files(known, checkpoint)]
    missing = tuple(dict.fromkeys(name for name in needed if name not in sizes))
    damaged = tuple(name for name in sizes if files.is_cut_short(snapshot / name, known.get(name)))
    return replace(state, files=sizes, missing=missing, damaged=damaged)


def _resolve_commit(hub: Any, checkpoint: Checkpoint) -> str:
    """Return the commit of a revision; the rest of an abbreviated one comes from main's history."""
    api, short = hub.HfApi(), checkpoint.short_commit
    ask = partial(api.model_info, checkpoint.repo, timeout=hub.constants.HF_HUB_ETAG_TIMEOUT)
    commit = ask(revision=None if short else checkpoint.revision).sha
    if short and not commit.startswith(short):
        commits = [one.commit_id for one in api.list_repo_commits(checkpoint.repo) if one.commit_id.startswith(short)]
        commit = ask(revision=commits[0] if len(commits) == 1 else short).sha  # a tag may have this name
    return str(commit)


def _download_verified(hub: Any, checkpoint: Checkpoint, plan: DownloadPlan, patience_s: float) -> None:
    """Download what is missing, and compare its checksums; delete what is damaged, and download it once more."""
    answers, blobs = Answers(hub, max(plan.files.values())), plan.state.folder / "blobs"
    count = partial(count_bytes, blobs)
    for _ in range(2):
        snapshot = answers.wait_for(partial(_download, hub, checkpoint, plan), patience_s, count)
        verify = partial(hub.HfApi().verify_repo_checksums, checkpoint.repo, revision=snapshot.name)
        found = answers.wait_for(verify, patience_s + plan.total_bytes / 10e6)  # the bytes/s of a slow disk
        damaged = [one["path"] for one in found.mismatches if one["path"] in plan.files]
        for name in damaged:
            files.delete_file(snapshot / name, blobs)
        if not damaged:
            return
    raise build_error("damaged", checkpoint, f"{shorten(damaged)} arrived with another checksum")


def _download(hub: Any, checkpoint: Checkpoint, plan: DownloadPlan, retries: int = 2) -> Path:
    """Return the snapshot, after downloading what is missing; retry where huggingface_hub does not."""
    abbreviated = checkpoint.short_commit and plan.commit.startswith(checkpoint.short_commit)
    revision = plan.commit if abbreviated else checkpoint.revision  # of a ref, the cache keeps the commit
    names = [glob.escape(name) for name in plan.files]
    try:
        return Path(hub.snapshot_download(checkpoint.repo, revision=revision, allow_patterns=names))
    except Exception as error:  # the classes belong to httpx or httpx2
        if not retries or type(error).__name__ not in ("ReadError", "WriteError", "RemoteProtocolError"):
            raise
    time.sleep(1)
    return _download(hub, checkpoint, plan, retries - 1)
