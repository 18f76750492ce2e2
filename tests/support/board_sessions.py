"""Boards, made up, and measured as a user has them measured: what each session must say, and a way to run them."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from plotting import load
from plotting.table import build
from tests.support import boards, product

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

RUNS, NEW_TOKENS = 3, 4
OPTIONS = ("--models=smolvlm2", "--precisions=bf16", f"--runs={RUNS}", "--warmup-runs=0", "--torch-device=cpu")


@dataclass(frozen=True)
class Board:
    """What a session on a board says, by the files and the library that it finds there.

    Attributes:
        sensor: --power-monitor.
        within: how far joules may be from watts times windows, relative.
        expected: columns of the CSV.
    """

    sensor: str
    watts: float
    expected: Mapping[str, str]
    within: float = 0.005


def _board(sensor: str, watts: float, device: str, scope: str, rails: str) -> Board:
    return Board(sensor, watts, {"device_kind": device, "power_scope": scope, "power_rails": rails})


ORIN_RAILS, THOR_RAILS = "VDD_GPU_SOC+VDD_CPU_CV+VIN_SYS_5V0", "VDD_GPU+VDD_CPU_SOC_MSS"
BOARDS = {
    "gb10": _board("nvml", boards.GB10_W, "gb10", "gpu", "instantaneous power field"),
    "orin": _board("hwmon:whole", boards.ORIN_W, "jetson-agx-orin", "module", ORIN_RAILS),
    "maxn": _board("hwmon:whole", boards.ORIN_W, "jetson-agx-orin", "module", ORIN_RAILS),
    "thor": _board("auto", boards.THOR_W, "jetson-thor", "gpu+soc", THOR_RAILS),
    "input": _board("hwmon:whole", boards.THOR_INPUT_W, "jetson-thor", "system input", "VIN"),
    "stats": _board("tegrastats", boards.THOR_W, "jetson-thor", "gpu+soc", THOR_RAILS),
    "service": _board("jtop", boards.THOR_W, "jetson-thor", "gpu+soc", THOR_RAILS),
    # What moves the counters is late by milliseconds where sessions share two cores with others.
    "counters": replace(_board("rapl", boards.CPU_W["intel-rapl:0"], "cpu", "package", "package-0"), within=0.02),
}
OWN_PROCESS = ("gb10", "service")
"""Boards with a process of their own: it finds a library or a package when it starts."""


@dataclass(frozen=True)
class Measured:
    """What the sessions left: below `folder` one of saves for each of BOARDS."""

    folder: Path

    def save(self, name: str) -> dict[str, Any]:
        """Return the one save of a session."""
        (path,) = (self.folder / name).rglob("*.json")
        return dict(json.loads(path.read_text()))

    def table(self, names: Iterable[str]) -> pd.DataFrame:
        """Return the table that the figures of some sessions are drawn from."""
        return build.build(load.load([path for name in names for path in load.find(self.folder / name)]))


def measure_boards(folder: Path, names: Sequence[str], library: Path) -> Measured:
    """Measure one pair on each board, side by side: their watts are constants, and no time of theirs is judged."""
    settings = {name: _set_up(name, folder / "files" / name, library) for name in names}
    before = product.environment()  # which a session in this process changes while it runs

    def measure(name: str) -> subprocess.CompletedProcess[str]:
        options = (*OPTIONS, f"--power-monitor={BOARDS[name].sensor}", f"--benchmark-save={name}")
        if name in OWN_PROCESS:
            return product.measure(folder / name, *options, **before | settings[name])
        with boards.counting(folder / "files" / name) if name == "counters" else nullcontext():
            return product.measure_here(folder / name, *options, **settings[name])

    with ThreadPoolExecutor() as pool:
        others = [pool.submit(measure, name) for name in names if name in OWN_PROCESS]
        ended = [measure(name) for name in names if name not in OWN_PROCESS]
        ended += [other.result() for other in others]
    for done in ended:
        assert done.returncode == 0, done.stdout + done.stderr
    return Measured(folder)


def _set_up(name: str, root: Path, library: Path) -> dict[str, str]:
    """Write the files of a board, and return the environment of a session on it."""
    if name == "gb10":
        return boards.gb10(root, library)
    if name in ("orin", "maxn"):
        return boards.orin(root, boards.ORIN_MAXN if name == "maxn" else boards.ORIN_30W)
    if name == "counters":
        return boards.intel(root)
    more = {
        "stats": lambda: boards.with_tegrastats(root / "bin", os.environ["PATH"]),
        "service": lambda: boards.with_jtop(root / "package"),
    }
    return boards.thor(root) | more.get(name, dict)()


def check_watts_and_joules(measured: Measured, name: str) -> None:
    """Assert that a session's kind, scope, rails, watts and joules are the board's."""
    board = BOARDS[name]
    (benchmark,) = measured.save(name)["benchmarks"]
    runs, power = benchmark["extra_info"]["runs"], benchmark["extra_info"]["power"]

    assert measured.save(name)["machine_info"]["device"]["kind"] == board.expected["device_kind"]
    assert (power["scope"], "+".join(power["rails"])) == (board.expected["power_scope"], board.expected["power_rails"])
    assert power["energy_runs"] == RUNS
    assert sum(runs["energy_j"]) == pytest.approx(board.watts * sum(runs["latency_s"]), rel=board.within)
    assert power["idle_w"] == pytest.approx(board.watts, rel=board.within)
