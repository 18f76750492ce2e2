"""Moondream2: Phi-1.5 decoder, SigLIP-so400m/14 encoder at 378 pixels.

transformers has no class for it. What is built here is a LLaVA composition of the same two parts:
the decoder and the token count are the published ones, the vision path is shorter (see `remarks`).
Dimensions: config_md2.json of the moondream repository.
"""

from __future__ import annotations

from typing import Any

from benchmarks.models import tokenizer
from benchmarks.models.base import MINI_TEXT, MINI_VISION, MINI_VOCABULARY, Blueprint, Dims, ModelSpec, Size, packed

VOCABULARY = 51200
END = "<|endoftext|>"
SPECIALS = {END: 50256, "<image>": 51199}  # 50257 to 51199 are unused rows of the embedding
TEXT: Dims = {
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 24,
    "num_attention_heads": 32,
}
VISION: Dims = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "image_size": 378,
    "patch_size": 14,
}
IMAGE_TOKENS = (VISION["image_size"] // VISION["patch_size"]) ** 2
CHAT_TEMPLATE = (
    "{{ '<|endoftext|>' }}{% for message in messages %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ '\n\nQuestion: ' + part['text'] }}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '\n\nAnswer:' }}{% endif %}"
)


def blueprint(spec: ModelSpec, size: Size) -> Blueprint:  # noqa: ARG001 - there is one variant
    """Return the composition."""
    from transformers import (  # noqa: PLC0415
        LlavaConfig,
        LlavaForConditionalGeneration,
        PhiConfig,
        SiglipVisionConfig,
    )

    text, vision, vocabulary, ids = dict(TEXT), dict(VISION), VOCABULARY, SPECIALS
    if size == "mini":
        text |= MINI_TEXT | {"num_key_value_heads": 4}
        vision |= MINI_VISION
        vocabulary, ids = MINI_VOCABULARY, packed(SPECIALS, MINI_VOCABULARY)
    ends = dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), ids[END])
    config = LlavaConfig(
        text_config=PhiConfig(
            **text,
            **ends,
            vocab_size=vocabulary,
            max_position_embeddings=2048,
            hidden_act="gelu_new",
            rope_parameters={"rope_type": "default", "rope_theta": 10_000.0, "partial_rotary_factor": 0.5},
            tie_word_embeddings=False,
        ),
        vision_config=SiglipVisionConfig(**vision, vision_use_head=False),
        # Twice the last layer: the projector's published input is two encoder outputs wide.
        vision_feature_layer=[-1, -1],
        vision_feature_select_strategy="full",
        projector_hidden_act="gelu_pytorch_tanh",
        image_seq_length=IMAGE_TOKENS,
        image_token_index=ids["<image>"],
    )
    return Blueprint(config, LlavaForConditionalGeneration, lambda: _processor(vocabulary, ids), ends)


def _processor(vocabulary: int, ids: dict[str, int]) -> Any:
    from transformers import LlavaProcessor, SiglipImageProcessor  # noqa: PLC0415

    side = VISION["image_size"]
    return LlavaProcessor(
        SiglipImageProcessor(
            size={"height": side, "width": side}, resample=3, image_mean=[0.5] * 3, image_std=[0.5] * 3
        ),
        tokenizer.build(vocabulary, ids, {"image_token": "<image>"}, bos=END, eos=END, pad=END, max_length=2048),
        patch_size=VISION["patch_size"],
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        chat_template=CHAT_TEMPLATE,
    )


SPECS = (
    ModelSpec(
        id="moondream2",
        label="Moondream2",
        checkpoint="moondream2",
        repo="vikhyatk/moondream2",
        licence="Apache-2.0",
        blueprint=blueprint,
        vision_end="model.multi_modal_projector",
        parameters=1_840_123_760,
        default=True,
        limits=("The published checkpoint is remote code; transformers has no class of its own for it.",),
        remarks=(
            (
                "A LLaVA composition of Moondream2's decoder and encoder: it encodes a 640x480 photograph in 1 pass "
                "where the published model takes 9 (1 whole, 8 crops), so vision time and TTFT are not that model's."
            ),
        ),
    ),
)
