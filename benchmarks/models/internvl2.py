"""InternVL2 and InternVL3: InternViT-300M, tiles of 448 pixels (transformers' `internvl`).

Dimensions: config.json of OpenGVLab/InternVL2-2B (InternLM2's arithmetic is Llama's) and
OpenGVLab/InternVL3-{1B,2B}-hf; transformers' conversion script gives processor and token ids.
"""

from typing import Any

from benchmarks.models import base, tokenizer
from benchmarks.models.base import Blueprint, Dims, ModelSpec, Size

VISION = base.make_dims(1024, 4096, 24, 16, attention_bias=True, use_qk_norm=False, norm_type="layer_norm")
VISION |= {"image_size": 448, "patch_size": 14, "layer_scale_init_value": 0.1}
TILE_TOKENS = 256  # (448 / 14)^2 patches, four per token
MAX_TILES = 12

BOXES = "<img> </img> <IMG_CONTEXT> <quad> </quad> <ref> </ref> <box> </box>"
ACTIONS = "<video> <|plugin|> <|interpreter|> <|action_end|> <|action_start|> <|im_end|> <|im_start|>"
INTERNLM2_SPECIALS = base.number_tokens({0: "<unk> <s> </s>", 92537: f"{ACTIONS} {BOXES}"})
QWEN2_SPECIALS = base.number_tokens({151643: "<|endoftext|> <|im_start|> <|im_end|>", 151656: "<video>", 151665: BOXES})
ATTRIBUTES = {
    "start_image_token": "<img>",
    "end_image_token": "</img>",
    "context_image_token": "<IMG_CONTEXT>",
    "video_token": "<video>",
}
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<IMG_CONTEXT>\n' }}"
    "{% elif part['type'] == 'video' %}{{ '<video>\n' }}"
    "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def blueprint(spec: ModelSpec, size: Size) -> Blueprint:
    """Return InternVL in the variant of `spec`."""
    import transformers

    llama = spec.dims["decoder"] == "llama"
    specials = INTERNLM2_SPECIALS if llama else QWEN2_SPECIALS
    text, vision = dict(spec.dims["text"]), dict(VISION)
    vocabulary, ids = max(specials.values()) + 1, specials
    if size == "mini":
        text |= base.MINI_TEXT
        vision |= base.MINI_VISION
        vocabulary, ids = base.MINI_VOCABULARY, base.pack_tokens(specials, base.MINI_VOCABULARY)
    bos, pad = ("<s>", "</s>") if llama else ("<|endoftext|>", "<|endoftext|>")
    config = transformers.InternVLConfig(
        text_config=(transformers.LlamaConfig if llama else transformers.Qwen2Config)(
            **text,
            vocab_size=vocabulary,
            max_position_embeddings=32768,
            tie_word_embeddings=False,
            bos_token_id=ids[bos],
            eos_token_id=ids["<|im_end|>"],
            pad_token_id=ids[pad],
        ),
        vision_config=transformers.InternVLVisionConfig(**vision),
        image_token_id=ids["<IMG_CONTEXT>"],
        image_seq_length=TILE_TOKENS,
        downsample_ratio=0.5,
        tie_word_embeddings=False,
    )
    ends = {"bos_token_id": ids[bos], "eos_token_id": ids["<|im_end|>"], "pad_token_id": ids[pad]}
    model_class = transformers.InternVLForConditionalGeneration
    return Blueprint(config, model_class, lambda: _processor(vocabulary, ids, bos=bos, pad=pad), ends)


def _processor(vocabulary: int, ids: dict[str, int], *, bos: str, pad: str) -> Any:
    from transformers import GotOcr2ImageProcessor, InternVLProcessor, InternVLVideoProcessor

    side = VISION["image_size"]
    images = GotOcr2ImageProcessor(
        size={"height": side, "width": side},
        crop_to_patches=True,
        min_patches=1,
        max_patches=MAX_TILES,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
        do_convert_rgb=True,
    )
    texts = tokenizer.build(vocabulary, ids, ATTRIBUTES, bos=bos, eos="<|im_end|>", pad=pad)
    return InternVLProcessor(
        images, texts, InternVLVideoProcessor(), image_seq_length=TILE_TOKENS, chat_template=CHAT_TEMPLATE
    )


def _qwen2(hidden: int, inner: int, layers: int, heads: tuple[int, int]) -> Dims:
    rope = {"rope_type": "default", "rope_theta": 1e6}
    return base.make_dims(hidden, inner, layers, *heads, rms_norm_eps=1e-6, rope_parameters=rope)


INTERNLM2_ROPE = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e6}
INTERNLM2_1_8B = base.make_dims(2048, 8192, 24, 16, 8, rms_norm_eps=1e-5, rope_parameters=INTERNLM2_ROPE)


def _internvl3(size: str, revision: str, parameters: int, text: Dims) -> ModelSpec:
    return ModelSpec(
        id=f"internvl3-{size}",
        label=f"InternVL3-{size.upper()}",
        checkpoint=f"InternVL3-{size.upper()}-hf",
        repo=f"OpenGVLab/InternVL3-{size.upper()}-hf",
        revision=revision,
        licence="MIT, Qwen licence for the decoder",
        architecture="internvl",
        blueprint=blueprint,
        vision_end="model.multi_modal_projector",
        parameters=parameters,
        dims={"decoder": "qwen2", "text": text},
    )


SPECS = (
    ModelSpec(
        id="internvl2-2b",
        label="InternVL2-2B",
        published_label="InternVL2-2B (2.5-MPO)",
        checkpoint="InternVL2_5-2B-MPO-hf",
        repo="OpenGVLab/InternVL2_5-2B-MPO-hf",
        revision="7118a7e",  # "Update processor (#2)", the last of ten; the Hub's page shows only these digits
        licence="MIT",
        architecture="internvl",
        blueprint=blueprint,
        vision_end="model.multi_modal_projector",
        parameters=2_205_754_368,
        dims={"decoder": "llama", "text": INTERNLM2_1_8B},
        default=True,
        aliases=("internvl",),
        limits=("The remote code of OpenGVLab/InternVL2-2B itself does not load in transformers 5.",),
        remarks=("The native checkpoint with the architecture and dimensions of InternVL2-2B, but other weights.",),
    ),
    _internvl3("1b", "014c0583a0d4bedf29fbe2dbff4f865eb998e171", 938_193_024, _qwen2(896, 4864, 24, (14, 2))),
    _internvl3("2b", "cb57a075cb75a2e6d1b668b128d48bb00ae321d2", 2_088_957_440, _qwen2(1536, 8960, 28, (12, 2))),
)
