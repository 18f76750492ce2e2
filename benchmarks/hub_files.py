"""What a helper process does with the Hub and its cache: find, survey, fetch. Imports huggingface_hub late.

Each function here is called through `aside`, in a process that reads HF_HOME, HF_ENDPOINT, HF_TOKEN and the
like for itself, as huggingface_hub does when it is imported.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.hub_trouble import HubTrouble, explain, incomplete, mismatch, no_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken")
"""The files that transformers loads a checkpoint from: weights, settings, chat template, tokenizer."""
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
SHARDS = "model*-of-*.safetensors"
LOST_HALVES = "blobs/*.*.incomplete"
"""What version 2 of huggingface_hub leaves of a download; that of version 1, <etag>.incomplete, is taken up again."""
RETRIES = 5
RETRY_AFTER_S = 1.0
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Checkpoint:
    """A published checkpoint, and which of its files are wanted.

    Attributes:
        model: id in MODELS, for messages.
        repo: its repository on the Hub.
        revision: a commit, or a ref such as refs/pr/70; None means main.
        extra_folders: folders of the repository that are wanted beside the files at its root.
        remote_code: whether its *.py are wanted too.
    """

    model: str
    repo: str
    revision: str | None = None
    extra_folders: tuple[str, ...] = ()
    remote_code: bool = False


@dataclass(frozen=True)
class Snapshot:
    """A complete local directory of a checkpoint, and the commit that it is of."""

    path: Path
    commit: str


@dataclass(frozen=True)
class Found:
    """What the cache holds of a checkpoint.

    Attributes:
        cache: the cache's folder, which exists or not.
        folder: the repository's folder in it.
        snapshot: the snapshot's directory, complete or not; None where there is none.
        lacks: wanted files that are missing from it, as far as is known offline.
        damaged: wanted files of it that are cut short.
    """

    cache: Path
    folder: Path
    snapshot: Path | None = None
    lacks: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def complete(self) -> Snapshot | None:
        """The snapshot, if nothing is missing from it."""
        if self.snapshot is None or self.lacks or self.damaged:
            return None
        return Snapshot(self.snapshot, self.snapshot.name)


@dataclass(frozen=True)
class Listing:
    """What a checkpoint is on the Hub.

    Attributes:
        commit: what its revision resolves to.
        files: wanted file -> bytes.
        here: those of them that the cache holds already.
        found: what the cache holds.
        half_bytes: bytes in the cache of files that are not complete, but will be gone on with.
    """

    commit: str
    files: Mapping[str, int] = field(hash=False)
    here: frozenset[str]
    found: Found
    half_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        """Size of all wanted files."""
        return sum(self.files.values())

    @property
    def here_bytes(self) -> int:
        """Size of those that need no download."""
        return sum(size for name, size in self.files.items() if name in self.here)

    @property
    def missing_bytes(self) -> int:
        """Size of the download."""
        return max(0, self.total_bytes - self.here_bytes - self.half_bytes)


def find(checkpoint: Checkpoint) -> Found:
    """Return what the cache holds of `checkpoint`; asks no network.

    Raises:
        HubTrouble: the cache cannot be read.
    """
    hub = _hub()
    cache = Path(hub.constants.HF_HUB_CACHE)
    folder = cache / f"models--{checkpoint.repo.replace('/', '--')}"
    try:
        path = hub.snapshot_download(
            checkpoint.repo, revision=checkpoint.revision, local_files_only=True, allow_patterns=["config.json"]
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
        info = hub.HfApi().model_info(
            checkpoint.repo,
            revision=checkpoint.revision,
            files_metadata=True,
            timeout=hub.constants.HF_HUB_ETAG_TIMEOUT,
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the user reads one sentence
        raise explain(error, checkpoint, found, hub.constants.ENDPOINT) from None
    sizes = {entry.rfilename: entry.size or 0 for entry in info.siblings or []}
    files = {name: sizes[name] for name in wanted(sizes, checkpoint)}
    lacks = _lacking(files, checkpoint)
    if lacks:
        raise no_checkpoint(checkpoint, lacks, hub.constants.ENDPOINT)
    commit = str(info.sha)
    place = found.folder / "snapshots" / commit
    here = frozenset(n for n, size in files.items() if (place / n).is_file() and (place / n).stat().st_size == size)
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
                _drop(snapshot / name)  # huggingface_hub takes a damaged file for the file
        _download(hub, checkpoint, plan)
    except Exception as error:  # noqa: BLE001 - as above
        raise explain(error, checkpoint, plan.found, hub.constants.ENDPOINT) from None
    for name in plan.files:
        if name not in plan.here and not intact(snapshot / name):
            _drop(snapshot / name)
            raise mismatch(checkpoint, name)
    found = find(checkpoint)
    if found.complete is None:
        raise incomplete(checkpoint, found)
    return found.complete


def wanted(names: Iterable[str], checkpoint: Checkpoint) -> list[str]:
    """Return which files of a repository are wanted: never its other formats, nor duplicates of the weights."""
    names = sorted(names)
    patterns = (*PATTERNS, "*.py") if checkpoint.remote_code else PATTERNS
    root = [name for name in names if "/" not in name and _matches(name, patterns)]
    shards = [name for name in root if fnmatchcase(name, SHARDS)] if INDEX in root else []
    weights = shards or [name for name in root if name == SINGLE] or root
    chosen = [name for name in root if not name.endswith(".safetensors") or name in weights]
    folders = checkpoint.extra_folders
    return chosen + [n for n in names if n.rpartition("/")[0] in folders and _matches(n, PATTERNS)]


def cut_short(path: Path, size: int | None) -> bool:
    """Return whether a file has another size than it should; a safetensors file says its own in its header.

    An index of weights that cannot be read is cut short too.
    """
    actual = path.stat().st_size
    if size is not None and actual != size:
        return True
    if path.name == INDEX:
        return not _shards(path)
    if path.suffix != ".safetensors":
        return False
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(min(length, actual)))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError):
            return True
    return bool(actual != 8 + length + max(ends, default=0))


def intact(pointer: Path) -> bool:
    """Return whether a file of a snapshot has the bytes that its blob is named for.

    A blob's name is the SHA-256 of a large file, or git's SHA-1 of a small one. huggingface_hub
    compares sizes only. Where the system has no links there is no name to compare with.
    """
    if not pointer.is_symlink():
        return pointer.is_file()
    name = pointer.readlink().name
    if len(name) not in (40, 64):
        return True
    size = pointer.stat().st_size
    digest = hashlib.sha256() if len(name) == 64 else hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with pointer.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == name


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
    import huggingface_hub  # noqa: PLC0415
    import huggingface_hub.constants  # noqa: PLC0415
    import huggingface_hub.utils  # noqa: PLC0415

    return huggingface_hub


def _inspected(hub: Any, checkpoint: Checkpoint, found: Found) -> Found:
    """Return what is found with its flaws."""
    snapshot = found.snapshot
    if snapshot is None:
        return found
    expected = _expected(snapshot, checkpoint, _known(hub, checkpoint.repo, snapshot.name))
    lacks = [name for name in expected if not (snapshot / name).is_file()]
    damaged = [name for name, size in expected.items() if name not in lacks and cut_short(snapshot / name, size)]
    return replace(found, lacks=tuple(lacks), damaged=tuple(damaged))


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
            hub.snapshot_download(checkpoint.repo, revision=checkpoint.revision, allow_patterns=sorted(plan.files))
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


def _expected(snapshot: Path, checkpoint: Checkpoint, known: Mapping[str, int]) -> dict[str, int | None]:
    """Return {file: bytes, or None where unknown} of all that a complete snapshot holds."""
    files: dict[str, int | None] = {name: known[name] for name in wanted(known, checkpoint)}
    files.setdefault("config.json", None)
    for name in _weights(snapshot):
        files.setdefault(name, None)
    for extra in checkpoint.extra_folders:
        weights = [f"{extra}/{path.name}" for path in (snapshot / extra).glob("*.safetensors")]
        for name in weights or [f"{extra}/*.safetensors"]:
            files.setdefault(name, None)
    return files


def _weights(snapshot: Path) -> list[str]:
    """Return the weight files that a snapshot should hold: those of its index, if it has one."""
    if (snapshot / INDEX).is_file():
        return _shards(snapshot / INDEX) or [INDEX]
    others = [path.name for path in snapshot.glob("*.safetensors")]
    return [SINGLE] if SINGLE in others or not others else others


def _shards(index: Path) -> list[str]:
    """Return the weight files that an index names; none where it cannot be read."""
    try:
        return sorted({str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def _lacking(files: Mapping[str, int], checkpoint: Checkpoint) -> list[str]:
    """Return what a repository lacks to be a checkpoint."""
    lacks = [] if "config.json" in files else ["config.json"]
    held = {name.rpartition("/")[0] for name in files if name.endswith(".safetensors")}
    return lacks + [
        f"{folder}/*.safetensors".lstrip("/") for folder in ("", *checkpoint.extra_folders) if folder not in held
    ]


def _drop(pointer: Path) -> None:
    """Delete a file of a snapshot and its blob, if they are there."""
    if pointer.is_symlink():
        pointer.resolve().unlink(missing_ok=True)
    pointer.unlink(missing_ok=True)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name.rpartition("/")[2], pattern) for pattern in patterns)
