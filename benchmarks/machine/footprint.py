"""The least memory that a model takes, computed before it is loaded."""

import math
from pathlib import Path
from typing import Any

UNIFIED_FLOOR_BYTES = 1_000_000_000
"""Default of --ram-floor on unified memory."""
PROCESS_BYTES = 400_000_000
"""The least memory of a child without weights: the `ram_gb` of a miniature in results/."""
HALF_PRECISION_BYTES = 2
STORED_BYTES = {"BOOL": 1, "I8": 1, "U8": 1, "I16": 2, "U16": 2, "I32": 4, "U32": 4, "I64": 8, "U64": 8}
"""Sizes of the dtypes that a load keeps, by safetensors' names."""


def predict_bytes(weight_files: list[Path]) -> int | None:
    """Return the least RAM that a model of these safetensors files takes, bytes; None if they cannot be read.

    Formula: weights in two bytes each + PROCESS_BYTES. Activations and KV cache come on top.
    """
    from safetensors import SafetensorError, safe_open  # not needed to collect tests

    total = PROCESS_BYTES
    try:
        for path in weight_files:
            with safe_open(path, framework="numpy") as file:
                total += sum(_bytes(file.get_slice(name)) for name in file.keys())  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError):
        return None
    return total if weight_files else None


def _bytes(tensor: Any) -> int:
    shape: list[int] = tensor.get_shape()
    return STORED_BYTES.get(tensor.get_dtype(), HALF_PRECISION_BYTES) * math.prod(shape)


def compute_least_bytes(parameters: int) -> int:
    """Return the least RAM of a model with so many weights, bytes, by the formula of `predict_bytes`."""
    return parameters * HALF_PRECISION_BYTES + PROCESS_BYTES
