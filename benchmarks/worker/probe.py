"""Rates of the device: of a large copy, of matrix products, and of matrix x vector products.

Run it in a helper process. It takes about two seconds and limits itself by time on a slow device:
a CPU without fp16 instructions is 300 times slower in fp16 than in bf16.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

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
"""Source and target together take at most 1/8 of the available memory."""
FILLING = 0x3C
"""Two such bytes are a normal number in fp16 and bf16. Zeros are never mapped, and denormals are slow."""
ROWS = 4096
SMALLEST, LARGEST = 32, 8192
"""Sides of the square matrices of `measure_gemm`."""
PATIENCE_S = 0.05
"""Time for one size of matrix; the next size takes eight times as long."""
BUDGET_S = 0.5
"""Time for the repeats of a copy."""


def probe(torch_device: str) -> Probe:
    """Return the rates of `torch_device`: "cpu", "mps" or "cuda:0"."""
    import torch

    device = torch.device(torch_device)
    cache, threads = read_cache_bytes(device), torch.get_num_threads() if device.type == "cpu" else None
    gemm, no_gemm = measure_rates(device, measure_gemm)
    gemv, no_gemv = measure_rates(device, measure_gemv)
    reasons = {
        "cache_bytes": "" if cache else "neither the kernel nor torch reports it",
        "threads": "" if threads else "the model does not run on the CPU",
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
    """Return ({precision: rate}, why rates are missing): a device may lack a dtype, or the memory."""
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

    The best repeat stands for the peak, because other work on the machine only slows a copy down.
    A copy reaches 80 to 90% of the vendor's figure. A CPU that reads a line before it overwrites it
    moves half as much again, which is not counted. A kernel that only reads can be a few percent faster.
    `size_bytes` of the source grows with the last-level cache and shrinks where memory is short; there is
    no rate if the cache could hold it.
    """
    size, least = choose_copy_size(size_bytes, read_cache_bytes(device), read_room_bytes(device))
    seconds: list[float] = []
    reasons: dict[str, str] = {}
    if size < least:
        reason = f"only {size / 1e6:.0f} MB could be copied, but {least / 1e6:.0f} MB are needed to exceed the cache"
        reasons = dict.fromkeys(("bytes_per_s", "median_bytes_per_s"), reason)
    else:
        source, target = _fill_bytes(device, size), _fill_bytes(device, size)
        seconds = time_calls(device, lambda: target.copy_(source), repeats, BUDGET_S)
    return {
        "bytes_per_s": 2 * size / min(seconds) if seconds else None,
        "median_bytes_per_s": 2 * size / median(seconds) if seconds else None,
        "method": "copy within the device's memory, read + written bytes, best of the repeats",
        "repeats": len(seconds),
        "size_bytes": size,
        "reasons": reasons,
    }


def choose_copy_size(asked: int, cache: int | None, room: int | None) -> tuple[int, int]:
    """Return (bytes to copy, bytes that the cache could not hold), the first in whole rows of every dtype.

    At least CACHE_FACTOR times the cache, and at most 1/SHARE_OF_MEMORY of the room for source and target.
    """
    least = CACHE_FACTOR * (cache or 0)
    size = max(asked, least)
    if room is not None:
        size = min(size, room // SHARE_OF_MEMORY // 2)
    return max(size - size % (4 * ROWS), 4 * ROWS), least


def measure_gemm(device: torch.device, dtype: torch.dtype) -> float:
    """Return the rate of a square matrix product, flop/s (2 n^3 a product): the best of all sizes.

    The side doubles from SMALLEST until one size takes PATIENCE_S, so a slow device takes at worst
    about 8 * PATIENCE_S.
    """
    import torch

    side, best = SMALLEST, 0.0
    while True:
        left, right = (torch.full((side, side), 0.01, device=device, dtype=dtype) for _ in range(2))
        seconds = time_calls(device, partial(torch.mm, left, right), 3, PATIENCE_S)
        best = max(best, 2 * side**3 / min(seconds))
        if side >= LARGEST or sum(seconds) >= PATIENCE_S:
            return best
        side *= 2


def measure_gemv(device: torch.device, dtype: torch.dtype) -> float:
    """Return the rate at which a matrix x vector product reads its matrix, bytes/s, as a decode step does.

    Raises:
        RuntimeError: memory is too short for a matrix that the cache could not hold.
    """
    import torch

    size, least = choose_copy_size(SIZE_BYTES // 2, read_cache_bytes(device), read_room_bytes(device))
    if size < least:
        raise RuntimeError("not enough memory for a matrix larger than the cache")
    matrix = _fill_bytes(device, size).view(dtype).view(-1, ROWS)
    vector = torch.full((1, ROWS), 0.01, device=device, dtype=dtype)
    seconds = time_calls(device, lambda: torch.nn.functional.linear(vector, matrix), 4, PATIENCE_S)
    return size / min(seconds)


def time_calls(device: torch.device, work: Callable[[], object], repeats: int, budget_s: float) -> list[float]:
    """Return the seconds of each of `repeats` calls after one that does not count; fewer if the budget is spent.

    If the first call takes more than twice the budget, it is the only one, and counts.
    """
    first = _time_call(device, work)
    if first > 2 * budget_s:
        return [first]
    found: list[float] = []
    while len(found) < repeats and (not found or sum(found) < budget_s):
        found.append(_time_call(device, work))
    return found


def read_cache_bytes(device: torch.device) -> int | None:
    """Return the last-level cache of `device`, bytes: a GPU's L2, else the CPU's; None if unknown."""
    import torch

    if device.type != "cuda":
        return read_cpu_cache_bytes()
    return int(getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0)) or None


def read_room_bytes(device: torch.device) -> int | None:
    """Return the available memory of `device`, bytes, at most that of the machine; None if unknown."""
    import torch

    available = read_available_bytes()
    if device.type == "cuda":
        free = int(torch.cuda.mem_get_info(device)[0])
        return free if available is None else min(free, available)
    return available


def _time_call(device: torch.device, work: Callable[[], object]) -> float:
    """Return the seconds until the device has finished `work`."""
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


def _fill_bytes(device: torch.device, size: int) -> torch.Tensor:
    import torch

    return torch.full((size,), FILLING, dtype=torch.uint8, device=device)
