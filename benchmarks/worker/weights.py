"""The ways to a model on its device: from a checkpoint's files, or made there with random weights."""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import memory

if TYPE_CHECKING:
    import torch

    from benchmarks.worker.protocol import Job

MAPPED = "mapped from the files"
STRAIGHT = "from the files straight to the device"
THROUGH_CPU = "from the files to the CPU, then to the device"
MADE = "made on the device"

PAGE_BYTES = 4096
SEED = 20260117
AT_ONCE = 1 << 24
"""Weights that are looked at in one step: what that takes beside the model stays under 0.1 GB."""


def loaded(job: Job, device: torch.device, dtype: torch.dtype) -> tuple[Any, str]:
    """Return (model, how) from the files of `job.source`; every weight is in memory or on the device.

    Without accelerate transformers cannot load straight to a device, and a copy is on the CPU meanwhile.

    Raises:
        IncompleteCheckpoint: the files lack weights, which transformers would make up without a word.
    """
    from transformers import AutoModelForMultimodalLM  # noqa: PLC0415

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


def made(job: Job, device: torch.device, dtype: torch.dtype) -> Any:
    """Return a model of `job.source`'s configuration with random weights, made on `device` in `dtype`.

    They are transformers' own initial weights, so that no output overflows, in one copy.
    """
    import torch  # noqa: PLC0415
    from transformers import AutoConfig, AutoModelForMultimodalLM, GenerationConfig  # noqa: PLC0415

    config = AutoConfig.from_pretrained(job.source, trust_remote_code=False)
    torch.manual_seed(SEED)
    with device:
        model = AutoModelForMultimodalLM.from_config(config, dtype=dtype, trust_remote_code=False)
    model.generation_config = GenerationConfig.from_pretrained(job.source)
    lift_denormals(model)
    return model.eval()


def lift_denormals(model: Any) -> None:
    """Move every weight that is denormal in its dtype to the least normal number.

    Some processors are far slower on denormals. In fp16 they begin at 6.1e-5, and 0.24% of weights
    of standard deviation 0.02 are below: so may be those of a checkpoint that was trained in bf16.
    """
    import torch  # noqa: PLC0415

    for weight in model.parameters():
        least = torch.finfo(weight.dtype).smallest_normal
        for piece in weight.detach().view(-1).split(AT_ONCE):
            piece[(piece.abs() < least) & (piece != 0)] = least


def touch(model: Any) -> None:
    """Read one element of every page of every weight, so that all of them are in memory."""
    for weight in model.parameters():
        if weight.device.type == "cpu" and weight.numel():
            weight.detach().flatten()[:: max(1, PAGE_BYTES // weight.element_size())].float().sum()


class Peak:
    """The highest memory of this process from now on, in RAM and on the device."""

    def __init__(self, device: torch.device) -> None:
        import torch  # noqa: PLC0415

        self._device = device
        with contextlib.suppress(OSError):  # then the peak is that since the process began
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)

    def ram(self) -> int | None:
        """Return the peak of resident memory, file-mapped weights included, bytes (VmHWM)."""
        return memory.peak_bytes("self")

    def vram(self) -> int | None:
        """Return the allocator's peak on the device, bytes; None off CUDA."""
        import torch  # noqa: PLC0415

        return torch.cuda.max_memory_allocated(self._device) if self._device.type == "cuda" else None
