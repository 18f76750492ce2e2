"""The description of a model: its published checkpoint, and how to build a checkpoint like it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Size = Literal["mini", "full"]
Dims = dict[str, Any]


@dataclass(frozen=True)
class Blueprint:
    """The parts of a checkpoint directory, as transformers' objects."""

    config: Any
    model_class: type  # the class that `AutoModelForMultimodalLM` chooses for `config`
    processor: Callable[[], Any]  # returns the processor with its tokenizer
    generation: Mapping[str, Any]  # the content of generation_config.json


@dataclass(frozen=True)
class ModelSpec:
    """One model of the suite, as plain data. Only a call of `blueprint` imports transformers.

    `limits` say what does not work, and `remarks` how the checkpoint differs from the model of its name.
    `mini_remarks` and `random_remarks` say how the miniature, and the full-size model with random weights,
    differ from the checkpoint, and which metrics that changes. All of them are sentences.
    """

    id: str  # on the command line and in the tests' ids
    label: str  # in figures
    checkpoint: str  # name of the published checkpoint
    repo: str  # its repository on the Hub
    licence: str
    architecture: str  # `model_type` in config.json
    blueprint: Callable[[ModelSpec, Size], Blueprint]  # "full" has exactly the published dimensions
    vision_end: str  # path of the last module of the vision path in the loaded model
    parameters: int  # of the full-size model from `blueprint`
    dims: Dims = field(default_factory=dict)  # published dimensions of this variant, for `blueprint`
    published_label: str | None = None  # with published weights, where `label` does not fit them
    revision: str | None = None  # pinned commit, whole or its first digits, or a ref; None is the main branch
    adapter: str | None = None  # folder in `repo` of a LoRA adapter for the vision path
    gated: bool = False
    default: bool = False  # whether it is measured without --models
    aliases: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    own: str | None = None  # package that registers a model that transformers lacks with its Auto classes
    mini_remarks: tuple[str, ...] = ()
    random_remarks: tuple[str, ...] = ()

    def get_label(self, weights: str) -> str:
        """Return the name in figures."""
        return self.published_label or self.label if weights == "hub" else self.label

    def list_differences(self, weights: str) -> list[str]:
        """Return how the model with these weights differs from the model of its name, in sentences."""
        if weights == "mini":
            return [*self.remarks, *self.mini_remarks]
        return [*self.remarks, *([RANDOM_WEIGHTS, *self.random_remarks] if weights == "random" else [])]


RANDOM_WEIGHTS = (
    "Random weights at the published dimensions are made in memory: there is no load time, and the generated text is "
    "meaningless. The tokenizer is our own, so the number of text tokens in a prompt differs by a few, and with it "
    "prefill and TTFT."
)


def make_dims(hidden: int, inner: int, layers: int, heads: int, kv_heads: int | None = None, **others: Any) -> Dims:
    """Return the dimensions of a stack of layers, by the names of transformers' configurations."""
    dims = {"hidden_size": hidden, "intermediate_size": inner}
    dims |= {"num_hidden_layers": layers, "num_attention_heads": heads}
    return dims | ({} if kv_heads is None else {"num_key_value_heads": kv_heads}) | others


MINI_VOCABULARY = 1024
MINI_TEXT = make_dims(64, 128, 2, 4, 2)
"""Decoder of a miniature, in the published class."""
MINI_VISION = make_dims(32, 64, 2, 2)
"""Vision encoder of a miniature. Image size and patch size stay as published, and so do the token counts."""


def number_tokens(starts: Mapping[int, str]) -> dict[str, int]:
    """Return {token: id}; each start is the id of the first of several tokens with consecutive ids."""
    return {token: start + place for start, tokens in starts.items() for place, token in enumerate(tokens.split())}


def pack_tokens(specials: Mapping[str, int], vocabulary: int) -> dict[str, int]:
    """Return the same special tokens, in the same order, with the last ids of a smaller vocabulary."""
    tokens = sorted(specials, key=lambda token: specials[token])
    return {token: vocabulary - len(tokens) + place for place, token in enumerate(tokens)}
