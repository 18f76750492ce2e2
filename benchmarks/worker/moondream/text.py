"""The decoder of Phi-1.5, with attention and MLP in parallel, and a prefix without a causal mask."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.worker.moondream.configuration import TextDims
from benchmarks.worker.moondream.layers import Attention, Mlp

ROTARY_BASE = 10_000.0
Rotation = tuple[torch.Tensor, torch.Tensor]
"""(cosines, sines), each (batch, 1, tokens, quarter of a head), in fp32."""


class TextBlock(nn.Module):  # type: ignore[misc]
    """One block of the decoder."""

    def __init__(self, dims: TextDims, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.ln = nn.LayerNorm(dims.dim)
        self.attn = Attention(dims.dim, dims.n_heads)
        self.mlp = Mlp(dims.dim, 4 * dims.dim, dims.dim)

    def forward(self, x: torch.Tensor, rotation: Rotation, mask: torch.Tensor | None, cache: Any) -> torch.Tensor:
        """Return `x` after the block, both (batch, tokens, width).

        `mask` is (batch, 1, tokens, all tokens); None means causal. `cache` is transformers' Cache or None.
        """
        normed = self.ln(x)
        queries, keys, values = self.attn.split(normed)
        queries, keys = rotate(queries, rotation), rotate(keys, rotation)
        if cache is not None:
            keys, values = cache.update(keys, values, self.layer)
        causal = mask is None and queries.shape[2] > 1
        seen = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=causal)
        return x + self.attn.join(seen) + self.mlp(normed)


class TextDecoder(nn.Module):  # type: ignore[misc]
    """From embeddings to hidden states; the caller applies `lm_head`."""

    def __init__(self, dims: TextDims) -> None:
        super().__init__()
        self.head_width = dims.dim // dims.n_heads
        self.wte = nn.Parameter(torch.empty(dims.vocab_size, dims.dim))
        self.blocks = nn.ModuleList(TextBlock(dims, layer) for layer in range(dims.n_layers))
        self.post_ln = nn.LayerNorm(dims.dim)
        self.lm_head = nn.Linear(dims.dim, dims.vocab_size)

    def forward(self, x: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor | None, cache: Any) -> torch.Tensor:
        """Return the normed hidden states, (batch, tokens, width)."""
        rotation = rotations(positions, self.head_width // 2)
        for block in self.blocks:
            x = block(x, rotation, mask, cache)
        return self.post_ln(x)


def rotations(positions: torch.Tensor, width: int) -> Rotation:
    """Return the rotation of `width` channels, half of a head, at each of `positions`, (batch, tokens).

    Computed at each step in fp32: from_pretrained would leave a table of them empty, as no checkpoint holds it.
    """
    powers = torch.arange(0, width, 2, device=positions.device, dtype=torch.float32) / width
    angles = positions[:, None, :, None].float() * ROTARY_BASE**-powers
    return angles.cos(), angles.sin()


def rotate(x: torch.Tensor, rotation: Rotation) -> torch.Tensor:
    """Return `x`, (batch, heads, tokens, width of a head), with the first half of its channels rotated in pairs."""
    cosines, sines = rotation
    half = cosines.shape[-1]
    first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    turned = torch.cat([first * cosines - second * sines, first * sines + second * cosines], dim=-1)
    return torch.cat([turned.to(x.dtype), rest], dim=-1)
