"""What the device can do: the rate of a large copy, of matrix products and of matrix x vector products.

Run in a helper process: `run_in_process("spawn", probe, "cuda:0")`. It takes some two seconds, and
bounds itself by time where a device is slow: a CPU without fp16 instructions is 300 times slower
in fp16 than in bf16.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.machine.cpu import read_cpu_cache_bytes
from benchmarks.machine.memory import read_available_bytes
from benchmarks.machine.roofline import Copy, Probe
from benchmarks.models import PRECISIONS
from benchmarks.processes.protocol import describe_error
from benchmarks.record import CACHE_FACTOR
from benchmarks.worker.loading import synchronise

if TYPE_CHECKING:
    import torch

SIZE_BYTES = 512 * 2**20
SHARE_OF_MEMORY = 8
"""At most 1/8 of the available memory is taken, for source and target together."""
FILLING = 0x3C
"""Two such bytes are a normal number in fp16 and bf16: zeros are never mapped, subnormals are slow."""
ROWS = 4096
SMALLEST, LARGEST = 32, 8192
"""Sides of the square matrices of `gemm_rate`."""
PATIENCE_S = 0.05
"""A rate is known when so much was spent on its largest size; the next size takes eight times as long."""
BUDGET_S = 0.5
"""Repeats of a copy stop after so long, whatever their number."""


def probe(torch_device: str) -> Probe:
    """Return what `torch_device` can do, "cpu", "mps" or "cuda:0"."""
    import torch

    device = torch.device(torch_device)
    cache, threads = read_cache_bytes(device), torch.get_num_threads() if device.type == "cpu" else None
    gemm, no_gemm = measure_rates(device, measure_gemm)
    gemv, no_gemv = measure_rates(device, measure_gemv)
    reasons = {
        "cache_bytes": "" if cache else "neither the kernel nor torch says",
        "threads": "" if threads else "it is not the CPU that computes",
        "gemm_flops": no_gemm,
        "gemv_bytes_per_s": no_gemv,
    }
    return {
        "torch_device": torch_device,
        "threads": threads,
        "cache_bytes": cache,
        "copy": measure_copy(device),
        "gemm_flops": gemm,
        "gemv_bytes_per_s": gemv,
        "reasons": {field: why for field, why in reasons.items() if why},
    }


def measure_rates(
    device: torch.device, measure: Callable[[torch.device, torch.dtype], float]
) -> tuple[dict[str, float], str]:
    """Return ({precision: rate}, why some are missing): a device may lack a dtype, or the memory."""
    import torch

    found: dict[str, float] = {}
    missing = []
    for precision, name in (PRECISIONS | {"fp32": "float32"}).items():
        try:
            found[precision] = measure(device, getattr(torch, name))
        except (RuntimeError, TypeError) as error:
            missing.append(f"{precision}: {describe_error(error)['message']}")
    return found, "; ".join(missing)


def measure_copy(device: torch.device, size_bytes: int = SIZE_BYTES, repeats: int = 10) -> Copy:
    """Return the rate of a copy within the device's memory: (read + written bytes) / time.

    The best of the repeats is the figure, because it stands for a peak: whatever else happens on the
    machine only slows a copy down. Below the vendor's figure all the same: a copy reaches some 80 to
    90% of it, and a CPU that reads a line before it overwrites it moves half as much again, uncounted.
    A kernel that only reads can be a few percent faster.

    Args:
        device: on CUDA it is timed by events, on others by the clock, synchronised.
        size_bytes: of the source; made larger where the last-level cache is so large, and smaller
            where memory is short. Where that leaves a size that the cache could hold, there is no figure.
        repeats: after one that does not count.
    """
    size, least = choose_copy_size(size_bytes, read_cache_bytes(device), read_room_bytes(device))
    if size < least:
        reason = f"{size / 1e6:.0f} MB could be copied, and {least / 1e6:.0f} MB are needed to see memory, not cache"
        reasons = dict.fromkeys(("bytes_per_s", "median_bytes_per_s"), reason)
        return _copied(None, None, 0, size, reasons)
    source, target = _buffer(device, size), _buffer(device, size)
    seconds = time_calls(device, lambda: target.copy_(source), repeats, BUDGET_S)
    return _copied(2 * size / min(seconds), 2 * size / median(seconds), len(seconds), size, {})


def choose_copy_size(asked: int, cache: int | None, room: int | None) -> tuple[int, int]:
    """Return (bytes to copy, the least that says something), in whole rows of every dtype.

    At least CACHE_FACTOR times the cache, and at most 1/SHARE_OF_MEMORY of the room for source and target.
    """
    least = CACHE_FACTOR * (cache or 0)
    size = max(asked, least)
    if room is not None:
        size = min(size, room // SHARE_OF_MEMORY // 2)
    return max(size - size % (4 * ROWS), 4 * ROWS), least


def measure_gemm(device: torch.device, dtype: torch.dtype) -> float:
    """Return the rate of a square matrix product, flop/s (2 n^3 a product): the best of the sizes tried.

    The side doubles from SMALLEST until PATIENCE_S were spent on one size, so that a slow device is
    asked for little: at worst for some 8 * PATIENCE_S.
    """
    import torch

    side, best = SMALLEST, 0.0
    while True:
        left = torch.full((side, side), 0.01, device=device, dtype=dtype)
        right = torch.full((side, side), 0.01, device=device, dtype=dtype)
        seconds = time_calls(device, partial(torch.mm, left, right), 3, PATIENCE_S)
        best = max(best, 2 * side**3 / min(seconds))
        if side >= LARGEST or sum(seconds) >= PATIENCE_S:
            return best
        side *= 2


def measure_gemv(device: torch.device, dtype: torch.dtype) -> float:
    """Return the rate at which a matrix x vector product reads its matrix, bytes/s: what decoding does.

    Raises:
        RuntimeError: the device's memory cannot hold a matrix that its cache could not.
    """
    import torch

    size, least = choose_copy_size(SIZE_BYTES // 2, read_cache_bytes(device), read_room_bytes(device))
    if size < least:
        raise RuntimeError("no memory for a matrix that the cache could not hold")
    matrix = _buffer(device, size).view(dtype).view(-1, ROWS)
    vector = torch.full((1, ROWS), 0.01, device=device, dtype=dtype)
    seconds = time_calls(device, lambda: torch.nn.functional.linear(vector, matrix), 4, PATIENCE_S)
    return size / min(seconds)


def time_calls(device: torch.device, work: Callable[[], object], repeats: int, budget_s: float) -> list[float]:
    """Return the seconds of each of `repeats` calls after one that does not count; fewer where they take long.

    A slow first call is all that there is: repeats end, and the first counts, when the budget is gone.
    """
    first = _seconds(device, work)
    if first > 2 * budget_s:
        return [first]
    found: list[float] = []
    while len(found) < repeats and (not found or sum(found) < budget_s):
        found.append(_seconds(device, work))
    return found


def read_cache_bytes(device: torch.device) -> int | None:
    """Return the last-level cache of `device`, bytes: a GPU's L2, else the CPU's; None where nothing says."""
    import torch

    if device.type != "cuda":
        return read_cpu_cache_bytes()
    size = int(getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0))
    return size or None


def read_room_bytes(device: torch.device) -> int | None:
    """Return the memory that is available on `device`, bytes; None where nothing says.

    Of a GPU that shares the CPU's memory, what the machine has left bounds it too.
    """
    import torch

    available = read_available_bytes()
    if device.type == "cuda":
        free = int(torch.cuda.mem_get_info(device)[0])
        return free if available is None else min(free, available)
    return available


def _seconds(device: torch.device, work: Callable[[], object]) -> float:
    """Return the seconds that `work` takes on the device, until it is done."""
    import torch

    synchronise(device)
    if device.type == "cuda":
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        with torch.cuda.device(device):
            start.record()
            work()
            end.record()
        synchronise(device)
        return float(start.elapsed_time(end)) / 1e3
    began = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - began


def _buffer(device: torch.device, size: int) -> Any:
    import torch

    return torch.full((size,), FILLING, dtype=torch.uint8, device=device)


def _copied(best: float | None, middle: float | None, repeats: int, size: int, reasons: dict[str, str]) -> Copy:
    return {
        "bytes_per_s": best,
        "median_bytes_per_s": middle,
        "method": "copy within the device's memory, read + written bytes, best of the repeats",
        "repeats": repeats,
        "size_bytes": size,
        "reasons": reasons,
    }
