"""What a journal says of a pair in flight: its segments stand on one clock.

Tests benchmarks.storage.segments.
"""

from __future__ import annotations

from dataclasses import asdict

from benchmarks.power.analysis.energy import GAP_PERIODS
from benchmarks.power.base import SensorFacts
from benchmarks.storage import segments
from benchmarks.storage.segments import GAP_NS
from tests.support.journals import make_run, make_segment

SEGMENT = make_segment()


def test_segments_of_two_boots_are_never_joined() -> None:
    """Segments on two clocks are laid one after the other, a minute apart, and keep their lengths."""
    first = [SEGMENT, make_run(1000.0), make_run(1001.0)]
    second = [SEGMENT | {"boot": "b"}, make_run(5.0)]
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
    line = [SEGMENT | {"sensor": sensor}, make_run(1000.0)]
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
