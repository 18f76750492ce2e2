"""The command line of `pytest benchmarks`, and the Plan that it becomes."""

from __future__ import annotations

import argparse
import math
import multiprocessing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import aside, device, memory, memory_guard, power, workload
from benchmarks.errors import BenchmarkError
from benchmarks.worker.child import check_torch_device

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

WEIGHTS = ("hub", "random", "mini")
ISOLATIONS = ("process", "none")
START_METHODS = ("spawn", "forkserver")


@dataclass(frozen=True)
class Plan:
    """What a measuring session does, the same for each of its pairs."""

    weights: str
    runs: int
    warmup_runs: int
    work: workload.Workload
    torch_device: str
    power_monitor: str
    machine: device.DeviceInfo
    isolation: str
    start_method: str | None
    run_timeout_s: float
    ram_floor_bytes: int | None
    resume: bool
    allow_nonfinite: bool


def add(parser: pytest.Parser) -> None:
    """Add the suite's options to pytest's command line."""
    add_option = parser.getgroup("edge-vlm-bench", "measuring vision-language models").addoption
    add_option("--models", metavar="A,B", help="models to measure; `--models=help` lists them (default: the six)")
    add_option("--precisions", metavar="fp16,bf16", help="precisions to measure (default: both)")
    add_option(
        "--weights",
        choices=WEIGHTS,
        default="hub",
        help="hub: the published checkpoint; random: full size, random weights; mini: a miniature of the same "
        "classes, seconds on a CPU (default: %(default)s)",
    )
    add_option("--runs", type=_at_least(1), default=100, metavar="N", help="measured runs a pair (default: 100)")
    add_option("--warmup-runs", type=_at_least(0), default=3, metavar="N", help="runs before them (default: 3)")
    add_option(
        "--new-tokens", type=_at_least(2), default=64, metavar="N", help="new tokens a sequence, exactly (default: 64)"
    )
    add_option("--batch-size", type=_at_least(1), default=1, metavar="N", help="sequences a run (default: 1)")
    add_option(
        "--images", type=Path, metavar="DIR|FILE", help="your photographs; write it with `=` (default: built-in)"
    )
    add_option("--prompts", type=Path, metavar="FILE", help="your prompts, one a line (default: built-in)")
    add_option("--torch-device", default="auto", metavar="auto|cuda|cuda:N|mps|cpu", help="where torch computes")
    add_option(
        "--power-monitor",
        default="auto",
        metavar="NAME",
        help="auto, none, replay:FILE, or a sensor by name: " + ", ".join(power.MONITORS),
    )
    add_option("--device-label", metavar="TEXT", help="the device's name in figures (default: detected)")
    add_option("--isolation", choices=ISOLATIONS, default="process", help="none: same process, for a debugger")
    add_option(
        "--run-timeout",
        type=_number("a number of seconds above 0", lambda seconds: seconds > 0),
        default=600.0,
        metavar="S",
        help="a run that takes longer is killed and counted as failed (default: 600)",
    )
    add_option(
        "--ram-floor",
        type=_number("a number of GB, 0 or more", lambda size: size >= 0),
        metavar="GB",
        help="memory that must stay available: a model that would take more is not loaded, or killed; 0 is none "
        "(default: 1 where CPU and GPU share one memory, else 0)",
    )
    add_option("--resume", action="store_true", help="go on with the interrupted session of the same save name")
    add_option(
        "--allow-nonfinite",
        action="store_true",
        help="measure a pair all the same whose outputs are not finite; it is marked",
    )
    add_option("--start-method", choices=START_METHODS, help="of the child (default: forkserver for mini, else spawn)")


