"""Rates of the device: of a large copy, of matrix products, and of matrix x vector products.

Run it in a helper process. It takes about six seconds on two idle cores. Other work on the machine only slows a call
down, and by any amount, so nothing is decided by one call: each rate is the best of many short calls, in several
passes. On a CPU half of the passes use one thread: threads that must wait for each other are held up most.
A device that is slow itself is asked for little: a CPU without fp16 instructions is up to 300 times slower in fp16.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.machine.cpu import read_cpu_cache_bytes
from benchmarks.machine.memory import read_available_bytes
from benchmarks.machine.roofline import Copy, Probe, is_fp16_too_slow
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
"""Such bytes are a normal number in every precision. Zeros are never mapped, and denormals are slow."""
ROWS = 4096
SMALLEST, LARGEST = 64, 8192
"""Sides of the square matrices of `measure_gemm`."""
PATIENCE_S = 0.03
"""A size of matrix whose product takes longer is the last; the next one takes eight times as long."""
PIECES_BYTES = 16 * 2**20, 256 * 2**20
"""Pieces of the matrix of `measure_gemv`. A short one is rarely interrupted; to wake threads costs a long one less."""
LEAST_CALLS, MOST_CALLS, BUDGET_S, RETRIES = 5, 20, 0.1, 8
"""Calls of each kind in a pass: at least, and at most within so many seconds; and more until one is plausible."""
SLOWEST_FLOPS, SLOWEST_BYTES_PER_S = 1e7, 2e8
"""A slower call was held up: 1/100 of what a small CPU computes without instructions for fp16, and copies."""
FALL = 10.0
"""A matrix product at less than 1/10 of the rate of the last size was held up."""
PASSES, PATIENCE_IN_ALL_S = 4, 30.0
"""Passes over all precisions. After so long two are enough, unless fp16 seems too slow."""


def probe(torch_device: str) -> Probe:
    """Return the rates of `torch_device`: "cpu", "mps" or "cuda:0"."""
    import torch

    device = torch.device(torch_device)
    cache, threads = read_cache_bytes(device), torch.get_num_threads() if device.type == "cpu" else None
    first = measure_copy(torch_device)
    size, least = choose_copy_size(SIZE_BYTES // 2, cache, read_room_bytes(device))
    rates = make_passes(device, None if size < least else _fill_bytes(device, size))
    reasons = {
        "cache_bytes": "" if cache else "neither the kernel nor torch reports it",
        "threads": "" if threads else "the model does not run on the CPU",
        **rates.reasons,
    }
    return {
        "torch_device": torch_device,
        "threads": threads,
        "cache_bytes": cache,
        "copy": _choose_faster(first, measure_copy(torch_device)),
        "gemm_flops": rates.choose_gemm(),
        "gemv_bytes_per_s": join_best(*rates.gemv),
        "reasons": {field: why for field, why in reasons.items() if why},
    }


@dataclass
class Rates:
    """The best rates so far, {precision: rate}: first with all threads, second with one thread of a CPU."""

    gemm: list[dict[str, float]] = field(default_factory=lambda: [{}, {}])
    gemv: list[dict[str, float]] = field(default_factory=lambda: [{}, {}])
    reasons: dict[str, str] = field(default_factory=dict)

    def add_pass(self, device: torch.device, matrix: torch.Tensor | None, *, one_thread: bool) -> None:
        """Measure each precision once."""
        gemm, self.reasons["gemm_flops"] = measure_rates(device, measure_gemm)
        gemv, self.reasons["gemv_bytes_per_s"] = measure_rates(device, partial(measure_gemv, matrix=matrix))
        self.gemm[one_thread] = join_best(self.gemm[one_thread], gemm)
        self.gemv[one_thread] = join_best(self.gemv[one_thread], gemv)

    def choose_gemm(self) -> dict[str, float]:
        """Return the better rate of each precision; those of one thread if only noise makes fp16 slow.

        Threads that waited for each other in fp16 alone are noise: one thread is rarely held up.
        """
        joined = join_best(*self.gemm)
        return self.gemm[1] if is_fp16_too_slow(joined) and not is_fp16_too_slow(self.gemm[1]) else joined


def join_best(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    """Return the better of two rates of each precision."""
    return {name: max(one.get(name, 0.0), other.get(name, 0.0)) for name in one | other}


def make_passes(device: torch.device, matrix: torch.Tensor | None) -> Rates:
    """Return the best rates of PASSES passes, in turn with all threads and with one."""
    import torch

    rates, began, threads = Rates(), time.monotonic(), torch.get_num_threads()
    for made in range(PASSES):
        late = time.monotonic() - began > PATIENCE_IN_ALL_S
        if made > 1 and late and not is_fp16_too_slow(rates.gemm[1]):
            break
        one_thread = made % 2 == 1
        torch.set_num_threads(1 if one_thread else threads)
        rates.add_pass(device, matrix, one_thread=one_thread)
    torch.set_num_threads(threads)
    return rates


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


def measure_copy(torch_device: str) -> Copy:
    """Return the rate of a copy within the device's memory: (read + written bytes) / time.

    The best repeat stands for the peak, because other work on the machine only slows a copy down.
    A copy reaches 80 to 90% of the vendor's figure. A CPU that reads a line before it overwrites it
    moves half as much again, which is not counted. A kernel that only reads can be a few percent faster.
    The source grows with the last-level cache and shrinks where memory is short; there is no rate if the cache could
    hold it.
    """
    import torch

    device = torch.device(torch_device)
    size, least = choose_copy_size(SIZE_BYTES, read_cache_bytes(device), read_room_bytes(device))
    seconds: list[float] = []
    reason = f"only {size / 1e6:.0f} MB could be copied, but {least / 1e6:.0f} MB are needed to exceed the cache"
    if size >= least:
        source, target = _fill_bytes(device, size), _fill_bytes(device, size)
        seconds = time_calls(device, lambda: target.copy_(source), 2 * size / SLOWEST_BYTES_PER_S)
    return {
        "bytes_per_s": 2 * size / min(seconds) if seconds else None,
        "median_bytes_per_s": 2 * size / median(seconds) if seconds else None,
        "method": "copy within the device's memory, read + written bytes, best of the repeats",
        "repeats": len(seconds),
        "size_bytes": size,
        "reasons": {} if seconds else dict.fromkeys(("bytes_per_s", "median_bytes_per_s"), reason),
    }


def _choose_faster(first: Copy, second: Copy) -> Copy:
    """Return the faster copy of two, with the repeats of both."""
    faster = max(first, second, key=lambda copy: copy["bytes_per_s"] or 0.0)
    return {**faster, "repeats": first["repeats"] + second["repeats"]}


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

    The side doubles from SMALLEST until the rate grows no more, or a product takes PATIENCE_S.
    """
    import torch

    side, best, plausible_s = SMALLEST, 0.0, 2 * SMALLEST**3 / SLOWEST_FLOPS
    while True:
        left, right = (torch.full((side, side), 0.01, device=device, dtype=dtype) for _ in range(2))
        shortest = min(time_calls(device, partial(torch.mm, left, right), plausible_s))
        rate = 2 * side**3 / shortest
        if side >= LARGEST or shortest >= PATIENCE_S or rate < best:
            return max(best, rate)
        side, best, plausible_s = side * 2, rate, 8 * FALL * shortest


