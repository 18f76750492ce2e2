"""Layers of both encoder and decoder. Attributes have the names of the published weights."""

import torch
from torch import nn
from torch.nn import functional


class Mlp(nn.Module):  # type: ignore[misc]
    """Two linear layers with the tanh approximation of GELU between them."""

    def __init__(self, width: int, inner: int, out: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(functional.gelu(self.fc1(x), approximate="tanh"))


class Attention(nn.Module):  # type: ignore[misc]
    """The projections of self-attention, with one layer for queries, keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def split(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return queries, keys and values, each (batch, heads, tokens, width of a head)."""
        batch, tokens, width = x.shape
        parts = self.qkv(x).view(batch, tokens, 3, self.heads, width // self.heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        return queries, keys, values

    def join(self, heads: torch.Tensor) -> torch.Tensor:
        """Return the heads' outputs, (batch, heads, tokens, width of a head), projected to (batch, tokens, width)."""
        return self.proj(heads.transpose(1, 2).flatten(2))
