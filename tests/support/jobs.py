"""Jobs for a worker: miniatures on two photographs, and what their processors make of a photograph."""

from benchmarks import workload
from benchmarks.models import MODELS, miniature
from benchmarks.processes import helper
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


def make_job(model: str, precision: str = "bf16") -> Job:
    """Return what a worker needs for one pair, on two photographs, which may be a batch."""
    spec = MODELS[model]
    source = miniature.directory(spec, miniature.cache_root())
    if not source.is_dir():
        helper.call("forkserver", miniature.build, spec, miniature.cache_root())
    images = tuple(workload.encode(photograph) for photograph in workload.photographs(None)[:2])
    return Job(model, precision, "mini", source, "cpu", images, workload.PROMPTS[:2], NEW_TOKENS, batch_size=2)