def measure_gemv(device: torch.device, dtype: torch.dtype, matrix: torch.Tensor | None) -> float:
    """Return the rate at which a matrix x vector product reads its matrix, bytes/s, as a decode step does.

    Raises:
        RuntimeError: memory is too short for a matrix that the cache could not hold.
    """
    import torch

    if matrix is None:
        raise RuntimeError("not enough memory for a matrix larger than the cache")
    rows, best = matrix.view(dtype).view(-1, ROWS), 0.0
    vector = torch.full((1, ROWS), 0.01, device=device, dtype=dtype)
    for size in PIECES_BYTES:
        pieces = cycle(rows.split(size // ROWS // dtype.itemsize)[: matrix.nbytes // size or None])
        products = map(partial(torch.nn.functional.linear, vector), pieces)  # each is computed when it is asked for
        seconds = time_calls(device, partial(next, products), size / SLOWEST_BYTES_PER_S)
        best = max(best, min(size, matrix.nbytes) / min(seconds))
    return best


def time_calls(device: torch.device, work: Callable[[], object], plausible_s: float) -> list[float]:
    """Return the seconds of each call of `work`; longer ones than `plausible_s` were held up, and are repeated."""
    found: list[float] = []
    while (
        len(found) < LEAST_CALLS
        or (len(found) < MOST_CALLS and sum(found) < BUDGET_S)
        or (len(found) < LEAST_CALLS + RETRIES and min(found) > plausible_s)
    ):
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
