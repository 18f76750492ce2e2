"""The correction of p for the number of questions: the metrics and pairs that were asked about.

It is Bonferroni's, so that of 20 comparisons in which nothing changed at most one has any verdict, however many pairs
it has. Metrics that rise and fall together, such as tokens/s and J/token, count as fewer.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

LEAST_SESSIONS = 8
"""Values of sessions, of all pairs and sides together, for each metric, from which the metrics' correlation counts."""
MARGIN = 1.25
"""Several questions are corrected for as if they were so many times more, because spreads may differ unseen."""
Series = Mapping[str, Mapping[str, Sequence[Sequence[float]]]]
"""Metric -> pair -> the sessions' values of each side."""


def count_questions(values: Series) -> float:
    """Return how many independent questions the pairs and metrics ask, with a margin.

    A metric that never varies asks none.
    """
    residuals = {name: {pair: _subtract_means(each) for pair, each in pairs.items()} for name, pairs in values.items()}
    asked = {name: pairs for name, pairs in residuals.items() if not _is_constant(pairs.values())}
    total, pairs = MARGIN * sum(map(len, asked.values())), next(iter(asked.values()), {})
    whole = [pair for pair in pairs if len({len(of_metric.get(pair, ())) for of_metric in asked.values()}) == 1]
    columns = [[each for pair in whole for each in of_metric[pair]] for of_metric in asked.values()]
    if len(asked) < 2 or len(columns[0]) < LEAST_SESSIONS * len(asked) or not all(map(any, columns)):
        return total if total > MARGIN else 1.0
    return total * _count_independent(np.array(columns)) / len(asked)


def adjust_p(p: Sequence[float], questions: float) -> list[float]:
    """Return p-values corrected for the number of questions (Bonferroni); NaN stays NaN."""
    return [value if math.isnan(value) else min(1.0, value * questions) for value in p]


def _is_constant(residuals: Iterable[Sequence[float]]) -> bool:
    """Return whether there are several sessions, and all have one value; with single sessions nothing is known."""
    found = [each for pair in residuals for each in pair]
    return bool(found) and not any(found)


def _subtract_means(sides: Sequence[Sequence[float]]) -> list[float]:
    """Return the logs of the sessions' values less the mean of their side."""
    logs = [np.log(side) for side in sides]
    return [float(each) for side in logs if len(side) > 1 for each in side - side.mean()]


def _count_independent(columns: np.ndarray) -> float:
    """Return how many independent columns these correlated ones are worth, 1 to their number.

    Method: N. W. Galwey, "A new measure of the effective number of tests", Genetic Epidemiology 33 (2009).
    """
    weights = np.clip(np.linalg.eigvalsh(np.corrcoef(columns)), 0, None)
    return float(np.sqrt(weights).sum() ** 2 / weights.sum())
