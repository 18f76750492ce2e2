"""The cache of miniatures: a damaged one is rebuilt, and what a killed build leaves is swept.

Tests benchmarks.models.miniature and benchmarks.pair.checkpoint.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.models import MODELS, miniature
from benchmarks.pair.checkpoint import find_checkpoint
from benchmarks.processes.start_methods import get_context
from tests.support.hub_layout import files_of
from tests.support.miniatures import copy_miniature
from tests.support.plans import make_plan

LLAVA = MODELS["llava"]


def cut(file: Path) -> None:
    """Cut a file short."""
    os.truncate(file, file.stat().st_size // 2)


def alter(file: Path) -> None:
    """Change one bit of a file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def replace_by_link(file: Path) -> None:
    """Put a link to a user's file in place of a file."""
    mine = file.parent.parent / "mine.txt"
    mine.write_text("mine")
    file.unlink()
    file.symlink_to(mine)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "model.safetensors": alter,
    "config.json": lambda file: file.write_text("no JSON"),
    "tokenizer.json": cut,
    "tokenizer_config.json": lambda file: file.write_bytes(b""),
    "generation_config.json": Path.unlink,
    "processor_config.json": replace_by_link,
    "chat_template.jinja": lambda file: file.write_bytes(file.read_bytes() + b" "),
    miniature.CHECKSUMS: lambda file: file.write_text("[" * 100_000),
}
"""File of a miniature -> what happens to it."""


@pytest.mark.parametrize("name", DAMAGES)
def test_every_damage_is_noticed(tmp_path: Path, name: str) -> None:
    """A miniature is damaged if any of its files is cut short, empty, altered, missing or another."""
    folder = copy_miniature("llava", tmp_path)
    assert set(DAMAGES) == {file.name for file in folder.iterdir()}
    assert miniature.is_intact(folder)
    DAMAGES[name](folder / name)

    assert not miniature.is_intact(folder)


def test_a_damaged_miniature_is_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session replaces the files of a damaged miniature by what they were, and nothing else."""
    folder = copy_miniature("llava", tmp_path)
    monkeypatch.setenv("EDGE_VLM_BENCH_CACHE", str(tmp_path))
    whole = files_of(folder)
    for name, damage in DAMAGES.items():
        damage(folder / name)
    (folder / "notes.txt").write_text("mine")
    found = find_checkpoint(make_plan(weights="mini", start_method="forkserver"), LLAVA, print)

    assert found.folder == folder
    assert files_of(folder) == whole | {"notes.txt": b"mine"}
    assert files_of(tmp_path)["mine.txt"] == b"mine"
    assert {path.name for path in tmp_path.iterdir()} == {folder.name, "mine.txt"}


def test_a_killed_build_is_swept(tmp_path: Path) -> None:
    """What a killed build leaves is deleted at the next start; never a running build's, and nothing of the user."""
    (tmp_path / ".llava-settings").mkdir()
    (tmp_path / f".mine{miniature.HALF_BUILT}").symlink_to(tmp_path / ".llava-settings")
    mine = sorted(tmp_path.iterdir())
    process = get_context("forkserver").Process(target=miniature.build, args=(LLAVA, tmp_path))
    process.start()
    assert process.pid
    while not (half_built := [path for path in tmp_path.glob(".llava-*") if path not in mine]):
        assert process.is_alive()
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGSTOP)
    miniature.sweep(tmp_path)
    assert half_built[0].is_dir()

    process.kill()
    process.join()
    miniature.sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == mine
