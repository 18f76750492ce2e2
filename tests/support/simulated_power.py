"""Sessions whose energy is known: power in levels over runs, read by a sensor with errors drawn afresh in each."""

from __future__ import annotations

import itertools
import math
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.power.analysis import attribution
from benchmarks.power.base import PowerSample, SensorFacts
from benchmarks.power.sampler import draw_moments

if TYPE_CHECKING:
    from benchmarks.power.analysis.energy import Floats

S = 1_000_000_000
IDLE_W = 10.0
IDLE_S = 10.0
GAIN = 0.01
OFFSET_W = 0.3
SHAPES = {
    "levels": ((0.15, 20.0), (0.2, 80.0), (0.65, 55.0)),
    "spikes": ((0.3, 30.0), (0.05, 150.0), (0.65, 30.0)),
}
"""{name: (share of a run, watts) of its parts}"""
SENSORS = (
    *(("instant", hertz) for hertz in (1.0, 10.0, 20.0)),
    *(("average", hertz) for hertz in (1.0, 10.0, 20.0)),
    *(("counter", hertz) for hertz in (10.0, 20.0)),
)
"""Kinds of sensors, and how often they are read."""
FEWEST_RUNS = 20
LEAST_SAMPLES = 300
LEAST_S = 60.0
AVERAGED_S = 1.0
TICK_S = 0.1


@dataclass(frozen=True)
class Cell:
    """One kind of session: a load, and a sensor that is read at random moments, or at `regular` ones.

    Attributes:
        shape: of SHAPES, or "toggle": 20 W and 80 W in turns of 50 ms.
        jitter: relative standard deviation of the lengths of the runs.
        sensor: "instant", "average" over AVERAGED_S with an unknown delay, or "counter" with ticks of TICK_S.
        apart_s: idle time between two runs.
        seconds: least length of a session; enough for LEAST_SAMPLES samples if None.
    """

    shape: str = "levels"
    run_s: float = 1.0
    jitter: float = 0.01
    sensor: str = "instant"
    hertz: float = 10.0
    apart_s: float = 0.0
    regular: bool = False
    seconds: float | None = None

    @property
    def count(self) -> int:
        """How many runs a session has."""
        seconds = max(LEAST_S, LEAST_SAMPLES / self.hertz) if self.seconds is None else self.seconds
        return max(FEWEST_RUNS, round(seconds / self.run_s))


@dataclass(frozen=True)
class Found:
    """What one session showed: relative error and stated standard uncertainty, with and without gain and offset."""

    error: float
    stated: float
    own_error: float
    own_stated: float
    flags: tuple[str, ...]
    samples: int


class Truth:
    """Power in steps from one moment to the next, and its energy up to any moment."""

    def __init__(self, cell: Cell, chance: np.random.Generator) -> None:
        """Draw the runs of a session: their lengths, and the height of their power (1%)."""
        parts = SHAPES.get(cell.shape) or tuple(
            (0.05 / cell.run_s, watts)
            for watts in itertools.islice(itertools.cycle((20.0, 80.0)), round(cell.run_s / 0.05))
        )
        shares, watts = np.array(parts).T
        lengths = cell.run_s * np.clip(1 + cell.jitter * chance.standard_normal(cell.count), 0.3, None)
        heights = 1 + 0.01 * chance.standard_normal(cell.count)
        apart = np.full(cell.count, cell.apart_s)
        steps = np.column_stack([np.outer(lengths, shares / shares.sum()), apart]).ravel()
        power = np.column_stack([np.outer(heights, watts), np.full(cell.count, IDLE_W)]).ravel()
        self._watts = np.concatenate([[IDLE_W], power, [IDLE_W]])
        self._edges = np.concatenate([[0.0], np.cumsum(np.concatenate([[IDLE_S + 2], steps, [IDLE_S + 2]]))])
        self._joules = np.concatenate([[0.0], np.cumsum(self._watts * np.diff(self._edges))])
        self.end_s = float(self._edges[-1])
        starts = self._edges[1 :: len(parts) + 1][: cell.count]
        self.windows = [(round(a * S), round((a + b) * S)) for a, b in zip(starts, lengths, strict=True)]

    def until(self, seconds: Floats) -> Floats:
        """Return the energy from the start to each moment, joules."""
        found: Floats = np.interp(seconds, self._edges, self._joules)
        return found

    def at(self, seconds: Floats) -> Floats:
        """Return the power at each moment, watts."""
        found: Floats = self._watts[np.clip(np.searchsorted(self._edges, seconds) - 1, 0, self._watts.size - 1)]
        return found

    def energy(self) -> tuple[float, float]:
        """Return (joules, seconds) of all runs."""
        edges = np.array(self.windows) / S
        return float((self.until(edges[:, 1]) - self.until(edges[:, 0])).sum()), float(np.diff(edges).sum())


