"""What samples of power leave unseen between them, estimated from the samples themselves. Pure functions.

The trapezoid rule is off by what power does between two samples. How far two samples differ on average, as a function
of the time h between them, tells how much that is (their variogram, half the mean square of the difference):

    g(h) = a + b h:    u^2 = a sum of w^2 + b sum of tau^3 / 6

with tau the time between two neighbours and w the time that a sample stands for, (tau + next tau) / 2. `a` is power
that changes faster than the samples follow: each one is an independent draw of it. `b` is power in steps, rarer than
the samples: a step at an unknown place between two of them is off by its height x tau / sqrt(12). Levels that last are
so no noise, however far apart they are.

It holds if the samples meet each part of a run equally often. `benchmarks.power.sampler` sees to that. A sensor with
a regular clock of its own may keep step with the runs instead, and then misses the same in each: see `find_lock`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.power.analysis.energy import GAP_PERIODS, NS, Floats

NEIGHBOURS = (1, 2, 3)  # samples up to so many places apart are compared
LAG_EDGES = (0.0, 0.25, 0.5, 0.75, 1.25, 1.75, 2.25)  # classes of the time between them, in median times
FEW_PAIRS = 2
REGULAR = 0.2  # spread of the times between samples, relative: of random moments it is 0.4
HARMONICS = 8
SURE = 9.0  # a lock of n runs at random has n R^2 above this once in 8,000 cases (exp(-9))


def compute_sampling_error(times_ns: ArrayLike, watts: ArrayLike, windows: ArrayLike) -> float | None:
    """Return the standard uncertainty of the trapezoid rule over `windows`, which are in order, in joules.

    None with fewer than three samples inside. Missing readings are NaN.
    """
    times, values = np.asarray(times_ns, dtype=np.int64), np.asarray(watts, dtype=np.float64)
    times, values = times[np.isfinite(values)], values[np.isfinite(values)]
    edges = np.asarray(windows, dtype=np.int64).reshape(-1, 2)
    place = np.searchsorted(edges[:, 0], times, side="right") - 1
    inside = (place >= 0) & (times <= edges[np.maximum(place, 0), 1]) if len(edges) else np.zeros(0, dtype=np.bool_)
    if inside.sum() <= FEW_PAIRS:
        return None
    steps = np.diff(times) * NS
    period_s = float(np.median(steps))
    covered = np.where(steps <= GAP_PERIODS * period_s, np.diff(_measure_inside(times, edges)), 0.0)
    weights = (np.concatenate([[0.0], covered]) + np.concatenate([covered, [0.0]])) / 2
    sudden, lasting = _fit_variogram(times[inside] * NS, values[inside], place[inside], period_s)
    found = float(np.sqrt(sudden * (weights**2).sum() + lasting * (covered**3).sum() / 6))
    return found * (1 + _compute_kurtosis(values[inside]) / int(inside.sum()))


def _compute_kurtosis(values: Floats) -> float:
    """Return the mean fourth power of the deviations / the square of their mean square: large if few samples are high.

    A variance from n samples is itself uncertain, by the root of this / n, relative.
    """
    squares = (values - values.mean()) ** 2
    spread = float(squares.mean())
    return float((squares**2).mean()) / spread**2 if spread > 0 else 0.0


def _measure_inside(times: NDArray[np.int64], edges: NDArray[np.int64]) -> Floats:
    """Return how much time of the windows lies before each moment, seconds."""
    lengths = np.concatenate([[0], np.cumsum(edges[:, 1] - edges[:, 0])])
    place = np.clip(np.searchsorted(edges[:, 0], times, side="right") - 1, 0, None)
    found: Floats = (lengths[place] + np.clip(times - edges[place, 0], 0, edges[place, 1] - edges[place, 0])) * NS
    return found


def _fit_variogram(seconds: Floats, values: Floats, window: NDArray[np.intp], period_s: float) -> tuple[float, float]:
    """Return (a, b) of g(h) = a + b h, both at least 0, from pairs of samples in one window.

    Classes of the time h count by their pairs / h: what is close together says most about what lies between.
    """
    apart, half = [], []
    for k in NEIGHBOURS:
        same = window[k:] == window[:-k]
        apart.append((seconds[k:] - seconds[:-k])[same])
        half.append(0.5 * ((values[k:] - values[:-k]) ** 2)[same])
    h, g = np.concatenate(apart), np.concatenate(half)
    kind = np.digitize(h / period_s, LAG_EDGES) - 1
    counts = np.bincount(kind, minlength=len(LAG_EDGES))[: len(LAG_EDGES) - 1]
    used = counts > 0
    h_mean, g_mean = (np.bincount(kind, x, minlength=len(LAG_EDGES))[: used.size][used] / counts[used] for x in (h, g))
    return _fit_line(h_mean, g_mean, counts[used] / np.maximum(h_mean, NS))


def _fit_line(x: Floats, y: Floats, weight: Floats) -> tuple[float, float]:
    """Return (a, b) of the weighted least squares of y = a + b x with a and b at least 0; (0, 0) without points."""
    if not x.size:
        return 0.0, 0.0
    total = weight.sum()
    x_mean, y_mean = float(weight @ x / total), float(weight @ y / total)
    spread = float(weight @ (x - x_mean) ** 2)
    slope = float(weight @ ((x - x_mean) * (y - y_mean))) / spread if spread > 0 else 0.0
    if slope <= 0:
        return y_mean, 0.0
    if y_mean < slope * x_mean:
        return 0.0, float(weight @ (x * y) / (weight @ x**2))
    return y_mean - slope * x_mean, slope


def is_regular(times_ns: ArrayLike) -> bool:
    """Return whether samples come at regular times, not at random ones."""
    steps = np.diff(np.asarray(times_ns, dtype=np.float64))
    usual = steps[steps <= GAP_PERIODS * np.median(steps)] if steps.size else steps
    return bool(usual.size > FEW_PAIRS and usual.std() < REGULAR * usual.mean())


def find_lock(times_ns: ArrayLike, windows: ArrayLike) -> tuple[float, int]:
    """Return (factor, m): how far regular samples keep step with `windows`; (1, 0) if they do not.

    R is the resultant of m times the angle at which the first sample of each window comes, as a part of the time
    between samples: 1 if it is always the same, about 1 / sqrt(n) in n windows at random. Samples in step with a part
    1 / m of their time miss the same in each window, so that the variance grows by `factor`, (1 + (n - 1) R^2) / m.
    """
    times, edges = np.asarray(times_ns, dtype=np.int64), np.asarray(windows, dtype=np.int64).reshape(-1, 2)
    if times.size < 2 or len(edges) < 2:
        return 1.0, 0
    first = np.searchsorted(times, edges[:, 0])
    first = first[first < times.size]
    late = (times[first] - edges[: first.size, 0]) / float(np.median(np.diff(times)))
    best = (1.0, 0)
    for m in range(1, HARMONICS + 1):
        strength = abs(np.exp(2j * np.pi * m * late).mean()) ** 2 if late.size else 0.0
        if late.size * strength > min(SURE, 0.9 * late.size):
            best = max(best, ((1 + (late.size - 1) * float(strength)) / m, m))
    return best
