"""What a session says at its end.

Tests benchmarks.summary.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from benchmarks.machine import device
from benchmarks.state import SessionState
from benchmarks.summary import list_next_steps, list_notes
from tests.support import product
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


def test_what_to_type_works(tmp_path: Path) -> None:
    """The command that continues a session names the save that an automatic name would not find, and leaves -x out."""
    total = device.read_ram_bytes()
    if total is None:
        pytest.skip("needs /proc/meminfo, to have a model that does not fit")
    options = ["--models=llava,phi", "--precisions=bf16", f"--ram-floor={total / 1e9 - 0.3}", "--benchmark-autosave"]
    told = product.measure_here(tmp_path, *options, "-x").stdout

    (line,) = [line for line in told.splitlines() if line.startswith("Some pairs are not finished: ")]
    typed, _, rest = line.partition("type the same command with ")[2].partition(", and ")
    assert rest == "without -x or --maxfail, to continue."
    resumed = product.measure_here(tmp_path, *options, *shlex.split(typed)).stdout
    assert "2 failed" in resumed
    assert "not finished" not in resumed


def test_commands_to_paste_are_quoted() -> None:
    """A save's name or folder that means something to a shell is quoted in the commands to type next."""
    *_, figures, compare = list_next_steps(SessionState(), Path("/r $(id)/machine/0001_a;b.json"))

    assert figures.endswith("  python -m plotting --results '/r $(id)'")
    assert compare.endswith("  python -m plotting compare '0001_a;b' OTHER --results '/r $(id)'")
