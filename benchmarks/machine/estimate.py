"""Estimate the time of a run from the size of the model and the rates of the device."""

from dataclasses import dataclass
from typing import TypedDict

from benchmarks.machine.roofline import Probe, Traffic, compute_bytes_per_step, compute_mean_context


class ModelSize(TypedDict):
    """The size of a model, from `worker.architecture`."""

    parameters: int  # tied ones once
    decoder_parameters: int  # read whole in a decode step, the head included
    head_parameters: int  # of the matrix to the vocabulary, which a prefill needs for one position only
    vision_parameters: int  # of the encoder and projector for photographs
    traffic: Traffic


class RequestSize(TypedDict):
    """The size of one sequence's request in a model's processor, in positions."""

    prompt_tokens: int  # text and image positions together
    image_tokens: int
    vision_positions: int  # patches of all passes through the vision encoder


@dataclass(frozen=True)
class Work:
    """One run of a model; `request` and `new_tokens` are those of one sequence, `batch` is their number."""

    model: ModelSize
    request: RequestSize
    new_tokens: int
    batch: int = 1


class Estimate(TypedDict):
    """The least seconds of one run."""

    vision_s: float
    prefill_s: float
    decode_s: float
    run_s: float


def estimate(work: Work, gemm_flops: float, bytes_per_s: float) -> Estimate:
    """Return the time of one run on a device.

    `gemm_flops` is the rate of a matrix product in the run's precision, flop/s, `bytes_per_s` that of reading.

    Formula, with 2 flop per weight and position:
        vision  = 2 * vision parameters * positions * batch / gemm_flops
        prefill = max(2 * (body * prompt tokens + head) * batch / gemm_flops, weight bytes / bytes_per_s)
        decode  = (new tokens - 1) * max(bytes per step / bytes_per_s, 2 * decoder parameters * batch / gemm_flops)
    where body = decoder - head parameters, and bytes per step are at the mean context. A step of one
    sequence has no matrix product, so the rate of products (slow for fp16 on a CPU) does not limit it.

    This is a lower bound of the right order of magnitude. It leaves out attention between positions,
    activations, preprocessing, Python, kernel launches, and that kernels rarely reach the rate of a
    large product. A convolutional encoder reuses its weights more than once per position, so its time
    is too low. For SmolVLM2-256M on two cores (bf16, 13 tiles) it gives 6.9 s to the first token, where
    13.6 s were measured, and 18 ms per decode step, where 63 ms were measured.
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
    run_s = vision_s + prefill_s + decode_s
    return {"vision_s": vision_s, "prefill_s": prefill_s, "decode_s": decode_s, "run_s": run_s}


def find_rates(probe: Probe, precision: str) -> tuple[float, float] | None:
    """Return (flop/s, bytes/s) of a probe for a precision; None if the probe lacks one.

    A decode step reads at the rate of a matrix x vector product, on a CPU half that of a copy. The
    rate of the copy replaces a missing one.
    """
    flops = probe["gemm_flops"].get(precision)
    reading = probe["gemv_bytes_per_s"].get(precision) or probe["copy"]["bytes_per_s"]
    return None if flops is None or reading is None else (flops, reading)
