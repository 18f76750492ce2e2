"""What a model is to the suite: its published checkpoint, and how to build one like it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
        checkpoint: the published checkpoint's name.
        repo: its repository on the Hub.
        blueprint: (spec, size) -> Blueprint. "full" has the published dimensions exactly.
        vision_end: path, from the loaded model, of the vision path's last module: when it has run,
            the images are encoded.
        dims: the published dimensions of this variant, as the family's file reads them.
        revision: pinned commit of `repo`; None until one is pinned.
        extra_folders: folders of `repo` that are needed beside the files at its root.
        limits: what is known not to work, in sentences.
        remarks: in what the model that is built here differs from the published one, in sentences.
        default: whether it is measured when --models is not given.
    """

    id: str
    label: str
    checkpoint: str
    repo: str
    licence: str
    blueprint: Callable[[ModelSpec, Size], Blueprint]
    vision_end: str
    dims: Dims = field(default_factory=dict)
    revision: str | None = None
    extra_folders: tuple[str, ...] = ()
    gated: bool = False
    default: bool = False
    aliases: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


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


def packed(specials: Mapping[str, int], vocabulary: int) -> dict[str, int]:
    """Return the same special tokens at the top of a smaller vocabulary, in the same order."""
    tokens = sorted(specials, key=lambda token: specials[token])
    return {token: vocabulary - len(tokens) + place for place, token in enumerate(tokens)}
