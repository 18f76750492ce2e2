"""A journal that was edited is refused before anything is measured, or it can be continued up to a Record.

Tests benchmarks.storage.line_checks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.pair.build_record import build_record
from benchmarks.pair.measure import PairSession
from benchmarks.pair.run_log import AT_RESTART, BEFORE_RUNS
from benchmarks.progress import Progress
from benchmarks.record import INTERRUPTED, find_violations
from benchmarks.storage import journal, segments
from benchmarks.storage.line_checks import check
from tests.support.journals import (
    HEAD,
    JSON,
    OLD,
    PLAN,
    fail_on_complaint,
    find_refusal,
    make_run,
    make_segment,
    plan_journal,
    read_old_lines,
    write_sealed,
    write_unsealed,
)

Lines = list[dict[str, Any]]
EIGHT = plan_journal(new_tokens=8)
IN_TMP = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
FAILED = {"pair": "llava-bf16", "do": "failed", "reason": "RuntimeError", "message": "no"}
SMOLVLM2 = "smolvlm2-bf16"
RUN, SAMPLES, IDLE, DONE, SECOND = 4, 5, 2, 14, 15
"""Places in OLD: llava's first run and the samples after it, its idle window, its Record, the other pair's segment."""


def set_value(place: int, *keys: Any, to: Any) -> Callable[[Lines], None]:
    """Return an edit of one value of a line."""

    def edit(lines: Lines) -> None:
        value: Any = lines[place]
        for key in keys[:-1]:
            value = value[key]
        value[keys[-1]] = to

    return edit


def swap(lines: Lines, one: int, two: int) -> None:
    """Exchange two lines."""
    lines[one], lines[two] = lines[two], lines[one]


EDITS: dict[str, tuple[Callable[[Lines], Any], str]] = {
    "a run twice": (lambda lines: lines.insert(RUN, lines[RUN]), "line 6 is damaged (llava-bf16: it starts before"),
    "runs swapped": (lambda lines: swap(lines, RUN, RUN + 2), "its request is 1 and not 0"),
    "a run missing": (lambda lines: lines.pop(RUN), "its request is 1 and not 0"),
    "one run more": (lambda lines: lines.insert(RUN + 8, shift_run(lines[RUN + 6])), "it is run 5 of 4"),
    "a run before its segment": (lambda lines: swap(lines, 1, RUN), "line 2 is damaged (llava-bf16: no segment is"),
    "a segment twice": (lambda lines: lines.insert(SECOND, lines[SECOND]), "it is there twice"),
    "two Records": (lambda lines: lines.insert(DONE, lines[DONE]), "the pair was done before it"),
    "a line after the Record": (lambda lines: lines.insert(SECOND, lines[SAMPLES]), "the pair was done before it"),
    "another pair": (set_value(RUN, "pair", to="phi\n\x1b[31m"), "(phi  [31m: the session does not measure this pair)"),
    "another doing": (set_value(RUN, "do", to="walk"), "no session does this: {'pair': 'llava-bf16', 'do': 'walk'"),
    "a stage": (lambda lines: lines.insert(RUN, {**FAILED, "stage": "lunch"}), "no session does this"),
    "a request": (set_value(RUN, "request", to=999), "its request is 999 and not 0"),
    "many tokens": (set_value(RUN, "marks", "new_tokens", to=4_000_000_000), "it has 4000000000 new tokens and not 4"),
    "no tokens": (set_value(RUN, "marks", "new_tokens", to=0), "it has 0 new tokens and not 4"),
    "a time before the boot": (set_value(RUN, "marks", "start_ns", to=-1), "start_ns is -1"),
    "an end years later": (set_value(RUN, "marks", "end_ns", to=10**17), "its time marks are out of order"),
    "an end before the start": (set_value(RUN, "marks", "end_ns", to=1), "its time marks are out of order"),
    "a gap longer than its run": (set_value(RUN, "marks", "token_gaps_s", 0, to=99.0), "do not fit its time marks"),
    "an idle window backwards": (set_value(IDLE, "window", 1, to=1), "its window is out of order"),
    "another time of idling": (set_value(IDLE, "when", to="now"), "no session does this"),
    "samples out of order": (lambda lines: lines[SAMPLES]["power"].reverse(), "its samples are out of order"),
    "a sample cut short": (lambda lines: lines[SAMPLES]["memory"][0].pop(), "its samples have different lengths"),
    "endless watts": (set_value(SAMPLES, "power", 0, 1, to=float("inf")), "power is inf"),
    "joules beyond counting": (set_value(SAMPLES, "power", 0, 2, to=1e300), "power is 1e+300"),
    "bytes beyond 64 bits": (set_value(SAMPLES, "memory", 0, 1, to=2**70), "memory is 1180591620717411303424"),
    "negative bytes": (set_value(SAMPLES, "memory", 0, 1, to=-1), "memory is -1"),
    "no process": (set_value(1, "loaded", "pid", to=0), "a value has the wrong type"),
    "a boot without a name": (set_value(1, "boot", to=7), "a value has the wrong type"),
    "a moment in words": (set_value(1, "at", to="yesterday"), "Invalid isoformat string: 'yesterday'"),
    "a sensor read once a year": (set_value(1, "sensor", "period_s", to=3e7), "its sensor has the times"),
    "a sensor without a period": (set_value(1, "sensor", "period_s", to=0.0), "its sensor has the times"),
    "a Record of fewer runs": (set_value(DONE, "record", "counts", "good", to=3), "does not match the lines before it"),
    "a Record of faster runs": (
        set_value(DONE, "record", "runs", "latency_s", 0, to=0.001),
        "line 15 is damaged (llava-bf16: its Record does not match the lines before it)",
    ),
    "a column cut short": (lambda lines: lines[DONE]["record"]["runs"]["images"].pop(), "does not match the lines"),
    "a Record of another pair": (set_value(DONE, "record", "pair", "id", to=SMOLVLM2), "does not match the schema"),
    "an interrupted Record": (set_value(DONE, "record", "status", to=INTERRUPTED), "does not match the schema"),
    "no Record": (set_value(DONE, "record", to=None), "line 15 is damaged (llava-bf16: "),
}  # fmt: skip


def shift_run(run: dict[str, Any]) -> dict[str, Any]:
    """Return a run a second later, of the first request."""
    marks = {key: value + 10**9 if key.endswith("_ns") else value for key, value in run["marks"].items()}
    return {**run, "request": 4 % PLAN.work.requests, "marks": marks}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_an_older_journal_is_refused(tmp_path: Path, name: str) -> None:
    """A journal without seals that was edited is refused in one sentence: which line, what is wrong, what to type."""
    lines = read_old_lines()
    edit, why = EDITS[name]
    edit(lines)
    refusal = find_refusal(write_unsealed(tmp_path / "thor.jsonl", lines))

    assert refusal is not None
    assert why in refusal
    assert refusal.count("\n") == 0
    assert refusal.endswith(
        "delete it and all lines after it to continue from there, or delete the journal to start over."
    )


def test_stages_are_those_of_the_run_log() -> None:
    """The stages that a journal may name are those at which a pair's failures are counted."""
    assert (*BEFORE_RUNS, "run", AT_RESTART) == segments.STAGES


