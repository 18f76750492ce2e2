"""The probe: its rates, its time limits, and the form of its answer.

Tests benchmarks.worker.probe.
"""

import json
import time

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks import record
from benchmarks.machine.roofline import Copy, Probe
from benchmarks.processes.helper import run_in_process
from benchmarks.record import CACHE_FACTOR, typecheck
from benchmarks.worker import probe as probing

CPU = torch.device("cpu")
MIB, GIB = 2**20, 2**30


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


def test_repeats() -> None:
    """The first call counts only if it took too long for another."""
    calls: list[float] = []

    def work() -> None:
        calls.append(0)
        time.sleep(0.02)

    assert len(probing.time_calls(CPU, work, repeats=3, budget_s=60)) == 3
    assert len(calls) == 4
    calls.clear()
    slow = probing.time_calls(CPU, work, repeats=3, budget_s=0.001)
    assert len(calls) == len(slow) == 1
    assert slow[0] >= 0.02


class Products(TorchDispatchMode):  # type: ignore[misc]
    """Records the side of each matrix product, and slows down those from `slow_from` on."""

    def __init__(self, slow_from: int) -> None:
        super().__init__()
        self.sides: list[int] = []
        self._slow_from = slow_from

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN204
        if func is torch.ops.aten.mm.default:
            self.sides.append(args[0].shape[0])
            time.sleep(probing.PATIENCE_S if self.sides[-1] >= self._slow_from else 0)
        return func(*args, **(kwargs or {}))


def test_a_slow_device_is_asked_for_little() -> None:
    """The sides of the products double from the smallest until one is slow; no larger one is tried."""
    with Products(slow_from=128) as products:
        probing.measure_gemm(CPU, torch.float32)

    assert sorted(set(products.sides)) == [32, 64, 128]
    assert products.sides.count(128) == 2  # the one that does not count, and the one that used the patience up


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
