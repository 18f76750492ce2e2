"""Model-bandwidth utilisation, compared with calculations by hand.

Tests plotting.metrics.bandwidth.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.factory import record
from tests.support.made import known, reason, value


def decoding(weights: float, rows: float, kv: float, window: tuple[float, float], batch: int) -> dict[str, Any]:
    """Return a Record of three different runs whose decoder reads these bytes."""
    made = record(runs=3)
    made["runs"] |= {
        "new_tokens": [16 * batch, 32 * batch, 2 * batch],
        "sequences": [batch] * 3,
        "prompt_tokens": [20 * batch, 40 * batch, 8 * batch],
        "image_tokens": [1000 * batch, 0, 256 * batch],
        "decode_s": [0.5, 0.25, 0.125],
    }
    made["roofline"] |= {
        "weight_bytes": weights,
        "row_bytes": rows,
        "kv_bytes_per_token": kv,
        "kv_window_tokens": window[0],
        "kv_window_bytes_per_token": window[1],
    }
    return made


@pytest.mark.parametrize("batch", [1, 4])
def test_the_utilisation_adds_up_step_by_step(batch: int) -> None:
    """MBU equals the sum over every decode step of every run, windows capped, divided by time and peak."""
    made = decoding(3e9, 4e3, 1e5, (512, 2e5), batch)
    total = 0.0
    for new, prompt in zip((16, 32, 2), (1020, 40, 264), strict=True):
        context = prompt + new / 2
        for _step in range(new - 1):
            total += 3e9 + batch * (4e3 + 1e5 * context + 2e5 * min(context, 512))

    assert value("mbu", made) == pytest.approx(total / 0.875 / 273e9, rel=1e-12)


def test_a_hand_made_measurement() -> None:
    """269.1 MB a step in 62.9 ms on 34.7 GB/s is 12%, as measured by hand for SmolVLM2-256M."""
    made = decoding(269.1e6, 0, 0, (0, 0), 1)
    made["runs"] |= {"new_tokens": [32] * 3, "decode_s": [31 * 0.0629] * 3}
    made["roofline"]["bandwidth_bytes_per_s"] = 34.7e9

    assert value("mbu", made) == pytest.approx(0.123, abs=0.001)


def test_a_decoder_that_fits_the_cache_has_no_utilisation() -> None:
    """Weights under 8 times the last-level cache give no MBU, and the reason names both sizes."""
    made = known()
    made["roofline"] |= {"weight_bytes": 250_000_000, "cache_bytes": 32_000_000}

    assert "weights (250 MB) are less than 8 times the last-level cache (32 MB)" in reason("mbu", made)
    made["roofline"]["weight_bytes"] = 256_000_000
    assert value("mbu", made) > 0


def test_over_one_is_invalid() -> None:
    """A utilisation over 1 is not a value, and makes the row invalid but for its RAM and load time."""
    made = known()
    made["roofline"]["bandwidth_bytes_per_s"] = 9e9

    assert (
        reason("mbu", made)
        == "MBU would be 1.13: bytes, time or peak are wrong, so this row is invalid but for its RAM and load time"
    )
