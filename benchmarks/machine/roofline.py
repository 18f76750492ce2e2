"""The bytes that a decode step reads, and the rates of a device. Arithmetic that imports none of our modules.

`worker.traffic` and `worker.probe` fill in the sections.
"""

from collections.abc import Mapping
from typing import TypedDict

SLOW_FP16 = 0.25
"""fp16 below this share of the fp32 rate is emulated: 0.01 to 0.06 was seen there, and 0.5 to 2 elsewhere."""


class Traffic(TypedDict):
    """What one decode step reads, bytes; `compute_bytes_per_step` adds the parts up."""

    weight_bytes: int  # read whole in every step for any batch; tied weights once
    row_bytes: int  # rows looked up in embedding tables, for each sequence
    kv_bytes_per_token: int  # K and V of all layers that attend to the whole context, one position of one sequence
    kv_window_tokens: int  # positions that a sliding-window layer attends to; 0 without such layers
    kv_window_bytes_per_token: int  # as kv_bytes_per_token, of all sliding-window layers


class Copy(TypedDict):
    """The rate of one large copy within the device's memory."""

    bytes_per_s: float | None  # best of the repeats: read + written bytes / time
    median_bytes_per_s: float | None
    method: str
    repeats: int
    size_bytes: int  # of the source; as much again is written
    reasons: dict[str, str]


class Probe(TypedDict):
    """The rates of a device, each the best of a few."""

    torch_device: str
    threads: int | None  # of torch; null unless the model runs on the CPU
    cache_bytes: int | None  # last-level cache: L3 of a CPU, L2 of a GPU
    copy: Copy
    gemm_flops: dict[str, float]  # precision -> flop/s of a square matrix product, if the device has it
    gemv_bytes_per_s: dict[str, float]  # precision -> rate at which a matrix x vector product reads the matrix
    reasons: dict[str, str]


def compute_bytes_per_step(traffic: Traffic, batch: int, context_tokens: float) -> float:
    """Return the bytes that one decode step reads.

    Formula: weights + batch * (rows + KV * context + window KV * min(context, window)).

    Weights are read once for all sequences. `context_tokens` are the positions that the new token attends to, with its
    own, or their mean over steps (`compute_mean_context`). The bytes are a lower bound: writes, activations and
    repeated reads (transformers' dynamic cache copies itself in each step) are left out.
    """
    return traffic["weight_bytes"] + batch * (traffic["row_bytes"] + compute_cached_bytes(traffic, context_tokens))


def compute_cached_bytes(traffic: Traffic, context_tokens: float) -> float:
    """Return the bytes of K and V that one sequence attends to: KV * context + window KV * min(context, window)."""
    windowed = min(context_tokens, traffic["kv_window_tokens"])
    return traffic["kv_bytes_per_token"] * context_tokens + traffic["kv_window_bytes_per_token"] * windowed


def compute_mean_context(prompt_tokens: float, new_tokens: int) -> float:
    """Return the mean context of the decode steps of a run, tokens.

    The first token comes from the prefill; step k of the new_tokens - 1 that follow attends to
    prompt_tokens + k positions (image positions count as prompt). Mean: prompt_tokens + new_tokens / 2.
    """
    return prompt_tokens + new_tokens / 2


def is_fp16_too_slow(gemm_flops: Mapping[str, float]) -> bool:
    """Return whether fp16 runs below SLOW_FP16 of the fp32 rate; False if one is unknown.

    A CPU without fp16 instructions is about 100 times slower in fp16 than in fp32: a prefill takes minutes.
    """
    half, single = gemm_flops.get("fp16"), gemm_flops.get("fp32")
    return half is not None and single is not None and half < SLOW_FP16 * single
