"""Footnotes: short, grouped by reason, and correct at any size.

Tests plotting.figures.footnotes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plotting.analysis.ranking import name_leaders
from plotting.figures import footnotes
from plotting.metrics.registry import METRICS
from tests.support import made
from tests.support.factory import record

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

THROUGHPUT = ["tokens_per_sec"]


def said(table: pd.DataFrame, names: list[str], start: str) -> list[str]:
    """Return the sentences of a footnote with this start."""
    return [sentence for sentence in footnotes.list_sentences(table, names) if sentence.startswith(start)]


def measured(table: pd.DataFrame, device: str, model: str = "") -> pd.Series:
    """Return which rows are measured on a device, and of a model if one is named."""
    return (table["status"] == "measured") & (table["device"] == device) & table["model"].str.contains(model)


def test_warnings_are_grouped_by_reason(study: pd.DataFrame) -> None:
    """Pairs with a warning are listed once for each reason, with precisions and devices together."""
    odd = study.copy()
    odd.loc[measured(odd, made.THOR, "LLaVA") | measured(odd, "Laptop", "LLaVA"), "throttled"] = "heat"
    odd.loc[measured(odd, made.THOR, "LLaVA") & (odd["precision"] == "bf16"), "finite_logits"] = False
    odd.loc[measured(odd, "Laptop", "SmolVLM2") & (odd["precision"] == "bf16"), "throttled"] = "heat"

    [sentence] = said(odd, THROUGHPUT, "With a warning")
    heat = f"LLaVA fp16/bf16 ({made.THOR}), LLaVA fp16/bf16, SmolVLM2 bf16 (Laptop): throttled (heat)"
    assert sentence == f"With a warning (hatched): {heat}; LLaVA bf16 ({made.THOR}): output not finite."


def test_devices_of_the_same_pairs_are_named_together(study: pd.DataFrame) -> None:
    """Devices with the same pairs are named together."""
    odd = study.copy()
    odd.loc[measured(odd, made.THOR, "Phi") | measured(odd, "Workstation", "Phi"), "throttled"] = "heat"

    [sentence] = said(odd, THROUGHPUT, "With a warning")
    assert sentence == f"With a warning (hatched): Phi fp16/bf16 ({made.THOR}, Workstation): throttled (heat)."


def test_many_warnings_are_counted(study: pd.DataFrame) -> None:
    """Of many pairs six are named and the others counted; a device with warnings throughout is named whole."""
    odd = study.copy()
    odd.loc[measured(odd, "Workstation"), "throttled"] = "heat"
    odd.loc[measured(odd, "Laptop") & (odd["model"] != "Gemma3N"), "throttled"] = "heat"
    [sentence] = said(odd, THROUGHPUT, "With a warning")

    assert sentence.startswith("With a warning (hatched): all of Workstation, InternVL2-2B fp16/bf16, ")
    assert sentence.endswith(" (Laptop) and 3 more: throttled (heat).")


def test_the_footnote_stays_short_at_eight_devices(tmp_path: Path) -> None:
    """With 428 pairs and warnings for half of them a footnote has less than 1,500 letters."""
    large = made.with_intervals(made.large(tmp_path))
    large.loc[large.index[::2], "throttled"] = "heat"
    for names in (THROUGHPUT, ["joules_per_token"], ["tokens_per_sec", "avg_ram_gb", "joules_per_token"]):
        text = " ".join(footnotes.list_sentences(large, names, mbu=True))

        assert len(text) < 1500
        assert "all devices" in text.lower()
        assert " more: throttled (heat)." in text


@pytest.mark.parametrize(("runs", "why"), [(5, [" an interval needs 8 runs, but there were 5."]), (8, [])])
def test_too_few_runs_for_whiskers_is_said(tmp_path: Path, runs: int, why: list[str]) -> None:
    """If runs are too few for an interval, the footnote says how many it needs and how many there were."""
    table = made.one(tmp_path, record(runs=runs), record("phi", runs=runs))
    start = "Throughput has no whiskers:"

    assert said(table, THROUGHPUT, start) == [f"{start}{words}" for words in why]


def test_a_pair_without_whisker_is_counted(tmp_path: Path) -> None:
    """If only some pairs have an interval, the footnote counts the others."""
    table = made.one(tmp_path, record(runs=3), record("phi", runs=20))

    why = "an interval needs 8 runs, but there were 3."
    assert said(table, THROUGHPUT, "Throughput has") == [f"Throughput has no whisker for 1 of 2 pairs: {why}"]


@pytest.mark.parametrize(
    ("name", "words"), [("load_time_s", "loaded once"), ("avg_ram_gb", "a single mean over the runs")]
)
def test_why_some_metrics_have_no_whiskers(lone: pd.DataFrame, name: str, words: str) -> None:
    """Load time and RAM have no interval, and the footnote says why."""
    [sentence] = said(lone, [name], f"{METRICS[name].label} has no whiskers: ")
    assert sentence.endswith(f"{words}.")


def test_the_best_and_its_ties_are_said(tmp_path: Path) -> None:
    """The footnote names the best pair, and the pairs that are tied with it."""
    speeds = {"phi": 0.1, "llava": 0.2, "smolvlm2": 0.3}
    table = made.one(tmp_path / "apart", *(record(m, latency_s=s) for m, s in speeds.items()))
    assert said(table, THROUGHPUT, "Best") == [f"Best: Phi bf16 on {made.THOR}."]

    tied = made.one(tmp_path / "tied", *(record(m, latency_s=0.1) for m in ("phi", "llava")), record(latency_s=1.0))
    assert said(tied, THROUGHPUT, "Best") == [f"Best, tied: LLaVA bf16 on {made.THOR}, Phi bf16 on {made.THOR}."]


def test_all_tied_is_no_best(lone: pd.DataFrame, two: pd.DataFrame) -> None:
    """If all pairs are tied, or there is only one, none is the best."""
    assert name_leaders(two, "load_time_s") == "all 4 are tied"
    assert name_leaders(lone, "tokens_per_sec") == ""
