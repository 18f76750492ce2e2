"""The tegrastats monitor on each board: coverage, stated errors, the choice of `auto`, and a session."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from pathlib import Path

import pytest

from benchmarks import power
from benchmarks.power.base import PowerTarget
from benchmarks.record import find_violations
from plotting import __main__ as plotting
from tests.support import product, trees
from tests.support.fake_tegrastats import LINES, THOR, THOR_W, QuickTegrastats, print_forever, write_script

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tegrastats runs on Linux alone")


def test_it_is_slower_than_asked(tegrastats_path: Path) -> None:
    """If tegrastats prints less often than asked, its own period counts, and no line is a gap."""
    write_script(tegrastats_path, print_forever(THOR).replace('"$2"', "150"))
    monitor = QuickTegrastats(PowerTarget("cuda:0"))
    monitor.close()

    assert monitor.period_s == pytest.approx(0.15, rel=0.2)


def test_l4t_is_in_the_source(tegrastats_path: Path, tmp_path: Path) -> None:
    """The source names L4T's release, or says that it could not be read."""
    write_script(tegrastats_path, print_forever(THOR))
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/nv_tegra_release").write_text("# R38 (release), REVISION: 4.0, GCID: 1, BOARD: generic\n")
    told, untold = (
        QuickTegrastats(PowerTarget("cuda:0", root=tmp_path)),
        QuickTegrastats(PowerTarget("cuda:0", root=tmp_path / "etc")),
    )
    told.close()
    untold.close()

    assert "tegrastats every 50 ms, L4T 38.4.0" in told.source
    assert "L4T's release could not be read" in untold.source


@pytest.mark.parametrize(
    ("line", "board", "worth"),
    [
        ("r36_agx_orin", "orin", (0.461880, 0.4)),
        ("orin_nano", "nano", (0.092376, 0.056569)),
        ("agx_xavier", "xavier", (0.360267, 0.220617)),
        ("r39_thor", "thor", (None, None)),
    ],
)
def test_what_the_chips_are_worth(
    tegrastats_path: Path, tmp_path: Path, line: str, board: str, worth: tuple[float | None, float | None]
) -> None:
    """Offset and step come from the board's known shunts, and the averaging time from the kernel."""
    write_script(tegrastats_path, print_forever(LINES[line]))
    blind = QuickTegrastats(PowerTarget("cuda:0", root=tmp_path))
    blind.close()
    trees.hwmon(tmp_path, board)
    monitor = QuickTegrastats(PowerTarget("cuda:0", root=tmp_path))
    monitor.close()

    found = monitor.offset_uncertainty_w, monitor.resolution_w
    assert found == (worth if worth[0] is None else pytest.approx(worth, rel=1e-5))
    assert blind.averaging_s is None
    assert monitor.averaging_s == pytest.approx(0.007)
    assert monitor.offset_source


@pytest.mark.parametrize(("line", "mismatch"), [("r36_agx_orin", True), ("r39_thor", False)])
def test_which_boards_cover_the_cpu(tegrastats_path: Path, line: str, *, mismatch: bool) -> None:
    """A Thor's rails cover a model on the CPU, which they feed; an AGX Orin's do not."""
    write_script(tegrastats_path, print_forever(LINES[line]))
    chosen = power.select("tegrastats", PowerTarget("cpu"))
    assert chosen.monitor is not None
    chosen.monitor.close()

    assert chosen.scope_mismatch == mismatch


def test_auto_takes_the_rails(tegrastats_path: Path) -> None:
    """`auto` finds tegrastats on PATH, and prefers a Jetson's rails to NVML, which lacks the SOC."""
    write_script(tegrastats_path, print_forever(THOR))
    chosen = power.select("auto", PowerTarget("cuda:0"))
    assert chosen.monitor is not None
    chosen.monitor.close()

    assert (chosen.name, chosen.scope_mismatch) == ("tegrastats", False)


@pytest.mark.skipif(shutil.which("sleep") is None, reason="the stand-in for tegrastats needs `sleep`")
def test_a_session(tegrastats_path: Path, tmp_path: Path) -> None:
    """A session's scope, rails, watts and joules match tegrastats' lines, from the Record to the CSV."""
    write_script(tegrastats_path, print_forever(THOR))
    pair = ["--models=llava", "--precisions=bf16", "--runs=3", "--torch-device=cpu", "--benchmark-save=thor"]
    done = product.measure_here(tmp_path / "results", *pair, "--power-monitor=tegrastats", PATH=os.environ["PATH"])
    assert done.returncode == 0, done.stdout + done.stderr

    (path,) = (tmp_path / "results").glob("*/*_thor.json")
    (bench,) = json.loads(path.read_text())["benchmarks"]
    record = bench["extra_info"]
    assert list(find_violations(record)) == []
    found = record["power"]
    assert (found["monitor"], found["scope"], found["method"]) == ("tegrastats", "gpu+soc", "integration")
    assert found["rails"] == ["VDD_GPU", "VDD_CPU_SOC_MSS"]
    assert (found["idle_w"], found["scope_mismatch"]) == (pytest.approx(THOR_W), False)
    assert any("the shunts of Jetson Thor are not specified" in flag for flag in found["flags"])
    seen = [record["memory"][f"sensor_ram_{name}"] for name in ("avg_bytes", "peak_bytes", "source")]
    assert seen[:2] == [36529 * 2**20] * 2
    assert seen[2].startswith("tegrastats: RAM in use")
    for joules, seconds in zip(record["runs"]["energy_j"], record["runs"]["latency_s"], strict=True):
        assert joules == pytest.approx(THOR_W * seconds, rel=1e-3)

    assert plotting.main(["--results", str(tmp_path / "results"), "--out", str(tmp_path / "plots")]) == plotting.DONE
    (row,) = csv.DictReader(io.StringIO((tmp_path / "plots/vision_model_metrics.csv").read_text()))
    assert float(row["avg_power_watts"]) == pytest.approx(THOR_W, rel=1e-3)
    assert float(row["joules_per_token"]) == pytest.approx(THOR_W * sum(record["runs"]["latency_s"]) / 12, rel=1e-3)
