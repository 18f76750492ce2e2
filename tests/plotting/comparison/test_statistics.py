"""Verdicts on simulated sessions: rarely wrong without a change, and found with one.

Tests plotting.comparison.statistics, plotting.comparison.pooling and plotting.comparison.correction.
`python -m tests.support.verdicts` has the whole table; here is a small part of it.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from plotting.comparison.correction import adjust_p, count_questions
from plotting.comparison.statistics import (
    BETTER,
    INCONCLUSIVE,
    NOT_COMPARABLE,
    SINGLE,
    WITHIN_NOISE,
    WORSE,
    Difference,
    Side,
    compute_difference,
    compute_differences,
    compute_ranks,
    count_further_sessions,
    judge,
)
from tests.support.simulated import Bench
from tests.support.verdicts import Case, count_shares, make_bench

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

    assert sum(word in (BETTER, WORSE) for word in found) <= 0.05 * PAIRS


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
    [(3, 0.012, 1.05, WORSE), (3, 0.012, 0.95, BETTER), (5, 0.02, 1.05, WORSE)],
)
def test_five_percent_are_found(sessions: int, apart: float, slower: float, word: str) -> None:
    """A change of 5% is found in at least 90% of 1,000 pairs of sides with this spread."""
    found = verdicts(Bench(apart=apart), sessions, slower=slower)

    assert found.count(word) >= 0.90 * PAIRS
    assert set(found) <= {word, WITHIN_NOISE, INCONCLUSIVE}


@pytest.mark.parametrize(
    ("case", "least"),
    [
        (Case(3, make_bench(0.012)), 0.85),
        (Case(3, make_bench(0.012), whole=True), 0.75),
        (Case(3, Bench(step=0.05)), 0.0),
        (Case(3, Bench(30, slow=0.02)), 0.0),
        (Case(1, Bench(apart=0.012)), 0.0),
    ],
    ids=["own", "whole", "clock", "slow runs", "single"],
)
def test_twelve_pairs_with_two_gates(case: Case, least: float) -> None:
    """Of 100 comparisons of twelve pairs few have any verdict without a change, and most find one pair 5% slower."""
    found = count_shares(case, 100)

    assert found.wrong <= 0.10  # 5%, and chance: docs/comparing.md has 1,000 comparisons
    assert found.found >= least
    assert found.found + found.inconclusive >= 0.85


def test_pairs_share_their_spread() -> None:
    """Twelve pairs that lie equally far apart give one an interval with 48 degrees of freedom instead of 4."""
    sides = np.exp(0.01 * np.random.default_rng(8).standard_normal((12, 2, 3)))
    couples = [(Side(tuple(old)), Side(tuple(new)), True) for old, new in sides.tolist()]
    found, alone = compute_differences(couples), [compute_difference(*each[:2], alike=True) for each in couples]

    assert {drawn.freedom for drawn in alone} == {4}
    assert {drawn.freedom for drawn in found} == {48}
    assert found[0].basis == "3 + 3 sessions, spread of 12 pairs"
    assert [drawn.ratio for drawn in found] == [drawn.ratio for drawn in alone]


def test_pairs_that_move_together_know_less() -> None:
    """Pairs whose sessions are slow together give half of the degrees of freedom."""
    common = 0.01 * np.random.default_rng(4).standard_normal((1, 2, 3))
    sides = np.exp(common + 0.001 * np.random.default_rng(5).standard_normal((12, 2, 3)))
    found = compute_differences([(Side(tuple(old)), Side(tuple(new)), True) for old, new in sides.tolist()])

    assert {drawn.freedom for drawn in found} == {24}


def test_a_pair_of_its_own_keeps_its_spread() -> None:
    """A pair ten times as far apart as eleven others has no narrower interval beside them than alone."""
    sides = 0.01 * np.random.default_rng(4).standard_normal((12, 2, 3))
    sides[0] *= 10
    couples = [(Side(tuple(old)), Side(tuple(new)), True) for old, new in np.exp(sides).tolist()]
    wild, alone = compute_differences(couples)[0], compute_difference(*couples[0][:2], alike=True)

    assert (wild.low, wild.high) == pytest.approx((alone.low, alone.high))


def test_few_sessions_may_show_a_clock_that_switched() -> None:
    """Five sessions leave a certain change of 6% inconclusive, six do not; 10% are enough for two."""
    few, enough = ((100.0, 100.1), (106.0, 106.1, 106.2)), ((100.0, 100.1, 99.9), (106.0, 106.1, 106.2))
    found = [compute_difference(Side(old), Side(new), alike=True) for old, new in (few, enough)]
    single = compute_difference(Side((100.0,), (99.9, 100.1)), Side((110.1,), (110.0, 110.2)), alike=True)

    assert [judge(drawn, drawn.p, higher_is_better=True) for drawn in found] == [INCONCLUSIVE, BETTER]
    assert count_further_sessions(found[0], 1) == 1
    assert judge(single, single.p, higher_is_better=True) == BETTER


def test_sessions_that_would_decide_do_decide() -> None:
    """So many more sessions of the same ratio and spread, and one, have a verdict; three fewer are inconclusive."""
    old, new = (100.0, 102.0, 98.0), (96.0, 98.0, 94.0)
    few = compute_difference(Side(old), Side(new), alike=True)
    more = count_further_sessions(few, 1)
    assert more is not None

    def repeat(count: int) -> str:
        apart = few.spread * math.sqrt((3 + count - 1) / (3 + count)) if (3 + count) % 2 == 0 else few.spread
        signs = [1 if at % 2 else -1 for at in range(3 + count - (3 + count) % 2)] + [0] * ((3 + count) % 2)
        sides = [Side(tuple(middle * math.exp(apart * sign) for sign in signs)) for middle in (100.0, 96.0)]
        drawn = compute_difference(*sides, alike=True)
        return judge(drawn, drawn.p, higher_is_better=True)

    assert judge(few, few.p, higher_is_better=True) == INCONCLUSIVE
    assert repeat(more + 1) == WORSE
    assert repeat(max(more - 3, 0)) == INCONCLUSIVE


def test_within_noise_excludes_a_change_that_matters() -> None:
    """An interval that holds 1 is within noise up to the change that matters, and inconclusive beyond it."""

    def found(low: float, high: float, **options: float) -> str:
        drawn = Difference(1.0, low, high, 0.5, 0.01, "", 6, (3, 3), 4)
        return judge(drawn, drawn.p, higher_is_better=True, **options)

    assert [found(0.96, 1.04), found(0.96, 1.06), found(0.94, 1.04)] == [WITHIN_NOISE, INCONCLUSIVE, INCONCLUSIVE]
    assert [found(0.9, 1.1, matters=0.2), found(0.97, 1.02, matters=0.02)] == [WITHIN_NOISE, INCONCLUSIVE]


def test_what_was_asked_is_corrected_for() -> None:
    """Twelve pairs ask 15 questions with the margin; a metric that follows another adds none, another one 15 more."""
    chance = np.random.default_rng(4)
    logs, others = chance.standard_normal((2, 12, 2, 3))
    speed = {str(pair): np.exp(sides).tolist() for pair, sides in enumerate(logs)}
    energy = {str(pair): np.exp(-sides).tolist() for pair, sides in enumerate(logs)}
    other = {str(pair): np.exp(sides).tolist() for pair, sides in enumerate(others)}
    still = {str(pair): [[1.0, 1.0, 1.0]] * 2 for pair in range(12)}

    assert count_questions({"speed": speed}) == 15
    assert count_questions({"speed": {"0": speed["0"]}}) == 1
    assert count_questions({"speed": speed, "energy": energy, "still": still}) == pytest.approx(15)
    assert count_questions({"speed": speed, "other": other}) == pytest.approx(30, abs=1)
    assert count_questions({"speed": {"0": [[1.0], [2.0]]}, "energy": {"0": [[1.0], [2.0]]}}) == 2.5
    assert adjust_p([0.04, math.nan, 0.001], 12) == pytest.approx([0.48, math.nan, 0.012], nan_ok=True)


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
    assert judge(beside, beside.p, higher_is_better=True) == INCONCLUSIVE


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
