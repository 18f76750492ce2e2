"""A journal is read back as it was written; a torn end is cut off, damage is named, nothing is overwritten.

Tests benchmarks.storage.journal, benchmarks.storage.resume and benchmarks.storage.locks.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.errors import BenchmarkError
from benchmarks.storage import journal, resume
from benchmarks.storage.line_checks import check
from benchmarks.storage.locks import take
from tests.support.journals import HEAD, JSON, OLD, fail_on_complaint, plan_journal

if TYPE_CHECKING:
    from collections.abc import Iterator


PLAN = plan_journal(new_tokens=8)


def create(folder: Path, *lines: dict[str, Any]) -> Path:
    """Write a journal with these lines of one pair, and return its file."""
    written = journal.create_journal(folder, HEAD, fail_on_complaint)
    written.append("llava-bf16", lines)
    written.close()
    return written.path


NAMES = st.text(max_size=5).filter(lambda name: name != "seal")  # no line has one of its own


@given(lines=st.lists(st.dictionaries(NAMES, JSON, max_size=4), max_size=6), torn=st.binary(max_size=30))
@settings(max_examples=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_back(tmp_path: Path, lines: list[dict[str, Any]], torn: bytes) -> None:
    """Whatever lines are written are read back in order, and a torn last line costs none of them."""
    written = [{**line, "do": "run", "pair": "llava-bf16"} for line in lines]
    path = create(tmp_path, *written)
    with path.open("ab") as file:
        file.write(torn.replace(b"\n", b""))

    found = journal.read_journal(path)
    path.unlink()
    assert found.entries == written


def read_and_check(path: Path) -> str | None:
    """Return the sentence that refuses a journal; None where it is taken."""
    try:
        check(PLAN, path, journal.read_journal(path))
    except journal.Damaged as refusal:
        return str(refusal)
    return None


@pytest.fixture
def begun() -> bytes:
    """What a journal of an older version without lines of a pair holds."""
    return OLD.read_bytes().partition(b"\n")[0] + b"\n"


@given(data=st.binary(max_size=200) | st.lists(JSON, max_size=4).map(lambda v: "\n".join(map(json.dumps, v)).encode()))
@settings(max_examples=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(begun: bytes, tmp_path: Path, data: bytes) -> None:
    """Whatever bytes a journal holds, each of its lines is read, or it is refused with what to do."""
    path = tmp_path / "thor.jsonl"
    path.write_bytes(begun + data + b"\n")
    refusal = read_and_check(path)
    if refusal is None:
        assert len(journal.read_journal(path).entries) == data.count(b"\n") + 1
    else:
        assert "damaged" in refusal
        assert "delete the journal to start over" in refusal


def test_going_on_cuts_off_the_torn_line(tmp_path: Path) -> None:
    """A session that goes on writes behind the last whole line, and both are read back."""
    path = create(tmp_path, {"do": "run", "n": 1})
    with path.open("ab") as file:
        file.write(b'{"pair": "llava-bf16", "do": "ru')

    again = resume.resume(tmp_path, HEAD, fail_on_complaint)
    again.append("llava-bf16", [{"do": "run", "n": 2}])
    again.close()
    assert again.path == path
    assert [line["n"] for line in journal.read_journal(path).entries] == [1, 2]


@pytest.mark.parametrize(
    ("head", "complaint"),
    [
        (
            HEAD | {"fingerprint": {"--runs": 5}},
            "was started with other settings: --runs was 4, is 5; type the same options as then",
        ),
        (HEAD | {"fingerprint": {"--runs": 4, "torch": "2"}}, "torch was absent, is 2"),
        (HEAD | {"pairs": ["phi-bf16"]}, "was started with other settings: the chosen pairs"),
        (HEAD | {"save": "orin"}, "no unfinished session named 'orin' (unfinished: thor)"),
    ],
)
def test_another_session_is_refused(tmp_path: Path, head: dict[str, Any], complaint: str) -> None:
    """--resume refuses what another session began, in a sentence that names what differs."""
    create(tmp_path)
    with pytest.raises(BenchmarkError) as refusal:
        resume.resume(tmp_path, head, fail_on_complaint)
    assert complaint in str(refusal.value)


def test_a_running_session_is_left_alone(tmp_path: Path) -> None:
    """A journal that a session holds is not unfinished, and nobody else opens it."""
    held = journal.create_journal(tmp_path, HEAD, fail_on_complaint)

    assert (resume.list_journals(tmp_path), resume.list_journals(tmp_path, held=True)) == ([], [held.path])
    with pytest.raises(BenchmarkError, match="no unfinished session"):
        resume.resume(tmp_path, HEAD, fail_on_complaint)
    held.close()
    with held.path.open("rb") as looked_at:  # by another session that begins
        assert take(looked_at.fileno(), shared=True)
        assert (resume.list_journals(tmp_path), resume.list_journals(tmp_path, held=True)) == ([held.path], [])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full stands for a full disk on Linux only")
def test_a_full_disk_is_said_once_and_tried_again(tmp_path: Path) -> None:
    """Lines that a full disk refuses wait in memory, which is said once, and are written when there is room."""
    told: list[str] = []
    written = journal.create_journal(tmp_path, HEAD, told.append)
    real, written._file = written._file, Path("/dev/full").open("ab", buffering=0)  # noqa: SIM115
    written.append("llava-bf16", [{"do": "run", "n": 1}])
    written.append("llava-bf16", [{"do": "run", "n": 2}])
    written._file.close()
    written._file = real
    written.append("llava-bf16", [{"do": "run", "n": 3}])
    written.close()

    assert len(told) == 1
    assert "The journal cannot be written (No space left on device)" in told[0]
    assert [line["n"] for line in journal.read_journal(written.path).entries] == [1, 2, 3]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A session that could not be saved is refused before it begins."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchmarkError, match=r"cannot be written .*, so an interrupted session would be lost"):
        journal.create_journal(tmp_path / "file" / ".journal", HEAD, fail_on_complaint)


def test_a_damaged_neighbour_hides_no_journal(tmp_path: Path) -> None:
    """--resume finds the journal of its own save beside damaged ones and those of saves that begin alike."""
    mine = create(tmp_path)
    mine.with_name(mine.name.replace("thor-", "thor-two-")).write_text("damaged")
    later = mine.with_name(mine.name[:-6] + "0.jsonl")
    later.write_text("")

    found = resume.resume(tmp_path, HEAD, fail_on_complaint)
    found.close()
    assert found.path == mine


def test_saves_of_one_slug_are_two(tmp_path: Path) -> None:
    """Names that make the same file name have journals of their own."""
    first = journal.create_journal(tmp_path, HEAD | {"save": "東京"}, fail_on_complaint)
    first.close()
    with pytest.raises(BenchmarkError, match="no unfinished session named '大阪'"):
        resume.resume(tmp_path, HEAD | {"save": "大阪"}, fail_on_complaint)


def test_a_file_system_without_locks_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system has no locks, a session begins and goes on all the same."""
    fcntl = pytest.importorskip("fcntl", reason="this system has no locks at all")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    path = create(tmp_path, {"do": "run", "n": 1})
    resume.resume(tmp_path, HEAD, fail_on_complaint).close()
    assert len(journal.read_journal(path).entries) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 kB, of which 4 are taken."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("mounting a file system needs root")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("mounting a file system is not permitted here")
    (tmp_path / "ballast").write_bytes(b"0" * 4096)
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def test_a_read_only_disk_is_refused(small_disk: Path) -> None:
    """--resume from a disk that became read-only is refused in one sentence, and the journal stays."""
    path = create(small_disk / "results/.journal")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(BenchmarkError, match=r"cannot be written \(Read-only file system\), so an interrupted session"):
        resume.resume(path.parent, HEAD, fail_on_complaint)
    assert journal.read_journal(path).head["save"] == "thor"


def test_a_disk_without_room_for_the_head_is_refused(small_disk: Path) -> None:
    """A disk that takes only a part of a journal's first line is refused, and nothing is left on it."""
    head = HEAD | {"fingerprint": {"long": "x" * 6000}}
    with pytest.raises(
        BenchmarkError, match=r"cannot be written \(No space left on device\), so an interrupted session"
    ):
        journal.create_journal(small_disk / "results/.journal", head, fail_on_complaint)
    assert list((small_disk / "results/.journal").iterdir()) == []
