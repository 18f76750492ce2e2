"""The command line of `pytest benchmarks`. Each option is declared once, as a field of `Options`."""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pytest

from benchmarks import power
from benchmarks.machine.inputs import number_that

WEIGHTS = ("hub", "random", "mini")
MOST = 10**9


def at_least(least: int) -> Callable[[str], int]:
    """Return an argparse type for whole numbers from `least` to MOST."""
    wanted = f"a whole number from {least} to {MOST}"
    parse = number_that(lambda number: least <= number <= MOST and number % 1 == 0, wanted)
    return lambda text: int(parse(text))


def parse_revision(text: str) -> tuple[str, str]:
    """Parse MODEL=SHA."""
    model, _, revision = text.partition("=")
    if not model or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", revision) or len(revision) > 200:
        raise argparse.ArgumentTypeError(f"asked for {text!r}, needs MODEL=REVISION, e.g. phi=main")
    return model, revision


def option(help_text: str, *, must_match: bool = False, default: Any = None, **settings: Any) -> Any:
    """Declare an option: `must_match` if --resume requires the interrupted session's value; the rest are argparse's."""
    metadata = {"help": help_text, "must_match": must_match, "settings": settings}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def switch(help_text: str, *, must_match: bool = False) -> Any:
    """Declare an option without a value."""
    return option(help_text, must_match=must_match, default=False, action="store_true")


def count(help_text: str, *, default: int, least: int = 1) -> Any:
    """Declare an option that is a whole number from `least` on, which --resume requires to be the same."""
    told = f"{help_text} (default: %(default)s)"
    return option(told, must_match=True, default=default, type=at_least(least), metavar="N")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options as they were typed. A field `run_timeout` is the option `--run-timeout`."""

    models: str | None = option(
        "models to measure; `--models=help` lists them (default: the six main ones)", metavar="A,B"
    )
    precisions: str | None = option("precisions to measure (default: both)", metavar="fp16,bf16")
    weights: str = option(
        "hub: the published checkpoint; random: full size, random weights; mini: a tiny model of the same classes, "
        "for a test in seconds on a CPU (default: %(default)s)",
        default="hub",
        choices=WEIGHTS,
        must_match=True,
    )
    runs: int = count("measured runs per model and precision", default=100)
    warmup_runs: int = count("warm-up runs before the measured runs", default=3, least=0)
    new_tokens: int = count("new tokens per sequence, exactly", default=64, least=2)
    batch_size: int = count("sequences per run", default=1)
    images: Path | None = option(
        "your photographs; write it with `=` (default: built-in)", type=Path, metavar="DIR|FILE"
    )
    prompts: Path | None = option("your prompts, one per line (default: built-in)", type=Path, metavar="FILE")
    torch_device: str = option(
        "the device that torch uses (default: %(default)s)",
        default="auto",
        metavar="auto|cuda|cuda:N|mps|cpu",
        must_match=True,
    )
    power_monitor: str = option(
        "auto, none, csv:FILE (the log of a wall meter), replay:FILE, or the name of a sensor: "
        f"{', '.join(power.MONITORS)} (default: %(default)s)",
        default="auto",
        metavar="NAME",
        must_match=True,
    )
    device_label: str | None = option("the device's name in figures (default: detected)", metavar="TEXT")
    isolation: str = option(
        "none: run the model in pytest's own process, for a debugger, without a timeout (default: %(default)s)",
        default="process",
        choices=("process", "none"),
        must_match=True,
    )
    run_timeout: float = option(
        "a run that takes longer than S seconds is killed and counted as failed (default: %(default)g)",
        default=600.0,
        type=number_that(lambda seconds: seconds > 0, "a number of seconds above 0"),
        metavar="S",
    )
    ram_floor: float | None = option(
        "memory that must stay free: a model that would need more is not loaded, or is killed; 0 disables it "
        "(default: 1 on devices whose CPU and GPU share one memory, else 0)",
        type=number_that(lambda size: size >= 0, "a number of GB, 0 or more"),
        metavar="GB",
    )
    resume: bool = switch("continue the interrupted session of the same save name")
    revision: list[tuple[str, str]] = option(
        "measure another commit of a model's repository than the pinned one; can be given for several models",
        default=[],
        action="append",
        type=parse_revision,
        metavar="MODEL=SHA",
    )
    trust_remote_code: bool = switch(
        "allow a checkpoint to run its own code; no pinned revision needs it, another one might", must_match=True
    )
    allow_nonfinite: bool = switch(
        "measure a pair even if its outputs are not finite; it is flagged and not ranked", must_match=True
    )
    allow_slow_fp16: bool = switch("measure fp16 even on a processor without fp16 arithmetic", must_match=True)
    measure_bandwidth: bool = switch(
        "measure the memory's peak bandwidth by a copy instead of using the table (a CPU's is always measured)"
    )
    plan: bool = switch("measure nothing; print for each pair the download, the memory, the time, and whether it fits")
    prefetch: bool = switch("measure nothing; download the checkpoints of the chosen pairs")
    start_method: str | None = option(
        "how the child process starts (default: forkserver for mini, else spawn)",
        choices=("spawn", "forkserver"),
        must_match=True,
    )


def flag_of(name: str) -> str:
    """Return an option as it is typed: "run_timeout" -> "--run-timeout"."""
    return f"--{name.replace('_', '-')}"


def list_must_match() -> list[str]:
    """Return the names of the options whose values --resume requires to be those of the interrupted session."""
    return [declared.name for declared in fields(Options) if declared.metadata["must_match"]]


def add_options(parser: pytest.Parser) -> None:
    """Add the suite's options to pytest's command line."""
    group = parser.getgroup("edge-vlm-bench", "measuring vision-language models")
    defaults = Options()
    for declared in fields(Options):
        settings = {"default": getattr(defaults, declared.name), **declared.metadata["settings"]}
        group.addoption(flag_of(declared.name), help=declared.metadata["help"], **settings)


def read_options(config: pytest.Config) -> Options:
    """Return the options of this session."""
    return Options(**{declared.name: config.getoption(declared.name) for declared in fields(Options)})
