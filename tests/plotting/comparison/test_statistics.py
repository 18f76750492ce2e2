"""Verdicts on simulated sessions: rarely wrong without a change, and found with one.

Tests plotting.comparison.statistics.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from plotting.comparison.statistics import (
    BETTER,
    NOT_COMPARABLE,
    SINGLE,
    WITHIN_NOISE,
    WORSE,
    Difference,
    Side,
    adjust_p,
    compute_difference,
    compute_ranks,
    judge,
)
from tests.support.simulated import Bench

PAIRS = 1000


def verdicts(bench: Bench, sessions: int, *, slower: float = 1.0, others: int = 0, alike: bool = True) -> list[str]:
    """Return the verdicts on tokens/s of 1,000 pairs of sides; the second side is slower by a factor."""
    before = bench.sessions(PAIRS * sessions).reshape(PAIRS, sessions, -1)
    after = bench.sessions(PAIRS * sessions, slower=slower).reshape(PAIRS, sessions, -1)
    known = bench.runs / bench.sessions(PAIRS * others).sum(axis=1).reshape(PAIRS, others)
    found = []
    for old, new, group in zip(before, after, known, strict=True):
        groups = (tuple(group.tolist()),) if others else ()
        drawn = compute_difference(bench.side(*old, others=groups), bench.side(*new, others=groups), alike=alike)
        found.append(judge(drawn, drawn.p, higher_is_better=True))
    return found


@pytest.mark.parametrize(
    ("sessions", "others", "apart"),
    [(1, 0, 0.004), (1, 4, 0.015), (1, 4, 0.03), (2, 0, 0.015), (3, 0, 0.015), (3, 0, 0.03), (5, 0, 0.015)],
    ids=str,
)
def test_no_difference_is_rarely_called_one(sessions: int, others: int, apart: float) -> None:
    """Of 1,000 pairs of equal sides with this spread between sessions at most 5% have a verdict."""
    found = verdicts(Bench(apart=apart), sessions, others=others)

    assert sum(word != WITHIN_NOISE for word in found) <= 0.05 * PAIRS


@pytest.mark.parametrize(("calm", "wild"), [(3, 3), (5, 2), (2, 5), (5, 3)])
@pytest.mark.parametrize("times", [2, 4])
def test_devices_of_unlike_spread_are_rarely_called_different(calm: int, wild: int, times: int) -> None:
    """Of 5,000 pairs of equal devices, one with 2 or 4 times the spread, at most 5% have an interval without 1."""
    chance, pairs = np.random.default_rng(20261124), 5000
    before = np.exp(0.01 * chance.standard_normal((pairs, calm)))
    after = np.exp(0.01 * times * chance.standard_normal((pairs, wild)))
    drawn = [
        compute_difference(Side(tuple(one)), Side(tuple(other)), alike=False)
        for one, other in zip(before.tolist(), after.tolist(), strict=True)
    ]

    assert sum(not found.low <= 1 <= found.high for found in drawn) <= 0.05 * pairs
    assert all((found.p < 0.05) == (not found.low <= 1 <= found.high) for found in drawn)


def test_unlike_spreads_by_hand() -> None:
    """The interval combines both sides' own ones: 4.303 standard errors for three sessions."""
    before, after = (100.0, 101.0, 102.0), (110.0, 130.0, 120.0)
    spread = np.log([before, after]).std(axis=1, ddof=1)
    found = compute_difference(Side(before), Side(after), alike=False)

    assert found.high == pytest.approx(found.ratio * math.exp(4.302653 * math.hypot(*spread) / math.sqrt(3)), rel=1e-6)


@pytest.mark.parametrize(
    ("sessions", "apart", "slower", "word"),
    [(1, 0.004, 1.05, WORSE), (3, 0.012, 1.05, WORSE), (3, 0.012, 0.95, BETTER), (5, 0.02, 1.05, WORSE)],
)
def test_five_percent_are_found(sessions: int, apart: float, slower: float, word: str) -> None:
    """A change of 5% is found in at least 90% of 1,000 pairs of sides with this spread."""
    found = verdicts(Bench(apart=apart), sessions, slower=slower)

    assert found.count(word) >= 0.90 * PAIRS
    assert set(found) <= {word, WITHIN_NOISE}


def test_where_it_breaks() -> None:
    """Single sessions 1% apart are wrong in one of five, and three 1.5% apart miss 5% as often (docs/comparing.md)."""
    wrong = sum(word != WITHIN_NOISE for word in verdicts(Bench(apart=0.01), 1))
    missed = PAIRS - verdicts(Bench(apart=0.015), 3, slower=1.05).count(WORSE)
    half = verdicts(Bench(apart=0.01), 1, slower=1.05, others=4).count(WORSE)

    assert (wrong / PAIRS, missed / PAIRS) == pytest.approx((0.2, 0.2), abs=0.03)
    assert half / PAIRS == pytest.approx(0.5, abs=0.06)


