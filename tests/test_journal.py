"""The journal: what is written is read back, a torn end is forgiven, damage is named, nothing is written over."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import journal, past, unfinished
from benchmarks.errors import BenchmarkError
from benchmarks.past import GAP_NS
from benchmarks.power.base import SensorFacts
from benchmarks.power.energy import GAP_PERIODS
from benchmarks.roofline import Traffic
from tests.factory import record
from tests.test_tally import marks

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = {"save": "thor", "pairs": ["llava-bf16"], "boot": "a", "fingerprint": {"--runs": 4}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
SEGMENT: dict[str, Any] = {
    "do": "segment",
    "boot": "a",
    "at": "2026-11-24T00:00:00+00:00",
    "loaded": {"parameters": 1},
    "finite_logits": True,
    "numerics": None,
    "baseline": None,
    "sensor": None,
    "sensor_name": "none",
    "sensor_reason": "no sensor here",
    "scope_mismatch": False,
    "before": {"temperature_c": None, "clock_hz": None, "reason": "none"},
}


def complain(sentence: str) -> None:
    """Fail: these disks have nothing to complain of."""
    raise AssertionError(sentence)


def begun(folder: Path, *lines: dict[str, Any]) -> Path:
    """Write a journal with these lines of one pair, and return its file."""
    written = journal.begin(folder, HEAD, complain)
    written.append("llava-bf16", lines)
    written.close()
    return written.path


@given(lines=st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4), max_size=6), torn=st.binary(max_size=30))
@settings(max_examples=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_back(tmp_path: Path, lines: list[dict[str, Any]], torn: bytes) -> None:
    """Whatever lines are written are read back in order, and a torn last line costs none of them."""
    written = [{**line, "do": "run", "pair": "llava-bf16"} for line in lines]
    path = begun(tmp_path, *written)
    with path.open("ab") as file:
        file.write(torn.replace(b"\n", b""))

    found = journal.read(path)
    path.unlink()
    assert found.lines.get("llava-bf16", []) == written


@given(data=st.binary(max_size=200) | st.lists(JSON, max_size=4).map(lambda v: "\n".join(map(json.dumps, v)).encode()))
@settings(max_examples=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    """Whatever bytes a journal holds, it is read or refused in a sentence, and never raises anything else."""
    path = begun(tmp_path)
    whole = path.read_bytes() + data + b"\n"
    path.write_bytes(whole)
    with contextlib.suppress(journal.Damaged):
        past.check(journal.read(path))
    path.unlink()


@given(field=st.sampled_from([*SEGMENT]), value=JSON)
@settings(max_examples=300)
def test_a_line_of_the_wrong_kind_is_named(field: str, value: Any) -> None:
    """A run without marks is refused in a sentence, and a value of any kind elsewhere never raises anything else."""
    damaged = SEGMENT | {field: value, "do": "segment"}
    with pytest.raises(journal.Damaged, match="llava-bf16 are damaged"):
        past.check(journal.Contents(HEAD, {"llava-bf16": [damaged, {"do": "run", "request": 0}]}))
    with contextlib.suppress(journal.Damaged):
        past.check(journal.Contents(HEAD, {"llava-bf16": [damaged, run(1.0)]}))


def test_going_on_cuts_off_the_torn_line(tmp_path: Path) -> None:
    """A session that goes on writes behind the last whole line, and both are read back."""
    path = begun(tmp_path, {"do": "run", "n": 1})
    with path.open("ab") as file:
        file.write(b'{"pair": "llava-bf16", "do": "ru')

    again = unfinished.resume(tmp_path, HEAD, complain)
    again.append("llava-bf16", [{"do": "run", "n": 2}])
    again.close()
    assert again.path == path
    assert [line["n"] for line in journal.read(path).lines["llava-bf16"]] == [1, 2]


@pytest.mark.parametrize(
    ("head", "complaint"),
    [
        (
            HEAD | {"fingerprint": {"--runs": 5}},
            "was begun otherwise: --runs was 4, is 5; type the options as they were",
        ),
        (HEAD | {"fingerprint": {"--runs": 4, "torch": "2"}}, "torch was absent, is 2"),
        (HEAD | {"pairs": ["phi-bf16"]}, "was begun otherwise: the chosen pairs"),
        (HEAD | {"save": "orin"}, "no unfinished session named 'orin' (unfinished: thor)"),
    ],
)
def test_another_session_is_refused(tmp_path: Path, head: dict[str, Any], complaint: str) -> None:
    """--resume refuses what another session began, in a sentence that names what differs."""
    begun(tmp_path)
    with pytest.raises(BenchmarkError) as refusal:
        unfinished.resume(tmp_path, head, complain)
    assert complaint in str(refusal.value)


def test_a_running_session_is_left_alone(tmp_path: Path) -> None:
    """A journal that a session holds is not unfinished, and nobody else opens it."""
    held = journal.begin(tmp_path, HEAD, complain)

    assert unfinished.journals(tmp_path) == []
    with pytest.raises(BenchmarkError, match="no unfinished session"):
        unfinished.resume(tmp_path, HEAD, complain)
    held.close()
    assert unfinished.journals(tmp_path) == [held.path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full stands for a full disk on Linux only")
def test_a_full_disk_is_said_once_and_tried_again(tmp_path: Path) -> None:
    """Lines that a full disk refuses wait in memory, which is said once, and are written when there is room."""
    told: list[str] = []
    written = journal.begin(tmp_path, HEAD, told.append)
    real, written._file = written._file, Path("/dev/full").open("ab", buffering=0)  # noqa: SIM115
    written.append("llava-bf16", [{"do": "run", "n": 1}])
    written.append("llava-bf16", [{"do": "run", "n": 2}])
    written._file.close()
    written._file = real
    written.append("llava-bf16", [{"do": "run", "n": 3}])
    written.close()

    assert len(told) == 1
    assert "The journal cannot be written (No space left on device)" in told[0]
    assert [line["n"] for line in journal.read(written.path).lines["llava-bf16"]] == [1, 2, 3]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A session that could not be saved is refused before it begins."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchmarkError, match=r"cannot be written .*, and a session must not be lost"):
        journal.begin(tmp_path / "file" / ".journal", HEAD, complain)


def run(start_s: float) -> dict[str, Any]:
    """Return a journal's line of a run of a second."""
    return {"do": "run", "request": 0, "marks": marks(start_s)}