def read(
    cell: Cell, truth: Truth, chance: np.random.Generator, offset_w: float
) -> tuple[Floats, Floats, Floats | None]:
    """Return (moments in s, watts, joules or None) that a sensor without gain error shows."""
    begin = 0.5 + chance.random() / cell.hertz
    moments = draw_moments(begin, 1 / cell.hertz, regular=cell.regular, chance=chance)
    t = np.array(list(itertools.takewhile(lambda moment: moment < truth.end_s - 0.5, moments)))
    t += np.sort(chance.uniform(0, 0.001, t.size))  # a reading is a little late
    if cell.sensor == "average":
        late = chance.uniform(0, AVERAGED_S / 4)
        return t, offset_w + (truth.until(t - late) - truth.until(t - late - AVERAGED_S)) / AVERAGED_S, None
    if cell.sensor == "counter":
        phase = chance.uniform(0, TICK_S)
        ticked = np.floor((t - phase) / TICK_S) * TICK_S + phase
        return t, truth.at(t) + offset_w, truth.until(ticked) + offset_w * ticked
    return t, truth.at(t) + offset_w, None


def simulate(cell: Cell, chance: np.random.Generator) -> Found:
    """Return what one session shows."""
    truth = Truth(cell, chance)
    gain, offset = chance.normal(0, GAIN), chance.normal(0, OFFSET_W)
    t, watts, joules = read(cell, truth, chance, offset)
    sensor = SensorFacts("simulated", "gpu", ("r",), 1 / cell.hertz, GAIN, "drawn", OFFSET_W, "drawn")
    sensor = replace(sensor, averaging_s=AVERAGED_S) if cell.sensor == "average" else sensor
    shown: list[float | None] = [None] * t.size if joules is None else (joules * (1 + gain)).tolist()
    power = (watts * (1 + gain)).tolist()
    samples = [PowerSample(int(s * S), w, j) for s, w, j in zip(t.tolist(), power, shown, strict=True)]
    start, end = truth.windows[0][0], truth.windows[-1][1]
    idle = [("before", (start - int(IDLE_S * S), start)), ("after", (end, end + int(IDLE_S * S)))]
    found = attribution.attribute("bench", sensor, samples, attribution.MarkedRuns(truth.windows, {}), idle)
    charged = sum(joule or 0.0 for joule in found.energy_j or ())
    energy, seconds = truth.energy()
    terms = {term["name"]: term["relative"] for term in found.power["uncertainty"]}
    return Found(
        charged / energy - 1,
        math.hypot(*terms.values()) if terms else math.nan,
        (charged / (1 + gain) - offset * seconds) / energy - 1,
        math.hypot(*(value for name, value in terms.items() if name not in ("gain", "offset"))),
        tuple(found.power["flags"]),
        found.power["sample_count"] or 0,
    )


@dataclass(frozen=True)
class Cover:
    """What many sessions of a cell showed: root mean squares, relative, and the share with the truth within 2u.

    `own_share` is that without gain error and offset. `mark` is "*" if most sessions are null or flagged.
    """

    error: float
    stated: float
    share: float
    own_share: float
    mark: str


def cover(cell: Cell, sessions: int, seed: int = 20261128) -> Cover:
    """Simulate sessions of a cell."""
    chance = np.random.default_rng([seed, zlib.crc32(repr(cell).encode())])
    found = [simulate(cell, chance) for _ in range(sessions)]
    names = ("error", "stated", "own_error", "own_stated")
    error, stated, own_error, own_stated = (np.array([getattr(one, name) for one in found]) for name in names)
    doubtful = np.mean([bool(one.flags) or math.isnan(one.stated) for one in found])
    return Cover(
        float(np.sqrt(np.mean(error**2))),
        float(np.sqrt(np.nanmean(stated**2))),
        float(np.mean(np.abs(error) <= 2 * stated)),
        float(np.mean(np.abs(own_error) <= 2 * own_stated)),
        "*" if doubtful > 0.5 else "",
    )
