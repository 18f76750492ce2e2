"""What journals hold: a head, a run's marks, and what a child says of a loaded model."""

from typing import Any

from hypothesis import strategies as st

from benchmarks.machine.roofline import Traffic
from benchmarks.processes.protocol import RunMarks

HEAD = {"save": "thor", "pairs": ["llava-bf16"], "boot": "a", "fingerprint": {"--runs": 4}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
"""Values that JSON can hold."""


def fail_on_complaint(sentence: str) -> None:
    """Fail the test: its disk takes every line."""
    raise AssertionError(sentence)


def make_marks(
    start_s: float = 0.0, latency_s: float = 1.0, new_tokens: int = 8, vision: float | None = 0.3
) -> RunMarks:
    """Return a run's marks: preprocessing takes 0.1 of it, vision ends at 0.3, the first token comes at 0.5."""
    start = round(start_s * 1e9)

    def at(share: float) -> int:
        return start + round(latency_s * share * 1e9)

    return {
        "start_ns": start,
        "preprocessed_ns": at(0.1),
        "vision_ns": None if vision is None else at(vision),
        "first_token_ns": at(0.5),
        "end_ns": at(1.0),
        "token_gaps_s": [latency_s * 0.5 / (new_tokens - 1)] * (new_tokens - 1),
        "prompt_tokens": 20,
        "image_tokens": 64,
        "new_tokens": new_tokens,
        "finite_logits": None,
        "text": None,
        "torch_peak_bytes": None,
    }


def make_loaded() -> dict[str, Any]:
    """Return what a child says of a loaded model."""
    texts = dict.fromkeys(("model_class", "mark_method", "load_method", "adapter_reason"), "x")
    known = ("gpu_uuid", "torch_device_name", "attention", "import_s", "context_s", "page_cache_share")
    nothing = dict.fromkeys((*known, "revision", "adapter", "load_peak_ram_bytes", "load_peak_vram_bytes"))
    numbers = {"pid": 1, "parameters": 1, "threads": 2, "load_time_s": 0.5, "processor_s": 0.5, "file_bytes": 9}
    traffic = dict.fromkeys(Traffic.__annotations__, 1)
    return {**texts, **nothing, **numbers, "versions": {"torch": "2"}, "traffic": traffic, "cache_bytes": None}
