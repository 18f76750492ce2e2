"""Peak bandwidths: each device is found by its whole name in the driver or the device tree.

Tests benchmarks.machine.bandwidth.
"""

import re

import pytest

from benchmarks.machine.bandwidth import MEMORIES, find_peak

GIB = 2**30
NAMES = {
    ("gb10", "NVIDIA GB10"): 273,
    ("jetson-thor", "NVIDIA Thor"): 273,
    ("jetson-agx-orin", "Orin (nvgpu)"): 204.8,
    ("jetson", "Jetson Orin NX Engineering Reference Developer Kit"): 102.4,
    ("jetson", "Jetson Orin NX Engineering Reference Developer Kit Super"): 102.4,
    ("jetson", "NVIDIA Jetson Orin Nano Developer Kit"): 68.3,
    ("jetson", "Jetson Orin Nano Engineering Reference Developer Kit Super"): 102.4,
    ("jetson", "Jetson Orin Nano 4GB"): 34.1,
    ("gpu", "NVIDIA H100 80GB HBM3"): 3350,
    ("gpu", "NVIDIA H100 PCIe"): 2039,
    ("gpu", "NVIDIA H100 NVL"): 3938,
    ("gpu", "NVIDIA H200"): 4800,
    ("gpu", "NVIDIA H200 NVL"): 4800,
    ("gpu", "NVIDIA A100-SXM4-40GB"): 1555,
    ("gpu", "NVIDIA A100-PCIE-40GB"): 1555,
    ("gpu", "NVIDIA A100-SXM4-80GB"): 2039,
    ("gpu", "NVIDIA A100 80GB PCIe"): 1935,
    ("gpu", "NVIDIA L4"): 300,
    ("gpu", "NVIDIA L40S"): 864,
    ("gpu", "NVIDIA RTX A6000"): 768,
    ("gpu", "NVIDIA RTX 6000 Ada Generation"): 960,
    ("gpu", "NVIDIA RTX PRO 6000 Blackwell Workstation Edition"): 1792,
    ("gpu", "NVIDIA GeForce RTX 3070"): 448,
    ("gpu", "NVIDIA GeForce RTX 3070 Ti"): 608.3,
    ("gpu", "NVIDIA GeForce RTX 3080 Ti"): 912.4,
    ("gpu", "NVIDIA GeForce RTX 3090"): 936.2,
    ("gpu", "NVIDIA GeForce RTX 3090 Ti"): 1008,
    ("gpu", "NVIDIA GeForce RTX 4060"): 272,
    ("gpu", "NVIDIA GeForce RTX 4060 Ti"): 288,
    ("gpu", "NVIDIA GeForce RTX 4070"): 504.2,
    ("gpu", "NVIDIA GeForce RTX 4070 SUPER"): 504.2,
    ("gpu", "NVIDIA GeForce RTX 4070 Ti"): 504.2,
    ("gpu", "NVIDIA GeForce RTX 4070 Ti SUPER"): 672.3,
    ("gpu", "NVIDIA GeForce RTX 4080"): 716.8,
    ("gpu", "NVIDIA GeForce RTX 4080 SUPER"): 736.3,
    ("gpu", "NVIDIA GeForce RTX 4090"): 1008,
    ("gpu", "NVIDIA GeForce RTX 5060"): 448,
    ("gpu", "NVIDIA GeForce RTX 5060 Ti"): 448,
    ("gpu", "NVIDIA GeForce RTX 5070"): 672,
    ("gpu", "NVIDIA GeForce RTX 5070 Ti"): 896,
    ("gpu", "NVIDIA GeForce RTX 5080"): 960,
    ("gpu", "NVIDIA GeForce RTX 5090"): 1792,
}
"""GB/s of (device kind, name in NVML, torch or the device tree)."""


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_each_device_by_its_name(kind: str, name: str) -> None:
    """A driver's name for a device has the vendor's bandwidth, in bytes per second, and a source."""
    found = find_peak(kind, name)

    assert found is not None
    assert found[0] == pytest.approx(NAMES[kind, name] * 1e9)
    assert found[1]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("gpu", "NVIDIA GeForce RTX 4090 Laptop GPU"),
        ("gpu", "NVIDIA GeForce RTX 4090 D"),
        ("gpu", "NVIDIA GeForce RTX 3060 Laptop GPU"),
        ("gpu", "NVIDIA GeForce RTX 3080 Ti Laptop GPU"),
        ("gpu", "NVIDIA RTX PRO 6000 Blackwell Server Edition"),
        ("gpu", "NVIDIA H100 80GB HBM3 MIG 1g.10gb"),
        ("gpu", "NVIDIA H100"),
        ("gpu", "NVIDIA A100-40C"),
        ("gpu", "NVIDIA L40"),
        ("gpu", "Orin"),  # of which of the boards, the GPU does not say
        ("jetson", "Jetson Xavier NX Developer Kit"),
        ("cpu", "NVIDIA H200"),
        ("gpu", ""),
        ("gpu", None),
    ],
)
def test_what_is_not_known_for_sure_has_no_figure(kind: str, name: str | None) -> None:
    """A laptop's GPU, a slice, another variant and a CPU have no bandwidth, even if they contain a known name."""
    assert find_peak(kind, name) is None


@pytest.mark.parametrize(("gib", "figure"), [(12, 360e9), (8, 240e9), (6, None), (None, None)])
def test_one_name_for_two_cards(gib: float | None, figure: float | None) -> None:
    """If two cards share a name in NVML, only the size of their memory distinguishes them."""
    found = find_peak("gpu", "NVIDIA GeForce RTX 3060", memory_bytes=None if gib is None else int((gib - 0.1) * GIB))

    assert (found and found[0]) == figure


def test_a_board_is_told_by_its_device_tree() -> None:
    """The board's name is used for a Jetson whose GPU is just "Orin", and is ignored for a GPU."""
    orin_nx = "Jetson Orin NX Engineering Reference Developer Kit"

    assert find_peak("jetson", "Orin (nvgpu)", board=orin_nx) == find_peak("jetson", orin_nx)
    assert find_peak("jetson", "Orin (nvgpu)") is None
    assert find_peak("gpu", "NVIDIA GeForce RTX 4090 Laptop GPU", board="RTX 4090") is None


def test_every_entry_is_tried() -> None:
    """Each entry of the table matches a name above, or is one of two cards of one name."""
    tried = {re.sub(r"^NVIDIA (GeForce )?", "", name) for _, name in NAMES} | {"Jetson AGX Orin"}
    for memory in MEMORIES:
        assert memory.gb or any(re.fullmatch(memory.name, name) for name in tried), memory.name


def test_no_two_entries_claim_one_name() -> None:
    """No name matches two entries, so their order in the table has no effect."""
    for kind, name in NAMES:
        plain = re.sub(r"^NVIDIA (GeForce )?", "", name)
        assert [bool(re.fullmatch(m.name, plain)) for m in MEMORIES].count(True) <= 1, (kind, name)