def test_segments_of_two_boots_are_never_joined() -> None:
    """Segments on two clocks are laid one after the other, a minute apart, and keep their lengths."""
    first = [SEGMENT, run(1000.0), run(1001.0)]
    second = [SEGMENT | {"boot": "b"}, run(5.0)]
    one, two = past.laid_out(past.segments([*first, *second]), 7_000_000_000_000)

    assert two.span[1] == 7_000_000_000_000 - GAP_NS
    assert two.span[0] - one.span[1] == GAP_NS
    assert one.span[1] - one.span[0] == 2_000_000_000
    assert past.interruptions([one, two], ("b", "now")) == [
        {"after_runs": 2, "resumed": "2026-11-24T00:00:00+00:00", "same_boot": False},
        {"after_runs": 3, "resumed": "now", "same_boot": True},
    ]


def test_a_slow_meter_s_segments_lie_further_apart() -> None:
    """Behind a meter that logs once a minute more than its gaps lies between segments: no energy reaches across."""
    sensor = asdict(SensorFacts("meter", "wall", ("W",), 60.0, None, ""))
    line = [SEGMENT | {"sensor": sensor}, run(1000.0)]
    one, two = past.laid_out(past.segments([*line, *line]), 7_000_000_000_000)

    assert two.span[0] - one.span[1] > GAP_PERIODS * 60 * 1_000_000_000


def test_remarks_of_a_sensor_are_read_back() -> None:
    """What a sensor remarked until the last line of samples is known of its segment; journals of before tell none."""
    line = {"do": "samples", "power": [[1, 5.0, None, 7]], "memory": [], "lost": None, "throttled": None}
    (new,) = past.segments([SEGMENT, line | {"remarks": ["it went away"]}, line | {"remarks": ["it came back"]}])
    (old,) = past.segments([SEGMENT, line | {"power": [[1, 5.0, None]]}])

    assert new.shifted(5).remarks == ["it came back"]
    assert old.remarks == []
    assert (new.shifted(5).power[0].time_ns, new.power[0].ram_bytes, old.power[0].ram_bytes) == (6, 7, None)


RUN_OF_BAD = {
    "tokens in words": lambda line: line["marks"].update(new_tokens="4"),
    "no time": lambda line: line["marks"].update(end_ns=line["marks"]["start_ns"]),
    "a mark is missing": lambda line: line["marks"].pop("first_token_ns"),
    "a gap without end": lambda line: line["marks"].update(token_gaps_s=[float("inf")]),
}


