"""The probe: its rates, its time limits, and the form of its answer.

Tests benchmarks.worker.probe.
"""

import json
import time
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks import record
from benchmarks.machine import roofline
from benchmarks.machine.roofline import Copy, Probe
from benchmarks.processes.helper import run_in_process
from benchmarks.record import CACHE_FACTOR, typecheck
from benchmarks.worker import probe as probing

CPU = torch.device("cpu")
MIB, GIB = 2**20, 2**30
BYTES_PER_S = 20e9
"""At which the simulated machine reads a matrix, with all threads."""


@pytest.mark.parametrize(
    ("asked", "cache", "room", "copied"),
    [
        (512 * MIB, 32 * MIB, 22 * GIB, 512 * MIB),
        (512 * MIB, 100 * MIB, 22 * GIB, CACHE_FACTOR * 100 * MIB),
        (512 * MIB, None, 4 * GIB, 4 * GIB // 16),
        (512 * MIB, 32 * MIB, None, 512 * MIB),
    ],
)
def test_size_of_a_copy(asked: int, cache: int | None, room: int | None, copied: int) -> None:
    """A copy is at least eight times the cache, and source and target together at most an eighth of the memory."""
    assert probing.choose_copy_size(asked, cache, room)[0] == copied


def test_a_copy_that_the_cache_could_hold_has_no_figure() -> None:
    """If memory is too short for a copy beyond the cache, the size stays below the least useful one."""
    size, least = probing.choose_copy_size(512 * MIB, 100 * MIB, 4 * GIB)

    assert size == 4 * GIB // 16
    assert least == 800 * MIB > size


class Machine(TorchDispatchMode):  # type: ignore[misc]
    """A simulated CPU: its clock advances with each product, whose result nobody needs.

    Two threads are twice as fast. `busy` makes them wait for each other, and one thread for its turn; calls are stalled
    for up to 5 s with the probability `stalls`.
    """

    def __init__(self, flops: dict[Any, float], seed: int = 0, *, busy: bool = False, stalls: float = 0) -> None:
        super().__init__()
        self.now = 0.0
        self.sides: list[int] = []
        self._flops, self._busy, self._stalls = flops, busy, stalls
        self._random = np.random.default_rng(seed)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204
        if func is not torch.ops.aten.mm.default:
            return func(*args, **(kwargs or {}))
        left, right = args
        if left.shape[0] == 1:
            self.now += self._interrupt(right.nbytes / BYTES_PER_S)
        else:
            self.sides.append(left.shape[0])
            self.now += self._interrupt(2 * left.shape[0] ** 3 / self._flops[left.dtype])
        return left

    def _interrupt(self, seconds: float) -> float:
        one = torch.get_num_threads() == 1
        seconds *= 2 if one else 1
        if self._busy:  # four busy processes on two cores, each turn 3 ms
            seconds = self._random.uniform(3, 10) * max(seconds, 0.003) if not one else seconds + self._wait(seconds)
        return seconds + (self._random.uniform(0, 5) if self._random.random() < self._stalls else 0)

    def _wait(self, seconds: float) -> float:
        turns = int(seconds / 0.003 + self._random.random())
        return turns * self._random.uniform(0.003, 0.009)

    def read(self) -> float:
        """Return its clock, seconds."""
        return self.now


def measure_passes(monkeypatch: pytest.MonkeyPatch, machine: Machine) -> probing.Rates:
    """Return what the probe's passes say of a machine, by its own clock."""
    threads = torch.get_num_threads()
    matrix = torch.zeros(32 * MIB, dtype=torch.uint8)
    with monkeypatch.context() as patch, machine:
        patch.setattr(time, "perf_counter", machine.read)
        patch.setattr(time, "monotonic", machine.read)
        torch.set_num_threads(2)
        try:
            return probing.make_passes(CPU, matrix)
        finally:
            torch.set_num_threads(threads)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("busy", "stalls"), [(False, 0.1), (True, 0), (True, 0.1)])
