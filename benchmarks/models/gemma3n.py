"""Gemma 3n: MatFormer decoder with per-layer embeddings, MobileNetV5 encoder (transformers' `gemma3n`).

Dimensions: transformers' conversion script and config.json of google/gemma-3n-{E2B,E4B}-it. The
encoder is timm's, which needs torchvision.
"""

from typing import Any

from benchmarks.models import base, tokenizer
from benchmarks.models.base import Blueprint, Dims, ModelSpec, Size

VOCABULARY, TEXT_VOCABULARY, AUDIO_OFFSET = 262400, 262144, 262272
SPECIALS = base.number_tokens(
    {
        0: "<pad> <eos> <bos> <unk>",
        105: "<start_of_turn> <end_of_turn>",
        255999: "<start_of_image> <start_of_audio>",
        262144: "<end_of_image> <image_soft_token>",
        262272: "<end_of_audio> <audio_soft_token>",
    }
)
# Text tokens come first, then image tokens from the vision offset on, then audio tokens.
MINI_VOCABULARY, MINI_TEXT_VOCABULARY, MINI_AUDIO_OFFSET = 1024, 768, 896
MINI_SPECIALS = base.number_tokens(
    {
        0: "<pad> <eos> <bos> <unk> <start_of_turn> <end_of_turn>",
        766: "<start_of_image> <start_of_audio>",
        768: "<end_of_image> <image_soft_token>",
        896: "<end_of_audio> <audio_soft_token>",
    }
)
ATTRIBUTES = {
    "image_token": "<image_soft_token>",
    "boi_token": "<start_of_image>",
    "eoi_token": "<end_of_image>",
    "audio_token": "<audio_soft_token>",
    "boa_token": "<start_of_audio>",
    "eoa_token": "<end_of_audio>",
}
IMAGE_TOKENS, AUDIO_TOKENS = 256, 188
PIXELS, MINI_PIXELS = 768, 128  # both give 256 tokens; CPUs without bf16 convolve 100 times slower in it
SPARSE_LAYERS = 10
MINI_DECODER: Dims = base.MINI_TEXT | {
    "num_hidden_layers": 4,
    "num_kv_shared_layers": 2,
    "head_dim": 16,
    "hidden_size_per_layer_input": 16,
    "laurel_rank": 8,
    "activation_sparsity_pattern": [0.95, 0.95, 0.0, 0.0],
    "layer_types": ["sliding_attention", "full_attention"] * 2,
}
MINI_AUDIO: Dims = {
    "hidden_size": 32,
    "conf_num_attention_heads": 2,
    "conf_num_hidden_layers": 1,
    "sscp_conv_channel_size": [8, 4],
}
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else message['role']) + '\n' }}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'audio' %}{{ '<audio_soft_token>' }}"
    "{% elif part['type'] == 'image' %}{{ '<image_soft_token>' }}"
    "{% elif part['type'] == 'text' %}{{ part['text'] | trim }}{% endif %}"
    "{% endfor %}{{ '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)


def _decoder(layers: int, inner: int, shared: int) -> Dims:
    sparsity = [0.95] * SPARSE_LAYERS + [0.0] * (layers - SPARSE_LAYERS)
    others = {"num_kv_shared_layers": shared, "head_dim": 256, "hidden_size_per_layer_input": 256, "laurel_rank": 64}
    return base.make_dims(2048, inner, layers, 8, 2, activation_sparsity_pattern=sparsity, **others)


