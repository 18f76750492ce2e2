"""Slices of GPUs (MIG), with the real nvidia-ml-py and no GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.nvml_probe import SLICE, UUID, probe_monitor, run_code

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("uuid", "complaint"),
    [
        ("", "MIG is on, and torch did not report which slice of the GPU it uses"),
        (UUID.format(1), "MIG is on, and torch did not report which slice of the GPU it uses"),
        (SLICE, "MIG is on, and the board's power cannot be divided among its slices"),
    ],
    ids=["no UUID", "the board's", "a slice's"],
)
def test_mig_is_refused(nvml_library: Path, tmp_path: Path, uuid: str, complaint: str) -> None:
    """A board that is divided into slices is refused as a sensor, for any UUID of torch."""
    assert complaint in probe_monitor(nvml_library, tmp_path, uuid, FAKE_MIG="1")["refused"]


def test_health_of_a_slice_is_its_boards(nvml_library: Path) -> None:
    """If NVML shows no temperature, clock or throttling of a slice, the board's are used."""
    code = """
import json, sys
from benchmarks.machine import health
look, watch = health.take_snapshot("cuda:0", sys.argv[1]), health.ThrottleWatch(sys.argv[1])
watch.read(); watch.close()
print(json.dumps([look.temperature_c, look.clock_hz, watch.seen]))
"""
    assert run_code(nvml_library, code, SLICE, FAKE_MIG="1") == [61.0, 2.4e9, ["hardware thermal slowdown"]]
    assert run_code(nvml_library, code, SLICE, FAKE_MIG="1", FAKE_OFF="S") == [None, None, None]


MIG = """
import json, sys
from benchmarks.machine import bandwidth, device, nvml
uuid, torch_name = sys.argv[1] or None, sys.argv[2] or None
machine = device.identify("cuda:0", gpu_uuid=uuid, torch_name=torch_name)
peak = bandwidth.find_peak(
    machine["kind"], machine["gpu"], board=machine["label"], memory_bytes=nvml.read_memory_bytes(uuid)
)
print(json.dumps([machine["label"], machine["gpu"], nvml.read_memory_bytes(uuid), peak is not None]))
"""


@pytest.mark.parametrize(
    ("uuid", "torch_name"),
    [(SLICE, ""), (SLICE, "NVIDIA H200 MIG 1g.18gb"), ("", "NVIDIA H200 MIG 1g.18gb")],
    ids=["NVML says", "both say", "torch says"],
)
def test_a_slice_is_not_named_as_its_board(nvml_library: Path, uuid: str, torch_name: str) -> None:
    """A model on a slice has the slice's name, never the memory or peak of the whole board."""
    name = "NVIDIA H200 MIG 1g.18gb"
    size = 18_750_000_000 if uuid else None

    assert run_code(nvml_library, MIG, uuid, torch_name, FAKE_PROFILE="H200", FAKE_MIG="1") == [name, name, size, False]


def test_a_board_without_mig_is_named_whole(nvml_library: Path) -> None:
    """The same board with MIG off has its own name, all its memory and its peak."""
    seen = run_code(nvml_library, MIG, UUID.format(1), "", FAKE_PROFILE="H200")

    assert seen == ["NVIDIA H200", "NVIDIA H200", 150_000_000_000, True]


def test_a_board_s_uuid_names_no_slice(nvml_library: Path) -> None:
    """If torch gives the board's UUID although MIG is on, the slice has torch's name."""
    seen = run_code(nvml_library, MIG, UUID.format(1), "NVIDIA H200 MIG 1g.18gb", FAKE_PROFILE="H200", FAKE_MIG="1")

    assert seen == ["NVIDIA H200 MIG 1g.18gb", "NVIDIA H200 MIG 1g.18gb", None, False]
