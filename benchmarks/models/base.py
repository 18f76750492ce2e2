"""What a model is to the suite: its published checkpoint, and how to build one like it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Size = Literal["mini", "full"]
Dims = dict[str, Any]


@dataclass(frozen=True)
class Blueprint:
    """What a checkpoint directory is made from, in transformers' own objects.

    Attributes:
        config: the model's configuration.
        model_class: the class that `AutoModelForMultimodalLM` chooses for it.
        processor: makes the processor, tokenizer included.
        generation: what generation_config.json holds.
    """

    config: Any
    model_class: type
    processor: Callable[[], Any]
    generation: Mapping[str, Any]


@dataclass(frozen=True)
class ModelSpec:
    """One model of the suite. Plain data; `blueprint` alone imports transformers, when it is called.

    Attributes:
        id: what the command line and the tests' ids say.
        label: the name in figures.
        published_label: the name in figures with published weights, where those are not what `label` says.
        checkpoint: the published checkpoint's name.
        repo: its repository on the Hub.
        architecture: what config.json calls it (`model_type`).
        blueprint: (spec, size) -> Blueprint. "full" has the published dimensions exactly.
        vision_end: path, from the loaded model, of the vision path's last module: when it has run,
            the images are encoded.
        dims: the published dimensions of this variant, as the family's file reads them.
        parameters: of the model at its published dimensions, as its class here builds it.
        revision: pinned commit of `repo`, whole or its beginning, or a ref of it; None is its main branch.
            Which commit was loaded is recorded either way.
        adapter: folder in `repo` of a LoRA adapter that belongs to the model's vision path.
        limits: what is known not to work, in sentences.
        remarks: in what the checkpoint differs from the model that it is named after, in sentences.
        mini_remarks, random_remarks: in what the miniature, and the full-size model with random
            weights, differ from the checkpoint besides, and which metrics that touches.
        default: whether it is measured when --models is not given.
        own: the package that teaches transformers' Auto classes this model when it is imported; None
            where transformers has the classes itself.
    """

    id: str
    label: str
    checkpoint: str
    repo: str
    licence: str
    architecture: str
    blueprint: Callable[[ModelSpec, Size], Blueprint]
    vision_end: str
    parameters: int
    dims: Dims = field(default_factory=dict)
    published_label: str | None = None
    revision: str | None = None
    adapter: str | None = None
    gated: bool = False
    default: bool = False
    aliases: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    own: str | None = None
    mini_remarks: tuple[str, ...] = ()
    random_remarks: tuple[str, ...] = ()

    def label_of(self, weights: str) -> str:
        """Return the name in figures."""
        return self.published_label or self.label if weights == "hub" else self.label

    def differences(self, weights: str) -> list[str]:
        """Return in what `weights` of this model differ from what its name says, in sentences."""
        if weights == "mini":
            return [*self.remarks, *self.mini_remarks]
        return [*self.remarks, *([RANDOM_WEIGHTS, *self.random_remarks] if weights == "random" else [])]


RANDOM_WEIGHTS = (
    "Random weights at the published dimensions: they are made in memory, so there is no load time, and what the model "
    "says means nothing; the tokenizer is made here too, so prompts take other numbers of text tokens than the "
    "published one's, which touches prefill and TTFT by a few tokens."
)


MINI_VOCABULARY = 1024
MINI_TEXT: Dims = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
"""Decoder of a miniature: the published one's class with a few hundred thousand weights."""
MINI_VISION: Dims = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
"""Vision encoder of a miniature; image size and patch size stay as published, so token counts are real."""


def pack_tokens(specials: Mapping[str, int], vocabulary: int) -> dict[str, int]:
    """Return the same special tokens at the top of a smaller vocabulary, in the same order."""
    tokens = sorted(specials, key=lambda token: specials[token])
    return {token: vocabulary - len(tokens) + place for place, token in enumerate(tokens)}
