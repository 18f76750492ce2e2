"""--plan says what each pair downloads and needs; a session skips fp16 that would take too long.

Tests benchmarks.planning.preview.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from benchmarks.hub import HubError
from benchmarks.machine import roofline
from benchmarks.planning import capability, preview
from benchmarks.processes.helper import run_in_process
from benchmarks.worker.probe import probe
from tests.support import product, works
from tests.support.hub_layout import files_of
from tests.support.hub_server import HubServer
from tests.support.jobs import make_job
from tests.support.plans import make_plan
from tests.support.works import traffic, work

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.machine.roofline import Probe

GB = 10**9
WORK = replace(
    work(
        (2 * GB, GB, GB // 10, GB // 2), traffic(2 * GB, 4000, 100_000, 512, 50_000), (1000, 900, 1024), new_tokens=64
    ),
    batch=4,
)


def probed(fp16: float) -> Probe:
    """Return what a probe says of a processor with this fp16 rate, flop/s, beside 100 Gflop/s in fp32."""
    return works.probe({"fp16": fp16, "bf16": 200e9, "fp32": 100e9}, dict.fromkeys(("fp16", "bf16", "fp32"), 20e9))


def test_the_footprint() -> None:
    """A model takes two bytes a weight, the process, and a KV cache for each sequence, its windows capped."""
    cache = 4 * (100_000 * 1064 + 50_000 * 512)

    assert preview.predict_footprint(WORK) == 4 * GB + 400_000_000 + cache


@pytest.mark.parametrize(
    ("free", "floor", "download", "said"),
    [
        (6 * GB, 0, 0, "fits"),
        (4 * GB, 0, 0, "does not fit"),
        (6 * GB, 2 * GB, 0, "does not fit (2.0 GB must stay free)"),
        (None, 0, 0, "RAM unknown"),
        (None, 0, HubError("gated", "no"), "gated"),
        (6 * GB, 0, 10 * GB, "no room on the disk"),
        (6 * GB, 0, HubError("gated", "no"), "gated"),
        (4 * GB, 0, HubError("gated", "no"), "does not fit"),
    ],
)
def test_the_verdict(free: int | None, floor: int, download: preview.Download, said: str) -> None:
    """A pair fits where its least footprint leaves the floor free; memory is judged before the Hub."""
    needed = preview.predict_footprint(WORK)

    assert (
        preview.judge_pair(make_plan(), "bf16", download, needed, preview.Room("RAM", free, floor, disk=8 * GB)) == said
    )


def test_slow_fp16_is_skipped_unless_it_is_wanted() -> None:
    """A processor without fp16 arithmetic skips fp16 and gives the rates; miniatures, and who asks, measure it."""
    slow = make_plan(capability=capability.evaluate_probe(probed(3e9), "random"))

    assert (slow.find_skip_reason("fp16") or "").startswith(
        "this processor has no fp16 arithmetic (Gflop/s: fp16 at 3, bf16 at 200, fp32 at 100)"
    )
    assert slow.find_skip_reason("bf16") is None
    assert replace(slow, allow_slow_fp16=True).find_skip_reason("fp16") is None
    assert make_plan(capability=capability.evaluate_probe(probed(80e9), "random")).find_skip_reason("fp16") is None
    assert make_plan(capability=capability.evaluate_probe(probed(3e9), "mini")).find_skip_reason("fp16") is None
    room = preview.Room("RAM", 6 * GB, 0)
    assert preview.judge_pair(slow, "fp16", 0, preview.predict_footprint(WORK), room) == "skipped"


def test_a_line_of_the_table() -> None:
    """A line holds the download, the footprint, the time of a run at the probed rates and of all of them."""
    cells, verdict = preview.make_row(
        make_plan(), ("llava", "bf16"), 3 * GB, (WORK.model, WORK.request), probed(3e9), preview.Room("RAM", 6 * GB, 0)
    )

    assert cells[:4] == ("llava-bf16", "3.0 GB", "4.9 GB", "6.0 GB RAM")
    assert re.fullmatch(r"\d+\.\d s", cells[4])
    assert cells[5].endswith(" min") or " h " in cells[5]
    assert verdict == "fits"


def test_a_plan_of_what_the_hub_has(tmp_path: Path) -> None:
    """--plan asks the Hub for sizes, loads and saves nothing, and sets what would be downloaded against the disk."""
    server = HubServer()
    server.add_folder(make_job("llava").source)
    with server:
        settings = {"HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": server.url}
        weights = ("--weights=hub", "--start-method=forkserver")
        options = ("--models=llava", "--precisions=bf16", "--revision=llava=main", "--plan")
        done = product.measure_here(tmp_path / "results", *weights, *options, **settings)
    size = sum(map(len, files_of(make_job("llava").source).values())) / 1e6
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("llava-bf16")]

    assert done.returncode == 0, done.stdout
    assert line.split()[1:3] == [f"{size:.1f}", "MB"]
    assert line.endswith(("fits", "does not fit"))
    assert f"{size:.1f} MB to download into {tmp_path}/home/hub, " in done.stdout
    assert "a run, at least  all, at least  verdict" in done.stdout
    assert "time: a lower bound from a short test, without loading and preprocessing" in done.stdout
    assert not [ask for ask in server.asked if ask.method == "GET" and ask.path.endswith("model.safetensors")]
    assert not list(tmp_path.rglob("*.json*"))


def test_a_session_skips_slow_fp16(tmp_path: Path) -> None:
    """On a CPU without fp16 arithmetic an fp16 pair is skipped: nothing is loaded, and the save says why."""
    if not roofline.is_fp16_too_slow(run_in_process("forkserver", probe, "cpu")["gemm_flops"]):
        pytest.skip("this processor has arithmetic for fp16")
    options = ("--weights=random", "--start-method=forkserver", "--models=smolvlm2-256m", "--precisions=fp16")
    done = product.measure_here(tmp_path, *options)
    (path,) = tmp_path.rglob("0001_*.json")
    (record,) = json.loads(path.read_text())["unmeasured"]

    assert done.returncode == 0, done.stdout
    assert (record["status"], record["counts"]["attempted"]) == ("skipped", 0)
    assert "was skipped: this processor has no fp16 arithmetic" in record["message"]
    assert "type --allow-slow-fp16 to measure it anyway" in done.stdout
    assert record["checkpoint"]["parameters"] is None
