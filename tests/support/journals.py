"""What journals hold: a head, a run's marks, what a child says of a loaded model; and a journal of an older version."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from benchmarks.machine.roofline import Traffic
from benchmarks.planning.plan import Plan
from benchmarks.processes.protocol import RunMarks
from benchmarks.storage.journal import Damaged, create_journal, read_journal
from benchmarks.storage.line_checks import check
from tests.support.plans import make_plan

OLD = Path(__file__).parents[1] / "data/journal_without_seals.jsonl"
"""A journal of a version without seals: a pair that is done, and two of four runs of another."""

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


def make_segment() -> dict[str, Any]:
    """Return the line of a segment without a sensor."""
    return {
        "do": "segment",
        "boot": "a",
        "at": "2026-11-24T00:00:00+00:00",
        "loaded": make_loaded(),
        "finite_logits": True,
        "numerics": None,
        "baseline": None,
        "sensor": None,
        "sensor_name": "none",
        "sensor_reason": "no sensor here",
        "scope_mismatch": False,
        "before": {"temperature_c": None, "clock_hz": None, "reason": "none"},
    }


def make_run(start_s: float, request: int = 0) -> dict[str, Any]:
    """Return the line of a run of a second."""
    return {"do": "run", "request": request, "marks": make_marks(start_s)}


def plan_journal(new_tokens: int, runs: int = 4, warmup_runs: int = 1) -> Plan:
    """Return the plan of a session that made a journal, with batch 1."""
    plan = make_plan(weights="mini", start_method="forkserver", runs=runs, warmup_runs=warmup_runs)
    return replace(plan, work=replace(plan.work, new_tokens=new_tokens, batch_size=1))


def read_old_lines() -> list[dict[str, Any]]:
    """Return the lines of OLD."""
    return [json.loads(line) for line in OLD.read_text().splitlines()]


def write_unsealed(path: Path, lines: list[dict[str, Any]]) -> Path:
    """Write lines as an older version did."""
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    return path


def find_refusal(path: Path) -> str | None:
    """Return the sentence that refuses a journal of OLD's session; None where it is taken."""
    try:
        check(PLAN, path, read_journal(path))
    except Damaged as refusal:
        return str(refusal)
    return None


def write_sealed(folder: Path) -> Path:
    """Write the lines of OLD as this version does."""
    head, *lines = read_old_lines()
    written = create_journal(folder, head, fail_on_complaint)
    for line in lines:
        written.append(line["pair"], [line])
    written.close()
    return written.path


PLAN = plan_journal(new_tokens=4)
"""The plan of OLD's session."""
