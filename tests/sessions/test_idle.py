"""Idle power is that of a machine with the model loaded, before and after the runs."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from benchmarks.record import find_violations
from tests.support import product
from tests.support.processes import workers

if TYPE_CHECKING:
    from pathlib import Path

WATTS = 40.0


def test_without_the_model_there_is_no_idle_power_after_the_runs(tmp_path: Path) -> None:
    """If the model's process dies in the idle time after its runs, that idle power is null and no run is lost."""
    storage = tmp_path / "results"
    trace = tmp_path / "trace.csv"
    trace.write_text("\n".join(["time_s,watts", *(f"{tick / 20},{WATTS}" for tick in range(12_000))]))
    options = ("--models=llava", "--precisions=bf16", "--runs=12", "--warmup-runs=1", f"--power-monitor=replay:{trace}")
    with ThreadPoolExecutor() as pool:
        killed = pool.submit(_kill_after, 12, storage)
        done = product.measure_here(storage, *options)
    assert killed.result()
    assert done.returncode == 0, done.stdout + done.stderr

    (save,) = storage.rglob("*.json")
    record = json.loads(save.read_text())["benchmarks"][0]["extra_info"]
    power = record["power"]
    assert (record["status"], record["counts"]["good"]) == ("measured", 12)
    assert power["idle_before_w"] == pytest.approx(WATTS)
    assert (power["idle_after_w"], power["idle_w"]) == (None, None)
    assert power["reasons"]["idle_w"] == "no readings cover the idle time with the model loaded after the runs"
    assert list(find_violations(record)) == []


def _kill_after(runs: int, storage: Path) -> bool:
    """Kill the one process that runs a model for this one, once the journal holds so many runs; whether they came."""
    deadline = time.monotonic() + product.TIMEOUT_S
    while product.count_lines(storage, "run") < runs:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    (worker,) = workers(os.getpid())
    os.kill(worker, signal.SIGKILL)
    return True
