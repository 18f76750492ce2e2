"""zeus, an independent energy meter (https://ml.energy/zeus), and ours on the same script of power.

Needs zeus, which brings scikit-learn and more: `tox run -e zeus`.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from tests.support.nvml_probe import KNOWN_J, UUID, play_scenes

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module", autouse=True)
def _needs() -> None:
    """Skip, with the reason, where zeus is not installed."""
    if importlib.util.find_spec("zeus") is None:
        pytest.skip("zeus is not installed; type `tox run -e zeus`")


def test_zeus_agrees(nvml_library: Path) -> None:
    """On each board with a counter, zeus and our meter agree within 1% on a known energy."""
    found = play_scenes(nvml_library, {name: {"FAKE_PROFILE": name} for name in ("H200", "RTX", "GB10")}, "--zeus")

    for name, seen in found.items():
        assert seen["energy_j"] == [pytest.approx(seen["zeus_j"], rel=0.01)], name
        assert seen["zeus_j"] == pytest.approx(KNOWN_J, rel=0.01), name


def test_zeus_finds_the_same_gpu(nvml_library: Path) -> None:
    """Of two GPUs zeus, by CUDA_VISIBLE_DEVICES, and our meter, by UUID, choose the same one."""
    fakes = {"FAKE_PROFILE": "RTX", "FAKE_GPUS": "2", "CUDA_VISIBLE_DEVICES": "1"}
    (seen,) = play_scenes(nvml_library, {"second": fakes}, "--zeus", "--uuid", UUID.format(2)).values()

    assert seen["energy_j"] == [pytest.approx(seen["zeus_j"], rel=0.01)]
    assert seen["zeus_j"] == pytest.approx(2 * KNOWN_J, rel=0.01)
