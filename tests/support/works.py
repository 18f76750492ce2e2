"""Work for an estimate, and what a probe says, in numbers that a test chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.machine.estimate import Work

if TYPE_CHECKING:
    from benchmarks.machine.roofline import Probe, Traffic


def traffic(weights: int, row: int, kv: int, window: int = 0, window_kv: int = 0) -> Traffic:
    """Return what a decode step reads, bytes; `window` in positions."""
    return {
        "weight_bytes": weights,
        "row_bytes": row,
        "kv_bytes_per_token": kv,
        "kv_window_tokens": window,
        "kv_window_bytes_per_token": window_kv,
    }


def work(
    parameters: tuple[int, int, int, int], read: Traffic, positions: tuple[int, int, int], new_tokens: int
) -> Work:
    """Return one run of a model.

    Args:
        parameters: of the model, its decoder, its head, its vision path.
        read: by a decode step.
        positions: of the prompt, of the image in it, of the vision encoder.
        new_tokens: of one sequence.
    """
    whole, decoder, head, vision = parameters
    prompt, image, patches = positions
    return Work(
        model={
            "parameters": whole,
            "decoder_parameters": decoder,
            "head_parameters": head,
            "vision_parameters": vision,
            "traffic": read,
        },
        request={"prompt_tokens": prompt, "image_tokens": image, "vision_positions": patches},
        new_tokens=new_tokens,
    )


def probe(gemm: dict[str, float], gemv: dict[str, float]) -> Probe:
    """Return what a probe says of a CPU whose memory copies 30 GB/s."""
    return {
        "torch_device": "cpu",
        "threads": 2,
        "cache_bytes": None,
        "copy": {
            "bytes_per_s": 3e10,
            "median_bytes_per_s": 2e10,
            "method": "copy",
            "repeats": 9,
            "size_bytes": 2**29,
            "reasons": {},
        },
        "gemm_flops": gemm,
        "gemv_bytes_per_s": gemv,
        "reasons": {"cache_bytes": "not said"},
    }


PROBE = probe({"bf16": 3e11, "fp32": 1e11}, {"bf16": 1.6e10})
"""Of a CPU that has no rate in fp16."""
