"""The estimated time of a run: by the formula on round numbers, and against a measured run.

Tests benchmarks.machine.estimate.
"""

from dataclasses import replace

import pytest

from benchmarks.machine.estimate import RequestSize, estimate, find_rates
from tests.support.works import PROBE, traffic, work

WORK = work((2_000, 1_100, 100, 500), traffic(2_200, 0, 2), (40, 30, 20), new_tokens=11)
FLOPS, READING = 1e6, 1e5


def test_round_numbers() -> None:
    """Vision and prefill take flops / rate, a decode step the bytes it reads / rate; the run is their sum."""
    found = estimate(WORK, FLOPS, READING)

    assert found["vision_s"] == pytest.approx(2 * 500 * 20 / 1e6)
    assert found["prefill_s"] == pytest.approx(2 * (1_000 * 40 + 100) / 1e6)
    assert found["decode_s"] == pytest.approx(10 * (2_200 + 2 * (40 + 5.5)) / 1e5)
    assert found["run_s"] == pytest.approx(found["vision_s"] + found["prefill_s"] + found["decode_s"])


def test_a_batch_shares_the_weights() -> None:
    """Four sequences take four times the prefill time, but read the weights once per decode step."""
    one, four = estimate(WORK, FLOPS, READING), estimate(replace(WORK, batch=4), FLOPS, READING)

    assert four["prefill_s"] == pytest.approx(4 * one["prefill_s"])
    assert four["vision_s"] == pytest.approx(4 * one["vision_s"])
    assert four["decode_s"] == pytest.approx(10 * (2_200 + 4 * 2 * (40 + 5.5)) / 1e5)


def test_whichever_takes_longer() -> None:
    """A slow device is limited by computation in a batch, and a short prefill by reading the weights."""
    slow = estimate(replace(WORK, batch=4), 1e3, READING)
    one: RequestSize = {"prompt_tokens": 1, "image_tokens": 0, "vision_positions": 0}
    short = estimate(replace(WORK, request=one), FLOPS, READING)

    assert slow["decode_s"] == pytest.approx(10 * 2 * 1_100 * 4 / 1e3)
    assert short["prefill_s"] == pytest.approx(2_200 / 1e5)


def test_slow_products_hold_up_no_single_sequence() -> None:
    """A CPU with slow fp16 products decodes one sequence as fast as it reads."""
    assert estimate(WORK, 1e3, READING)["decode_s"] == estimate(WORK, FLOPS, READING)["decode_s"]


def test_one_new_token_is_all_prefill() -> None:
    """The first new token comes from the prefill, so a run of one token has no decoding."""
    assert estimate(replace(WORK, new_tokens=1), FLOPS, READING)["decode_s"] == 0


def test_against_a_measured_run() -> None:
    """For SmolVLM2-256M on two cores the estimate is between a fifth of the measured time and all of it."""
    run = work(
        (256_484_928, 134_588_736, 28_385_280, 93_510_912),
        traffic(269_177_472, 1_152, 23_040),
        (878, 832, 13 * 1024),
        new_tokens=32,
    )
    found = estimate(run, 388e9, 16e9)

    assert 13.6 / 5 < found["vision_s"] + found["prefill_s"] < 13.6
    assert 0.0629 / 5 < found["decode_s"] / 31 < 0.0629


def test_rates_of_a_probe() -> None:
    """Decoding uses the matrix x vector rate, or the copy's if it is missing; no rate is invented."""
    assert find_rates(PROBE, "bf16") == (3e11, 1.6e10)
    assert find_rates(PROBE, "fp32") == (1e11, 3e10)
    assert find_rates(PROBE, "fp16") is None
