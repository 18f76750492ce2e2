"""Model-bandwidth utilisation (MBU): the bytes that decoding reads, relative to the memory's peak bandwidth."""

from collections.abc import Mapping

import numpy as np

from benchmarks.record import CACHE_FACTOR
from benchmarks.record.not_measured import NotMeasured, require
from plotting.metrics.bootstrap import Array
from plotting.metrics.intervals import RunsFormula, Totals
from plotting.metrics.runs import GoodRuns


class ImpossibleValue(NotMeasured):
    """Raised for a value that cannot be right. It makes what rests on the same time or traffic invalid."""


def _use_decode_bytes(runs: GoodRuns) -> Totals:
    part = runs.record["roofline"]
    weights, peak = (float(require(part, name)) for name in ("weight_bytes", "bandwidth_bytes_per_s"))
    cache = part["cache_bytes"]
    if cache is not None and weights < CACHE_FACTOR * cache:
        raise NotMeasured(
            f"the decoder's weights ({weights / 1e6:.0f} MB) are less than {CACHE_FACTOR} times the last-level cache "
            f"({cache / 1e6:.0f} MB), so decoding does not measure the memory"
        )
    *tokens, seconds = runs.columns("new_tokens", "sequences", "prompt_tokens", "image_tokens", "decode_s")
    if seconds.sum() <= 0:
        raise NotMeasured("decoding has no duration")
    read = count_bytes(part, *tokens)
    found = Totals((read, seconds), lambda bytes_read, span: bytes_read / span / peak, timed=(1,))
    if (share := found.compute()) > 1:
        raise ImpossibleValue(
            f"MBU would be {share:.2f}: bytes, time or peak are wrong, so this row is invalid "
            "but for its RAM and load time"
        )
    return found


mbu = RunsFormula(_use_decode_bytes)
"""The model-bandwidth utilisation of decoding, 0 to 1.

Formula: sum over runs of decode steps x bytes of a step / sum of decode times / peak bandwidth,
where a step reads weights + sequences x (rows + KV x context), sliding windows capped, at the mean
context of its run: prompt + image tokens + half of the new ones. It is not measured if the weights
may stay in the last-level cache, and if it is over 1, which is an error of this program.
"""


def count_bytes(part: Mapping[str, object], new: Array, sequences: Array, prompt: Array, image: Array) -> Array:
    """Return the bytes that the decode steps of each run read.

    Token counts are of all sequences of a run. The first new token comes from the prefill.

    Raises:
        NotMeasured: a size in `part` is null.
    """
    rows, kv, window_kv, window = (
        float(require(part, name))
        for name in ("row_bytes", "kv_bytes_per_token", "kv_window_bytes_per_token", "kv_window_tokens")
    )
    context = (prompt + image + new / 2) / sequences
    cached = kv * context + window_kv * np.minimum(context, window)
    step_bytes = float(require(part, "weight_bytes")) + sequences * (rows + cached)
    read: Array = (new - sequences) / sequences * step_bytes
    return read
