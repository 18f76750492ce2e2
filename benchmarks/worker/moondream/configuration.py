"""The configuration: config.json as it is published, and the dimensions behind it.

The published config.json says `"config": {}`, which means: the published dimensions. A model of
other dimensions names those that differ, in the same words: `{"config": {"text": {"n_layers": 2}}}`.
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
        """Patches along a crop's side: 27."""
        return self.crop_size // self.enc_patch_size

    @property
    def image_tokens(self) -> int:
        """Positions that an image takes in a prompt, whatever its size: 729."""
        return self.grid**2


@dataclass(frozen=True)
class RegionDims:
    """The dimensions of the head that points and detects; names and defaults of config_md2.json."""

    dim: int = 2048
    coord_feat_dim: int = 256
    coord_out_dim: int = 1024
    size_feat_dim: int = 512
    size_out_dim: int = 2048
    inner_dim: int = 8192


class MoondreamConfig(PreTrainedConfig):  # type: ignore[misc]
    """What config.json holds.

    Attributes:
        config: {"text" | "vision" | "region": {dimension: value}} where they differ from the published.
    """

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
        """The decoder's dimensions."""
        return TextDims(**self._section("text"))

    @property
    def vision(self) -> VisionDims:
        """The encoder's dimensions."""
        return VisionDims(**self._section("vision"))

    @property
    def region(self) -> RegionDims:
        """The region head's dimensions."""
        return RegionDims(**self._section("region"))

    @property
    def image_token_id(self) -> int:
        """The id that stands for an image position: the embedding's last row, which the tokenizer never makes."""
        return self.text.vocab_size - 1

    # What `generate` and its caches read.

    @property
    def vocab_size(self) -> int:
        """Rows of the embedding."""
        return self.text.vocab_size

    @property
    def hidden_size(self) -> int:
        """Width of the decoder."""
        return self.text.dim

    @property
    def num_hidden_layers(self) -> int:
        """Blocks of the decoder, each with keys and values to cache."""
        return self.text.n_layers

    @property
    def num_attention_heads(self) -> int:
        """Heads of the decoder, for queries, keys and values alike."""
        return self.text.n_heads

    @property
    def max_position_embeddings(self) -> int:
        """The decoder's context, in tokens, image positions included."""
        return self.text.max_context

    def _section(self, name: str) -> dict[str, Any]:
        return dict((self.config or {}).get(name, {}))
