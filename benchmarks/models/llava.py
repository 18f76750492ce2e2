"""LLaVA-1.5: Llama decoder, CLIP-L/14-336 encoder (transformers' `llava`).

Dimensions: config.json of llava-hf/llava-1.5-{7b,13b}-hf.
"""

from typing import Any

from benchmarks.models import tokenizer
from benchmarks.models.base import (
    MINI_TEXT,
    MINI_VISION,
    MINI_VOCABULARY,
    Blueprint,
    Dims,
    ModelSpec,
    Size,
    pack_tokens,
)

VOCABULARY = 32064
SPECIALS = {"<unk>": 0, "<s>": 1, "</s>": 2, "<image>": 32000, "<pad>": 32001}
VISION: Dims = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 336,
    "patch_size": 14,
    "projection_dim": 768,
}
IMAGE_TOKENS = (VISION["image_size"] // VISION["patch_size"]) ** 2
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}{{ part['text'] + ' ' }}{% endfor %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


def _text(hidden: int, inner: int, layers: int, heads: int) -> Dims:
    return {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
    }


def blueprint(spec: ModelSpec, size: Size) -> Blueprint:
    """Return LLaVA-1.5 in the variant of `spec`."""
    from transformers import (
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
    )

    text, vision = dict(spec.dims["text"]), dict(VISION)
    vocabulary, ids = VOCABULARY, SPECIALS
    if size == "mini":
        text |= MINI_TEXT | {"num_key_value_heads": 4}
        vision |= MINI_VISION | {"num_hidden_layers": 3, "projection_dim": 32}  # the last but one layer is read
        vocabulary, ids = MINI_VOCABULARY, pack_tokens(SPECIALS, MINI_VOCABULARY)
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

    side = VISION["image_size"]
    return LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": side}, crop_size={"height": side, "width": side}),
        tokenizer.build(
            vocabulary,
            ids,
            {"image_token": "<image>"},
            bos="<s>",
            eos="</s>",
            pad="<pad>",
            unk="<unk>",
            add_bos=True,
            max_length=4096,
        ),
        patch_size=VISION["patch_size"],
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,  # CLIP's class token, which the "default" strategy drops again
        chat_template=CHAT_TEMPLATE,
    )


def _spec(suffix: str, size: str, revision: str, *, parameters: int, text: Dims, default: bool = False) -> ModelSpec:
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
        dims={"text": text},
        default=default,
    )


SPECS = (
    _spec(
        "",
        "7b",
        "b234b804b114d9e37bb655e11cbbb5f5e971b7a9",
        parameters=7_063_427_072,
        text=_text(4096, 11008, 32, 32),
        default=True,
    ),
    _spec(
        "-13b",
        "13b",
        "5dda2880bda009266dda7c4baff660b95ca64540",
        parameters=13_351_494_656,
        text=_text(5120, 13824, 40, 40),
    ),
)
