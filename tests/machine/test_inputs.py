"""Photographs, prompts and numbers that have no end, wait for something, or take all memory: each is refused.

Tests benchmarks.machine.inputs and benchmarks.planning.photographs.
"""

from __future__ import annotations

import io
import itertools
import os
import socket
from multiprocessing import get_context
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import workload
from benchmarks.errors import BenchmarkError
from benchmarks.machine.inputs import read_regular
from benchmarks.planning.photographs import encode_all, encode_photographs
from benchmarks.processes.helper import run_in_process
from benchmarks.workload import Photograph


def make_odd(path: Path, kind: str) -> None:
    """Put something in the place of a file that is none, or has no end."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "folder":
        path.mkdir()
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(10_000_000_000)


def repeat_scan(times: int) -> bytes:
    """Return a progressive JPEG with one of its scans many times over."""
    buffer = io.BytesIO()
    Image.new("L", (2000, 2000)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    starts = [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xda"]
    begin, end = min(itertools.pairwise(starts), key=lambda pair: pair[1] - pair[0])
    return data[:end] + data[begin:end] * times + data[end:]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("pipe", "cannot be read (not a regular file); name a text file with one prompt per line."),
        ("device", "cannot be read (not a regular file); name a text file with one prompt per line."),
        ("folder", "cannot be read (not a regular file); name a text file with one prompt per line."),
        ("loop", "cannot be read (Too many levels of symbolic links); name a text file with one prompt per line."),
        ("sparse", "more than 10 MB; shorten it."),
    ],
)
def test_prompts_without_an_end_are_refused(tmp_path: Path, kind: str, said: str) -> None:
    """A pipe, a device, a folder, a loop or 10 GB in the place of the prompts is refused at once."""
    make_odd(tmp_path / "prompts", kind)

    with pytest.raises(BenchmarkError) as refusal:
        workload.read_prompts(tmp_path / "prompts")
    assert str(refusal.value) == f"--prompts={tmp_path}/prompts: {said}"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("pipe", "cannot be read (not a regular file); repair it or leave it out."),
        ("device", "cannot be read (not a regular file); repair it or leave it out."),
        ("loop", "cannot be read (Too many levels of symbolic links)"),
        ("sparse", "has 10000 MB, more than the limit of 200 MB; "),
    ],
)
def test_photographs_without_an_end_are_refused(tmp_path: Path, kind: str, said: str) -> None:
    """A pipe, a device, a loop or 10 GB in the place of a photograph is refused at once, and named."""
    make_odd(tmp_path / "a.png", kind)

    with pytest.raises(BenchmarkError) as refusal:
        workload.read_photographs(tmp_path / "a.png")
    assert "a.png" in str(refusal.value)
    assert said in str(refusal.value)


def test_odd_files_among_the_photographs_are_passed_over(tmp_path: Path) -> None:
    """Pipes, sockets, devices, loops and folders among the photographs are named and not read."""
    (tmp_path / "good.png").write_bytes(b"bytes")
    for kind in ("pipe", "device", "loop", "folder"):
        make_odd(tmp_path / f"{kind}.png", kind)
    with socket.socket(socket.AF_UNIX) as listener, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)  # the path of a socket must be short
        listener.bind("socket.png")

    assert [photograph.name for photograph in workload.read_photographs(tmp_path)] == ["good.png"]
    assert "5 passed over: device.png, folder.png/, loop.png, pipe.png, socket.png" in workload.describe_passed_over(
        tmp_path
    )


def test_too_many_photographs_are_refused(tmp_path: Path) -> None:
    """A folder of more photographs than are held in memory is refused with the limits."""
    (tmp_path / "0.png").touch()
    for number in range(1, 5001):
        os.link(tmp_path / "0.png", tmp_path / f"{number}.png")

    with pytest.raises(BenchmarkError, match=r"5001 photographs .* 2 GB, 5000 photographs or 100000 files; choose few"):
        workload.read_photographs(tmp_path)


def test_a_photograph_that_is_never_decoded_is_given_up() -> None:
    """Decoding 68,000 scans ends after the time that a photograph may take, and the photograph is named."""
    good = workload.read_photographs(None)[0]

    with pytest.raises(BenchmarkError) as refusal:
        encode_photographs((Photograph("scans.jpg", repeat_scan(68_000)), good), longest_s=0.1)
    assert str(refusal.value).startswith("--images: scans.jpg is not decoded after 0.1 s; leave it out or save it as ")


def test_the_memory_to_decode_is_bounded() -> None:
    """A photograph whose pixels take more memory than they may is refused, in the helper process."""
    buffer = io.BytesIO()
    Image.new("L", (5000, 5000)).save(buffer, "PNG", compress_level=1)
    ours, theirs = get_context("spawn").Pipe(duplex=False)

    with pytest.raises(BenchmarkError, match=r"--images: large.png takes too much memory to decode; scale it down or"):
        run_in_process("spawn", encode_all, (Photograph("large.png", buffer.getvalue()),), theirs, 15_000_000)
    assert ours.recv() == 0


def test_a_file_that_grows_is_read_to_its_bound(tmp_path: Path) -> None:
    """Of a file that is longer than asked, one byte more than that is read, which says so."""
    (tmp_path / "log").write_bytes(b"0123456789")

    assert read_regular(tmp_path / "log", 4) == b"01234"
    assert read_regular(tmp_path / "log", 20) == b"0123456789"


def test_a_refusal_is_one_printable_line() -> None:
    """Line breaks and terminal codes in a name reach no terminal by a refusal."""
    assert str(BenchmarkError("--images=/a\x1b[31m\nb: no\udcff")) == "--images=/a [31m b: no "
