"""Model-bandwidth utilisation: what decoding reads, by the memory's peak. Pure functions of one Record."""

from __future__ import annotations

import numpy as np

from benchmarks.record import CACHE_FACTOR
from plotting.metrics.bootstrap import Array
from plotting.metrics.intervals import Sampled, Totals
from plotting.metrics.runs import Record, Runs, reason, section


def _mbu(runs: Runs) -> Totals | str:
    found = _share(runs)
    if isinstance(found, str):
        return found
    return found if (share := found.value()) <= 1 else over_one(share)


mbu = Sampled(_mbu)
"""The model-bandwidth utilisation of decoding, 0 to 1.

Formula: sum over runs of decode steps x bytes of a step / sum of decode times / peak bandwidth,
where a step reads weights + sequences x (rows + KV x context), sliding windows capped, at the mean
context of its run: prompt + image tokens + half of the new ones. It is None where the weights may
stay in the last-level cache, and where it is over 1, which is an error of ours.
"""


def over_one(share: float) -> str:
    """Return what is said of a utilisation that cannot be."""
    return f"MBU would be {share:.2f}: bytes, time or peak are wrong, so this row is invalid"


def bandwidth_share(record: Record) -> float | str:
    """Return what `mbu` is before it is judged, or why it cannot be computed."""
    with np.errstate(all="ignore"):
        found = _share(Runs(record))
        return found if isinstance(found, str) else found.value()


def _share(runs: Runs) -> Totals | str:
    part = section(runs.record, "roofline")
    peak, weights, cache = (part.get(name) for name in ("bandwidth_bytes_per_s", "weight_bytes", "cache_bytes"))
    if peak is None or weights is None:
        return reason(part, "weight_bytes" if weights is None else "bandwidth_bytes_per_s")
    if cache is not None and weights < CACHE_FACTOR * cache:
        return (
            f"the decoder's weights ({weights / 1e6:.0f} MB) are less than {CACHE_FACTOR} times the last-level cache "
            f"({cache / 1e6:.0f} MB), so decoding says little on memory"
        )
    found = runs.columns("new_tokens", "sequences", "prompt_tokens", "image_tokens", "decode_s")
    if isinstance(found, str):
        return found
    *tokens, seconds = found
    if tokens[1].min() <= 0:
        raise ValueError("a run has no sequence")
    if seconds.sum() <= 0:
        return "decoding has no length"
    return Totals((read(part, *tokens), seconds), lambda bytes_read, span: bytes_read / span / float(peak))


def read(part: Record, new: Array, sequences: Array, prompt: Array, image: Array) -> Array:
    """Return the bytes that each run's decode steps read, by the Record's `roofline` and each run's counts.

    Tokens are those of all sequences of a run; the first new one comes from the prefill.
    """
    context = (prompt + image + new / 2) / sequences
    cached = part["kv_bytes_per_token"] * context
    cached = cached + part["kv_window_bytes_per_token"] * np.minimum(context, part["kv_window_tokens"])
    a_step = part["weight_bytes"] + sequences * (part["row_bytes"] + cached)
    steps: Array = (new - sequences) / sequences * a_step
    return steps
