"""Moondream2 of January 2025: Phi-1.5 decoder, SigLIP-so400m/14 encoder over 2 to 13 crops of 378 pixels.

transformers has no class for it; `benchmarks/worker/moondream` is ours.
Dimensions: config_md2.json of https://github.com/m87-labs/moondream, the defaults of our class.
"""

import importlib
from typing import Any

from benchmarks.models import base, tokenizer
from benchmarks.models.base import Blueprint, Dims, ModelSpec, Size

OWN = "benchmarks.worker.moondream"
VOCABULARY = 51200
END = "<|endoftext|>"
SPECIALS = {END: 50256, "<image>": 51199}  # 50257 to 51199 are unused rows of the embedding
MINI: Dims = {
    "text": {"dim": 128, "n_layers": 2, "n_heads": 2, "vocab_size": base.MINI_VOCABULARY},
    "vision": {"enc_dim": 32, "enc_ff_dim": 64, "enc_n_layers": 2, "enc_n_heads": 2}
    | {"proj_inner_dim": 64, "proj_out_dim": 128},
    "region": {"dim": 128, "coord_feat_dim": 16, "coord_out_dim": 32, "inner_dim": 64}
    | {"size_feat_dim": 32, "size_out_dim": 64},
}
"""Of a miniature. Crops, patches and the width of heads stay as published, and so do image tokens and ViT passes."""


def blueprint(spec: ModelSpec, size: Size) -> Blueprint:  # there is one variant
    """Return Moondream2 in our own classes."""
    own: Any = importlib.import_module(OWN)
    dims, vocabulary, ids = {}, VOCABULARY, SPECIALS
    if size == "mini":
        dims, vocabulary, ids = MINI, base.MINI_VOCABULARY, base.pack_tokens(SPECIALS, base.MINI_VOCABULARY)
    ends = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), ids[END])
    config = own.MoondreamConfig(config=dims, **ends)

    def build_processor() -> Any:
        texts = tokenizer.build(vocabulary, ids, {}, bos=END, eos=END, pad=END, max_length=config.text.max_context)
        return own.MoondreamProcessor(config, texts)

    return Blueprint(config, own.MoondreamForConditionalGeneration, build_processor, ends)


SPECS = (
    ModelSpec(
        id="moondream2",
        label="Moondream2",
        checkpoint="moondream2",
        repo="vikhyatk/moondream2",
        revision="05d640e6da70c37b2473e0db8fef0233c0709ce4",  # the weights of release 2025-01-09
        licence="Apache-2.0",
        architecture="moondream1",
        blueprint=blueprint,
        vision_end="model.vision.proj_mlp",
        parameters=1_927_237_104,
        default=True,
        own=OWN,
        limits=("Later revisions than 2025-01-09 have the same layers, but another tokenizer and prompt.",),
        remarks=("Our own code runs the published weights, and gives the same results as the code in the checkpoint.",),
    ),
)
