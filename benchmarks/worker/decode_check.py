"""Proof that decoding with the cache does the work that it claims.

One request is decoded with the cache, as in a run. One forward without a cache over the same prompt and the new tokens
must then give the same logits at the new positions. A cache that loses, shifts or repeats positions fails here, and so
does a library that renames an argument which a model ignores.
"""

import re
from collections.abc import Mapping
from typing import Any

import torch

from benchmarks.processes.protocol import DecodeCheck

BOUNDS = {torch.float32: 2e-5, torch.float16: 0.0125, torch.bfloat16: 0.1}
"""Largest difference of correct decoding. docs/measurement.md has the measurements behind these numbers."""
MOST_TOKENS = 64
"""Of one sequence; more would need memory for as many rows of logits."""
PLACEHOLDER = re.compile("(image|video|audio)_token_(id|index)")
PER_TOKEN = ("attention_mask", "token_type_ids", "mm_token_type_ids")
"""Inputs of shape (batch, tokens) besides `input_ids`."""


def check_decoding(model: Any, inputs: Mapping[str, Any], new_tokens: int, options: Mapping[str, Any]) -> DecodeCheck:
    """Compare the logits of decoding with those of one forward without a cache.

    The difference at a new position is |a - b| / |b - mean(b)|, Euclidean norms over the vocabulary, where `a` are the
    logits of decoding and `b` those of the forward: 0 for the same logits, and about 1 for unrelated ones. The result
    is the largest over all new positions of all sequences; None if both have logits that are not finite.

    Raises:
        NonFiniteDecoding: only decoding has them.
    """
    tokens = min(new_tokens, MOST_TOKENS)
    with torch.inference_mode():
        made = model.generate(
            **inputs,
            **options,
            max_new_tokens=tokens,
            suppress_tokens=list_placeholders(model.config.to_dict()),  # of the scores, not of the logits
            output_logits=True,
            return_dict_in_generate=True,
        )
        steps, sequences = made.logits, made.sequences
        del made  # and with it the cache
        whole = model(**extend_inputs(inputs, sequences[:, :-1]), use_cache=False, logits_to_keep=tokens).logits
        found = torch.stack([_compare(step, whole[:, place]) for place, step in enumerate(steps)])
        if not (known := bool(torch.isfinite(found).all())) and bool(torch.isfinite(whole).all()):
            raise NonFiniteDecoding
    largest, position = found.max(dim=0)
    return {
        "difference": float(largest) if known else None,
        "bound": BOUNDS[model.dtype],
        "position": int(position),
        "tokens": len(steps),
    }


def extend_inputs(inputs: Mapping[str, Any], sequences: torch.Tensor) -> dict[str, Any]:
    """Return the inputs of a prompt for the whole `sequences`, (batch, tokens): new tokens are text, and visible.

    Positions count from the first token that is not padding, as `generate` counts them.
    """
    new = sequences.shape[1] - inputs["input_ids"].shape[1]
    extended = {**inputs, "input_ids": sequences}
    for name in PER_TOKEN:
        if isinstance(given := inputs.get(name), torch.Tensor):
            more = given.new_full((given.shape[0], new), int(name == "attention_mask"))
            extended[name] = torch.cat([given, more], dim=-1)
    return extended | {"position_ids": (extended["attention_mask"].long().cumsum(-1) - 1).clamp(min=0)}


def list_placeholders(config: Mapping[str, Any]) -> list[int]:
    """Return the tokens that stand for an image, a video or a sound: a forward would look for their features."""
    found = {value for key, value in config.items() if PLACEHOLDER.fullmatch(str(key)) and isinstance(value, int)}
    nested = (list_placeholders(value) for value in config.values() if isinstance(value, dict))
    return sorted(found.union(*nested))


def _compare(decoded: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """Return the largest difference of one position over the sequences, both (batch, vocabulary)."""
    reference = whole.float()
    scale = (reference - reference.mean(dim=-1, keepdim=True)).norm(dim=-1)
    return ((decoded.float() - reference).norm(dim=-1) / scale.clamp(min=torch.finfo(scale.dtype).tiny)).max()


class NonFiniteDecoding(RuntimeError):
    """Decoding overflows where one forward over the same tokens does not."""

    def __init__(self) -> None:
        super().__init__("decoding with the cache gives NaN or Inf, one forward without a cache does not")
