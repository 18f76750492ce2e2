"""Weights, crops and a photograph that follow from a formula, so that two programs can start from the same ones."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

BOS, END, IMAGE = 509, 510, 511
PROMPT = [11, 11, 307, 25, 87, 402, 33, 250, 11, 11, 411, 25]
TILINGS = [(2, 4), (1, 2)]
DIMS = {
    "text": {"dim": 128, "n_layers": 2, "n_heads": 2, "vocab_size": 512},
    # 27 layers, as published: the reference takes their number for the patches along a crop's side
    "vision": {"enc_dim": 32, "enc_ff_dim": 48, "enc_n_heads": 2, "proj_inner_dim": 64, "proj_out_dim": 128},
    "region": {
        "dim": 128,
        "coord_feat_dim": 16,
        "coord_out_dim": 32,
        "size_feat_dim": 32,
        "size_out_dim": 64,
        "inner_dim": 64,
    },
}
"""A small Moondream, in the words of its config."""


def noise(name: str, count: int) -> NDArray[np.float64]:
    """Return `count` numbers between -1 and 1 that look random, made of integers: the same on every machine."""
    x = np.arange(count, dtype=np.uint64) + np.uint64(zlib.crc32(name.encode()) << 20)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return (x >> np.uint64(11)).astype(np.float64) / 2.0**52 - 1


def weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    """Return a value for each weight: norms near 1, biases small, matrices of about the size that keeps signals so."""
    made = {}
    for name, shape in shapes.items():
        values = noise(name, int(np.prod(shape))).reshape(shape)
        if name.endswith("bias"):
            values = values * 0.1
        elif len(shape) == 1:
            values = 1 + values * 0.1
        elif name.endswith(".weight"):
            values = values * np.sqrt(3 / shape[-1])
        made[name] = values.astype(np.float32)
    return made


def crops(rows: int, columns: int) -> NDArray[np.uint8]:
    """Return 1 + rows x columns crops of (378, 378, 3), no two of them alike."""
    shape = (1 + rows * columns, 378, 378, 3)
    coarse = noise(f"crops {rows}x{columns}", shape[0] * 42 * 42 * 3).reshape(shape[0], 42, 42, 3)
    return np.round(127.5 + 127.5 * coarse).astype(np.uint8).repeat(9, axis=1).repeat(9, axis=2)


def photograph(width: int, height: int) -> NDArray[np.uint8]:
    """Return a picture of (height, width, 3): waves of several lengths, and a bright square with sharp edges."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    colours = [np.sin(x / a) * np.cos(y / b) for a, b in ((9.0, 31.0), (50.0, 5.0), (3.0, 4.0))]
    picture = np.round(127.5 + 100 * np.stack(colours, axis=-1)).astype(np.uint8)
    picture[height // 3 : height // 2, width // 4 : width // 2] = (250, 240, 10)
    return picture
