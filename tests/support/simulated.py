"""Simulated sessions with a known autocorrelation of runs and a known spread between sessions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from plotting.comparison.statistics import Side
from plotting.metrics import bootstrap

if TYPE_CHECKING:
    from plotting.metrics.bootstrap import Array, Bounds


@dataclass
class Bench:
    """A machine whose runs take the time of a request x lognormal noise x a factor of the session.

    Attributes:
        runs: of a session.
        requests: run i takes request i mod requests. Their times differ by 20% (standard deviation).
        noise: relative standard deviation between runs.
        apart: relative standard deviation between sessions.
        memory: autocorrelation of the noise from one run to the next.
        slow: share of the runs that take three times as long.
        step: what the slower of two clock states adds to the time of a run, as a share.
        stay: mean number of runs in a clock state; inf: a whole session.
    """

    runs: int = 100
    requests: int = 12
    noise: float = 0.03
    apart: float = 0.0
    memory: float = 0.5
    slow: float = 0.0
    step: float = 0.0
    stay: float = math.inf
    chance: np.random.Generator = field(default_factory=lambda: np.random.default_rng(20261124))

    @property
    def taken(self) -> list[int]:
        """The request of each run."""
        return [run % self.requests for run in range(self.runs)]

    @property
    def times(self) -> Array:
        """The time of each run without noise, s."""
        of_request: Array = np.exp(0.2 * np.random.default_rng(7).standard_normal(self.requests))
        return of_request[self.taken]

    def sessions(self, count: int, *, slower: float = 1.0) -> Array:
        """Return the latencies of `count` sessions, sessions x runs, s."""
        shocks = self.chance.standard_normal((count, self.runs))
        noise = shocks.copy()
        for run in range(1, self.runs):
            noise[:, run] = self.memory * noise[:, run - 1] + math.sqrt(1 - self.memory**2) * shocks[:, run]
        factor = np.exp(self.apart * self.chance.standard_normal((count, 1))) * slower
        return self.times * np.exp(self.noise * noise) * factor * self._disturb(count)

    def _disturb(self, count: int) -> Array:
        """Return the factors by which slow runs and the clock change the times, sessions x runs."""
        shape = (count, self.runs)
        factor: Array = np.ones(shape)
        if self.slow:
            factor = np.where(self.chance.random(shape) < self.slow, 3.0, 1.0)
        if self.step:
            switches = self.chance.random(shape) < 1 / self.stay
            switches[:, 0] = self.chance.random(count) < 0.5
            factor = factor * (1 + self.step * (np.cumsum(switches, axis=1) % 2))
        return factor

    @property
    def truth(self) -> float:
        """The true rate of the runs, 1/s."""
        seconds = self.times.sum() * math.exp((self.noise**2 + self.apart**2) / 2)
        return float(self.runs / (seconds * (1 + 2 * self.slow) * (1 + self.step / 2)))

    def side(self, *sessions: Array, others: tuple[tuple[float, ...], ...] = ()) -> Side:
        """Return the tokens/s of these sessions, with one new token a run."""
        values = tuple(float(self.runs / latencies.sum()) for latencies in sessions)
        bounds = self.rate(sessions[0]) if len(sessions) == 1 else bootstrap.UNKNOWN
        return Side(values, bounds, others=others)

    def rate(self, latencies: Array) -> Bounds:
        """Return the interval of the runs per second."""
        runs = bootstrap.Resampling(self.taken)
        count, seconds = runs.draw_totals([np.ones(self.runs), latencies])
        [low], [high] = runs.bound_values(np.array([self.runs / latencies.sum()]), (count / seconds)[None])
        return float(low), float(high)

    def quantile(self, latencies: Array, q: float) -> Bounds:
        """Return the interval of a quantile of latency."""
        [bounds] = bootstrap.Resampling(self.taken).bound_quantiles([latencies], [q])
        return bounds
