"""A model's figures at full size, from its architecture alone: it is built on the meta device, without weights."""

import io
from collections.abc import Sequence
from typing import Any

from benchmarks.machine.estimate import ModelSize, RequestSize
from benchmarks.models import MODELS, PRECISIONS
from benchmarks.models.base import Blueprint, ModelSpec
from benchmarks.worker.libraries import silence_libraries
from benchmarks.worker.traffic import PREFILL_ONLY, count_traffic, list_read_whole, split_path

UNSEEING = frozenset({"audio_tower", "audio_embed", "embed_audio", "region"})
"""Modules of, or below, PREFILL_ONLY that no photograph goes through."""
CONVOLUTION_STRIDE = 16
"""Pixels to a position of an encoder without patches: of the stages that hold most of MobileNetV5's weights."""


def compute_model_size(spec: ModelSpec, precision: str) -> ModelSize:
    """Return the figures of a published model in `precision`. Nothing is loaded."""
    import torch

    plan = spec.blueprint(spec, "full")
    with torch.device("meta"):
        model = plan.model_class(plan.config).to(getattr(torch, PRECISIONS[precision]))
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "decoder_parameters": sum(found.parameter.numel() for found in list_read_whole(model)),
        "head_parameters": _head(model),
        "vision_parameters": sum(
            parameter.numel() for name, parameter in model.named_parameters() if _sees(split_path(name))
        ),
        "traffic": count_traffic(model),
    }


def compute_request_size(spec: ModelSpec, image: bytes, prompt: str) -> RequestSize:
    """Return the positions of one request at full size, from the model's real processor.

    Text tokens are those of the offline tokenizer, which splits differently from the published one.

    Args:
        spec: the model.
        image: an encoded photograph, as `workload.encode` makes it.
        prompt: the text beside it.
    """
    from benchmarks.worker.generation import image_token_id

    plan = spec.blueprint(spec, "full")
    inputs = prepare_request(plan, image, prompt)
    pixels = next(found for name, found in inputs.items() if name.endswith("pixel_values"))
    return {
        "prompt_tokens": inputs["input_ids"].shape[1],
        "image_tokens": int((inputs["input_ids"] == image_token_id(plan.config)).sum()),
        "vision_positions": pixels.shape[:-3].numel() * _positions_a_pass(plan.config, *pixels.shape[-2:]),
    }


def survey(pairs: Sequence[tuple[str, str]], image: bytes, prompt: str) -> dict[str, tuple[ModelSize, RequestSize]]:
    """Return {"<model>-<precision>": (figures, positions of a request)} of each pair. For a helper process."""
    silence_libraries(offline=True)
    seen: dict[str, RequestSize] = {}
    for model, _ in pairs:
        if model not in seen:
            seen[model] = compute_request_size(MODELS[model], image, prompt)
    return {
        f"{model}-{precision}": (compute_model_size(MODELS[model], precision), seen[model])
        for model, precision in pairs
    }


def prepare_request(plan: Blueprint, image: bytes, prompt: str) -> Any:
    """Return what the processor of `plan` makes of one photograph and prompt: the tensors that a model takes."""
    from PIL import Image

    photograph = Image.open(io.BytesIO(image), formats=("JPEG",)).convert("RGB")
    parts = [{"type": "image", "image": photograph}, {"type": "text", "text": prompt}]
    return plan.processor().apply_chat_template(
        [{"role": "user", "content": parts}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )


def _positions_a_pass(config: Any, height: int, width: int) -> int:
    """Return how many positions the vision encoder makes of one image of so many pixels."""
    vision = getattr(config, "vision_config", None) or config.vision
    side = getattr(vision, "patch_size", None) or getattr(vision, "enc_patch_size", None) or CONVOLUTION_STRIDE
    side = side if isinstance(side, int) else side[0]
    return (height // side) * (width // side)


def _head(model: Any) -> int:
    """Return the parameters of the matrix to the vocabulary; where it is tied, it bears two names."""
    names = model.named_parameters(remove_duplicate=False)
    return next(int(weight.numel()) for name, weight in names if name.endswith("lm_head.weight"))


def _sees(path: list[str]) -> bool:
    """Whether a photograph goes through the module at `path`."""
    return bool(PREFILL_ONLY.intersection(path)) and not UNSEEING.intersection(path)
