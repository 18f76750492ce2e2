"""The arithmetic of bytes per decode step.

Tests benchmarks.machine.roofline.
"""

import numpy as np
import pytest

from benchmarks.machine import roofline
from plotting.metrics import bandwidth

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
    """Weights are read once per step, rows and cache once per sequence, and windowed layers only their window."""
    assert roofline.compute_bytes_per_step(TRAFFIC, batch, context) == read


def test_mean_context_is_the_mean() -> None:
    """With full-context layers only, the bytes at the mean context are the mean of the steps' bytes."""
    traffic = TRAFFIC | {"kv_window_bytes_per_token": 0}
    prompt, new = 700, 33
    steps = [roofline.compute_bytes_per_step(traffic, 2, prompt + k) for k in range(1, new)]
    mean = roofline.compute_bytes_per_step(traffic, 2, roofline.compute_mean_context(prompt, new))

    assert mean == pytest.approx(sum(steps) / len(steps))


def test_the_reader_counts_the_same_bytes() -> None:
    """Plotting counts, for a run of two sequences, its steps x the bytes of a step at the mean context."""
    sequences, prompt, image, new = 2, 17, 60, 12  # of one sequence
    counts = (np.array([float(count)]) for count in (sequences * new, sequences, sequences * prompt, sequences * image))
    [read] = bandwidth.count_bytes(TRAFFIC, *counts)
    a_step = roofline.compute_bytes_per_step(TRAFFIC, sequences, roofline.compute_mean_context(prompt + image, new))

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
    """fp16 below a quarter of the fp32 rate is too slow; with an unknown rate nothing is refused."""
    assert roofline.is_fp16_too_slow(rates) is hopeless
