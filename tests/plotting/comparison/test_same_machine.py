"""Twenty-four real sessions of one miniature on one machine: nothing changed, so few verdicts may say so."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from plotting import load
from plotting.comparison import compare
from plotting.comparison.statistics import BETTER, NOT_COMPARABLE, WORSE
from plotting.table import build
from tests.support import product

if TYPE_CHECKING:
    from collections.abc import Sequence

SAVES = 24


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> list[pd.DataFrame]:
    """Return the table of each session, in the order in which they were made."""
    folder = tmp_path_factory.mktemp("same")
    zipfile.ZipFile(product.ROOT / "tests/data/same_machine.zip").extractall(folder)
    tables = [build.build(load.load([path])) for path in load.find(folder)]
    assert len(tables) == SAVES
    assert len({table["datetime"][0] for table in tables}) == SAVES
    return tables


def different(
    before: Sequence[pd.DataFrame], after: Sequence[pd.DataFrame], others: Sequence[pd.DataFrame] = ()
) -> list[str]:
    """Return the metrics with the verdict better or worse."""
    known = pd.concat(others, ignore_index=True) if others else None
    found = compare.compare_sides({"before": pd.concat(before), "after": pd.concat(after)}, known)
    judged = [line for line in found if line.save == "after" and line.verdict != NOT_COMPARABLE]
    assert "tokens_per_sec" in {line.metric for line in judged}
    return [line.metric for line in judged if line.verdict in (BETTER, WORSE)]


@pytest.fixture(scope="module")
def counts(sessions: list[pd.DataFrame]) -> dict[str, int]:
    """Return how many have a difference: couples beside the others, couples alone, and sides of three in turn."""
    pairs = [(sessions[first : first + 1], sessions[first + 1 : first + 2]) for first in range(0, SAVES, 2)]
    others = [sessions[:first] + sessions[first + 2 :] for first in range(0, SAVES, 2)]
    threes = [(sessions[first : first + 6 : 2], sessions[first + 1 : first + 6 : 2]) for first in range(0, SAVES, 6)]
    return {
        "beside": sum(bool(different(*sides, rest)) for sides, rest in zip(pairs, others, strict=True)),
        "alone": sum(bool(different(*sides)) for sides in pairs),
        "in turn": sum(bool(different(*sides)) for sides in threes),
    }


def test_single_sessions_beside_the_others(counts: dict[str, int]) -> None:
    """Of twelve pairs of saves with a spread from the others, at most one has a difference."""
    assert counts["beside"] <= 1


def test_three_sessions_a_side_in_turn(counts: dict[str, int]) -> None:
    """Of four pairs of sides with three alternating sessions each, none has a difference."""
    assert counts["in turn"] == 0


def test_the_page_says_what_came_out(sessions: list[pd.DataFrame], counts: dict[str, int]) -> None:
    """docs/comparing.md has the counts of these saves: beside the others, as single sessions alone, and in turn."""
    speeds = [float(table["tokens_per_sec"][0]) for table in sessions]
    apart = np.std(np.log(speeds), ddof=1)
    sentence = (
        f"Of {SAVES} real sessions of a miniature on a busy 2-core CPU, {apart:.0%} apart in tokens/s, "
        f"{counts['beside']} of 12 pairs is called different beside the others, "
        f"{counts['alone']} of 12 as single sessions alone, "
        f"and {counts['in turn']} of 4 pairs of three sessions in turn"
    )

    assert sentence in " ".join((product.ROOT / "docs/comparing.md").read_text().split())
