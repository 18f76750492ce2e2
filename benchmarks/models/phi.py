"""Phi-4-multimodal: Phi-3 decoder, SigLIP encoder, tiles of 448 pixels (transformers' `phi4_multimodal`).

Dimensions: config.json of microsoft/Phi-4-multimodal-instruct. The factors of its long rope are
placeholders of the published length; below 4096 tokens they change no time.
"""

from typing import Any

from benchmarks.models import base, tokenizer
from benchmarks.models.base import Blueprint, Dims, ModelSpec, Size

VOCABULARY = 200064
SPECIALS = base.number_tokens(
    {199999: "<|endoftext|>", 200010: "<|image|> <|audio|>", 200019: "<|assistant|> <|end|> <|user|> <|system|>"}
)
TEXT = base.make_dims(3072, 8192, 32, 24, 8)
VISION = base.make_dims(1152, 4304, 27, 16)
MINI_AUDIO: Dims = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_blocks": 1,
    "num_attention_heads": 2,
    "ext_pw_out_channel": 32,
    "depthwise_separable_out_channel": 32,
    "nemo_conv_channels": 32,
    "bias_max_distance": 50,
}
TILE = 448
MAX_TILES = 36
ROTARY_SHARE = 0.75
SHORT_CONTEXT, CONTEXT = 4096, 131072
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' }}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<|image|>' }}"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{{ '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def blueprint(spec: ModelSpec, size: Size) -> Blueprint:  # there is one variant
    """Return Phi-4-multimodal without its LoRA adapters."""
    from transformers import Phi4MultimodalConfig, Phi4MultimodalForCausalLM
    from transformers.models.phi4_multimodal.configuration_phi4_multimodal import (
        Phi4MultimodalAudioConfig,
        Phi4MultimodalVisionConfig,
    )

    text, vision, audio = dict(TEXT), dict(VISION), Dims()
    vocabulary, ids = VOCABULARY, SPECIALS
    if size == "mini":
        text, vision, audio = base.MINI_TEXT, base.MINI_VISION, MINI_AUDIO
        vocabulary, ids = base.MINI_VOCABULARY, base.pack_tokens(SPECIALS, base.MINI_VOCABULARY)
    ends = {
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": [ids["<|endoftext|>"], ids["<|end|>"]],
        "pad_token_id": ids["<|endoftext|>"],
    }
    config = Phi4MultimodalConfig(
        **text,
        **ends,
        vocab_size=vocabulary,
        max_position_embeddings=CONTEXT,
        original_max_position_embeddings=SHORT_CONTEXT,
        rms_norm_eps=1e-5,
        rope_parameters=_rope(text["hidden_size"] // text["num_attention_heads"]),
        sliding_window=262144,
        tie_word_embeddings=True,
        vision_config=Phi4MultimodalVisionConfig(
            **vision, image_size=TILE, crop_size=TILE, patch_size=14, image_token_id=ids["<|image|>"]
        ),
        audio_config=Phi4MultimodalAudioConfig(**audio, audio_token_id=ids["<|audio|>"]),
    )
    return Blueprint(config, Phi4MultimodalForCausalLM, lambda: _processor(vocabulary, ids), ends)


def _rope(head: int) -> Dims:
    """Return the long rope of a head of `head` dimensions, its factors growing from 1 to 64."""
    pairs = int(head * ROTARY_SHARE) // 2
    return {
        "rope_type": "longrope",
        "rope_theta": 10_000.0,
        "partial_rotary_factor": ROTARY_SHARE,
        "original_max_position_embeddings": SHORT_CONTEXT,
        "short_factor": [1.0] * pairs,
        "long_factor": [1.0 + 63.0 * (i / (pairs - 1)) ** 2 for i in range(pairs)],
    }


def _processor(vocabulary: int, ids: dict[str, int]) -> Any:
    from transformers import Phi4MultimodalFeatureExtractor, Phi4MultimodalImageProcessor, Phi4MultimodalProcessor

    attributes = {"image_token": "<|image|>", "audio_token": "<|audio|>"}
    texts = tokenizer.build(
        vocabulary, ids, attributes, bos="<|endoftext|>", eos="<|end|>", pad="<|endoftext|>", max_length=CONTEXT
    )
    texts.chat_template = CHAT_TEMPLATE  # the processor loses its own when it is loaded
    images = Phi4MultimodalImageProcessor(
        size={"height": TILE, "width": TILE},
        patch_size=14,
        dynamic_hd=MAX_TILES,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    return Phi4MultimodalProcessor(images, Phi4MultimodalFeatureExtractor(), texts, chat_template=CHAT_TEMPLATE)


SPECS = (
    ModelSpec(
        id="phi",
        label="Phi",
        checkpoint="Phi-4-multimodal-instruct",
        repo="microsoft/Phi-4-multimodal-instruct",
        revision="refs/pr/70",  # the native weights, which transformers' own tests read
        adapter="vision-lora",
        licence="MIT",
        architecture="phi4_multimodal",
        blueprint=blueprint,
        vision_end="model.embed_tokens_extend.image_embed",
        parameters=4_744_004_032,
        default=True,
        limits=("The remote code of its main revision fails since transformers 4.52; refs/pr/70 has native weights.",),
        mini_remarks=("Without the vision and speech LoRA adapters of the published checkpoint.",),
        random_remarks=(
            "Without the published vision LoRA adapter (369 million weights); this changes memory and every speed.",
            "The rotary factors are the right number of placeholders; this changes no metric.",
        ),
    ),
)
