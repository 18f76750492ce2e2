"""A published checkpoint as plain data: what to load, what the cache holds of it, what to download."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Checkpoint:
    """A published checkpoint, and which of its files a model needs."""

    model: str  # id in MODELS, for messages
    repo: str  # its repository on the Hub
    revision: str | None = None  # a commit (all digits, or at least the first 7), or a ref; None is main
    extra_folders: tuple[str, ...] = ()  # needed folders, besides the files at the root
    remote_code: bool = False  # whether its *.py files are needed too
    architecture: str | None = None  # the `model_type` that its config.json must name; None allows any

    @property
    def short_commit(self) -> str | None:
        """The revision if it is an abbreviated commit."""
        return self.revision if re.fullmatch(r"[0-9a-f]{7,39}", self.revision or "") else None


@dataclass(frozen=True)
class Snapshot:
    """A complete local directory of a checkpoint, and its commit."""

    path: Path
    commit: str


@dataclass(frozen=True)
class CacheState:
    """What the cache holds of a checkpoint."""

    cache: Path  # it may not exist yet
    folder: Path  # the repository's folder in it
    snapshot: Path | None = None  # complete or not
    files: Mapping[str, int] = field(default_factory=dict, hash=False)  # needed file in the snapshot -> bytes
    missing: tuple[str, ...] = ()  # needed files that the snapshot lacks, as far as is known offline
    damaged: tuple[str, ...] = ()  # needed files in the snapshot that are cut short

    @property
    def complete(self) -> Snapshot | None:
        """The snapshot, if every needed file is there and undamaged."""
        if self.snapshot is None or self.missing or self.damaged:
            return None
        return Snapshot(self.snapshot, self.snapshot.name)


@dataclass(frozen=True)
class DownloadPlan:
    """The files of a checkpoint, and how much of them the cache holds."""

    commit: str  # what the revision resolves to
    files: Mapping[str, int] = field(hash=False)  # needed file -> bytes
    cached_bytes: int  # of files that need no download, and of partial files that the download will continue
    state: CacheState

    @property
    def total_bytes(self) -> int:
        """Size of all needed files."""
        return sum(self.files.values())

    @property
    def missing_bytes(self) -> int:
        """Size of the download."""
        return max(0, self.total_bytes - self.cached_bytes)
