"""SmolVLM2: Llama decoder, SigLIP encoder, photographs in tiles (transformers' `smolvlm`).

Dimensions: config.json of HuggingFaceTB/SmolVLM2-{256M,500M}-Video-Instruct and -2.2B-Instruct; the
parameter counts that follow from them are the published ones.
"""

from typing import Any

from benchmarks.models import base, tokenizer
from benchmarks.models.base import Blueprint, Dims, ModelSpec, Size

VOCABULARY = 49280
TILES = 6  # a photograph is split into at most 6 x 6 tiles
ROWS = " ".join(f"<row_{1 + i // TILES}_col_{1 + i % TILES}>" for i in range(TILES * TILES))
SPECIALS = base.number_tokens(
    {
        0: "<|endoftext|> <|im_start|> <|im_end|>",
        49152: f"<global-img> {ROWS} <fake_token_around_image> <image> <video>",
        49279: "<end_of_utterance>",
    }
)
ATTRIBUTES = {
    "image_token": "<image>",
    "fake_image_token": "<fake_token_around_image>",
    "global_image_token": "<global-img>",
    "end_of_utterance_token": "<end_of_utterance>",
    "video_token": "<video>",
}


def _text(hidden: int, inner: int, layers: int, heads: tuple[int, int], theta: float) -> Dims:
    rope = {"rope_type": "default", "rope_theta": theta}
    return base.make_dims(hidden, inner, layers, *heads, head_dim=64, rope_parameters=rope)


SMALL: Dims = {
    "vision": base.make_dims(768, 3072, 12, 12, image_size=512, patch_size=16),
    "scale_factor": 4,
    "longest_edge": 2048,
}
LARGE: Dims = {
    "vision": base.make_dims(1152, 4304, 27, 16, image_size=384, patch_size=14),
    "scale_factor": 3,
    "longest_edge": 1536,
}


def blueprint(spec: ModelSpec, size: Size) -> Blueprint:
    """Return SmolVLM2 in the variant of `spec`."""
    from transformers import LlamaConfig, SmolVLMConfig, SmolVLMForConditionalGeneration
    from transformers.models.smolvlm.configuration_smolvlm import SmolVLMVisionConfig

    text, vision = dict(spec.dims["text"]), dict(spec.dims["vision"])
    vocabulary, ids = VOCABULARY, SPECIALS
    if size == "mini":
        text |= base.MINI_TEXT | {"head_dim": 16}
        vision |= base.MINI_VISION
        vocabulary, ids = base.MINI_VOCABULARY, base.pack_tokens(SPECIALS, base.MINI_VOCABULARY)
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
    bos, pad, unk = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
    texts = tokenizer.build(vocabulary, ids, ATTRIBUTES, bos=bos, eos="<end_of_utterance>", pad=pad, unk=unk)
    return SmolVLMProcessor(
        SmolVLMImageProcessor(**frame, do_image_splitting=True, do_convert_rgb=True, do_pad=True, resample=1),
        texts,
        SmolVLMVideoProcessor(**frame, num_frames=8, fps=1),
        image_seq_len=tokens,
        chat_template=DEFAULT_CHAT_TEMPLATE,
    )


def _spec(suffix: str, checkpoint: str, revision: str, parameters: int, dims: Dims, default: bool = False) -> ModelSpec:
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
        2_246_784_880,
        LARGE | {"text": _text(2048, 8192, 24, (32, 32), 130_000.0)},
        default=True,
    ),
    _spec(
        "-500m",
        "SmolVLM2-500M-Video-Instruct",
        "7b375e1b73b11138ff12fe22c8f2822d8fe03467",
        507_482_304,
        SMALL | {"text": _text(960, 2560, 32, (15, 5), 100_000.0)},
    ),
    _spec(
        "-256m",
        "SmolVLM2-256M-Video-Instruct",
        "067788b187b95ebe7b2e040b3e4299e342e5b8fd",
        256_484_928,
        SMALL | {"text": _text(576, 1536, 30, (9, 3), 100_000.0)},
    ),
)
