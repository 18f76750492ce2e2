"""Lines of tegrastats, recorded and made up, and their watts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.power.sensors import rails as registry
from benchmarks.power.sensors.tegrastats import parse_milliwatts, parse_ram_bytes
from tests.support.fake_tegrastats import LINES, THOR, THOR_W

WORDS = [*THOR.split(), "-", "/", "mW", "VDD_GPU", "\x00"]


@pytest.mark.parametrize(
    ("name", "rails", "watts", "ram_mib"),
    [
        ("r35_agx_orin", ("VDD_GPU_SOC",), 2.340, 4321),
        ("r36_agx_orin", ("VDD_GPU_SOC",), 2.412, 18207),
        ("r38_thor", ("VDD_GPU", "VDD_CPU_SOC_MSS"), 1.962 + 5.887, 105265),
        ("r39_thor", ("VDD_GPU", "VDD_CPU_SOC_MSS"), THOR_W, 36529),
        ("orin_nano", ("VDD_CPU_GPU_CV", "VDD_SOC"), 0.486 + 1.012, 3645),
        ("r39_orin_nano", ("VDD_CPU_GPU_CV", "VDD_SOC"), 4.238 + 1.825, 5739),
        ("agx_xavier", ("GPU", "SOC"), 0.467 + 1.245, None),
    ],
)
def test_recorded_lines(name: str, rails: tuple[str, ...], watts: float, ram_mib: int | None) -> None:
    """Each recorded line gives its board's GPU+SOC rails, their watts as added up by hand, and its memory in use."""
    found = parse_milliwatts(LINES[name])
    board = registry.find_complete_board(found)

    assert board is not None
    assert board.gpu_soc.labels == rails
    assert registry.sum_watts(found, board.gpu_soc.labels) == pytest.approx(watts, abs=1e-9)
    assert parse_ram_bytes(LINES[name]) == (ram_mib and ram_mib * 2**20)


def test_every_recorded_line_is_tried() -> None:
    """The test above covers every recorded line."""
    (cases,) = [mark.args[1] for mark in test_recorded_lines.pytestmark]  # type: ignore[attr-defined]
    assert {case[0] for case in cases} == set(LINES)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("VDD_GPU_SOC 2412mW/9999mW", {"VDD_GPU_SOC": 2412}),
        ("VIN 87426mW/43713mW/87426mW VIN_SYS_5V0 4025mW/4025mW", {"VIN": 87426, "VIN_SYS_5V0": 4025}),
        ("VDD_GPU -392mW/-392mW", {"VDD_GPU": -392}),
        ("VDD_IN 4321/4300 VDD_SOC 12/11", {"VDD_IN": 4321, "VDD_SOC": 12}),
        ("NC 0mW/0mW NC 0mW/0mW", {}),
        ("GR3D_FREQ @[314,314,314] CPU@44.5C/45C RAM 1/2MB SWAP 1/2MB (cached 0MB)", {}),
        ("VDD_GPU 1mW/1mW 05-09-2026 VDD_GPU 2mW/2mW VDD_SOC 3mW/3mW", {"VDD_SOC": 3}),
        ("VDD_GPU 37", {}),
        ("VDD_GPU 1234567890123mW/1mW", {}),
    ],
    ids=["now, not average", "VIN is no other", "negative", "no unit", "NC", "no rail", "two lines", "cut", "absurd"],
)
def test_traps(line: str, found: dict[str, int]) -> None:
    """Only the first figure counts, no other word passes for a rail, and ambiguous rails are left out."""
    assert parse_milliwatts(line) == found


@given(
    st.one_of(st.text(), st.lists(st.sampled_from([*THOR.split(), "-", "/", "mW", "VDD_GPU", "\x00"])).map(" ".join))
)
def test_any_text(text: str) -> None:
    """Any text is parsed without an error, and rails are whole numbers of mW."""
    assert all(isinstance(now, int) for now in parse_milliwatts(text).values())
    parse_ram_bytes(text)


@given(st.sampled_from(sorted(LINES)), st.data())
def test_a_line_that_lacks_something_is_no_smaller_sum(name: str, data: st.DataObject) -> None:
    """A line that is cut or lacks words gives the whole sum or none.

    A value that is lost together with the next label cannot be noticed: tegrastats might print that line.
    """
    line = LINES[name]
    board = registry.find_complete_board(parse_milliwatts(line))
    assert board is not None
    labels = board.gpu_soc.labels
    whole = registry.sum_watts(parse_milliwatts(line), labels)

    start, end = sorted(data.draw(st.tuples(st.integers(0, len(line)), st.integers(0, len(line)))))
    values = data.draw(st.booleans())
    lost = data.draw(st.sets(st.sampled_from([word for word in line.split() if ("mW" in word) == values])))
    holes = " ".join(word for word in line.split() if word not in lost)
    for text in (line[start:end], line[:end], holes):
        assert registry.sum_watts(parse_milliwatts(text), labels) in (None, whole)
