"""How often verdicts are right, over simulated comparisons of twelve pairs with two gates.

`python -m tests.support.verdicts` prints the table of docs/comparing.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from plotting.comparison.compare import Line, judge_side
from plotting.comparison.statistics import BETTER, INCONCLUSIVE, WORSE, Side
from plotting.metrics import bootstrap
from tests.support.simulated import Bench

if TYPE_CHECKING:
    from plotting.comparison.statistics import Couple
    from plotting.metrics.bootstrap import Array, Bounds

PAIRS = 12
GATES = {"tokens_per_sec": 0.05, "joules_per_token": 0.05}
WATTS = 0.003
"""Relative standard deviation of the power between sessions. Energy is power x time."""


@dataclass(frozen=True)
class Case:
    """Sides that are compared.

    Attributes:
        sessions: of each side.
        bench: one pair's machine.
        whole: what lies between sessions is common to all pairs of a session; else each pair has its own.
        others: further sessions of the series, if a side has one.
        wild: so many pairs lie twice as far apart.
    """

    sessions: int
    bench: Bench = field(default_factory=Bench)
    whole: bool = False
    others: int = 0
    wild: int = 0

    def draw(self, count: int) -> tuple[Array, Array]:
        """Return (times of a run, factors of the power), both count x 2 sides x sessions x pairs [x runs]."""
        shape = (count, 2, self.sessions + self.others, PAIRS)
        bench, chance = self.bench, self.bench.chance
        times = bench.sessions(math.prod(shape)).reshape(*shape, bench.runs)
        if self.whole:  # the pairs of a session share what its first pair shows beside the noise
            calm = Bench(bench.runs, bench.requests, bench.noise, memory=bench.memory, slow=bench.slow, chance=chance)
            common = Bench(bench.runs, noise=0.0, apart=bench.apart, step=bench.step, stay=bench.stay, chance=chance)
            factor = common.sessions(math.prod(shape[:-1])).reshape(*shape[:-1], 1, bench.runs) / common.times
            times = calm.sessions(math.prod(shape)).reshape(*shape, bench.runs) * factor
        if self.wild:
            more = math.sqrt(3) * bench.apart * chance.standard_normal((*shape[:-1], self.wild, 1))
            times[..., -self.wild :, :] *= np.exp(more)
        return times, np.exp(WATTS * chance.standard_normal(shape))


def judge_all(case: Case, count: int, *, slower: float = 1.0) -> list[dict[tuple[str, str], str]]:
    """Return the verdicts of each comparison by (pair, metric); the first pair of the second side is slower."""
    times, watts = case.draw(count)
    times[:, 1, : case.sessions, 0] *= slower
    return [_judge(case, *drawn) for drawn in zip(times, watts, strict=True)]


def _judge(case: Case, times: Array, watts: Array) -> dict[tuple[str, str], str]:
    rates = case.bench.runs / times.sum(axis=-1)
    lines: list[Line] = []
    couples: dict[int, Couple] = {}
    for pair in range(PAIRS):
        speed, energy = rates[..., pair], watts[..., pair] / rates[..., pair]
        bounds = [_bound(case, times[side, 0, pair]) for side in (0, 1)]
        for metric, values, upside_down in zip(GATES, (speed, energy), (False, True), strict=True):
            ends = [_turn(each, values[side, 0] * speed[side, 0]) if upside_down else each
                    for side, each in enumerate(bounds)]  # fmt: skip
            couples[len(lines)] = (*(_make_side(case, values[side], ends[side]) for side in (0, 1)), True)  # type: ignore[assignment]
            lines.append(Line(str(pair), metric, "", "after", "", 1.0))
    judge_side(lines, couples, GATES)
    return {(line.pair, line.metric): line.verdict for line in lines}


def _bound(case: Case, times: Array) -> Bounds:
    return case.bench.rate(times) if case.sessions == 1 else bootstrap.UNKNOWN


def _turn(bounds: Bounds, product: float) -> Bounds:
    """Return the interval of a metric that is `product` / rate."""
    return product / bounds[1], product / bounds[0]


def _make_side(case: Case, values: Array, bounds: Bounds) -> Side:
    own, others = values[: case.sessions].tolist(), values[case.sessions :].tolist()
    return Side(tuple(own), bounds, others=(tuple(others),) if others else ())


@dataclass(frozen=True)
class Shares:
    """Of all comparisons: any verdict although nothing changed; a slower pair found, and left inconclusive."""

    wrong: float
    found: float
    inconclusive: float


def count_shares(case: Case, count: int, slower: float = 1.05) -> Shares:
    """Return how often a case is judged right."""
    same, changed = judge_all(case, count), judge_all(case, count, slower=slower)
    first = [[verdict for (pair, _), verdict in each.items() if pair == "0"] for each in changed]
    found = [WORSE in each for each in first]
    open_ = [INCONCLUSIVE in each and WORSE not in each for each in first]
    wrong = [bool({BETTER, WORSE} & set(each.values())) for each in same]
    return Shares(*(sum(each) / count for each in (wrong, found, open_)))


def make_bench(apart: float) -> Bench:
    """Return a machine whose sessions lie so far apart (standard deviation of their values, run noise included)."""
    calm = Bench()
    noise = calm.noise * math.sqrt((1 + calm.memory) / (1 - calm.memory) / calm.runs)
    return Bench(apart=math.sqrt(max(apart**2 - noise**2, 0)))


def list_cases() -> dict[str, Case]:
    """Return the cases of the table by their words."""
    sizes = ((3, 0.012), (3, 0.015), (4, 0.015), (5, 0.015), (5, 0.02))
    cases = {f"{count} + {count} sessions, {apart:.1%} apart": Case(count, make_bench(apart)) for count, apart in sizes}
    for whole in (False, True):
        words = "the same in all pairs" if whole else "in each pair for itself"
        if whole:
            cases[f"3 + 3 sessions, 1.2% apart, {words}"] = Case(3, make_bench(0.012), whole=True)
        cases[f"3 + 3 sessions, a clock with two states 5% apart, {words}"] = Case(3, Bench(step=0.05), whole=whole)
    for runs in (30, 100):
        cases[f"3 + 3 sessions, 2% of {runs} runs three times slower"] = Case(3, Bench(runs, slow=0.02))
    cases["3 + 3 sessions, 1.2% apart, four pairs 2.4%"] = Case(3, make_bench(0.012), wild=4)
    cases["1 + 1 session beside 4 others, 1.2% apart"] = Case(1, make_bench(0.012), others=4)
    cases["1 + 1 session, 1.2% apart"] = Case(1, make_bench(0.012))
    return cases


def main(count: int = 1000) -> None:
    """Print the table."""
    print("| sides | nothing changed: any verdict | 5% slower: found | inconclusive |\n|---|---|---|---|")  # noqa: T201
    for words, case in list_cases().items():
        found = count_shares(case, count)
        print(f"| {words} | {found.wrong:.1%} | {found.found:.0%} | {found.inconclusive:.0%} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
