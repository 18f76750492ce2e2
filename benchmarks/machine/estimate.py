"""How long a run will take, from what the model must do and what the device can do. Pure arithmetic."""

from dataclasses import dataclass
from typing import TypedDict

from benchmarks.machine.roofline import Probe, Traffic, compute_bytes_per_step, compute_mean_context


class ModelSize(TypedDict):
    """What an estimate needs to know of a model. `worker.figures` finds it out."""

    parameters: int  # tied ones once
    decoder_parameters: int  # read whole in a decode step, the head included
    head_parameters: int  # of them, the matrix to the vocabulary: a prefill needs it for one position only
    vision_parameters: int  # of the encoder and projector that a photograph goes through
    traffic: Traffic


class RequestSize(TypedDict):
    """What one request is to a model's processor, in positions, of one sequence."""

    prompt_tokens: int  # text and image positions together
    image_tokens: int
    vision_positions: int  # patches of all passes through the vision encoder


@dataclass(frozen=True)
class Work:
    """One run of a model.

    Attributes:
        model: its figures.
        request: what one sequence begins with.
        new_tokens: of one sequence.
        batch: sequences.
    """

    model: ModelSize
    request: RequestSize
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
    where body = decoder - head parameters, and bytes per step are at the mean context. A step of one
    sequence has no matrix product, and is not held up by the rate of one (fp16 on a CPU).

    It is a lower bound of the right order, for telling minutes from days: it leaves out attention
    between positions, activations, preprocessing, what Python and kernel launches cost a step, and
    that no kernel reaches the rate of a large product throughout. Against a measured run of
    SmolVLM2-256M on two cores (bf16, 13 tiles): 6.9 s for a first token after 13.6 s, 18 ms for a step of 63 ms.
    A convolutional encoder reuses its weights more often than once a position: its time comes out too low.

    Args:
        work: the run.
        gemm_flops: rate of a matrix product in the run's precision, flop/s.
        bytes_per_s: rate at which a decode step reads (`rates`).
    """
    model, request, batch = work.model, work.request, work.batch
    body = model["decoder_parameters"] - model["head_parameters"]
    vision_s = 2 * model["vision_parameters"] * request["vision_positions"] * batch / gemm_flops
    compute_s = 2 * (body * request["prompt_tokens"] + model["head_parameters"]) * batch / gemm_flops
    prefill_s = max(compute_s, model["traffic"]["weight_bytes"] / bytes_per_s)
    context = compute_mean_context(request["prompt_tokens"], work.new_tokens)
    read_s = compute_bytes_per_step(model["traffic"], batch, context) / bytes_per_s
    step_s = max(read_s, 2 * model["decoder_parameters"] * batch / gemm_flops) if batch > 1 else read_s
    decode_s = (work.new_tokens - 1) * step_s
    return {
        "vision_s": vision_s,
        "prefill_s": prefill_s,
        "decode_s": decode_s,
        "run_s": vision_s + prefill_s + decode_s,
    }


def find_rates(probe: Probe, precision: str) -> tuple[float, float] | None:
    """Return (flop/s, bytes/s) of a probe for a precision; None where the probe lacks one.

    Bytes are those of a matrix x vector product, because that is what a decode step does: on a CPU
    it reads at half the rate of a copy. The copy stands in where there is none.
    """
    flops = probe["gemm_flops"].get(precision)
    reading = probe["gemv_bytes_per_s"].get(precision) or probe["copy"]["bytes_per_s"]
    return None if flops is None or reading is None else (flops, reading)
