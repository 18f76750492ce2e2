"""SmolVLM2: Llama decoder, SigLIP encoder, photographs split into tiles (transformers' `smolvlm`).

Dimensions: config.json of HuggingFaceTB/SmolVLM2-{256M,500M}-Video-Instruct and -2.2B-Instruct; the
parameter counts that follow from them are the published ones.
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

VOCABULARY = 49280
TILES = 6  # a photograph is split into at most 6 x 6 tiles
SPECIALS = {
    "<|endoftext|>": 0,
    "<|im_start|>": 1,
    "<|im_end|>": 2,
    "<global-img>": 49152,
    **{f"<row_{1 + i // TILES}_col_{1 + i % TILES}>": 49153 + i for i in range(TILES * TILES)},
    "<fake_token_around_image>": 49189,
    "<image>": 49190,
    "<video>": 49191,
    "<end_of_utterance>": 49279,
}
ATTRIBUTES = {
    "image_token": "<image>",
    "fake_image_token": "<fake_token_around_image>",
    "global_image_token": "<global-img>",
    "end_of_utterance_token": "<end_of_utterance>",
    "video_token": "<video>",
}


def _text(hidden: int, inner: int, layers: int, heads: tuple[int, int], theta: float) -> Dims:
    return {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads[0],
        "num_key_value_heads": heads[1],
        "head_dim": 64,
        "rope_parameters": {"rope_type": "default", "rope_theta": theta},
    }


SMALL_VISION: Dims = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 512,
    "patch_size": 16,
}
LARGE_VISION: Dims = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "image_size": 384,
    "patch_size": 14,
}


def blueprint(spec: ModelSpec, size: Size) -> Blueprint:
    """Return SmolVLM2 in the variant of `spec`."""
    from transformers import LlamaConfig, SmolVLMConfig, SmolVLMForConditionalGeneration
    from transformers.models.smolvlm.configuration_smolvlm import SmolVLMVisionConfig

    text, vision = dict(spec.dims["text"]), dict(spec.dims["vision"])
    vocabulary, ids = VOCABULARY, SPECIALS
    if size == "mini":
        text |= MINI_TEXT | {"head_dim": 16}
        vision |= MINI_VISION
        vocabulary, ids = MINI_VOCABULARY, pack_tokens(SPECIALS, MINI_VOCABULARY)
    ends = {
        "bos_token_id": ids["<|im_start|>"],
        "eos_token_id": ids["<end_of_utterance>"],
        "pad_token_id": ids["<|im_end|>"],
    }
    config = SmolVLMConfig(
        text_config=LlamaConfig(
            **text,
            **ends,
            vocab_size=vocabulary,
            max_position_embeddings=8192,
            rms_norm_eps=1e-5,
            tie_word_embeddings=False,
        ),
        vision_config=SmolVLMVisionConfig(**vision),
        scale_factor=spec.dims["scale_factor"],
        image_token_id=ids["<image>"],
        tie_word_embeddings=False,
    )
    return Blueprint(config, SmolVLMForConditionalGeneration, lambda: _processor(spec, vision, vocabulary, ids), ends)


def _processor(spec: ModelSpec, vision: Dims, vocabulary: int, ids: dict[str, int]) -> Any:
    from transformers import SmolVLMImageProcessor, SmolVLMProcessor, SmolVLMVideoProcessor
    from transformers.models.smolvlm.processing_smolvlm import DEFAULT_CHAT_TEMPLATE

    frame = {
        "size": {"longest_edge": spec.dims["longest_edge"]},
        "max_image_size": {"longest_edge": vision["image_size"]},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    tokens = (vision["image_size"] // vision["patch_size"] // spec.dims["scale_factor"]) ** 2
    return SmolVLMProcessor(
        SmolVLMImageProcessor(**frame, do_image_splitting=True, do_convert_rgb=True, do_pad=True, resample=1),
        tokenizer.build(
            vocabulary,
            ids,
            ATTRIBUTES,
            bos="<|im_start|>",
            eos="<end_of_utterance>",
            pad="<|im_end|>",
            unk="<|endoftext|>",
        ),
        SmolVLMVideoProcessor(**frame, num_frames=8, fps=1),
        image_seq_len=tokens,
        chat_template=DEFAULT_CHAT_TEMPLATE,
    )


def _spec(
    suffix: str, checkpoint: str, revision: str, *, parameters: int, default: bool = False, **dims: Any
) -> ModelSpec:
    return ModelSpec(
        id=f"smolvlm2{suffix}",
        label=f"SmolVLM2{suffix.upper()}",
        checkpoint=checkpoint,
        repo=f"HuggingFaceTB/{checkpoint}",
        revision=revision,
        licence="Apache-2.0",
        architecture="smolvlm",
        blueprint=blueprint,
        vision_end="model.connector",
        parameters=parameters,
        dims=dims,
        default=default,
    )


SPECS = (
    _spec(
        "",
        "SmolVLM2-2.2B-Instruct",
        "482adb537c021c86670beed01cd58990d01e72e4",
        parameters=2_246_784_880,
        default=True,
        text=_text(2048, 8192, 24, (32, 32), 130_000.0),
        vision=LARGE_VISION,
        scale_factor=3,
        longest_edge=1536,
    ),
    _spec(
        "-500m",
        "SmolVLM2-500M-Video-Instruct",
        "7b375e1b73b11138ff12fe22c8f2822d8fe03467",
        parameters=507_482_304,
        text=_text(960, 2560, 32, (15, 5), 100_000.0),
        vision=SMALL_VISION,
        scale_factor=4,
        longest_edge=2048,
    ),
    _spec(
        "-256m",
        "SmolVLM2-256M-Video-Instruct",
        "067788b187b95ebe7b2e040b3e4299e342e5b8fd",
        parameters=256_484_928,
        text=_text(576, 1536, 30, (9, 3), 100_000.0),
        vision=SMALL_VISION,
        scale_factor=4,
        longest_edge=2048,
    ),
)
