"""The configuration: config.json as published, and the dimensions that it stands for.

The published config.json holds `"config": {}`, which means the defaults below. Other dimensions
are given by the same names: `{"config": {"text": {"n_layers": 2}}}`.
"""

from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedConfig


@dataclass(frozen=True)
class TextDims:
    """The decoder's dimensions; names and defaults of config_md2.json."""

    dim: int = 2048
    n_layers: int = 24
    vocab_size: int = 51200
    max_context: int = 2048
    n_heads: int = 32
    prefix_attn: int = 730


@dataclass(frozen=True)
class VisionDims:
    """The encoder's dimensions; names and defaults of config_md2.json. `overlap_margin` is in patches."""

    enc_dim: int = 1152
    enc_patch_size: int = 14
    enc_n_layers: int = 27
    enc_ff_dim: int = 4304
    enc_n_heads: int = 16
    proj_out_dim: int = 2048
    crop_size: int = 378
    in_channels: int = 3
    max_crops: int = 12
    overlap_margin: int = 4
    proj_inner_dim: int = 8192

    @property
    def grid(self) -> int:
        """Patches along the side of a crop: 27."""
        return self.crop_size // self.enc_patch_size

    @property
    def image_tokens(self) -> int:
        """Positions of an image of any size in a prompt: 729."""
        return self.grid**2


@dataclass(frozen=True)
class RegionDims:
    """Dimensions of the head that points and detects; names and defaults of config_md2.json."""

    dim: int = 2048
    coord_feat_dim: int = 256
    coord_out_dim: int = 1024
    size_feat_dim: int = 512
    size_out_dim: int = 2048
    inner_dim: int = 8192


class MoondreamConfig(PreTrainedConfig):  # type: ignore[misc]
    """config.json; `config` is {"text" | "vision" | "region": {dimension: value other than the default}}."""

    model_type = "moondream1"  # sic: the published config.json of Moondream2

    config: dict[str, Any] | None = None
    bos_token_id: int = 50256
    eos_token_id: int = 50256
    pad_token_id: int = 50256
    tie_word_embeddings: bool = False
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs: Any) -> None:
        self.config = self.config or {}
        super().__post_init__(**kwargs)

    @property
    def text(self) -> TextDims:
        return TextDims(**self._section("text"))

    @property
    def vision(self) -> VisionDims:
        return VisionDims(**self._section("vision"))

    @property
    def region(self) -> RegionDims:
        return RegionDims(**self._section("region"))

    @property
    def image_token_id(self) -> int:
        """The id of image positions: the last row of the embedding, which the tokenizer never returns."""
        return self.text.vocab_size - 1

    # Read by `generate` and its caches.
    vocab_size = property(lambda self: self.text.vocab_size)
    hidden_size = property(lambda self: self.text.dim)
    num_hidden_layers = property(lambda self: self.text.n_layers)
    num_attention_heads = property(lambda self: self.text.n_heads)
    max_position_embeddings = property(lambda self: self.text.max_context)

    def _section(self, name: str) -> dict[str, Any]:
        return dict((self.config or {}).get(name, {}))
