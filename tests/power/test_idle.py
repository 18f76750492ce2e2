"""Idle power is that of a machine with the model loaded, before and after the runs."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from benchmarks.record import faults
from tests.support import product
from tests.support.processes import workers
from tests.support.traces import WATTS, write_trace

if TYPE_CHECKING:
    from pathlib import Path


def test_without_the_model_there_is_no_idle_power_after_the_runs(tmp_path: Path) -> None:
    """A model's process that dies in the idle time after its runs costs that idle power, with why, and no run."""
    storage = tmp_path / "results"
    command = product.command(
        storage, "--models=llava", "--precisions=bf16", "--runs=12", "--warmup-runs=1",
        f"--power-monitor=replay:{write_trace(tmp_path / 'trace.csv')}",
    )  # fmt: skip
    with product.Terminal(command) as terminal:
        while product.count_lines(storage, "run") < 12:
            terminal.read_for(0.02)
        (worker,) = workers(terminal.process.pid)
        os.kill(worker, signal.SIGKILL)
        assert terminal.finish() == 0, terminal.said

    (save,) = product.read_saves(storage)
    record = save["benchmarks"][0]["extra_info"]
    power = record["power"]
    assert (record["status"], record["counts"]["good"]) == ("measured", 12)
    assert power["idle_before_w"] == pytest.approx(WATTS)
    assert (power["idle_after_w"], power["idle_w"]) == (None, None)
    assert power["reasons"]["idle_w"] == "no readings cover a rest with the model loaded after the runs"
    assert list(faults(record)) == []
