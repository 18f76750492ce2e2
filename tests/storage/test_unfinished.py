"""Whatever lies among the journals costs a session that begins neither time nor its start.

Tests benchmarks.storage.resume.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.planning.plan import Plan
from benchmarks.storage import journal, resume
from benchmarks.storage.locks import take
from tests.support.journals import HEAD, fail_on_complaint, make_run, plan_journal

MEGABYTE = 2**20
PLAN = plan_journal(new_tokens=8)


def begin(folder: Path, plan: Plan = PLAN) -> list[str]:
    """Begin and end a session, and return what it said."""
    told: list[str] = []
    resume.open_journal(plan, "thor", ["llava-bf16"], folder, told.append).remove()
    return told


def create(folder: Path, save: str = "thor", done: int = 0) -> Path:
    """Write the journal of a session of nine pairs, of which some are done."""
    pairs = [f"model{number}-bf16" for number in range(9)]
    written = journal.create_journal(folder, HEAD | {"save": save, "pairs": pairs}, fail_on_complaint)
    for pair in pairs[:done]:
        written.append(pair, [{"do": "done", "record": {}}])
    written.close()
    return written.path


def count_bytes_read() -> int:
    """Return how many bytes this process has read."""
    return int(re.findall(r"rchar: (\d+)", Path("/proc/self/io").read_text())[0])


def stretch(path: Path) -> None:
    """Put 500 MB of nothing, which take no room on the disk, behind the first line of a file."""
    first, _, rest = path.read_bytes().partition(b"\n")
    with path.open("wb") as file:
        file.write(first + b"\n")
        file.seek(500 * MEGABYTE)
        file.write(b"\n" + rest)


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux counts the bytes that a process reads")
def test_a_long_journal_is_not_read_to_be_listed(tmp_path: Path) -> None:
    """Of a journal of 500 MB a session that begins reads the ends, and says how much is done at least."""
    short, long, endless = create(tmp_path, "short", done=4), create(tmp_path, "long", done=2), create(tmp_path, "odd")
    stretch(long)
    endless.write_bytes(b"")
    os.truncate(endless, 500 * MEGABYTE)
    before = count_bytes_read()
    told = "\n".join(begin(tmp_path))
    with pytest.raises(
        BenchmarkError, match=r"no unfinished session named 'orin' \(unfinished: long, odd-.*\(damaged\), short\)"
    ):
        resume.resume(tmp_path, HEAD | {"save": "orin"}, fail_on_complaint)
    with pytest.raises(BenchmarkError, match="its head was changed, or it is not a journal of this version"):
        resume.resume(tmp_path, HEAD | {"save": "odd"}, fail_on_complaint)

    assert count_bytes_read() - before < 64 * MEGABYTE
    assert "4 of 9 pairs done; type --benchmark-save=short --resume" in told
    assert "at least 2 of 9 pairs done; type --benchmark-save=long --resume" in told
    assert f"Unfinished: {endless}: its head was changed, or it is not a journal of this version; delete it" in told
    assert short.exists()


def test_many_journals_are_counted(tmp_path: Path) -> None:
    """Of many unfinished sessions the latest are listed, and the others are counted."""
    first = create(tmp_path, "old")
    for number in range(resume.LISTED):
        shutil.copy(first, tmp_path / f"old-20261128T000000-0000000{number}.jsonl")
        (tmp_path / f"new{number}-20261128T000000-00000000.jsonl").write_text(first.read_text())
    for path in tmp_path.glob("old*"):
        os.utime(path, (1, 1))
    told = begin(tmp_path)

    assert len(told) == resume.LISTED + 1
    assert all(re.search("delete .*/new", line) for line in told[:-1])
    assert told[-1] == f"Unfinished: 11 older ones too; delete what is not needed from {tmp_path}."


def test_odd_files_among_journals_stop_nothing(tmp_path: Path) -> None:
    """Links to nothing, pipes, folders and heads of the wrong kind are passed over or named, and never waited for."""
    whole = create(tmp_path)
    (tmp_path / "thor-link.jsonl").symlink_to(tmp_path / "nothing")
    (tmp_path / "thor-device.jsonl").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "thor-pipe.jsonl")
    (tmp_path / "thor-folder.jsonl").mkdir()
    odd = tmp_path / "thor-\x1b[31m\udcff.jsonl"
    odd.write_text(whole.read_text().replace('"pairs":[', '"pairs":[null,'))

    assert set(resume.list_journals(tmp_path)) == {whole, odd}
    said = resume.describe_unfinished(odd)
    assert said.endswith("is not a journal of this version; delete it to start over.")
    assert said.isprintable()
    assert len(begin(tmp_path)) == 2


def test_a_journal_that_was_killed_at_its_start_is_swept(tmp_path: Path) -> None:
    """What a session left that was killed as it created its journal is deleted at the next start, and nothing else."""
    name = "thor-20261128T000000-0000000"
    dead, empty, alive = (tmp_path / f"{name}{number}.tmp" for number in range(3))
    mine, folder = tmp_path / "notes.tmp", tmp_path / f"{name}3.tmp"
    for path in (dead, alive, mine):
        path.write_text('{"journal":1')
    empty.touch()
    folder.mkdir()
    with alive.open("ab") as session:
        assert take(session.fileno())
        begin(tmp_path)
        assert sorted(tmp_path.iterdir()) == sorted([alive, folder, mine])
    begin(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([folder, mine])


def test_a_journal_that_is_swept_as_it_is_created_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session whose journal another one sweeps away in the moment before its lock has a journal all the same."""
    synchronise = os.fsync
    swept: list[Path] = []

    def sweep(descriptor: int) -> None:
        synchronise(descriptor)
        if not swept:
            swept.extend(tmp_path.glob("*.tmp"))
            swept[0].unlink()

    monkeypatch.setattr(os, "fsync", sweep)
    written = journal.create_journal(tmp_path, HEAD, fail_on_complaint)
    written.append("llava-bf16", [{"do": "restart"}])
    written.close()
    assert len(swept) == 1
    assert [*tmp_path.iterdir()] == [written.path]
    assert journal.read_journal(written.path).entries == [{"pair": "llava-bf16", "do": "restart"}]


def test_the_latest_journal_is_refused_and_no_older_one_taken(tmp_path: Path) -> None:
    """Where the latest journal of a save is damaged after its head, --resume says so and continues no older one."""
    older, latest = create(tmp_path, done=1), create(tmp_path, done=2)
    os.utime(older, (1, 1))
    latest.write_text(latest.read_text().replace('"record":{}', '"record":{"a":1}', 1))
    os.utime(latest, (2, 2))
    with pytest.raises(BenchmarkError, match=rf"{latest.name}: line 2 is damaged \(its seal does not match"):
        resume.resume(tmp_path, HEAD, fail_on_complaint)


def test_a_journal_that_is_refused_is_left_as_it_is(tmp_path: Path) -> None:
    """--resume checks the lines before it opens a journal: a refused one keeps every byte, and nothing holds it."""
    written = resume.open_journal(PLAN, "thor", ["llava-bf16"], tmp_path, fail_on_complaint)
    written.append("llava-bf16", [make_run(1.0)])
    written.close()
    before = written.path.read_bytes() + b'{"pair"'
    written.path.write_bytes(before)
    with pytest.raises(
        BenchmarkError, match=r"line 2 is damaged \(llava-bf16: no segment is before it\); delete it and"
    ):
        begin(tmp_path, replace(PLAN, resume=True))
    assert written.path.read_bytes() == before
    assert resume.list_journals(tmp_path) == [written.path]
