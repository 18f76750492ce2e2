"""How much of the weights' files the page cache holds when a load begins: dropped first, and the rest is said."""

import os
from pathlib import Path

import pytest

from benchmarks.worker import pagecache

SIZE = 8 * 2**20


def written(path: Path) -> Path:
    """Write a file that is on the disk and in the page cache."""
    path.write_bytes(b"x" * SIZE)
    with path.open("rb") as file:
        os.fsync(file.fileno())
        file.read()
    return path


def test_what_was_read_is_in_the_cache_until_it_is_dropped(tmp_path: Path) -> None:
    """A file that was just read is wholly in the page cache, and after it was dropped hardly a page of it is."""
    file = written(tmp_path / "model.safetensors")
    if pagecache.measure_cached_share([file]) is None:
        pytest.skip("this system has no mincore(2)")
    before = pagecache.measure_cached_share([file])
    pagecache.drop_cached([file])
    after = pagecache.measure_cached_share([file])

    assert before == pytest.approx(1.0, abs=0.01)
    if after == before:
        pytest.skip("this file system is the page cache itself, as tmpfs is")
    assert after == pytest.approx(0.0, abs=0.05)


def test_the_share_is_that_of_all_files(tmp_path: Path) -> None:
    """Of two files of one size, one of them dropped, half is in the cache; without files there is no share."""
    kept, dropped = written(tmp_path / "a"), written(tmp_path / "b")
    pagecache.drop_cached([dropped])
    if pagecache.measure_cached_share([dropped]) != 0.0:
        pytest.skip("this file system drops nothing")
    (tmp_path / "empty").touch()

    assert pagecache.measure_cached_share([kept, dropped, tmp_path / "empty"]) == pytest.approx(0.5, abs=0.05)
    assert pagecache.measure_cached_share([]) is None
    assert pagecache.measure_cached_share([tmp_path / "empty"]) is None
