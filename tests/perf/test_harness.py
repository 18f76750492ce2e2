"""What the harness costs: the pipe, the meters beside a run, reading saves. Read ratios within one session only."""

from __future__ import annotations

import time
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.machine.memory import MemoryReader
from benchmarks.pair import handle
from benchmarks.power.sampler import Sampler
from plotting import load
from plotting.figures import FIGURES
from plotting.metrics.bootstrap import LEAST_RUNS
from plotting.metrics.intervals import compute_spreads
from plotting.metrics.registry import SAMPLED
from plotting.table import build
from tests.support import factory
from tests.support.jobs import make_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd
    from pytest_benchmark.fixture import BenchmarkFixture

    from tests.perf.conftest import Size

LONGER = {10: 0.05, 100: 0.15}
"""Samples a second -> by which share of itself they lengthen a run at most."""
MOST_ADDED = 0.25
"""What pipe and parent may add to the shortest run's window, as a share of it."""


@pytest.fixture(scope="module")
def worker() -> Iterator[handle.Handle]:
    """A loaded and warm worker of the smallest miniature, the worst case for whatever stands beside a run."""
    found = handle.start(make_job("llava"), isolation="process", start_method="forkserver")
    found.load()
    for _ in range(5):
        found.run([(0, 0)])
    yield found
    found.close()


@pytest.mark.benchmark(group="one run")
@pytest.mark.parametrize("hertz", LONGER, ids=lambda hertz: f"memory read at {hertz} Hz")
def test_sampling_beside_a_run(worker: handle.Handle, benchmark: BenchmarkFixture, size: Size, hertz: int) -> None:
    """Memory samples at the suite's 10 Hz, and ten times as many, lengthen a run by less than LONGER says.

    Runs with and without samples take turns. In the unit suite, which judges no speed, the bound is twice as long.
    """
    seconds: dict[str, list[float]] = {"alone": [], "sampled": []}

    def run(name: str) -> None:
        marks = worker.run([(0, 0)])
        seconds[name].append((marks["end_ns"] - marks["start_ns"]) / 1e9)

    def take_turns() -> None:
        run("alone")
        sampler = Sampler(MemoryReader("host", worker.pid).read, 1 / hertz)
        sampler.start()
        run("sampled")
        sampler.stop()

    benchmark.pedantic(take_turns, rounds=size.rounds)
    while len(seconds["alone"]) < 5:  # the unit suite runs it once
        take_turns()
    centre = median if size.rounds > 1 else min
    longer = centre(seconds["sampled"]) / centre(seconds["alone"]) - 1
    benchmark.extra_info["longer_share"] = longer

    assert longer < (LONGER[hertz] if size.rounds > 1 else 1.0)


@pytest.mark.benchmark(group="what a round adds to its window")
def test_the_pipe(worker: handle.Handle, benchmark: BenchmarkFixture, size: Size) -> None:
    """Pipe and parent add less than MOST_ADDED to the window of the shortest run; the share is in extra_info."""
    shares: list[float] = []

    def run() -> None:
        began = time.monotonic_ns()
        marks = worker.run([(0, 0)])
        shares.append((time.monotonic_ns() - began) / (marks["end_ns"] - marks["start_ns"]) - 1)

    benchmark.pedantic(run, rounds=size.rounds)
    while len(shares) < 5:  # the unit suite runs it once
        run()
    added = median(shares) if size.rounds > 1 else min(shares)
    benchmark.extra_info["added_share"] = added

    assert min(shares) > 0
    assert added < (MOST_ADDED if size.rounds > 1 else 2.0)


@pytest.fixture(scope="module")
def saves(tmp_path_factory: pytest.TempPathFactory, size: Size) -> list[Path]:
    """Saves of twelve pairs each: in full, a study of 2500 runs a pair on twenty boards."""
    folder = tmp_path_factory.mktemp("saves")
    models = ("gemma3n", "internvl2-2b", "llava", "moondream2", "phi", "smolvlm2")
    records = [factory.record(model, precision, runs=size.runs) for model in models for precision in ("fp16", "bf16")]
    return [factory.save(folder / f"0001_board{n}.json", records, label=f"Board {n}") for n in range(size.boards)]


@pytest.mark.benchmark(group="plotting")
def test_reading(saves: list[Path], benchmark: BenchmarkFixture, size: Size) -> None:
    """All saves become one table."""
    table = benchmark.pedantic(lambda: build.build(load.load(saves)), rounds=min(3, size.rounds))

    assert len(table) == 12 * size.boards


@pytest.mark.benchmark(group="plotting")
def test_intervals(benchmark: BenchmarkFixture, size: Size) -> None:
    """The 95% intervals of all metrics of one pair."""
    runs = max(size.runs, LEAST_RUNS)
    made: Any = factory.record(runs=runs)
    made["runs"]["request"] = [run % 12 for run in range(runs)]
    values = {name: formula(made) for name, formula in SAMPLED.items()}
    found = benchmark(compute_spreads, made, values, SAMPLED)

    assert set(found) == set(SAMPLED)


@pytest.mark.benchmark(group="plotting")
@pytest.mark.parametrize("name", FIGURES)
def test_drawing(saves: list[Path], benchmark: BenchmarkFixture, size: Size, tmp_path: Path, name: str) -> None:
    """Each figure of up to four boards is drawn and written."""
    table = build.build(load.load(saves[:4]))
    benchmark.pedantic(partial(draw, name, table, tmp_path), rounds=min(2, size.rounds))

    assert (tmp_path / name).stat().st_size > 10_000


def draw(name: str, table: pd.DataFrame, folder: Path) -> None:
    """Draw a figure into a file."""
    FIGURES[name].draw(table).savefig(folder / name)
