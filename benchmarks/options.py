"""The command line of `pytest benchmarks`."""

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import power

WEIGHTS = ("hub", "random", "mini")
ISOLATIONS = ("process", "none")
START_METHODS = ("spawn", "forkserver")


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
        help="auto, none, csv:FILE (a wall meter's log), replay:FILE, or a sensor by name: "
        + ", ".join(power.MONITORS),
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
    _add_questions_of_weights(add_option)
    add_option(
        "--measure-bandwidth",
        action="store_true",
        help="measure the memory's peak bandwidth by a copy, instead of taking it from the table (a CPU's is "
        "measured anyway)",
    )
    add_option(
        "--plan",
        action="store_true",
        help="measure nothing: say for each pair what it would download, take in memory and time, and whether it fits",
    )
    add_option("--prefetch", action="store_true", help="measure nothing: download the checkpoints of the chosen pairs")
    add_option("--start-method", choices=START_METHODS, help="of the child (default: forkserver for mini, else spawn)")


def _add_questions_of_weights(add_option: Callable[..., None]) -> None:
    add_option(
        "--revision",
        action="append",
        default=[],
        type=_revision,
        metavar="MODEL=SHA",
        help="another commit of a model's repository than the pinned one; may be given for several models",
    )
    add_option(
        "--trust-remote-code",
        action="store_true",
        help="let a checkpoint run code of its own; no model here needs it, another revision may",
    )
    add_option(
        "--allow-nonfinite",
        action="store_true",
        help="measure a pair all the same whose outputs are not finite; it is marked",
    )
    add_option(
        "--allow-slow-fp16",
        action="store_true",
        help="measure fp16 all the same where the processor has no arithmetic for it",
    )


def _revision(text: str) -> tuple[str, str]:
    """Parse MODEL=SHA."""
    model, _, revision = text.partition("=")
    if not model or not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", revision) or len(revision) > 200:
        raise argparse.ArgumentTypeError(f"asked for {text!r}, needs MODEL=SHA, e.g. phi=main")
    return model, revision


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
