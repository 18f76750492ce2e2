"""The ways to a model on its device: from a checkpoint's files, or made there with random weights."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.machine import memory
from benchmarks.processes.protocol import Job

if TYPE_CHECKING:
    import torch

MAPPED = "mapped from the files"
STRAIGHT = "from the files straight to the device"
THROUGH_CPU = "from the files to the CPU, then to the device"
MADE = "made on the device"

PAGE_BYTES = 4096
SEED = 20260117
AT_ONCE = 1 << 24
"""Weights that are looked at in one step: what that takes beside the model stays under 0.1 GB."""


def load_weights(job: Job, device: torch.device, dtype: torch.dtype) -> tuple[Any, str]:
    """Return (model, how) from the files of `job.source`; every weight is in memory or on the device.

    Without accelerate transformers cannot load straight to a device, and a copy is on the CPU meanwhile.

    Raises:
        IncompleteCheckpoint: the files lack weights, which transformers would make up without a word.
    """
    from transformers import AutoModelForMultimodalLM

    options: dict[str, Any] = {"dtype": dtype, "trust_remote_code": job.trust_remote_code}
    how = MAPPED if device.type == "cpu" else THROUGH_CPU
    if device.type != "cpu" and importlib.util.find_spec("accelerate") is not None:
        options["device_map"], how = {"": device}, STRAIGHT
    model, found = AutoModelForMultimodalLM.from_pretrained(job.source, output_loading_info=True, **options)
    lacks = sorted([*found["missing_keys"], *(str(odd[0]) for odd in found["mismatched_keys"])])
    if lacks:
        raise IncompleteCheckpoint(lacks)
    model = model.to(device).eval()
    touch(model)
    return model, how


class IncompleteCheckpoint(RuntimeError):
    """A checkpoint that lacks weights of its model, or has them in another shape."""

    def __init__(self, lacks: list[str]) -> None:
        super().__init__(
            f"its files lack {len(lacks)} of the model's weights, the first is {lacks[0]}; they are damaged or of "
            "another model: delete them and type --prefetch, or --revision=MODEL=SHA for other ones"
        )


def make_weights(job: Job, device: torch.device, dtype: torch.dtype) -> Any:
    """Return a model of `job.source`'s configuration with random weights, made on `device` in `dtype`.

    They are transformers' own initial weights, so that no output overflows. The model is laid out on
    the meta device first, because a tied head would otherwise be made before it is tied: 1.2 GB of Phi's.
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

    A buffer that no initialisation sets stays zero: one of Gemma 3n's audio tower, which no photograph goes through.

    Raises:
        RuntimeError: a weight was left without a value.
    """
    import torch

    made: dict[int, Any] = {}
    for module in model.modules():
        module._is_hf_initialized = False  # noqa: SLF001 - transformers' mark: it was, on the meta device
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
        for module in model.modules():  # torch's own and timm's first, which transformers does not know
            if hasattr(module, "reset_parameters"):
                module.reset_parameters()
        model.initialize_weights()
    left = [name for name, weight in model.named_parameters() if bool(weight.detach().view(-1)[:1].isnan().any())]
    if left:
        raise RuntimeError(f"{left[0]} and {len(left) - 1} other weights were not initialised")


def lift_denormals(model: Any) -> None:
    """Move every weight that is denormal in its dtype to the least normal number.

    Some processors are far slower on denormals. In fp16 they begin at 6.1e-5, and 0.24% of weights
    of standard deviation 0.02 are below: so may be those of a checkpoint that was trained in bf16.
    """
    import torch

    for weight in model.parameters():
        least = torch.finfo(weight.dtype).smallest_normal
        for piece in weight.detach().view(-1).split(AT_ONCE):
            piece[(piece.abs() < least) & (piece != 0)] = least


def touch(model: Any) -> None:
    """Read one element of every page of every weight, so that all of them are in memory."""
    for weight in model.parameters():
        if weight.device.type == "cpu" and weight.numel():
            weight.detach().flatten()[:: max(1, PAGE_BYTES // weight.element_size())].float().sum()


class MemoryPeak:
    """The highest memory of this process from now on, in RAM and on the device."""

    def __init__(self, device: torch.device) -> None:
        import torch

        self._device = device
        with contextlib.suppress(OSError):  # then the peak is that since the process began
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def ram(self) -> int | None:
        """Return the peak of resident memory, file-mapped weights included, bytes (VmHWM)."""
        return memory.read_peak_bytes("self")

    def vram(self) -> int | None:
        """Return the allocator's peak on the device, bytes; None off CUDA."""
        import torch

        return torch.cuda.max_memory_allocated(self._device) if self._device.type == "cuda" else None
