"""Idle power is that of a machine with the model loaded, before and after the runs."""

from __future__ import annotations

import json
import os
import signal
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
    command = product.command(
        storage, "--models=llava", "--precisions=bf16", "--runs=12", "--warmup-runs=1",
        f"--power-monitor=replay:{trace}",
    )  # fmt: skip
    with product.Terminal(command) as terminal:
        while _count_runs(storage) < 12:
            terminal.read_for(0.02)
        (worker,) = workers(terminal.process.pid)
        os.kill(worker, signal.SIGKILL)
        assert terminal.finish() == 0, terminal.said

    (save,) = storage.rglob("*.json")
    record = json.loads(save.read_text())["benchmarks"][0]["extra_info"]
    power = record["power"]
    assert (record["status"], record["counts"]["good"]) == ("measured", 12)
    assert power["idle_before_w"] == pytest.approx(WATTS)
    assert (power["idle_after_w"], power["idle_w"]) == (None, None)
    assert power["reasons"]["idle_w"] == "no readings cover the idle time with the model loaded after the runs"
    assert list(find_violations(record)) == []


def _count_runs(storage: Path) -> int:
    """Return how many runs the journals below a storage hold."""
    return sum(path.read_text().count('"do":"run"') for path in (storage / ".journal").glob("*.jsonl"))
