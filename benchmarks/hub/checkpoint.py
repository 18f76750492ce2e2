"""A published checkpoint as plain data: what is wanted, what the cache holds of it, what the Hub lists."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Checkpoint:
    """A published checkpoint, and which of its files are wanted.

    Attributes:
        model: id in MODELS, for messages.
        repo: its repository on the Hub.
        revision: a commit, whole or its first 7 digits or more, or a ref such as refs/pr/70; None means main.
        extra_folders: folders of the repository that are wanted beside the files at its root.
        remote_code: whether its *.py are wanted too.
        architecture: what its config.json must call itself (`model_type`); None is anything.
    """

    model: str
    repo: str
    revision: str | None = None
    extra_folders: tuple[str, ...] = ()
    remote_code: bool = False
    architecture: str | None = None

    @property
    def beginning(self) -> str | None:
        """The first digits of a commit, if that is what the revision is."""
        return self.revision if re.fullmatch(r"[0-9a-f]{7,39}", self.revision or "") else None


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