def take_up(path: Path, config: pytest.Config) -> tuple[journal.Journal, PairSession]:
    """Return a journal and its unfinished pair, as a session that continues it has them before the model loads."""
    written = journal.Journal(path, journal.read_journal(path), fail_on_complaint)
    pair = journal.PairJournal(written, SMOLVLM2)
    progress = Progress(config)
    progress._reporter = None  # it need not be seen
    session = PairSession("smolvlm2", "bf16", PLAN, progress, lambda _: None, pair)
    session._recover()
    return written, session


def continue_pair(path: Path, config: pytest.Config) -> dict[str, Any]:
    """Return the Record of the unfinished pair if it is interrupted at once."""
    written, session = take_up(path, config)
    written.close()
    return dict(build_record(session.pair, INTERRUPTED, "2026-11-28T00:00:00+00:00"))


def test_a_journal_of_an_older_version_is_continued(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """A journal without seals is read to the same Record as one with seals, whose first lines say what it is."""
    older, sealed = tmp_path / "older.jsonl", write_sealed(tmp_path)
    older.write_bytes(OLD.read_bytes())
    assert (find_refusal(older), find_refusal(sealed)) == (None, None)

    one, two = continue_pair(older, pytestconfig), continue_pair(sealed, pytestconfig)
    assert one["counts"]["good"] == two["counts"]["good"] == 2
    assert one["runs"] == two["runs"]
    assert (one["power"], one["memory"]) == (two["power"], two["memory"])


def test_lines_of_a_session_without_a_segment_join_no_other(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Readings that an older version wrote of a session that was stopped in its warm-up change no Record."""
    lines = read_old_lines()
    idle = {"pair": SMOLVLM2, "do": "idle", "when": "before", "window": [5, 3_000_000_005]}
    samples = {"power": [[7, 500.0, None, None, None]], "memory": [[7, 1, 1, 1, 1]], "lost": "it broke"}
    stray = {"pair": SMOLVLM2, "do": "samples", **samples, "throttled": ["heat"], "remarks": ["hot"]}
    path = write_unsealed(tmp_path / "thor.jsonl", [*lines, idle, stray])
    assert find_refusal(path) is None
    joined, alone = continue_pair(path, pytestconfig), continue_pair(write_unsealed(path, lines), pytestconfig)
    assert joined | {"interruptions": None} == alone | {"interruptions": None}


def test_a_session_without_a_segment_writes_no_readings(
    tmp_path: Path, pytestconfig: pytest.Config, benchmark: BenchmarkFixture
) -> None:
    """What is read before a pair's first run is written with its segment, or not at all."""
    path = write_sealed(tmp_path)
    written, session = take_up(path, pytestconfig)
    session.pair.meters._idle.append(("before", (5, 3_000_000_005)))
    benchmark(lambda: None)
    session._conclude(benchmark, INTERRUPTED)
    written.close()
    assert journal.read_journal(path).entries == read_old_lines()[1:]


def list_places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the keys that lead to each value within data."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(found for key, item in items for found in list_places(item, (*place, key)))]


ODD = JSON | st.sampled_from([2**63, -(2**63), 10**30, 1e300, -1e300, float("nan"), float("inf"), "9" * 5000])


@given(data=st.data())
@settings(IN_TMP, max_examples=60)
def test_what_is_taken_ends_in_a_record(tmp_path: Path, pytestconfig: pytest.Config, data: st.DataObject) -> None:
    """A journal without seals and with an odd value is refused, or a session that continues it makes a whole Record."""
    lines = read_old_lines()
    line = data.draw(st.integers(1, len(lines) - 1))
    *keys, last = data.draw(st.sampled_from([place for place in list_places(lines[line]) if place]))
    set_value(line, *keys, last, to=data.draw(ODD))(lines)
    path = write_unsealed(tmp_path / "thor.jsonl", lines)
    if find_refusal(path) is None:
        assert list(find_violations(continue_pair(path, pytestconfig))) == []


@given(field=st.sampled_from([*make_segment()]), value=JSON)
@settings(max_examples=100)
def test_a_line_of_the_wrong_kind_is_named(field: str, value: Any) -> None:
    """A segment with any value is refused with its line, or the run that follows it keeps its length."""
    damaged = {"pair": "llava-bf16", **make_segment(), field: value, "do": "segment"}
    lines = [damaged, {"pair": "llava-bf16", **make_run(1.0)}]
    try:
        check(EIGHT, Path("x"), journal.Contents(HEAD, lines))
    except journal.Damaged as refusal:
        said = str(refusal)
    else:
        said = ""
        (segment,) = segments.align_clocks(segments.read_segments(lines), 0)
        assert segment.span[1] - segment.span[0] == 1_000_000_000
    assert not said or "line 2 is damaged (llava-bf16: " in said
