"""The vision path: encode every crop, join the crops, and project both views."""

import torch
from torch import nn
from torch.nn import functional

from benchmarks.worker.moondream.configuration import VisionDims
from benchmarks.worker.moondream.layers import Attention, Mlp


class VisionBlock(nn.Module):  # type: ignore[misc]
    """One block of the encoder; every patch of a crop attends to all."""

    def __init__(self, dims: VisionDims) -> None:
        super().__init__()
        self.ln1 = nn.LayerNorm(dims.enc_dim)
        self.attn = Attention(dims.enc_dim, dims.enc_n_heads)
        self.ln2 = nn.LayerNorm(dims.enc_dim)
        self.mlp = Mlp(dims.enc_dim, dims.enc_ff_dim, dims.enc_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        queries, keys, values = self.attn.split(self.ln1(x))
        x = x + self.attn.join(functional.scaled_dot_product_attention(queries, keys, values))
        return x + self.mlp(self.ln2(x))


class VisionEncoder(nn.Module):  # type: ignore[misc]
    """From crops to 729 vectors of the decoder's width per image. `proj_mlp` runs last, once per call."""

    def __init__(self, dims: VisionDims) -> None:
        super().__init__()
        self.dims = dims
        self.patch_emb = nn.Linear(dims.in_channels * dims.enc_patch_size**2, dims.enc_dim)
        self.pos_emb = nn.Parameter(torch.zeros(1, dims.image_tokens, dims.enc_dim))
        self.blocks = nn.ModuleList(VisionBlock(dims) for _ in range(dims.enc_n_layers))
        self.post_ln = nn.LayerNorm(dims.enc_dim)
        self.proj_mlp = Mlp(2 * dims.enc_dim, dims.proj_inner_dim, dims.proj_out_dim)

    def forward(self, crops: torch.Tensor, tilings: torch.Tensor) -> torch.Tensor:
        """Return (images, 729, decoder's width).

        `crops` is (crops of all images, 3, side, side), -1 to 1, with each image's whole crop first;
        `tilings` is (images, 2), the rows and columns of each image's other crops.
        """
        grids: list[list[int]] = tilings.tolist()
        encoded = self.encode(crops).split([1 + rows * columns for rows, columns in grids])
        views = [self._both_views(image, rows, columns) for image, (rows, columns) in zip(encoded, grids, strict=True)]
        projected: torch.Tensor = self.proj_mlp(torch.stack(views))
        return projected

    def encode(self, crops: torch.Tensor) -> torch.Tensor:
        """Return the patches of each crop, encoded: (crops, 729, encoder's width)."""
        x = self.patch_emb(self._patches(crops.to(self.patch_emb.weight.dtype))) + self.pos_emb
        for block in self.blocks:
            x = block(x)
        encoded: torch.Tensor = self.post_ln(x)
        return encoded

    def _patches(self, crops: torch.Tensor) -> torch.Tensor:
        """Return (crops, 729, 3 x 14 x 14): the pixels of each patch, channel by channel."""
        squares = (self.dims.grid, self.dims.enc_patch_size)
        pixels = crops.unflatten(3, squares).unflatten(2, squares)  # (crops, 3, 27, 14, 27, 14)
        return pixels.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)

    def _both_views(self, encoded: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
        """Return (729, twice the encoder's width): patches of the whole crop, and pooled ones of the other crops."""
        grid = self.dims.grid
        crops = encoded[1:].unflatten(1, (grid, grid))
        joined = join_crops(crops, rows, columns, self.dims.overlap_margin)
        pooled = pool(joined.permute(2, 0, 1), grid).flatten(1).transpose(0, 1)
        return torch.cat([encoded[0], pooled], dim=-1)


def join_crops(crops: torch.Tensor, rows: int, columns: int, margin: int) -> torch.Tensor:
    """Return (height, width, channels): `rows` x `columns` crops joined, with margins only at the outer edge.

    `crops` is (rows x columns, side, side, channels); side and margin are in patches.
    """
    side = crops.shape[1]

    def trim(place: int, places: int) -> slice:
        return slice(0 if place == 0 else margin, side if place == places - 1 else side - margin)

    lines = []
    for row, line in enumerate(crops.unflatten(0, (rows, columns))):
        parts = [crop[trim(row, rows), trim(column, columns)] for column, crop in enumerate(line)]
        lines.append(torch.cat(parts, dim=1))
    return torch.cat(lines)


def pool(features: torch.Tensor, grid: int) -> torch.Tensor:
    """Return (channels, grid, grid): the mean of `features`, (channels, height, width), over equal parts."""
    if features.device.type == "mps":
        # Metal pools only into parts of one size: https://github.com/pytorch/pytorch/issues/96056
        return functional.adaptive_avg_pool2d(features.cpu(), grid).to("mps")
    return functional.adaptive_avg_pool2d(features, grid)
