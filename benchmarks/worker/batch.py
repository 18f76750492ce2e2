"""Whether a batch fits in memory beside its model, checked before its first run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.formatting import format_gb
from benchmarks.machine import memory
from benchmarks.machine.roofline import compute_cached_bytes
from benchmarks.worker.traffic import count_traffic

if TYPE_CHECKING:
    import torch


class BatchTooLarge(RuntimeError):
    """A batch that cannot fit; `each` and `left` in bytes."""

    def __init__(self, batch: int, each: float, left: float) -> None:
        most = max(1, int(left // each))
        super().__init__(
            f"--batch-size={batch} needs at least {format_gb(batch * each)} in addition to the model, but "
            f"{format_gb(left)} are available; type --batch-size={most} or less"
        )


def check_batch(model: Any, inputs: Any, new_tokens: int, batch: int) -> None:
    """Check that `batch` sequences like the one in `inputs`, each with `new_tokens` more, fit beside `model`.

    Each needs at least its K and V and its input tensors; activations come on top.

    Raises:
        BatchTooLarge: they do not fit.
    """
    each = compute_cached_bytes(count_traffic(model), inputs["input_ids"].shape[1] + new_tokens)
    each += sum(getattr(value, "nbytes", 0) for value in inputs.values())
    left = read_left_bytes(model.device)
    if left is not None and batch * each > left:
        raise BatchTooLarge(batch, each, left)


def read_left_bytes(device: torch.device) -> int | None:
    """Return the memory that `device` has left for tensors, bytes; None if unknown.

    For a GPU that shares the CPU's memory this is MemAvailable: CUDA counts the page cache as taken.
    """
    import torch

    if device.type != "cuda" or getattr(torch.cuda.get_device_properties(device), "is_integrated", False):
        return memory.read_available_bytes()
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0] + kept)
