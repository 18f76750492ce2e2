"""The jtop monitor with the real service of jetson-stats, on made-up sysfs files. Never run on a board.

Needs jetson-stats (`python -m pip install jetson-stats`, AGPL, no dependency of the suite), root and namespaces.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import product

if TYPE_CHECKING:
    from pathlib import Path

UNSHARE = ["unshare", "-m", "-p", "-f", "--kill-child", "--mount-proc"]


@pytest.fixture(scope="module", autouse=True)
def _needs() -> None:
    """Skip, with the reason, where the real service cannot be run."""
    if importlib.util.find_spec("jtop") is None:
        pytest.skip("jetson-stats is not installed; type `python -m pip install jetson-stats`")
    tried = [*UNSHARE, "true"]
    if shutil.which("unshare") is None or subprocess.run(tried, capture_output=True, check=False).returncode:
        pytest.skip("a mount namespace of its own is not permitted here (it needs root)")


def stage(scene: str, folder: Path) -> dict[str, Any]:
    """Play a scene with the real service in a namespace of its own, and return what was seen."""
    done = product.run([*UNSHARE, sys.executable, "-m", "tests.support.jtop_stage", scene, str(folder)])
    log = folder / "service.log"
    assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_agx_orin(tmp_path: Path) -> None:
    """An AGX Orin's GPU+SOC rail is read; without its file there are no watts, and a restart leaves a gap."""
    seen = stage("orin", tmp_path)

    assert (seen["rails"], seen["scope"]) == (["VDD_GPU_SOC"], "gpu+soc")
    assert "jtop service, jetson-stats " in seen["source"]
    assert seen["first"] == [7.6]
    assert 7 <= seen["readings"] <= 16
    assert (seen["after a step"], seen["without the rail"], seen["below zero"]) == (True, True, True)
    assert seen["worth"] == [pytest.approx(0.461880), pytest.approx(0.4)]
    assert 1e8 < seen["RAM"] < 1e13
    (remark,) = seen["remarks"]
    assert remark.startswith("The jtop service was lost (")
    assert remark.endswith("the runs in between have no energy.")
    assert (seen["lost"], seen["back"], seen["void"]) == (None, -0.38, 1)
    assert seen["lost in the end"].startswith("the jtop service was lost a second time: ")


def test_thor(tmp_path: Path) -> None:
    """A Thor's two rails are added up, and neither its carrier's input nor the service's total is used."""
    seen = stage("thor", tmp_path)

    assert seen["rails"] == ["VDD_GPU", "VDD_CPU_SOC_MSS"]
    assert seen["watts"] == [36.0 + 18.0]
    assert seen["without the rail"] is True
    assert "CPU and memory subsystem" in seen["source"]


def test_refusals(tmp_path: Path) -> None:
    """Each failure of the service has its own message with a remedy."""
    seen = stage("refusals", tmp_path)

    assert "the service does not run (/run/jtop.sock); type `sudo systemctl start jtop`" in seen["no service"]
    assert "the service reports VIN_SYS_5V0, but not the GPU rails of a known board" in seen["no rails"]
    assert "type `sudo usermod -aG jtop $USER`, log out and in again" in seen["no permission"]
    assert "the service accepts connections, but does not answer within 0.5 s" in seen["it hangs"]
    assert "the board's service is jetson-stats 4.3.2, but this environment has " in seen["other version"]
    assert "type `python -m pip install 'jetson-stats==4.3.*'`" in seen["other version"]
