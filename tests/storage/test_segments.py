"""What a journal says of a pair in flight: its segments stand on one clock, and damage is refused.

Tests benchmarks.storage.segments.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.power.analysis.energy import GAP_PERIODS
from benchmarks.power.base import SensorFacts
from benchmarks.storage import journal, segments
from benchmarks.storage.segments import GAP_NS
from tests.support.factory import record
from tests.support.journals import HEAD, JSON, make_loaded, make_marks

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


def run(start_s: float) -> dict[str, Any]:
    """Return a journal's line of a run of a second."""
    return {"do": "run", "request": 0, "marks": make_marks(start_s)}


def test_segments_of_two_boots_are_never_joined() -> None:
    """Segments on two clocks are laid one after the other, a minute apart, and keep their lengths."""
    first = [SEGMENT, run(1000.0), run(1001.0)]
    second = [SEGMENT | {"boot": "b"}, run(5.0)]
    one, two = segments.align_clocks(segments.read_segments([*first, *second]), 7_000_000_000_000)

    assert two.span[1] == 7_000_000_000_000 - GAP_NS
    assert two.span[0] - one.span[1] == GAP_NS
    assert one.span[1] - one.span[0] == 2_000_000_000
    assert segments.list_interruptions([one, two], ("b", "now")) == [
        {"after_runs": 2, "resumed": "2026-11-24T00:00:00+00:00", "same_boot": False},
        {"after_runs": 3, "resumed": "now", "same_boot": True},
    ]


def test_a_slow_meter_s_segments_lie_further_apart() -> None:
    """Behind a meter that logs once a minute more than its gaps lies between segments: no energy reaches across."""
    sensor = asdict(SensorFacts("meter", "wall", ("W",), 60.0, None, ""))
    line = [SEGMENT | {"sensor": sensor}, run(1000.0)]
    one, two = segments.align_clocks(segments.read_segments([*line, *line]), 7_000_000_000_000)

    assert two.span[0] - one.span[1] > GAP_PERIODS * 60 * 1_000_000_000


def test_remarks_of_a_sensor_are_read_back() -> None:
    """What a sensor remarked until the last line of samples is known of its segment; journals of before tell none."""
    line = {"do": "samples", "power": [[1, 5.0, None, 7]], "memory": [], "lost": None, "throttled": None}
    (new,) = segments.read_segments(
        [SEGMENT, line | {"remarks": ["it went away"]}, line | {"remarks": ["it came back"]}]
    )
    (old,) = segments.read_segments([SEGMENT, line | {"power": [[1, 5.0, None]]}])

    assert new.shift(5).remarks == ["it came back"]
    assert old.remarks == []
    assert (new.shift(5).power[0].time_ns, new.power[0].ram_bytes, old.power[0].ram_bytes) == (6, 7, None)


RUN_OF_BAD = {
    "tokens in words": lambda line: line["marks"].update(new_tokens="4"),
    "no time": lambda line: line["marks"].update(end_ns=line["marks"]["start_ns"]),
    "a mark is missing": lambda line: line["marks"].pop("first_token_ns"),
    "a gap without end": lambda line: line["marks"].update(token_gaps_s=[float("inf")]),
}


@pytest.mark.parametrize("fault", [None, *RUN_OF_BAD])
def test_a_run_that_was_edited_is_refused(fault: str | None) -> None:
    """A run whose marks are of the wrong kind, missing or out of order is refused before anything is measured."""
    line = run(1.0)
    if fault is not None:
        RUN_OF_BAD[fault](line)
    contents = journal.Contents(HEAD, {"llava-bf16": [SEGMENT | {"loaded": make_loaded()}, line]})
    if fault is None:
        segments.check(contents)
    else:
        with pytest.raises(journal.Damaged, match="llava-bf16 are damaged"):
            segments.check(contents)


@pytest.mark.parametrize("change", [{"status": "fine"}, {"schema": None}, {"runs": None, "reasons": {}}, {"load": {}}])
def test_a_record_that_was_edited_is_refused(change: dict[str, Any]) -> None:
    """A finished pair whose Record breaks the schema is refused, and one that keeps it is taken."""
    whole = record("llava")
    segments.check(journal.Contents(HEAD, {"llava-bf16": [{"do": "done", "record": whole}]}))
    with pytest.raises(journal.Damaged, match="its Record does not match the schema"):
        segments.check(journal.Contents(HEAD, {"llava-bf16": [{"do": "done", "record": whole | change}]}))
    with pytest.raises(journal.Damaged, match="its Record does not match the schema"):
        segments.check(journal.Contents(HEAD, {"phi-bf16": [{"do": "done", "record": whole}]}))


@given(field=st.sampled_from([*SEGMENT]), value=JSON)
@settings(max_examples=300)
def test_a_line_of_the_wrong_kind_is_named(field: str, value: Any) -> None:
    """A run without marks is refused with its pair; beside any other value a run is refused so, or keeps its length."""
    damaged = SEGMENT | {field: value, "do": "segment"}
    with pytest.raises(journal.Damaged, match="llava-bf16 are damaged"):
        segments.check(journal.Contents(HEAD, {"llava-bf16": [damaged, {"do": "run", "request": 0}]}))
    lines = [damaged, run(1.0)]
    refusal = check(lines)
    if refusal is None:
        (segment,) = segments.align_clocks(segments.read_segments(lines), 0)
        assert segment.span[1] - segment.span[0] == 1_000_000_000
    else:
        assert "llava-bf16 are damaged" in refusal


def check(lines: list[dict[str, Any]]) -> str | None:
    """Return the sentence that refuses the lines of a pair; None where they are taken."""
    try:
        segments.check(journal.Contents(HEAD, {"llava-bf16": lines}))
    except journal.Damaged as refusal:
        return str(refusal)
    return None