def test_stalls_and_other_work_bend_no_rate(
    monkeypatch: pytest.MonkeyPatch, seed: int, busy: bool, stalls: float
) -> None:
    """Stalls of up to 5 s and four busy processes on two cores leave each rate within a factor of 3 of the quiet one.

    fp16 at half of fp32's rate is never called slow by them, and fp16 without arithmetic always is.
    """
    for half, slow in ((50e9, False), (1e9, True)):
        flops = {torch.float16: half, torch.bfloat16: 200e9, torch.float32: 100e9}
        rates = measure_passes(monkeypatch, Machine(flops, seed, busy=busy, stalls=stalls))
        found = rates.choose_gemm()

        for name, true in (("fp16", half), ("bf16", 200e9), ("fp32", 100e9)):
            assert true / 3 < found[name] < true * 1.01, name
            assert BYTES_PER_S / 3 < probing.join_best(*rates.gemv)[name] < BYTES_PER_S * 1.01, name
        assert roofline.is_fp16_too_slow(found) is slow


def test_calls_that_were_held_up_are_repeated() -> None:
    """A call that takes longer than is plausible is repeated until one does not, and a slow device ends the trying."""
    calls: list[float] = []

    def work() -> None:
        calls.append(0)
        time.sleep(0.02 if len(calls) < 9 else 0)

    assert len(probing.time_calls(CPU, work, plausible_s=60)) == probing.LEAST_CALLS
    calls.clear()
    assert min(probing.time_calls(CPU, work, plausible_s=0.01)) < 0.01
    assert len(calls) == 9
    assert len(probing.time_calls(CPU, lambda: time.sleep(0.02), plausible_s=0.01)) == (
        probing.LEAST_CALLS + probing.RETRIES
    )


def test_a_slow_device_is_asked_for_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sides of the products double until one takes long; no larger one is tried."""
    machine = Machine(dict.fromkeys((torch.float16, torch.bfloat16, torch.float32), 128**3 / probing.PATIENCE_S))
    measure_passes(monkeypatch, machine)

    assert set(machine.sides) == {64, 128}
    assert machine.now < 10


def test_a_dtype_that_the_device_lacks() -> None:
    """A precision that cannot be measured is left out with the reason; the others are measured."""

    def measure(device: torch.device, dtype: torch.dtype) -> float:
        if dtype is torch.bfloat16:
            raise TypeError(f"BFloat16 is not supported on {device}")
        return 1e9

    assert probing.measure_rates(CPU, measure) == (
        {"fp16": 1e9, "fp32": 1e9},
        "bf16: BFloat16 is not supported on cpu",
    )


def test_the_probe_of_this_cpu() -> None:
    """The probe runs in a helper process, measures every precision, and answers in the declared form."""
    found = run_in_process("forkserver", probing.probe, "cpu")

    assert typecheck.fits(found, Probe)
    assert list(record.find_violations(found)) == []
    assert json.loads(json.dumps(found)) == found
    assert set(found["gemm_flops"]) == set(found["gemv_bytes_per_s"]) == {"fp16", "bf16", "fp32"}
    assert min(*found["gemm_flops"].values(), *found["gemv_bytes_per_s"].values()) > 0
    assert (found["threads"] or 0) >= 1
    check_copy(found["copy"], found["cache_bytes"])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_probe_of_a_gpu() -> None:
    """On a GPU the copy is timed on the device, and the cache is its L2."""
    found = run_in_process("spawn", probing.probe, "cuda:0")

    assert typecheck.fits(found, Probe)
    assert found["cache_bytes"] == torch.cuda.get_device_properties(0).L2_cache_size
    check_copy(found["copy"], found["cache_bytes"])


def check_copy(copy: Copy, cache: int | None) -> None:
    """Check that there is a rate of a copy beyond the cache, or a reason."""
    if copy["bytes_per_s"] is None:
        assert "are needed" in copy["reasons"]["bytes_per_s"]
        return
    assert copy["median_bytes_per_s"] is not None
    assert copy["bytes_per_s"] >= copy["median_bytes_per_s"] > 0
    assert copy["repeats"] >= 1
    assert copy["size_bytes"] >= CACHE_FACTOR * (cache or 0)
