"""A save is written whole or not at all, never over another, and elsewhere where its folder refuses it.

Tests benchmarks.storage.saves.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.storage.journal import create_journal
from benchmarks.storage.saves import BEGIN, END, AtomicFileStorage, write_whole
from tests.support import product
from tests.support.journals import HEAD, fail_on_complaint
from tests.support.limits import limit_file_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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


def test_a_save_that_no_folder_takes_goes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where neither its folder, nor the temporary one, nor memory takes the save, standard error has it whole."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = storage(tmp_path / "results")
    with limit_file_size(1000), pytest.raises(BenchmarkError) as refusal:
        made.save({"benchmarks": ["x" * 2000, "\udc80"]}, "Thor")

    line = capsys.readouterr().err.partition(f"{BEGIN}\n")[2].partition(f"\n{END}\n")[0]
    assert json.loads(line) == {"benchmarks": ["x" * 2000, "\udc80"]}
    assert "put the line after -----BEGIN SAVE----- on standard error into a file, 0001_thor.json." in str(
        refusal.value
    )
    assert made.saved is None
    assert {path.name for path in tmp_path.rglob("*")} == {"results", "board"}


def test_a_save_that_its_folder_refuses_is_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the folder of the saves has become a file, the save is in a new temporary folder, which is said."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = storage(tmp_path / "results")
    (tmp_path / "results/board").write_text("")
    made.save({"benchmarks": []}, "thor")

    (elsewhere,) = tmp_path.glob("edge-vlm-bench-*/0001_thor.json")
    assert json.loads(elsewhere.read_text()) == {"benchmarks": []}
    assert f"(Not a directory); it is in {elsewhere}: copy it into results/ before the next reboot." in made.problems[0]


@contextmanager
def masked(mask: int) -> Iterator[None]:
    """Set this process's umask within the block."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize(("mask", "mode"), [(0o002, 0o664), (0o027, 0o640), (0o077, 0o600)])
def test_the_umask_is_respected(tmp_path: Path, mask: int, mode: int) -> None:
    """Saves and journals have the permissions that the user's umask leaves, no fewer and no more."""
    with masked(mask):
        write_whole(tmp_path / "save.json", b"{}")
        written = create_journal(tmp_path, HEAD, fail_on_complaint)
        written.close()

    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "save.json", written.path)} == {mode}


PLACES: dict[str, Callable[[Path], object]] = {
    "Not a directory": lambda folder: folder.write_text(""),
    "No such file or directory": lambda folder: folder.symlink_to("nothing/there"),
}


@pytest.mark.parametrize("reason", PLACES)
def test_a_folder_that_cannot_take_the_save_is_refused_first(tmp_path: Path, reason: str) -> None:
    """A file or a link to nothing in place of the machine's folder is found before anything is measured."""
    made = storage(tmp_path)
    PLACES[reason](tmp_path / "board")
    with pytest.raises(BenchmarkError, match=f"board cannot be written .{reason}., so an interrupted session would"):
        made.check_folder("thor")


def test_a_name_has_room_in_bytes(tmp_path: Path) -> None:
    """A name whose letters take too many bytes for the file system is refused, and one that fits is not."""
    made = storage(tmp_path)
    with pytest.raises(
        BenchmarkError, match=r"board cannot be written \(File name too long\), .* shorten --benchmark-save"
    ):
        made.check_folder("\U0001d518" * 100)
    made.check_folder("\U0001d518" * 60)
    made.save({}, "\U0001d518" * 60)

    assert made.problems == []
    assert [path.name for path in (tmp_path / "board").iterdir()] == ["0001_" + "\U0001d518" * 60 + ".json"]


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://x", "ArgumentTypeError: Storage must be in form of file://path or elasticsearch+http"),
        ("", "ArgumentTypeError: Storage must be in form of file://path or elasticsearch+http"),
        ("file://localhost/tmp/x", "ArgumentTypeError: Storage must be in form of file://path or elasticsearch+http"),
        ("file:///tmp/a\0b", "ValueError: embedded null byte"),
        (
            "elasticsearch+http://user:password@[::1",
            "ValueError: Invalid IPv6 URL"
            if find_spec("elasticsearch")
            else "ImportError: Please install elasticsearch",
        ),
    ],
)
def test_a_storage_that_cannot_be_used_is_refused(tmp_path: Path, uri: str, reason: str) -> None:
    """A --benchmark-storage that pytest-benchmark cannot use is one sentence, and no password is in it."""
    done = product.measure_here(tmp_path, f"--benchmark-storage={uri}")

    assert done.returncode == 4
    assert "password" not in done.stderr
    assert f"cannot be used ({reason}" in done.stderr
    assert done.stderr.endswith("; type --benchmark-storage=file://DIR to save into a folder.\n\n")