def _at_least(least: int) -> Callable[[str], int]:
    """Return an argparse type for whole numbers from `least` on."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"asked for {text!r}, needs a whole number of at least {least}")
        return number

    return parse


def _number(what: str, allows: Callable[[float], bool]) -> Callable[[str], float]:
    """Return an argparse type for the finite numbers that `allows` takes; `what` says which in words."""

    def parse(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or not allows(number):
            raise argparse.ArgumentTypeError(f"asked for {text!r}, needs {what}")
        return number

    return parse


def plan(config: pytest.Config) -> Plan:
    """Check everything that can be checked before the first measurement, and return the Plan.

    Raises:
        BenchmarkError: one sentence about the first thing that is wrong.
    """
    get = config.getoption
    weights = get("weights")
    if weights == "hub":
        raise BenchmarkError(
            f"--weights={weights} is not in this version yet; type --weights=mini for miniatures of the same classes."
        )
    torch_device = device.choose_torch_device(get("torch_device"))
    power.check_option(get("power_monitor"))
    start_method = _start_method(get("isolation"), get("start_method"), weights)
    work = _workload(config)
    name, uuid = (None, None) if torch_device == "cpu" else aside.call("spawn", check_torch_device, torch_device)
    machine = device.identify(torch_device, gpu_uuid=uuid, torch_name=name)
    if get("device_label"):
        machine["label"] = _clean_label(get("device_label"))
    return Plan(
        weights=weights,
        runs=get("runs"),
        warmup_runs=get("warmup_runs"),
        work=work,
        torch_device=torch_device,
        power_monitor=get("power_monitor"),
        machine=machine,
        isolation=get("isolation"),
        start_method=start_method,
        run_timeout_s=get("run_timeout"),
        ram_floor_bytes=_ram_floor(get("ram_floor"), machine, get("isolation")),
        resume=get("resume"),
        allow_nonfinite=get("allow_nonfinite"),
    )


def _ram_floor(asked: float | None, machine: device.DeviceInfo, isolation: str) -> int | None:
    """Return the bytes that must stay available; None where nothing is guarded."""
    if asked is None:
        guarded = machine["memory_kind"] == "unified" and isolation == "process"
        return memory_guard.UNIFIED_FLOOR_BYTES if guarded else None
    if asked == 0:
        return None
    if isolation == "none":
        raise BenchmarkError(f"--ram-floor={asked:g}: needs a process to kill; leave --isolation=none out.")
    if memory.available_bytes() is None:
        raise BenchmarkError(f"--ram-floor={asked:g}: this system has no /proc/meminfo to watch; leave it out.")
    total = machine["ram_bytes"]
    if total is not None and asked * 1e9 >= total:
        raise BenchmarkError(f"--ram-floor={asked:g}: this machine has {total / 1e9:.1f} GB; ask for less.")
    return round(asked * 1e9)


def _workload(config: pytest.Config) -> workload.Workload:
    photographs = workload.photographs(config.getoption("images"))
    prompts = workload.prompts(config.getoption("prompts"))
    return workload.Workload(
        photographs=photographs,
        encoded=aside.call("spawn", encode_all, photographs),
        prompts=prompts,
        new_tokens=config.getoption("new_tokens"),
        batch_size=config.getoption("batch_size"),
    )


def encode_all(photographs: tuple[workload.Photograph, ...]) -> tuple[bytes, ...]:
    """Apply the recipe to all photographs, in order."""
    return tuple(workload.encode(photograph) for photograph in photographs)


def _start_method(isolation: str, asked: str | None, weights: str) -> str | None:
    """Return how the child starts; None where there is no child.

    A forkserver that has imported torch has a miniature's child ready in 0.3 s instead of 4;
    published figures come from a spawned child, which inherits nothing.
    """
    if isolation == "none":
        return None
    chosen = asked or ("forkserver" if weights == "mini" else "spawn")
    if chosen not in multiprocessing.get_all_start_methods():
        if asked:
            raise BenchmarkError(f"--start-method={asked}: this system cannot do that; type --start-method=spawn.")
        return "spawn"
    return chosen


def _clean_label(text: str) -> str:
    label = " ".join(text.split())
    if not label.isprintable() or not label or len(label) > 60:
        raise BenchmarkError("--device-label: needs 1 to 60 printable characters, e.g. --device-label='Jetson Thor'.")
    return label
