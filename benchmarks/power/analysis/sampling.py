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

from benchmarks.power.analysis.energy import GAP_PERIODS, NS, Floats, drop_missing, mask_inside

NEIGHBOURS = (1, 2, 3)  # samples up to so many places apart are compared
LAG_EDGES = (0.0, 0.25, 0.5, 0.75, 1.25, 1.75, 2.25)  # classes of the time between them, in median times
FEW_PAIRS = 2
REGULAR = 0.2  # spread of the times between samples, relative: of random moments it is 0.4
HARMONICS = 8
SURE = 12.0  # n samples at random have n Z^2 above this once in 160,000 cases (exp(-12))
MANY_PLACES = 100  # samples in a run: a step between two of them is then too small a part of it to matter


def compute_sampling_error(times_ns: ArrayLike, watts: ArrayLike, windows: ArrayLike) -> float | None:
    """Return the standard uncertainty of the trapezoid rule over `windows`, which are in order, in joules.

    None with fewer than three samples inside. Missing readings are NaN.
    """
    times, values = drop_missing(times_ns, watts)
    edges = np.asarray(windows, dtype=np.int64).reshape(-1, 2)
    place, inside = np.searchsorted(edges[:, 0], times, side="right"), mask_inside(times, edges)
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
    """Return (factor, m): how far samples keep step with `windows`, in order; (1, 0) if they do not.

    Z is the trapezoid rule's mean of exp(2 pi i m x), with x from 0 to 1 in each window: 1 if the samples always come
    at the same m places of it, about 1 / sqrt(n) for n samples at random. m is near a multiple of the samples in a
    window, where regular ones may do so. What they miss at a place they miss in each window, so the variance grows by
    `factor`, n Z^2 / m. Windows with MANY_PLACES samples or more leave little to miss.
    """
    times, edges = np.asarray(times_ns, dtype=np.int64), np.asarray(windows, dtype=np.int64).reshape(-1, 2)
    lengths = edges[:, 1] - edges[:, 0]
    if times.size < 2 or len(edges) < 2 or lengths.min() <= 0:
        return 1.0, 0
    steps = np.diff(times)
    period = float(np.median(steps))
    per_window = float(lengths.mean()) / period
    place = np.clip(np.searchsorted(edges[:, 0], times, side="right") - 1, 0, None)
    share = (times - edges[place, 0]) / lengths[place]
    spans = np.minimum(np.concatenate([[period], steps]) + np.concatenate([steps, [period]]), 2 * GAP_PERIODS * period)
    inside = (share >= 0) & (share <= 1)
    weights, turns = spans[inside] / max(spans[inside].sum(), 1.0), 2j * np.pi * share[inside]
    near = {round(k * per_window) + d for k in range(1, HARMONICS + 1) for d in (-1, 0, 1)}
    best = (1.0, 0)
    for m in sorted(m for m in near if 0 < m < MANY_PLACES):
        strength = inside.sum() * float(abs(weights @ np.exp(m * turns)) ** 2)
        best = max(best, (strength / m, m)) if strength > SURE else best
    return best
