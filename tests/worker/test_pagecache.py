"""The share of the weight files in the page cache: dropped before a load, and measured.

Tests benchmarks.worker.pagecache.
"""

import os
from pathlib import Path

import pytest

from benchmarks.worker import pagecache

SIZE = 8 * 2**20


def written(path: Path) -> Path:
    """Write a file to the disk and into the page cache."""
    path.write_bytes(b"x" * SIZE)
    with path.open("rb") as file:
        os.fsync(file.fileno())
        file.read()
    return path


def test_what_was_read_is_in_the_cache_until_it_is_dropped(tmp_path: Path) -> None:
    """A file that was just read is in the page cache, and almost no page of it after a drop."""
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
    """Half of two equal files is cached if one was dropped; without files the share is None."""
    kept, dropped = written(tmp_path / "a"), written(tmp_path / "b")
    pagecache.drop_cached([dropped])
    if pagecache.measure_cached_share([dropped]) != 0.0:
        pytest.skip("this file system drops nothing")
    (tmp_path / "empty").touch()

    assert pagecache.measure_cached_share([kept, dropped, tmp_path / "empty"]) == pytest.approx(0.5, abs=0.05)
    assert pagecache.measure_cached_share([]) is None
    assert pagecache.measure_cached_share([tmp_path / "empty"]) is None
