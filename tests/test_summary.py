"""What a session says at its end.

Tests benchmarks.summary.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from benchmarks.state import SessionState
from benchmarks.summary import list_next_steps, list_notes
from tests.support.factory import record

if TYPE_CHECKING:
    from benchmarks.record import Record

FLAG = "Nobody states this sensor's gain."


def test_what_is_true_of_every_pair_is_said_once() -> None:
    """A doubt that all pairs share is said of all of them once; one of some names these, one of many the first."""
    records = [record("phi", precision) for precision in ("fp16", "bf16")]
    for found in records:
        found["power"]["flags"] = [FLAG]
    records[1]["power"]["flags"].append("Only 9 samples.")

    assert list_notes(cast("list[Record]", records)) == [f"all 2 pairs: {FLAG}", "phi-bf16: Only 9 samples."]


def test_many_pairs_are_counted() -> None:
    """Of many pairs the first four are named and the others counted."""
    models = ("gemma3n", "internvl2-2b", "llava", "moondream2", "phi", "smolvlm2")
    records = [record(model) for model in models]
    for found in records:
        found["power"]["flags"] = [FLAG] if found["pair"]["model"] != "phi" else []

    assert list_notes(cast("list[Record]", records)) == [
        f"gemma3n-bf16, internvl2-2b-bf16, llava-bf16, moondream2-bf16 and 1 more: {FLAG}"
    ]


def test_commands_to_paste_are_quoted() -> None:
    """A save's name or folder that means something to a shell is quoted in the commands to type next."""
    *_, figures, compare = list_next_steps(SessionState(), Path("/r $(id)/machine/0001_a;b.json"))

    assert figures.endswith("  python -m plotting --results '/r $(id)'")
    assert compare.endswith("  python -m plotting compare '0001_a;b' OTHER --results '/r $(id)'")
