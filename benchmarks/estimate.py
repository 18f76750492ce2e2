"""How long a run will take, from what the model must do and what the device can do. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from benchmarks.roofline import bytes_per_step, mean_context

if TYPE_CHECKING:
    from benchmarks.roofline import Probe, Traffic


@dataclass(frozen=True)
class Work:
    """One run of a model, in plain numbers.

    Attributes:
        decoder_parameters: weights that a decode step reads, the head included.
        head_parameters: of them, the matrix to the vocabulary.
        vision_parameters: weights of the vision encoder and its projector.
        traffic: what a decode step reads, bytes.
        vision_positions: positions (patches) that go through the vision encoder for one sequence, of all
            its passes; 0 where it is not known.
        prompt_tokens: positions of one sequence before the first new token, image positions included.
        new_tokens: of one sequence.
        batch: sequences.
    """

    decoder_parameters: int
    head_parameters: int
    vision_parameters: int
    traffic: Traffic
    vision_positions: int
    prompt_tokens: int
    new_tokens: int
    batch: int = 1


class Estimate(TypedDict):
    """Seconds of one run, at least."""

    vision_s: float
    prefill_s: float
    decode_s: float
    run_s: float


def estimate(work: Work, gemm_flops: float, bytes_per_s: float) -> Estimate:
    """Return the time of one run on a device that computes and reads at the given rates.

    Formula, with 2 flop a weight and position:
        vision  = 2 * vision parameters * positions * batch / gemm_flops
        prefill = max(2 * (body * prompt tokens + head) * batch / gemm_flops, weight bytes / bytes_per_s)
        decode  = (new tokens - 1) * max(bytes per step / bytes_per_s, 2 * decoder parameters * batch / gemm_flops)
    where body = decoder - head parameters, and bytes per step are at the mean context.

    It is a lower bound of the right order, for telling minutes from days: it leaves out attention
    between positions, activations, preprocessing, what Python and kernel launches cost a step, and
    that no kernel reaches the rate of a large product throughout. Against a measured run of
    SmolVLM2-256M on two cores (bf16, 13 tiles): 7.3 s for a prefill of 13.6 s, 16 ms for a step of 63 ms.
    A convolutional encoder reuses its weights more often than once a position: its time comes out too low.

    Args:
        work: the run.
        gemm_flops: rate of a matrix product in the run's precision, flop/s.
        bytes_per_s: rate at which a decode step reads (`rates`).
    """
    body = work.decoder_parameters - work.head_parameters
    vision_s = 2 * work.vision_parameters * work.vision_positions * work.batch / gemm_flops
    compute_s = 2 * (body * work.prompt_tokens + work.head_parameters) * work.batch / gemm_flops
    prefill_s = max(compute_s, work.traffic["weight_bytes"] / bytes_per_s)
    context = mean_context(work.prompt_tokens, work.new_tokens)
    read_s = bytes_per_step(work.traffic, work.batch, context) / bytes_per_s
    step_s = max(read_s, 2 * work.decoder_parameters * work.batch / gemm_flops)
    decode_s = (work.new_tokens - 1) * step_s
    return {
        "vision_s": vision_s,
        "prefill_s": prefill_s,
        "decode_s": decode_s,
        "run_s": vision_s + prefill_s + decode_s,
    }


def rates(probe: Probe, precision: str) -> tuple[float, float] | None:
    """Return (flop/s, bytes/s) of a probe for a precision; None where the probe lacks one.

    Bytes are those of a matrix x vector product, because that is what a decode step does: on a CPU
    it reads at half the rate of a copy. The copy stands in where there is none.
    """
    flops = probe["gemm_flops"].get(precision)
    reading = probe["gemv_bytes_per_s"].get(precision) or probe["copy"]["bytes_per_s"]
    return None if flops is None or reading is None else (flops, reading)
