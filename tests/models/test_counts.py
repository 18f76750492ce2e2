"""Every model at full size, on the meta device: the published architecture has the published size."""

import pytest
import torch

from benchmarks.models import MODELS

PUBLISHED = {
    "smolvlm2": 2_246_784_880,
    "smolvlm2-500m": 507_482_304,
    "smolvlm2-256m": 256_484_928,
    "internvl2-2b": 2_205_754_368,
    "internvl3-1b": 938_193_024,
    "internvl3-2b": 2_088_957_440,
    "llava": 7_063_427_072,
    "llava-13b": 13_351_494_656,
    "moondream2": 1_927_237_104,  # with the region head
    # 830,456,352 less than the checkpoint with its vision and speech LoRA adapters
    "phi": 4_744_004_032,
    # transformers leaves out the unused K and V of the layers that share another's cache: 2,097,408 a layer
    "gemma3n": 5_439_438_272 - 10 * 2_097_408,
    "gemma3n-e4b": 7_849_978_192 - 15 * 2_097_408,
}
"""Parameters of the published checkpoints, tied ones once, without those that are not built here."""


@pytest.mark.parametrize("model_id", MODELS)
def test_parameters(model_id: str) -> None:
    """The full-size model has exactly the parameters that the registry says, which --plan and the memory guard use."""
    plan = MODELS[model_id].blueprint(MODELS[model_id], "full")
    with torch.device("meta"):
        model = plan.model_class(plan.config)

    assert sum(weight.numel() for weight in model.parameters()) == MODELS[model_id].parameters


@pytest.mark.parametrize("model_id", PUBLISHED)
def test_published_parameters(model_id: str) -> None:
    """The registry's count is that of the published checkpoint without the parts that are not built."""
    assert MODELS[model_id].parameters == PUBLISHED[model_id]
