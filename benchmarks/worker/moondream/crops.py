"""Cut a photograph into crops: one of the whole, and a grid of overlapping ones that keep the detail.

Every crop is 378 pixels square. Neighbours overlap by a margin of 4 patches on each side, so a grid
of h x w crops covers (266 h + 112) x (266 w + 112) pixels, to which the photograph is resized.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from benchmarks.worker.moondream.configuration import VisionDims

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHRINK, ENLARGE = Image.Resampling.LANCZOS, Image.Resampling.BICUBIC
BORDER = 3
"""Pixels repeated beyond an edge: a bicubic filter reaches 2.5 of them."""


def select_tiling(height: int, width: int, window: int, max_crops: int) -> tuple[int, int]:
    """Return the (rows, columns) of crops for a photograph, as published.

    `height`, `width` and `window`, the side of a crop, are in pixels without both margins. `max_crops`
    does not count the crop of the whole.
    """
    if min(height, width) <= window:
        return 1, 1
    least_rows, least_columns = math.ceil(height / window), math.ceil(width / window)
    if least_rows * least_columns > max_crops:
        shrink = math.sqrt(max_crops / (least_rows * least_columns))
        return max(1, math.floor(least_rows * shrink)), max(1, math.floor(least_columns * shrink))
    rows = max(math.floor(math.sqrt(max_crops * height / width)), least_rows)
    columns = max(math.floor(math.sqrt(max_crops * width / height)), least_columns)
    if rows * columns > max_crops:
        if columns > rows:
            columns = max_crops // rows
        else:
            rows = max_crops // columns
    return max(1, rows), max(1, columns)


def cut(photograph: Image.Image, dims: VisionDims) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return (crops, tiling): 1 + rows x columns crops of (side, side, 3), the whole photograph first."""
    side, margin = dims.crop_size, 2 * dims.overlap_margin * dims.enc_patch_size  # both sides
    window = side - margin
    rows, columns = select_tiling(photograph.height - margin, photograph.width - margin, window, dims.max_crops)
    photograph = photograph.convert("RGB")
    large = np.asarray(resize(photograph, columns * window + margin, rows * window + margin))
    crops = [np.asarray(resize(photograph, side, side))]
    for top in range(0, rows * window, window):
        crops += [large[top : top + side, left : left + side] for left in range(0, columns * window, window)]
    return np.stack(crops), (rows, columns)


def resize(photograph: Image.Image, width: int, height: int) -> Image.Image:
    """Resize like libvips, which the published code uses: Lanczos to shrink, then bicubic to enlarge.

    When libvips enlarges a side, it shifts the picture half a pixel right and down; so does this.
    """
    smaller = photograph.resize((min(width, photograph.width), min(height, photograph.height)), SHRINK)
    if smaller.size == (width, height):
        return smaller
    framed = Image.fromarray(np.pad(np.asarray(smaller), [(BORDER, BORDER), (BORDER, BORDER), (0, 0)], mode="edge"))
    left, top = BORDER - 0.5 * smaller.width / width, BORDER - 0.5 * smaller.height / height
    return framed.resize((width, height), ENLARGE, (left, top, left + smaller.width, top + smaller.height))
