"""What a session knows of its device before it measures: its vendor's figure by its name, or a measured one.

Tests benchmarks.planning.capability.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.machine import device
from benchmarks.planning import capability
from tests.support import product
from tests.support.machines import L4T, MEMINFO, write_board
from tests.support.works import PROBE

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.machine.roofline import Probe


@pytest.mark.parametrize(
    ("model", "figure"),
    [
        ("NVIDIA Jetson AGX Thor Developer Kit\0", 273e9),
        ("NVIDIA Jetson AGX Orin Developer Kit\0", 204.8e9),
        ("NVIDIA Jetson Orin NX Engineering Reference Developer Kit\0", 102.4e9),
        ("NVIDIA Jetson Orin Nano Developer Kit\0", 68.3e9),
    ],
)
def test_a_jetson_by_its_device_tree(tmp_path: Path, model: str, figure: float) -> None:
    """From the device tree alone each Jetson has its own figure, though the GPU of all Orins has one name."""
    root = write_board(tmp_path, etc__nv_tegra_release=L4T, proc__meminfo=MEMINFO)
    (root / "proc/device-tree").mkdir()
    (root / "proc/device-tree/model").write_text(model)
    machine = device.identify("cuda:0", root, torch_name="Orin")

    found = capability.find_capability("random", machine, "cuda:0", (machine["label"], None), measure=False)
    assert found.bytes_per_s == pytest.approx(figure)


def machine(**facts: Any) -> device.DeviceInfo:
    """Return a machine with a discrete GPU, and these facts."""
    found = device.identify("cpu")
    return found | {"kind": "gpu", "memory_kind": "discrete"} | facts  # type: ignore[return-value]


def test_an_unknown_gpu_is_named() -> None:
    """A GPU without a figure has none, whatever label was typed, and the reason names it and the option to type."""
    gpu = "NVIDIA RTX 9000 Laptop GPU"
    found = capability.find_capability(
        "hub", machine(gpu=gpu, label="RTX 4090"), "cuda:0", (gpu, "GPU-none"), measure=False
    )

    assert found.bytes_per_s is None
    assert gpu in found.source
    assert "--measure-bandwidth" in found.source


@pytest.mark.parametrize("weights", ["hub", "random"])
def test_a_known_gpu_has_its_source(weights: str) -> None:
    """A GPU of the table has its vendor's figure and says where that is from."""
    gpu = "NVIDIA GeForce RTX 4090"
    found = capability.find_capability(weights, machine(gpu=gpu), "cuda:0", (gpu, "GPU-none"), measure=False)

    assert found.bytes_per_s == 1008e9
    assert found.source


@pytest.mark.parametrize("rates", [True, False])
def test_a_cpu_is_measured(rates: bool) -> None:
    """On a CPU the bandwidth is measured by a copy; rates of arithmetic only where they are needed."""
    found = capability.find_capability(
        "random", device.identify("cpu"), "cpu", ("CPU", None), measure=False, rates=rates, start_method="forkserver"
    )

    assert (found.bytes_per_s is None) == found.source.startswith("it cannot be measured: ")
    assert (found.bytes_per_s or 1) > 0
    assert found.bytes_per_s is None or found.source.startswith("measured: copy within the device's memory")
    assert (found.probe is not None) == rates


def test_miniatures_are_in_the_cache() -> None:
    """For miniatures no figure is looked up, and the reason says why."""
    gpu = "NVIDIA GeForce RTX 4090"
    found = capability.find_capability("mini", machine(gpu=gpu), "cuda:0", (gpu, "GPU-none"), measure=False)

    assert found == capability.Capability(None, capability.MINIATURES)


def test_a_probe_that_could_copy() -> None:
    """A measured figure says how it was measured, and a device that does fp16 is not slow in it."""
    found = capability.evaluate_probe(PROBE, "random")

    assert found.bytes_per_s == 3e10
    assert "measured" in found.source
    assert found.slow_fp16 is None


def test_a_probe_that_could_not() -> None:
    """Without room for a copy there is no figure but the probe's reason; fp16 below a quarter of fp32 is named slow."""
    why = "100 MB could be copied"
    copy = PROBE["copy"] | {"bytes_per_s": None, "reasons": {"bytes_per_s": why}}
    probe: Probe = PROBE | {"copy": copy, "gemm_flops": {"fp16": 1e9, "fp32": 155e9}}
    found = capability.evaluate_probe(probe, "random")

    assert found.bytes_per_s is None
    assert why in found.source
    assert "--allow-slow-fp16" in (found.slow_fp16 or "")
    assert capability.evaluate_probe(probe, "mini").slow_fp16 is None


def test_the_fastest_copy_is_the_peak() -> None:
    """Copies of different speed are repeats of one peak: the fastest counts, and their spread is known."""
    once = capability.evaluate_probe(PROBE, "random")
    twice = replace(once, copies=(3e10, 1.5e10))

    assert (once.copies, once.spread) == ((3e10,), None)
    assert twice.spread == 0.5
    assert capability.measure_again(capability.NOT_ASKED, "cpu") is capability.NOT_ASKED


def test_a_copy_that_fails_costs_no_record() -> None:
    """A copy that cannot be made after the runs leaves the peak as it was."""
    known = capability.evaluate_probe(PROBE, "random")

    assert capability.measure_again(known, "no such device") is known


def test_a_session_copies_before_and_after_the_runs(tmp_path: Path) -> None:
    """The bandwidth is measured before and after the runs of each pair, and the Record has both and their spread."""
    done = product.measure_here(tmp_path, "--models=llava,phi", "--precisions=bf16", "--runs=2", "--measure-bandwidth")
    assert done.returncode == 0, done.stdout
    [save] = product.read_saves(tmp_path)
    first, second = (bench["extra_info"]["roofline"] for bench in save["benchmarks"])
    if first["bandwidth_bytes_per_s"] is None:
        pytest.skip("too little memory for a copy beyond the cache")
    before, between, after = (
        first["bandwidth_before_bytes_per_s"],
        first["bandwidth_after_bytes_per_s"],
        second["bandwidth_after_bytes_per_s"],
    )

    assert second["bandwidth_before_bytes_per_s"] == between
    assert first["bandwidth_bytes_per_s"] == max(before, between)
    assert second["bandwidth_bytes_per_s"] == max(before, between, after)
    assert second["bandwidth_spread"] == 1 - min(before, between, after) / max(before, between, after)
