"""LLaVA-1.5: Llama decoder, CLIP-L/14-336 encoder (transformers' `llava`).

Dimensions: config.json of llava-hf/llava-1.5-{7b,13b}-hf.
"""

from typing import Any

from benchmarks.models import base, tokenizer
from benchmarks.models.base import Blueprint, Dims, ModelSpec, Size

VOCABULARY = 32064
SPECIALS = {"<unk>": 0, "<s>": 1, "</s>": 2, "<image>": 32000, "<pad>": 32001}
VISION: Dims = base.make_dims(1024, 4096, 24, 16, image_size=336, patch_size=14, projection_dim=768)
IMAGE_TOKENS = (VISION["image_size"] // VISION["patch_size"]) ** 2
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}{{ part['text'] + ' ' }}{% endfor %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


def blueprint(spec: ModelSpec, size: Size) -> Blueprint:
    """Return LLaVA-1.5 in the variant of `spec`."""
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    text, vision = dict(spec.dims["text"]), dict(VISION)
    vocabulary, ids = VOCABULARY, SPECIALS
    if size == "mini":
        text |= base.MINI_TEXT | {"num_key_value_heads": 4}
        # the output of the last layer but one is used
        vision |= base.MINI_VISION | {"num_hidden_layers": 3, "projection_dim": 32}
        vocabulary, ids = base.MINI_VOCABULARY, base.pack_tokens(SPECIALS, base.MINI_VOCABULARY)
    ends = {"bos_token_id": ids["<s>"], "eos_token_id": ids["</s>"], "pad_token_id": ids["<pad>"]}
    config = LlavaConfig(
        text_config=LlamaConfig(
            **text,
            **ends,
            vocab_size=vocabulary,
            max_position_embeddings=4096,
            rms_norm_eps=1e-5,
            rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
            tie_word_embeddings=False,
        ),
        vision_config=CLIPVisionConfig(**vision),
        image_token_index=ids["<image>"],
        image_seq_length=IMAGE_TOKENS,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
    )
    return Blueprint(config, LlavaForConditionalGeneration, lambda: _processor(vocabulary, ids), ends)


def _processor(vocabulary: int, ids: dict[str, int]) -> Any:
    from transformers import CLIPImageProcessor, LlavaProcessor

    side, attributes = VISION["image_size"], {"image_token": "<image>"}
    texts = tokenizer.build(
        vocabulary, ids, attributes, bos="<s>", eos="</s>", pad="<pad>", unk="<unk>", add_bos=True, max_length=4096
    )
    return LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": side}, crop_size={"height": side, "width": side}),
        texts,
        patch_size=VISION["patch_size"],
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,  # CLIP's class token, which the "default" strategy drops
        chat_template=CHAT_TEMPLATE,
    )


def _spec(
    suffix: str, size: str, revision: str, parameters: int, text: tuple[int, int, int, int], *, default: bool = False
) -> ModelSpec:
    return ModelSpec(
        id=f"llava{suffix}",
        label=f"LLaVA{suffix.upper()}",
        checkpoint=f"llava-1.5-{size}-hf",
        repo=f"llava-hf/llava-1.5-{size}-hf",
        revision=revision,
        licence="Llama 2 Community License",
        architecture="llava",
        blueprint=blueprint,
        vision_end="model.multi_modal_projector",
        parameters=parameters,
        dims={"text": base.make_dims(*text, text[-1])},
        default=default,
    )


SPECS = (
    _spec("", "7b", "b234b804b114d9e37bb655e11cbbb5f5e971b7a9", 7_063_427_072, (4096, 11008, 32, 32), default=True),
    _spec("-13b", "13b", "5dda2880bda009266dda7c4baff660b95ca64540", 13_351_494_656, (5120, 13824, 40, 40)),
)
