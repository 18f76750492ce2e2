"""The journal: what is written is read back, a torn end is forgiven, damage is named, nothing is written over."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import journal, past
from benchmarks.errors import BenchmarkError
from benchmarks.past import GAP_NS
from tests.test_tally import marks

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
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    """Whatever bytes a journal holds, it is read or refused in a sentence, and never raises anything else."""
    path = begun(tmp_path)
    whole = path.read_bytes() + data + b"\n"
    path.write_bytes(whole)
    with contextlib.suppress(journal.Damaged):
        past.check(journal.read(path))
    path.unlink()


@given(field=st.sampled_from([*SEGMENT]), value=JSON)
@settings(max_examples=300, deadline=None)
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

    again = journal.resume(tmp_path, HEAD, complain)
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
        journal.resume(tmp_path, head, complain)
    assert complaint in str(refusal.value)


def test_a_running_session_is_left_alone(tmp_path: Path) -> None:
    """A journal that a session holds is not unfinished, and nobody else opens it."""
    held = journal.begin(tmp_path, HEAD, complain)

    assert journal.unfinished(tmp_path) == []
    with pytest.raises(BenchmarkError, match="no unfinished session"):
        journal.resume(tmp_path, HEAD, complain)
    held.close()
    assert journal.unfinished(tmp_path) == [held.path]


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
