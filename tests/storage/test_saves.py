"""A save is written whole or not at all, never over another, and elsewhere where its folder refuses it.

Tests benchmarks.storage.saves.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks.storage.saves import AtomicFileStorage, write_whole
from tests.support import product

if TYPE_CHECKING:
    from pathlib import Path

SAVER = """
import logging, sys
from benchmarks.storage.saves import AtomicFileStorage
storage = AtomicFileStorage(sys.argv[1], logging.getLogger(), "board")
storage.problems = []
sys.stdin.readline()
for _ in range(10):
    storage.save({"benchmarks": ["x" * 100_000]}, sys.argv[2])
assert not storage.problems, storage.problems
"""


def storage(folder: Path) -> AtomicFileStorage:
    """Return a storage in `folder`."""
    made = AtomicFileStorage(str(folder), logging.getLogger(), "board")  # type: ignore[no-untyped-call]
    made.problems = []
    return made


def test_sessions_that_end_at_once_take_two_numbers(tmp_path: Path) -> None:
    """Three processes that save at the same moment share no number, and every save is whole."""
    settings = product.environment() | {"PYTHONPATH": str(product.ROOT)}
    commands = [[sys.executable, "-c", SAVER, str(tmp_path), name] for name in ("one", "two", "three")]
    savers = [subprocess.Popen(c, env=settings, stdin=subprocess.PIPE, text=True) for c in commands]
    for saver in savers:
        assert saver.stdin is not None
        saver.stdin.write("go\n")
        saver.stdin.close()
    assert [saver.wait(60) for saver in savers] == [0, 0, 0]

    saves = sorted((tmp_path / "board").iterdir())
    assert [path.name[:4] for path in saves] == [f"{number:04}" for number in range(1, 31)]
    for path in saves:
        assert len(json.loads(path.read_text())["benchmarks"]) == 1


def test_the_ten_thousandth_save_replaces_none(tmp_path: Path) -> None:
    """Beyond 9999, where pytest-benchmark counts no further, a save still takes a number of its own."""
    made = storage(tmp_path)
    (tmp_path / "board").mkdir()
    (tmp_path / "board/9999_thor.json").write_text("{}")
    for _ in range(2):
        made.save({}, "thor")

    assert sorted(path.name for path in (tmp_path / "board").iterdir()) == [
        "10000_thor.json", "10001_thor.json", "9999_thor.json",
    ]  # fmt: skip


def test_a_folder_that_vanished_is_made_again(tmp_path: Path) -> None:
    """Where the folder of the saves was deleted in the middle, the save is written into a new one."""
    made = storage(tmp_path / "results")
    (tmp_path / "results").rmdir()
    made.save({"benchmarks": []}, "thor")

    assert made.saved == (tmp_path / "results/board/0001_thor.json").resolve()
    assert made.problems == []


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """A write that is broken off leaves the old file as it was, and nothing beside it."""
    target = tmp_path / "save.json"
    target.write_text("old")
    with pytest.raises(TypeError):
        write_whole(target, "no bytes")  # type: ignore[arg-type]

    assert [path.name for path in tmp_path.iterdir()] == ["save.json"]
    assert target.read_text() == "old"