def blueprint(spec: ModelSpec, size: Size) -> Blueprint:
    """Return Gemma 3n in the variant of `spec`."""
    import transformers

    mini = size == "mini"
    text: Dims = MINI_DECODER if mini else spec.dims["text"]
    vocabulary = MINI_VOCABULARY if mini else VOCABULARY
    text_vocabulary = MINI_TEXT_VOCABULARY if mini else TEXT_VOCABULARY
    ids = MINI_SPECIALS if mini else SPECIALS
    config = transformers.Gemma3nConfig(
        text_config=transformers.Gemma3nTextConfig(
            **text,
            vocab_size=vocabulary,
            vocab_size_per_layer_input=text_vocabulary,
            altup_num_inputs=4,
            sliding_window=512,
            max_position_embeddings=32768,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=2,
        ),
        vision_config=transformers.Gemma3nVisionConfig(**_encoder(mini=mini), vocab_offset=text_vocabulary),
        audio_config=transformers.Gemma3nAudioConfig(
            **(MINI_AUDIO if mini else {}), vocab_offset=MINI_AUDIO_OFFSET if mini else AUDIO_OFFSET
        ),
        boi_token_id=ids["<start_of_image>"],
        eoi_token_id=ids["<end_of_image>"],
        image_token_id=ids["<image_soft_token>"],
        boa_token_id=ids["<start_of_audio>"],
        eoa_token_id=ids["<end_of_audio>"],
        audio_token_id=ids["<audio_soft_token>"],
    )
    ends = {"bos_token_id": 2, "eos_token_id": [1, ids["<end_of_turn>"]], "pad_token_id": 0}
    pixels = MINI_PIXELS if mini else PIXELS
    model_class = transformers.Gemma3nForConditionalGeneration
    return Blueprint(config, model_class, lambda: _processor(vocabulary, ids, pixels), ends)


def _encoder(*, mini: bool) -> Dims:
    """Return the encoder's options; the miniature has all 84 blocks at a sixteenth of their width.

    Not by `block_args`: timm edits that list in place, and then config.json cannot be written.
    """
    return {"architecture": "mobilenetv5_300m_enc", **({"model_args": {"channel_multiplier": 0.0625}} if mini else {})}


def _processor(vocabulary: int, ids: dict[str, int], pixels: int) -> Any:
    from transformers import Gemma3nAudioFeatureExtractor, Gemma3nProcessor, SiglipImageProcessor

    texts = tokenizer.build(
        vocabulary, ids, ATTRIBUTES, bos="<bos>", eos="<eos>", pad="<pad>", unk="<unk>", max_length=32768
    )
    images = SiglipImageProcessor(
        size={"height": pixels, "width": pixels},
        do_normalize=False,
        resample=2,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )
    return Gemma3nProcessor(
        Gemma3nAudioFeatureExtractor(),
        images,
        texts,
        chat_template=CHAT_TEMPLATE,
        audio_seq_length=AUDIO_TOKENS,
        image_seq_length=IMAGE_TOKENS,
    )


def _spec(suffix: str, size: str, revision: str, parameters: int, text: Dims, *, default: bool = False) -> ModelSpec:
    return ModelSpec(
        id=f"gemma3n{suffix}",
        label=f"Gemma3N{suffix.upper()}",
        checkpoint=f"gemma-3n-{size}-it",
        repo=f"google/gemma-3n-{size}-it",
        revision=revision,
        licence="Gemma Terms of Use",
        gated=True,
        architecture="gemma3n",
        blueprint=blueprint,
        vision_end="model.embed_vision.soft_embedding_norm",  # embed_vision itself also runs on token ids
        # the published file holds 2,097,408 more for each layer that shares keys and values, all of them unused
        parameters=parameters,
        dims={"text": text},
        default=default,
        mini_remarks=(f"The miniature gets photographs at {MINI_PIXELS} pixels, the published model at {PIXELS}.",),
        # https://unsloth.ai/blog/gemma-3n: a convolution exceeds fp16's 65504
        limits=("The published vision convolutions overflow in fp16, but not in bf16.",),
    )


SPECS = (
    _spec("", "E2B", "5e092ebca197cdcd8d8b195040accf22693501bc", 5_418_464_192, _decoder(30, 8192, 10), default=True),
    _spec("-e4b", "E4B", "c1221e9c62e34a43ab7ffacd1be0ea71f126ef10", 7_818_517_072, _decoder(35, 16384, 15)),
)
