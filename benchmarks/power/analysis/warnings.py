"""What a reader must know before quoting the joules, in sentences: the flags of the Record's power."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from benchmarks.power.analysis import energy, phases
from benchmarks.power.analysis.budget import Series
from benchmarks.power.analysis.energy import NS
from benchmarks.power.base import PowerSample, SensorFacts
from benchmarks.record import ENERGY_COVERAGE

Window = tuple[int, int]
VOID = "a rail was missing, or was no number"
FEW_SAMPLES = 30
DISAGREEMENT = 0.05
"""Counter and integration further apart than this, relative, are a flag."""
GAPS = 0.01
"""A larger share of the runs' time without samples is a flag."""
APART = 0.05
"""More time between runs than this, relative to theirs, is a flag where the sensor does not resolve a run."""


def of_sensor(sensor: SensorFacts, lost: str | None, *, mismatch: bool) -> list[str]:
    """Return what is doubtful in the sensor itself."""
    flags = []
    if lost is not None:
        flags.append(f"The sensor stopped in the middle: {lost}.")
    if mismatch:
        flags.append(f"Scope mismatch: a {sensor.scope} sensor while the model ran elsewhere; kept out of rankings.")
    if sensor.gain_uncertainty is None:
        flags.append(_statistical_only(sensor))
    return flags


def of_energy(series: Series, windows: Sequence[tuple[int, int]], gap_share: float, disagreement: float) -> list[str]:
    """Return what is doubtful in the energy of the runs that have it.

    Args:
        series: the samples that it comes from.
        windows: (start, end) in ns of those runs, in order.
        gap_share: share of their time that no sample covers.
        disagreement: integrated power / counted energy - 1.
    """
    flags = []
    if gap_share > GAPS:
        flags.append(f"No samples cover {gap_share:.1%} of the runs' time: their energy is that much too low.")
    seconds = sum(end - start for start, end in windows) * NS
    tau, which = series.resolution
    between = sum(min((b[0] - a[1]) * NS, tau) for a, b in itertools.pairwise(windows))
    if seconds < phases.PHASE_PERIODS * tau * len(windows) and between > APART * seconds:
        flags.append(
            f"Runs of {seconds / len(windows):.3g} s lie apart, and the sensor's resolution is {tau:.3g} s ({which}): "
            "their energy is mixed with that of the time between them."
        )
    if abs(disagreement) > DISAGREEMENT:
        flags.append(f"Integrated power differs from the energy counter by {disagreement:+.1%}.")
    return flags


def of_samples(inside: int, runs: int) -> list[str]:
    """Return what is doubtful where so few samples fell into so many runs."""
    if inside >= FEW_SAMPLES or not runs:
        return []
    return [f"Only {inside} power samples fell into the runs; {FEW_SAMPLES} are the least to trust."]


def of_void(samples: Sequence[PowerSample], windows: Sequence[Window]) -> list[str]:
    """Return why runs have no energy though readings came: more of them than a run may lack could not be used."""
    taken = energy.inside([sample.time_ns for sample in samples], windows)
    void = sum(s.watts is None and s.energy_j is None for s, within in zip(samples, taken, strict=True) if within)
    if void <= (1 - ENERGY_COVERAGE) * int(taken.sum()):
        return []
    return [f"{void} of {int(taken.sum())} readings in the runs were void: {VOID}."]


def of_standstill(power: Series, windows: Sequence[Window], idle: Sequence[tuple[str, Window]]) -> list[str]:
    """Return what is doubtful where FEW_SAMPLES at work, or all, read exactly as the rest beside them does."""
    at_work = np.flatnonzero(power.within(windows))
    for when, (start, end) in idle:
        before = when == "before"
        later = power.times_ns[at_work] > end
        beside = at_work[later][:FEW_SAMPLES] if before else at_work[~later][-FEW_SAMPLES:]
        rest = np.flatnonzero(power.within([(start, end)]))
        read = power.values[np.concatenate([beside, rest])]
        if beside.size and rest.size and read.size >= FEW_SAMPLES and np.ptp(read) == 0:
            said = f"The sensor read {read[0]:.4g} W at work exactly as at rest {when} the runs"
            return [f"{said}: it stood still, or does not see what computes."]
    return []


def nothing_read(watts: Sequence[float], lost: str | None) -> str:
    """Return why there is no energy, where no reading is above 0 W; NaN is no reading."""
    known = [value for value in watts if not math.isnan(value)]
    if not len(watts):
        why = "no reading came"
    elif not known:
        why = f"every reading was void: {VOID}"
    elif min(known) < 0:
        why = "the sensor read nothing above 0 W, and power that flows back: is it wired the wrong way round?"
    else:
        why = "the sensor read 0 W throughout, which nothing draws"
    return why if lost is None else f"{why}; it stopped in the middle: {lost}"


def of_sessions(names: Sequence[str]) -> list[str]:
    """Return what is doubtful where the sessions of a pair read the same rails by sensors of several names."""
    known = list(dict.fromkeys(names))
    return [f"Its sessions read the same rails by {' and by '.join(known)}."] if len(known) > 1 else []


def _statistical_only(sensor: SensorFacts) -> str:
    """Return what the uncertainty lacks, and what it has all the same."""
    if sensor.offset_uncertainty_w is not None:
        return "The uncertainty is statistical only, beside the sensor's offset: nobody states its gain."
    said = f" ({sensor.offset_source}, so not its offset either)" if sensor.offset_source else ""
    return f"The uncertainty is statistical only: nobody states this sensor's gain{said}."
