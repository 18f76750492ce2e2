"""Models with weights of any seed, their inputs, and four defects that a cache can have."""

from __future__ import annotations

import copy
import functools
import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image
from transformers import GenerationConfig

from benchmarks.models import MODELS
from benchmarks.worker import loading
from benchmarks.worker.decode_check import list_placeholders
from benchmarks.worker.generation import Generator
from tests.support.jobs import IMAGE_TOKENS, make_job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.processes.protocol import DecodeCheck, Job
    from benchmarks.worker.loading import LoadedModel

FAMILIES = tuple(IMAGE_TOKENS)
DEFECTS = ("dropped", "shifted", "stale", "restarted")
NEW_TOKENS = 10


def load_family(family: str) -> LoadedModel:
    """Load a family's miniature with two photographs of one tile each: half precision is slow on a CPU."""
    loaded = loading.load(_make_job(family))
    if family == "smolvlm2":
        loaded.processor.image_processor.do_image_splitting = False
    return loaded


def make_checker(family: str, dtype: torch.dtype, loaded: LoadedModel | None = None) -> Callable[..., DecodeCheck]:
    """Return a function that checks the decoding of a family's miniature with the weights of a seed, and a defect."""
    loaded = replace(loaded or load_family(family), dtype=dtype)
    job = _make_job(family)

    def check(seed: int, defect: str = "", request: Sequence[tuple[int, int]] = ((0, 0),)) -> DecodeCheck:
        loaded.model = copy.deepcopy(_make_model(family, seed)).to(dtype).eval()
        generator = Generator(loaded, job.images, job.prompts, NEW_TOKENS)
        if defect == "placeholder":
            config = loaded.model.config
            prefer(loaded.model, list_placeholders(config.to_dict()) or [config.image_token_id])
        elif defect:
            break_cache(loaded.model, defect)
        return generator.prove(request)

    return check


@functools.lru_cache(maxsize=1)
def _make_model(family: str, seed: int) -> Any:
    """Return a family's miniature with the weights of a seed, in bf16."""
    torch.manual_seed(seed)
    plan = MODELS[family].blueprint(MODELS[family], "mini")
    model: Any = plan.model_class(plan.config)
    model.generation_config = GenerationConfig(**plan.generation)
    return model.to(torch.bfloat16)


@functools.cache
def _make_job(family: str) -> Job:
    return replace(make_job(family), images=tuple(_make_photograph(shade) for shade in ("grey", "white")))


def _make_photograph(shade: str) -> bytes:
    """Return an encoded photograph that is one tile for InternVL."""
    file = io.BytesIO()
    Image.linear_gradient("L").point(lambda level: level // 2 if shade == "grey" else level).save(file, "JPEG")
    return file.getvalue()


def prefer(model: Any, tokens: Sequence[int]) -> None:
    """Let a model prefer these tokens to all others."""

    def raise_logits(_module: object, _inputs: object, logits: torch.Tensor) -> torch.Tensor:
        return logits.index_add(-1, torch.tensor(tokens), logits.new_full((*logits.shape[:-1], len(tokens)), 9.0))

    head = model.get_output_embeddings() or model.model.text.lm_head
    head.register_forward_hook(raise_logits)


def break_cache(model: Any, defect: str) -> None:
    """Give the decode steps of a model one of DEFECTS.

    dropped: past keys and values are zeros. shifted: values lie one position beside their keys. stale: one layer
    repeats the prompt's last entry in the place of new ones. restarted: positions count from 0 again.
    """
    whole, sizes = model.forward, {}

    @functools.wraps(whole)  # `generate` reads the signature
    def forward(*given: Any, **named: Any) -> Any:
        name = "cache" if named.get("cache") is not None else "past_key_values"
        cache, ids = named.get(name), named.get("input_ids")
        if cache is None or ids is None:
            return whole(*given, **named)
        if ids.shape[1] > 1:  # the prefill of another generation
            sizes["prompt"] = ids.shape[1]
            cache.update = _spoil(cache.update, defect, ids.shape[1])
        elif defect == "restarted":
            named["position_ids"] = torch.full_like(ids, cache.get_seq_length() - sizes["prompt"])
        return whole(*given, **named)

    model.forward = forward


def _spoil(update: Callable[..., Any], defect: str, prompt: int) -> Callable[..., Any]:
    """Return a cache's `update` whose answers at decode steps have a defect."""

    def spoilt(keys: torch.Tensor, values: torch.Tensor, layer: int, *more: Any, **named: Any) -> Any:
        keys_seen, values_seen = update(keys, values, layer, *more, **named)
        if keys.shape[2] > 1:
            return keys_seen, values_seen
        keys_seen, values_seen = keys_seen.clone(), values_seen.clone()
        if defect == "dropped":
            keys_seen[:, :, :-1] = values_seen[:, :, :-1] = 0
        elif defect == "shifted":
            values_seen = values_seen.roll(1, dims=2)
        elif defect == "stale" and layer == 1:
            for seen in (keys_seen, values_seen):
                seen[:, :, prompt:] = seen[:, :, prompt - 1 : prompt]
        return keys_seen, values_seen

    return spoilt
