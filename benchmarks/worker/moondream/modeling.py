"""The whole model, for transformers' `generate`."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import DynamicCache, GenerationMixin, PreTrainedModel
from transformers import initialization as init
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import CausalLMOutputWithPast

from benchmarks.worker.moondream.configuration import MoondreamConfig, RegionDims
from benchmarks.worker.moondream.layers import Mlp
from benchmarks.worker.moondream.text import TextBlock, TextDecoder
from benchmarks.worker.moondream.vision import VisionBlock, VisionEncoder

CACHE_FIELD = "cache" if "cache" in CausalLMOutputWithPast.__dataclass_fields__ else "past_key_values"
"""The cache's name among transformers' outputs, until 5.23 and since."""


class RegionHead(nn.Module):  # type: ignore[misc]
    """The head that points and detects: loaded, because it is part of the checkpoint, and never run."""

    def __init__(self, dims: RegionDims) -> None:
        super().__init__()
        self.coord_encoder = nn.Linear(dims.coord_feat_dim, dims.dim)
        self.coord_decoder = Mlp(dims.dim, dims.inner_dim, dims.coord_out_dim)
        self.size_encoder = nn.Linear(dims.size_feat_dim, dims.dim)
        self.size_decoder = Mlp(dims.dim, dims.inner_dim, dims.size_out_dim)
        self.coord_features = nn.Parameter(torch.empty(1, dims.coord_feat_dim // 2))
        self.size_features = nn.Parameter(torch.empty(2, dims.size_feat_dim // 2))


class Moondream(nn.Module):  # type: ignore[misc]
    """The three parts, with the names of the published weights."""

    def __init__(self, config: MoondreamConfig) -> None:
        super().__init__()
        self.vision = VisionEncoder(config.vision)
        self.text = TextDecoder(config.text)
        self.region = RegionHead(config.region)


class MoondreamForConditionalGeneration(PreTrainedModel, GenerationMixin):  # type: ignore[misc]
    """Moondream2. Each sequence begins with BOS and one image, whose 730 positions attend to each other both ways.

    It has no buffers, because from_pretrained builds it on the meta device and would leave them empty.
    """

    config_class = MoondreamConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    _no_split_modules = (TextBlock.__name__, VisionBlock.__name__)
    _supports_sdpa = True
    _can_compile_fullgraph = True

    def __init__(self, config: MoondreamConfig) -> None:
        super().__init__(config)
        self.model = Moondream(config)
        self.post_init()

    def forward(  # noqa: PLR0913, PLR0917 - `generate` passes these names
        self,
        input_ids: torch.Tensor,  # (batch, tokens), with `image_token_id` at image positions
        attention_mask: torch.Tensor | None = None,  # (batch, tokens so far), 0 at padding, which is on the left
        position_ids: torch.Tensor | None = None,  # (batch, tokens); None counts them from the mask
        cache: Any = None,  # transformers' Cache
        pixel_values: torch.Tensor | None = None,  # (crops of all images, 3, side, side), -1 to 1; prefill only
        tilings: torch.Tensor | None = None,  # (batch, 2), rows and columns of each image's crops
        use_cache: bool | None = None,  # whether to create a missing cache
        logits_to_keep: int = 0,  # number of last tokens that get logits; 0 means all
        return_dict: bool = True,  # `generate` passes it
        past_key_values: Any = None,  # the cache's name before transformers 5.24
    ) -> Any:
        """Return the logits, (batch, tokens kept, vocabulary), and the cache.

        An argument that is not listed raises TypeError: ignoring one once meant decoding without the context.
        """
        cache = past_key_values if cache is None else cache
        if use_cache and cache is None:
            cache = DynamicCache(config=self.config)
        embeddings, blocks = functional.embedding(input_ids, self.model.text.wte), None
        if pixel_values is not None and tilings is not None:
            images = self._image_positions(input_ids)
            features = self.model.vision(pixel_values, tilings)
            embeddings = embeddings.masked_scatter(images[..., None], features.to(embeddings.dtype))
            blocks = _prefix_blocks(images)
        if position_ids is None:
            position_ids = _positions(input_ids, attention_mask, cache)
        mask = create_causal_mask(self.config, embeddings, attention_mask, cache, block_sequence_ids=blocks)
        hidden = self.model.text(embeddings, position_ids, mask, cache)
        logits = self.model.text.lm_head(hidden[:, -logits_to_keep:])
        return CausalLMOutputWithPast(logits=logits, **{CACHE_FIELD: cache})

    @staticmethod
    def create_masks_for_generate(
        config: MoondreamConfig,
        inputs_embeds: torch.Tensor,
        attention_mask: torch.Tensor,
        cache: Any = None,
        past_key_values: Any = None,
        **_: Any,  # positions, and what tells the tokens of other models apart
    ) -> Any:
        """Return a decode step's mask over a static cache; `forward` makes the mask of the prefill, with the image."""
        if inputs_embeds.shape[1] > 1:
            return attention_mask
        return create_causal_mask(config, inputs_embeds, attention_mask, past_key_values if cache is None else cache)

    def _image_positions(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Return the image positions, (batch, tokens); the same id later in a sequence is an ordinary token."""
        found = input_ids == self.config.image_token_id
        return found & (found.cumsum(-1) <= self.config.vision.image_tokens)

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _init_weights(self, module: nn.Module) -> None:
        """Initialise layers as transformers does, and the bare weights that it does not know."""
        super()._init_weights(module)
        for weight in module.parameters(recurse=False):
            if not isinstance(module, (nn.Linear, nn.LayerNorm)):
                init.normal_(weight, std=self.config.initializer_range)


def _prefix_blocks(images: torch.Tensor) -> torch.Tensor:
    """Return (batch, tokens): 0 at image positions and at the BOS before them, -1 elsewhere."""
    prefix = images.clone()
    prefix[:, :-1] |= images[:, 1:]
    return torch.where(prefix, 0, -1)


def _positions(input_ids: torch.Tensor, attention_mask: torch.Tensor | None, cache: Any) -> torch.Tensor:
    """Return each token's position in its sequence without padding, (batch, tokens)."""
    tokens = input_ids.shape[1]
    if attention_mask is not None and attention_mask.ndim == 2:
        return (attention_mask.long().cumsum(-1) - 1).clamp(min=0)[:, -tokens:]
    past = 0 if cache is None else cache.get_seq_length()
    return (torch.arange(tokens, device=input_ids.device) + past)[None].expand_as(input_ids)
