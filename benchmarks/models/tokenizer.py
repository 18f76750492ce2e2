"""Our own tokenizer: byte-level BPE with the published special tokens at their published ids.

The published tokenizers need the Hub. Processors and chat templates work the same on this one, but
it splits text into other tokens, which is why the Record counts them.
"""

import json
from collections.abc import Mapping
from typing import Any

CORPUS = (
    "Describe this image in detail. What is the main subject of this photograph, and what surrounds it? "
    "List the colours and the materials that you can see. How many people are visible? "
    "The picture shows a small cat on a wooden table, a cup of coffee, a rocket on its launch pad. "
    "Question: Answer: user assistant system model User Assistant USER ASSISTANT. "
    "You are a helpful assistant that answers questions about images. "
)
MERGES = 600
"""Largest number of merges learnt from CORPUS."""


def build(  # noqa: PLR0913 - a tokenizer has many names
    vocabulary: int,
    specials: Mapping[str, int],
    attributes: Mapping[str, str],
    *,
    eos: str,
    pad: str,
    bos: str,
    unk: str | None = None,
    add_bos: bool = False,
    max_length: int = 8192,
) -> Any:
    """Return a PreTrainedTokenizerFast of exactly `vocabulary` tokens, with `specials` at their ids.

    The processor classes read `attributes` as `tokenizer.<name>`. With `add_bos` a text is encoded with
    a begin token, as in Llama's tokenizer. Batches are padded on the left, for generation.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocab, merges = _vocabulary(vocabulary, specials)
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    ordered = sorted(specials, key=lambda token: specials[token])
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in ordered])
    if add_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A $B", special_tokens=[(bos, specials[bos])]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos,
        eos_token=eos,
        pad_token=pad,
        unk_token=unk,
        extra_special_tokens=dict(attributes),
        model_max_length=max_length,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def _vocabulary(size: int, specials: Mapping[str, int]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return ({token: id}, merges): specials at their ids, learnt pieces at the first free ids, then fillers."""
    pieces, merges = _learn()
    free = [index for index in range(size) if index not in set(specials.values())]
    kept = pieces[: len(free)]
    vocab = {f"<filler_{index}>": index for index in free[len(kept) :]}
    vocab |= dict(zip(kept, free, strict=False))
    vocab |= specials
    known = set(kept)
    usable = [(a, b) for a, b in merges if {a, b, a + b} <= known]
    return vocab, usable


def _learn() -> tuple[list[str], list[tuple[str, str]]]:
    """Return (pieces by id, merges) of a byte-level BPE trained on CORPUS."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=256 + MERGES, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([CORPUS] * 4, trainer)
    learnt = json.loads(tokenizer.to_str())["model"]
    pieces: list[str] = sorted(learnt["vocab"], key=lambda piece: learnt["vocab"][piece])
    # older releases of tokenizers write a merge as "a b", newer ones as ["a", "b"]
    split = [m.split(" ") if isinstance(m, str) else m for m in learnt["merges"]]
    merges = [(str(left), str(right)) for left, right in split]
    return pieces, merges
