"""Jobs for a worker: miniatures on two photographs, and what their processors make of a photograph.

Imports no torch: helper processes that are spawned by a test import this too.
"""

import shutil
from dataclasses import replace
from pathlib import Path

from benchmarks import workload
from benchmarks.models import MODELS, miniature
from benchmarks.processes.helper import run_in_process
from benchmarks.processes.protocol import Job

IMAGE_TOKENS = {
    "gemma3n": 256,
    "internvl2-2b": 13 * 256,
    "llava": 576,
    "moondream2": 729,
    "phi": 1065,
    "smolvlm2": 13 * 81,
}
"""Of a 640x480 photograph, by the processors of the published checkpoints."""
NEW_TOKENS = 5
CONVOLUTION = "model.vision_tower.timm_model.conv_stem.conv"
"""The module of Gemma 3n that overflows in `make_overflowing_job`."""


def make_job(model: str, precision: str = "bf16") -> Job:
    """Return a job for one pair, with two photographs, which can be a batch."""
    spec = MODELS[model]
    source = miniature.locate(spec, miniature.find_cache_root())
    if not miniature.is_intact(source):
        run_in_process("forkserver", miniature.build, spec, miniature.find_cache_root())
    images = tuple(workload.encode(photograph) for photograph in workload.read_photographs(None)[:2])
    return Job(model, precision, "mini", source, "cpu", images, workload.PROMPTS[:2], NEW_TOKENS, batch_size=2)


def make_overflowing_job(folder: Path, precision: str) -> Job:
    """Return a job on Gemma 3n's miniature with huge weights in one convolution, as reported of the published ones.

    https://unsloth.ai/blog/gemma-3n
    """
    import torch
    from safetensors.torch import load_file, save_file

    made = make_job("gemma3n", precision)
    source = shutil.copytree(made.source, folder / "gemma3n")
    tensors = load_file(source / "model.safetensors")
    torch.manual_seed(1)
    tensors[f"{CONVOLUTION}.weight"].normal_().mul_(3e5).clamp_(-6e4, 6e4)
    save_file(tensors, source / "model.safetensors", metadata={"format": "pt"})
    return replace(made, source=source, weights="hub")
