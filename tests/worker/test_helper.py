"""A helper process: its result, its errors and its end."""

import os
import time

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.processes.helper import run_in_process


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_result_and_error_come_back(method: str) -> None:
    """The function's result is returned, and its error is raised unchanged."""
    assert run_in_process(method, int, "ff", base=16) == 255
    with pytest.raises(ValueError, match="invalid literal for int"):
        run_in_process(method, int, "x")


def test_a_process_that_dies_is_an_error() -> None:
    """A process that ends without an answer raises BenchmarkError with the function's name."""
    with pytest.raises(BenchmarkError, match="exited with code 3 in _exit"):
        run_in_process("spawn", os._exit, 3)


def test_an_error_that_cannot_come_back_is_an_error() -> None:
    """An error that pickle cannot restore raises BenchmarkError, too."""
    with pytest.raises(BenchmarkError, match="exited with code 0 in fail"):
        run_in_process("spawn", fail)


class Unpicklable(Exception):
    """An error whose arguments differ from those of its class."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def fail() -> None:
    """Raise an error that pickle cannot restore."""
    raise Unpicklable("one", "two")


def test_ticks() -> None:
    """`on_tick` is called again and again while the function runs; its error ends the process at once."""
    ticks: list[float] = []

    def tick() -> None:
        ticks.append(time.monotonic())
        if len(ticks) == 3:
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_in_process("spawn", time.sleep, 600, on_tick=tick, tick_s=0.05)
    assert len(ticks) == 3
    assert time.monotonic() - began < 60