def test_single_sessions_are_called_what_they_are() -> None:
    """One save a side is a single session; only other saves of the series give a spread."""
    one, other = Side((100.0,), (99.0, 101.0)), Side((110.0,), (109.0, 111.0))
    alone = compute_difference(one, other, alike=True)
    others = ((100.0, 120.0, 80.0), (90.0, 110.0))
    beside = compute_difference(Side((100.0,), (99.0, 101.0), others=others), other, alike=True)

    assert (alone.basis, math.isnan(alone.spread)) == (SINGLE, True)
    assert alone.low == pytest.approx(1.1 * math.exp(-math.hypot(math.log(1.01), math.log(110 / 109))), rel=1e-3)
    assert judge(alone, alone.p, higher_is_better=True) == BETTER
    assert beside.basis == "single session, spread of 5 other saves"
    assert beside.low < 1 < beside.high
    assert judge(beside, beside.p, higher_is_better=True) == WITHIN_NOISE


def test_two_other_saves_are_no_spread() -> None:
    """Two other saves are too few for a spread: the basis stays "single session"."""
    others = ((100.0, 101.0),)

    found = compute_difference(Side((100.0,), (99.0, 101.0), others=others), Side((110.0,), (109.0, 111.0)), alike=True)
    assert found.basis == SINGLE


def test_a_session_of_few_runs_widens_the_interval() -> None:
    """A single session whose runs are less certain than the spread of others keeps its own interval."""
    others = ((100.0, 100.1, 99.9, 100.0),)
    vague = compute_difference(Side((100.0,), (90.0, 111.0), others=others), Side((105.0,), (95.0, 116.0)), alike=True)

    assert vague.low < 1 < vague.high
    assert vague.p > 0.05


def test_three_sessions_by_hand() -> None:
    """Three sessions a side give Student's interval on logs: 2.776 pooled standard errors (4 degrees of freedom)."""
    before, after = (100.0, 101.0, 102.0), (110.0, 112.0, 111.0)
    logs = np.log([before, after])
    error = math.sqrt(logs.var(axis=1, ddof=1).mean() * 2 / 3)
    found = compute_difference(Side(before), Side(after), alike=True)

    assert found.ratio == pytest.approx(math.exp(logs[1].mean() - logs[0].mean()))
    assert found.low == pytest.approx(found.ratio * math.exp(-2.776445 * error), rel=1e-6)
    assert found.basis == "3 + 3 sessions"
    assert compute_ranks(Side(before), Side(after)) == pytest.approx(
        (0.1, 1.0)
    )  # the least that three and three can give
    assert found.p < 0.001


def test_a_verdict_needs_a_change_that_matters() -> None:
    """A significant change has a verdict only above 2% and above the spread between sessions."""

    def found(ratio: float, spread: float = math.nan) -> str:
        drawn = Difference(ratio, ratio * 0.999, ratio * 1.001, 0.0001, spread, "")
        return judge(drawn, drawn.p, higher_is_better=True)

    assert [found(0.97), found(0.985), found(1.015), found(1.03)] == [WORSE, WITHIN_NOISE, WITHIN_NOISE, BETTER]
    assert [found(1.03, spread=0.04), found(1.05, spread=0.04)] == [WITHIN_NOISE, BETTER]


def test_lower_may_be_better() -> None:
    """If lower is better, an increase is worse."""
    rise = Difference(1.1, 1.05, 1.15, 0.001, math.nan, SINGLE)

    assert judge(rise, rise.p, higher_is_better=False) == WORSE


@pytest.mark.parametrize("bounds", [(math.nan, math.nan), (0.9, math.nan), (math.nan, 1.1)])
def test_no_interval_is_no_verdict(bounds: tuple[float, float]) -> None:
    """A side without a complete interval has no p, and is not comparable."""
    for before, after in (
        (Side((1.0,), bounds), Side((2.0,), (1.9, 2.1))),
        (Side((2.0,), (1.9, 2.1)), Side((1.0,), bounds)),
    ):
        found = compute_difference(before, after, alike=True)

        assert math.isnan(found.p)
        assert judge(found, found.p, higher_is_better=True) == NOT_COMPARABLE


def test_many_pairs_are_corrected_for() -> None:
    """A p of 0.04 in one of twelve pairs becomes 0.48, in all twelve it stays; NaN does not count."""
    assert adjust_p([0.04, *[0.5] * 11])[0] == pytest.approx(0.48)
    assert adjust_p([0.04] * 12) == pytest.approx([0.04] * 12)
    assert adjust_p([0.01, math.nan, 0.5])[::2] == pytest.approx([0.02, 0.5])
    assert math.isnan(adjust_p([math.nan])[0])


def test_equal_sides_are_no_difference() -> None:
    """A side compared with itself has ratio 1, p 1 in both tests, no effect, and is within noise."""
    side = Side((100.0,), (99.0, 101.0), (98.0, 100.0, 102.0, 100.0))
    found = compute_difference(side, side, alike=True)

    assert (found.ratio, found.p) == (1.0, 1.0)
    assert compute_ranks(side, side) == pytest.approx((1.0, 0.0))
    assert judge(found, found.p, higher_is_better=True) == WITHIN_NOISE


def test_blocks_are_ranked_where_there_is_one_session() -> None:
    """Blocks in time of single sessions are ranked: eight against eight higher ones are significant."""
    low, high = tuple(np.arange(8) / 100 + 1), tuple(np.arange(8) / 100 + 2)
    p, effect = compute_ranks(Side((1.0,), blocks=low), Side((2.0,), blocks=high))

    assert effect == 1.0
    assert p < 0.001