def loaded() -> dict[str, Any]:
    """Return what a child says of a loaded model."""
    texts = dict.fromkeys(("model_class", "mark_method", "load_method", "adapter_reason"), "x")
    known = ("gpu_uuid", "torch_device_name", "attention", "import_s", "context_s", "page_cache_share")
    nothing = dict.fromkeys((*known, "revision", "adapter", "load_peak_ram_bytes", "load_peak_vram_bytes"))
    numbers = {"pid": 1, "parameters": 1, "threads": 2, "load_time_s": 0.5, "processor_s": 0.5, "file_bytes": 9}
    traffic = dict.fromkeys(Traffic.__annotations__, 1)
    return {**texts, **nothing, **numbers, "versions": {"torch": "2"}, "traffic": traffic, "cache_bytes": None}


@pytest.mark.parametrize("fault", [None, *RUN_OF_BAD])
def test_a_run_that_was_edited_is_refused(fault: str | None) -> None:
    """A run whose marks are of the wrong kind, missing or out of order is refused before anything is measured."""
    line = run(1.0)
    if fault is not None:
        RUN_OF_BAD[fault](line)
    contents = journal.Contents(HEAD, {"llava-bf16": [SEGMENT | {"loaded": loaded()}, line]})
    if fault is None:
        past.check(contents)
    else:
        with pytest.raises(journal.Damaged, match="llava-bf16 are damaged"):
            past.check(contents)


@pytest.mark.parametrize("change", [{"status": "fine"}, {"schema": None}, {"runs": None, "reasons": {}}, {"load": {}}])
def test_a_record_that_was_edited_is_refused(change: dict[str, Any]) -> None:
    """A finished pair whose Record breaks the schema is refused, and one that keeps it is taken."""
    whole = record("llava")
    past.check(journal.Contents(HEAD, {"llava-bf16": [{"do": "done", "record": whole}]}))
    with pytest.raises(journal.Damaged, match="its Record is none"):
        past.check(journal.Contents(HEAD, {"llava-bf16": [{"do": "done", "record": whole | change}]}))
    with pytest.raises(journal.Damaged, match="its Record is none"):
        past.check(journal.Contents(HEAD, {"phi-bf16": [{"do": "done", "record": whole}]}))


def test_odd_files_among_journals_stop_nothing(tmp_path: Path) -> None:
    """Links to nothing, pipes, folders and heads of the wrong kind are passed over or named, and never waited for."""
    whole = begun(tmp_path)
    (tmp_path / "thor-link.jsonl").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "thor-pipe.jsonl")
    (tmp_path / "thor-folder.jsonl").mkdir()
    odd = tmp_path / "thor-odd.jsonl"
    odd.write_text(whole.read_text().replace('"pairs":["llava-bf16"]', '"pairs":null'))

    assert set(unfinished.journals(tmp_path)) == {whole, odd}
    assert unfinished.describe(odd).endswith("is no journal of this version; delete it to begin anew.")


def test_a_damaged_neighbour_hides_no_journal(tmp_path: Path) -> None:
    """--resume finds the journal of its own save beside damaged ones and those of saves that begin alike."""
    mine = begun(tmp_path)
    mine.with_name(mine.name.replace("thor-", "thor-two-")).write_text("damaged")
    later = mine.with_name(mine.name[:-6] + "0.jsonl")
    later.write_text("")

    found = unfinished.resume(tmp_path, HEAD, complain)
    found.close()
    assert found.path == mine


def test_saves_of_one_slug_are_two(tmp_path: Path) -> None:
    """Names that make the same file name have journals of their own."""
    first = journal.begin(tmp_path, HEAD | {"save": "東京"}, complain)
    first.close()
    with pytest.raises(BenchmarkError, match="no unfinished session named '大阪'"):
        unfinished.resume(tmp_path, HEAD | {"save": "大阪"}, complain)


def test_a_file_system_without_locks_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system has no locks, a session begins and goes on all the same."""
    fcntl = pytest.importorskip("fcntl", reason="this system has no locks at all")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    path = begun(tmp_path, {"do": "run", "n": 1})
    unfinished.resume(tmp_path, HEAD, complain).close()
    assert len(journal.read(path).lines["llava-bf16"]) == 1


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
    path = begun(small_disk / "results/.journal")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(BenchmarkError, match=r"cannot be written \(Read-only file system\), and a session"):
        unfinished.resume(path.parent, HEAD, complain)
    assert journal.read(path).head["save"] == "thor"


def test_a_disk_without_room_for_the_head_is_refused(small_disk: Path) -> None:
    """A disk that takes only a part of a journal's first line is refused, and nothing is left on it."""
    head = HEAD | {"fingerprint": {"long": "x" * 6000}}
    with pytest.raises(BenchmarkError, match=r"cannot be written \(No space left on device\), and a session"):
        journal.begin(small_disk / "results/.journal", head, complain)
    assert list((small_disk / "results/.journal").iterdir()) == []
