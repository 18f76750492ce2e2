"""A model on its device: loaded from a checkpoint's files, or made there with random weights."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.processes.protocol import Job

if TYPE_CHECKING:
    import torch

MAPPED = "mapped from the files"
STRAIGHT = "from the files directly to the device"
THROUGH_CPU = "from the files to the CPU, then to the device"
MADE = "made on the device"

PAGE_BYTES = 4096
SEED = 20260117
CHUNK = 1 << 24
"""Weights per step of `lift_denormals`, whose temporary copies stay under 0.1 GB."""


def load_weights(job: Job, device: torch.device, dtype: torch.dtype) -> tuple[Any, str]:
    """Return (model, load method) from the files of `job.source`, with every weight in memory or on the device.

    Without accelerate, transformers loads to the CPU first.

    Raises:
        IncompleteCheckpoint: weights are missing, which transformers would fill with random ones silently.
    """
    from transformers import AutoModelForMultimodalLM

    options: dict[str, Any] = {"dtype": dtype, "trust_remote_code": job.trust_remote_code}
    how = MAPPED if device.type == "cpu" else THROUGH_CPU
    if device.type != "cpu" and importlib.util.find_spec("accelerate") is not None:
        options["device_map"], how = {"": device}, STRAIGHT
    model, found = AutoModelForMultimodalLM.from_pretrained(job.source, output_loading_info=True, **options)
    missing = sorted([*found["missing_keys"], *(str(odd[0]) for odd in found["mismatched_keys"])])
    if missing:
        raise IncompleteCheckpoint(missing)
    model = model.to(device).eval()
    touch(model)
    return model, how


class IncompleteCheckpoint(RuntimeError):
    """Weights are missing from a checkpoint, or have another shape."""

    def __init__(self, missing: list[str]) -> None:
        super().__init__(
            f"its files lack {len(missing)} of the model's weights, the first is {missing[0]}; the files are damaged "
            "or of another model: delete them and type --prefetch, or type --revision=MODEL=SHA with another commit"
        )


def make_weights(job: Job, device: torch.device, dtype: torch.dtype) -> Any:
    """Return a model of `job.source`'s configuration with random weights, made on `device` in `dtype`.

    They are transformers' own initial weights, with which no output overflows. The model is built on the
    meta device first: elsewhere a tied head gets memory of its own before it is tied, 1.2 GB for Phi.
    """
    import torch
    from transformers import AutoConfig, AutoModelForMultimodalLM, GenerationConfig

    config = AutoConfig.from_pretrained(job.source, trust_remote_code=False)
    with torch.device("meta"):
        model = AutoModelForMultimodalLM.from_config(config, dtype=dtype, trust_remote_code=False)
    torch.manual_seed(SEED)
    materialise(model, device)
    model.generation_config = GenerationConfig.from_pretrained(job.source)
    lift_denormals(model)
    return model.eval()


def materialise(model: Any, device: torch.device) -> None:
    """Give a model on the meta device its initial weights on `device`, tied ones once.

    A buffer without an initialisation stays zero: one in Gemma 3n's audio tower, which processes no photograph.

    Raises:
        RuntimeError: a weight was not initialised.
    """
    import torch

    made: dict[int, Any] = {}
    for module in model.modules():
        module._is_hf_initialized = False  # noqa: SLF001 - transformers marked it on the meta device
        for name, weight in list(module._parameters.items()):  # noqa: SLF001 - torch has no other way to keep ties
            if weight is not None:
                if id(weight) not in made:
                    empty = torch.full(weight.shape, torch.nan, dtype=weight.dtype, device=device)
                    made[id(weight)] = torch.nn.Parameter(empty, weight.requires_grad)
                module._parameters[name] = made[id(weight)]  # noqa: SLF001
        for name, buffer in list(module._buffers.items()):  # noqa: SLF001
            if buffer is not None:
                module._buffers[name] = torch.zeros(buffer.shape, dtype=buffer.dtype, device=device)  # noqa: SLF001
    with torch.no_grad():
        for module in model.modules():  # those of torch and timm first, which transformers does not know
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        model.initialize_weights()
    empty_ones = [name for name, weight in model.named_parameters() if bool(weight.detach().view(-1)[:1].isnan().any())]
    if empty_ones:
        raise RuntimeError(f"{empty_ones[0]} and {len(empty_ones) - 1} other weights got no random values")


def lift_denormals(model: Any) -> None:
    """Replace every weight that is denormal in its dtype by the least normal number.

    Some processors are far slower on denormals. In fp16 these are below 6.1e-5: 0.24% of weights with
    standard deviation 0.02, and possibly those of a checkpoint that was trained in bf16.
    """
    import torch

    for weight in model.parameters():
        least = torch.finfo(weight.dtype).smallest_normal
        for piece in weight.detach().view(-1).split(CHUNK):
            piece[(piece.abs() < least) & (piece != 0)] = least


def touch(model: Any) -> None:
    """Read one element of every page of every weight, which brings all of them into memory."""
    for weight in model.parameters():
        if weight.device.type == "cpu" and weight.numel():
            weight.detach().flatten()[:: max(1, PAGE_BYTES // weight.element_size())].float().sum()


def reset_peaks(device: torch.device) -> None:
    """Let the peak memory of this process count from now on, in RAM (VmHWM) and in torch's allocator on CUDA."""
    import torch

    with contextlib.suppress(OSError):  # then the peak counts from the start of the process
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
