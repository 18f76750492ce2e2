"""The arithmetic of bytes per step, and of its ratio to what the memory can do."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.machine import roofline
from plotting.metrics import bandwidth
from tests.support import product
from tests.test_imports import imports

TRAFFIC: roofline.Traffic = {
    "weight_bytes": 1_000_000,
    "row_bytes": 1_000,
    "kv_bytes_per_token": 100,
    "kv_window_tokens": 50,
    "kv_window_bytes_per_token": 10,
}


@pytest.mark.parametrize(
    ("batch", "context", "read"),
    [
        (1, 40, 1_000_000 + 1_000 + 4_000 + 400),
        (1, 80, 1_000_000 + 1_000 + 8_000 + 500),
        (4, 80, 1_000_000 + 4 * (1_000 + 8_000 + 500)),
    ],
)
def test_bytes_per_step(batch: int, context: int, read: int) -> None:
    """Weights are read once whatever the batch, rows and cache for each sequence, of windowed layers their window."""
    assert roofline.bytes_per_step(TRAFFIC, batch, context) == read


def test_mean_context_is_the_mean() -> None:
    """With full-context layers alone the bytes at the mean context are the mean of the steps' bytes."""
    traffic = TRAFFIC | {"kv_window_bytes_per_token": 0}
    prompt, new = 700, 33
    steps = [roofline.bytes_per_step(traffic, 2, prompt + k) for k in range(1, new)]
    mean = roofline.bytes_per_step(traffic, 2, roofline.mean_context(prompt, new))

    assert mean == pytest.approx(sum(steps) / len(steps))


def test_the_reader_counts_the_same_bytes() -> None:
    """What plotting charges a run of two sequences is its steps x the bytes of a step at its mean context."""
    sequences, prompt, image, new = 2, 17, 60, 12  # of one sequence
    counts = (np.array([float(count)]) for count in (sequences * new, sequences, sequences * prompt, sequences * image))
    [read] = bandwidth.count_bytes(TRAFFIC, *counts)
    a_step = roofline.bytes_per_step(TRAFFIC, sequences, roofline.mean_context(prompt + image, new))

    assert read == pytest.approx((new - 1) * a_step)


@pytest.mark.parametrize(
    ("rates", "hopeless"),
    [
        ({"fp16": 1e9, "bf16": 342e9, "fp32": 155e9}, True),
        ({"fp16": 150e9, "bf16": 100e9, "fp32": 155e9}, False),
        ({"fp16": 38.7e9, "fp32": 155e9}, True),
        ({"fp16": 38.8e9, "fp32": 155e9}, False),
        ({"fp32": 155e9}, False),
        ({"fp16": 1e9}, False),
        ({}, False),
    ],
)
def test_hopeless_fp16(rates: dict[str, float], hopeless: bool) -> None:
    """fp16 below a quarter of the fp32 rate is hopeless; where a rate is unknown nothing is refused."""
    assert roofline.fp16_is_hopeless(rates) is hopeless


def test_it_stands_alone() -> None:
    """roofline.py imports nothing of ours, so that the meter, the child and the reader can all use it."""
    found = imports(product.ROOT / "benchmarks/machine/roofline.py")

    assert not [module for module in found if module.startswith(("benchmarks", "plotting"))]
