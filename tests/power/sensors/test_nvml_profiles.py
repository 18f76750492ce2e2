"""The NVML monitor's joules on boards as their owners report them, for a known script of power.

fake_nvml.c defines what the boards' drivers support. Never run on a board.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.nvml_probe import KNOWN_J, play_scenes, run_code

if TYPE_CHECKING:
    from pathlib import Path


def disagreement(seen: dict[str, Any]) -> list[str]:
    """Return the flags on a difference of counter and power; a busy machine may add one of few samples."""
    return [flag for flag in seen["power"]["flags"] if flag.startswith("Integrated power")]


def test_known_joules_of_each_board(nvml_library: Path) -> None:
    """A known energy is measured within 0.5% on every board, by its counter, power field or 1 s mean."""
    found = play_scenes(
        nvml_library,
        {
            "H200": {"FAKE_PROFILE": "H200"},
            "RTX": {"FAKE_PROFILE": "RTX"},
            "GB10": {"FAKE_PROFILE": "GB10"},
            "Thor": {"FAKE_PROFILE": "Thor"},
            "power usage": {"FAKE_PROFILE": "Thor", "FAKE_OFF": "I"},
        },
    )

    assert {name: seen["power"]["method"] for name, seen in found.items()} == {
        **dict.fromkeys(("H200", "RTX", "GB10"), "counter"),
        **dict.fromkeys(("Thor", "power usage"), "integration"),
    }
    for name, seen in found.items():
        assert seen["energy_j"] == [pytest.approx(KNOWN_J, rel=0.005)], name
        assert disagreement(seen) == [], name


def test_a_counter_that_fails_is_left_for_the_power_field(nvml_library: Path) -> None:
    """If the counter is reset or stuck, power is integrated instead, within 0.5%."""
    found = play_scenes(
        nvml_library,
        {
            "reset": {"FAKE_PROFILE": "H200", "FAKE_RESET": "1.05"},
            "stops": {"FAKE_PROFILE": "H200", "FAKE_STILL": "1.05"},
            "still": {"FAKE_PROFILE": "H200", "FAKE_STILL": "-100"},
        },
    )

    for name, seen in found.items():
        assert seen["power"]["method"] == "integration", name
        assert seen["energy_j"] == [pytest.approx(KNOWN_J, rel=0.005)], name


def test_a_counter_that_disagrees_is_flagged(nvml_library: Path) -> None:
    """The counter is preferred, and a difference of 10% to the integrated power is flagged, but not one of 2%."""
    found = play_scenes(
        nvml_library,
        {
            "apart": {"FAKE_PROFILE": "RTX", "FAKE_COUNTS": "90"},
            "near": {"FAKE_PROFILE": "RTX", "FAKE_COUNTS": "98"},
        },
    )

    assert found["apart"]["energy_j"] == [pytest.approx(0.9 * KNOWN_J, rel=0.005)]
    (flag,) = disagreement(found["apart"])
    assert flag.startswith("Integrated power differs from the energy counter by +1")
    assert (found["near"]["power"]["method"], disagreement(found["near"])) == ("counter", [])


BOARD = """
import json
from benchmarks.machine import device, health, memory, nvml
from benchmarks.power import selftest
from benchmarks.power.base import PowerTarget
watch = health.ThrottleWatch(None)
watch.read(); watch.close()
reader = memory.MemoryReader("discrete", 1)
reader.read(); reader.close()
look = health.take_snapshot("cuda:0", None)
verdicts = selftest.examine_sensors(PowerTarget("cuda:0"), 0.3)
print(json.dumps({
    "machine": device.identify("cuda:0"), "bytes": [nvml.read_memory_bytes(None, part) for part in ("total", "free")],
    "health": [look.temperature_c, look.clock_hz, watch.seen], "why": [look.reason, watch.reason, reader.vram_reason],
    "nvml": next(found for found in verdicts if found["name"] == "nvml"),
}))
"""
UNKNOWN = "NVML does not report it"


def test_a_gb10_shows_no_memory(nvml_library: Path) -> None:
    """A GB10's memory is null, because its driver shows none; device, health and self-test still work."""
    seen = run_code(nvml_library, BOARD, FAKE_PROFILE="GB10")

    assert seen["bytes"] == [None, None]
    assert (seen["machine"]["kind"], seen["machine"]["memory_kind"]) == ("gb10", "unified")
    assert seen["health"] == [61.0, 2.4e9, ["hardware thermal slowdown"]]
    assert seen["nvml"]["works"]
    assert seen["nvml"]["seen"]["mean_w"] == pytest.approx(30.0)


def test_a_discrete_gpu_shows_its_memory(nvml_library: Path) -> None:
    """A discrete GPU's total and free memory come from NVML, in bytes."""
    assert run_code(nvml_library, BOARD, FAKE_PROFILE="RTX")["bytes"] == [25_000_000_000, 18_750_000_000]


def test_an_orin_that_answers_nothing_is_refused(nvml_library: Path) -> None:
    """An Orin's NVML, which supports no call, is refused with the reason, and its values are null with reasons."""
    seen = run_code(nvml_library, BOARD, FAKE_PROFILE="Orin")

    assert not seen["nvml"]["works"]
    assert seen["nvml"]["why_not"] == (
        "nvml: the library runs, but this GPU supports no power call (as on Jetson Orin)."
    )
    assert (seen["bytes"], seen["health"]) == ([None, None], [None, None, None])
    assert seen["why"] == [
        UNKNOWN,
        UNKNOWN,
        "the driver does not report the memory of this process (in a container, for example)",
    ]
    assert seen["machine"]["gpu"] == "Orin (nvgpu)"
