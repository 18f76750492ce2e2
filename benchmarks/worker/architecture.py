"""The size of a model and of a request at full size, from the architecture on the meta device, without weights."""

from collections.abc import Sequence
from typing import Any

from benchmarks.machine.estimate import ModelSize, RequestSize
from benchmarks.models import MODELS, PRECISIONS
from benchmarks.models.base import ModelSpec
from benchmarks.worker.libraries import silence_libraries
from benchmarks.worker.traffic import PREFILL_ONLY, count_traffic, list_read_whole, split_path

NOT_VISION = frozenset({"audio_tower", "audio_embed", "embed_audio", "region"})
"""Modules in PREFILL_ONLY, or below one, that process no photograph."""
CONVOLUTION_STRIDE = 16
"""Pixels per position of a convolutional encoder: those of the stages with most of MobileNetV5's weights."""


def compute_model_size(spec: ModelSpec, precision: str) -> ModelSize:
    """Return the size of a published model in `precision`; no weights are loaded."""
    import torch

    plan = spec.blueprint(spec, "full")
    with torch.device("meta"):
        model = plan.model_class(plan.config).to(getattr(torch, PRECISIONS[precision]))
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "decoder_parameters": sum(found.parameter.numel() for found in list_read_whole(model)),
        "head_parameters": _count_head(model),
        "vision_parameters": sum(
            parameter.numel() for name, parameter in model.named_parameters() if _is_vision(split_path(name))
        ),
        "traffic": count_traffic(model),
    }


def compute_request_size(spec: ModelSpec, image: bytes, prompt: str) -> RequestSize:
    """Return the size of one request at full size, from the model's real processor.

    `image` is a photograph as `workload.encode` returns it. Text tokens are those of our own
    tokenizer, which splits differently from the published one.
    """
    from benchmarks.worker.generation import count_image_tokens, preprocess

    plan = spec.blueprint(spec, "full")
    inputs = preprocess(plan.processor(), [(image, prompt)])
    pixels = next(found for name, found in inputs.items() if name.endswith("pixel_values"))
    return {
        "prompt_tokens": inputs["input_ids"].shape[1],
        "image_tokens": count_image_tokens(plan.config, inputs["input_ids"]),
        "vision_positions": pixels.shape[:-3].numel() * _count_positions(plan.config, *pixels.shape[-2:]),
    }


def survey(pairs: Sequence[tuple[str, str]], image: bytes, prompt: str) -> dict[str, tuple[ModelSize, RequestSize]]:
    """Return {"<model>-<precision>": (size of the model, size of a request)} for each pair. For a helper process."""
    silence_libraries(offline=True)
    models = {model for model, _ in pairs}
    seen = {model: compute_request_size(MODELS[model], image, prompt) for model in models}
    return {f"{name}-{bits}": (compute_model_size(MODELS[name], bits), seen[name]) for name, bits in pairs}


def _count_positions(config: Any, height: int, width: int) -> int:
    """Return the positions of one pass of the vision encoder over `height` x `width` pixels."""
    vision = getattr(config, "vision_config", None) or config.vision
    side = getattr(vision, "patch_size", None) or getattr(vision, "enc_patch_size", None) or CONVOLUTION_STRIDE
    side = side if isinstance(side, int) else side[0]
    return (height // side) * (width // side)


def _count_head(model: Any) -> int:
    """Return the parameters of the matrix to the vocabulary, which has two names if it is tied."""
    names = model.named_parameters(remove_duplicate=False)
    return next(int(weight.numel()) for name, weight in names if name.endswith("lm_head.weight"))


def _is_vision(path: list[str]) -> bool:
    return bool(PREFILL_ONLY.intersection(path)) and not NOT_VISION.intersection(path)
