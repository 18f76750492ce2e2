"""What a reader must know before quoting the joules, in sentences: the flags of the Record's power."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from benchmarks.power.analysis import energy, phases
from benchmarks.power.analysis.budget import Series
from benchmarks.power.analysis.energy import NS, Window
from benchmarks.power.base import PowerSample, SensorFacts
from benchmarks.record import ENERGY_COVERAGE

VOID = "a rail was missing or held no valid number"
FEW_SAMPLES = 30
LARGEST_DISAGREEMENT = 0.05  # between counter and integration, relative
LARGEST_GAP_SHARE = 0.01  # of the runs' time without samples
LARGEST_DISTANCE = 0.05  # time between runs that the sensor does not resolve, relative to theirs


def warn_of_sensor(sensor: SensorFacts, lost: str | None, *, mismatch: bool) -> list[str]:
    """Return the flags of the sensor itself."""
    flags = []
    if lost is not None:
        flags.append(f"The sensor stopped early: {lost}.")
    if mismatch:
        flags.append(f"Scope mismatch: a {sensor.scope} sensor while the model ran elsewhere; kept out of rankings.")
    if sensor.gain_uncertainty is not None:
        return flags
    if sensor.offset_uncertainty_w is not None:
        flags.append("The uncertainty is statistical only, plus the sensor's offset: nobody states its gain.")
    else:
        reason = f" ({sensor.offset_source}, and its offset is unknown)" if sensor.offset_source else ""
        flags.append(f"The uncertainty is statistical only: nobody states this sensor's gain{reason}.")
    return flags


def warn_of_energy(series: Series, windows: Sequence[Window], gap_share: float, disagreement: float) -> list[str]:
    """Return the flags of the energy of the runs in `windows`, which have a `gap_share` of their time without samples.

    `disagreement` is integrated power / counted energy - 1.
    """
    flags = []
    if gap_share > LARGEST_GAP_SHARE:
        flags.append(f"No samples cover {gap_share:.1%} of the runs' time: their energy is that much too low.")
    seconds = sum(end - start for start, end in windows) * NS
    tau, which = series.resolution
    between = sum(min((b[0] - a[1]) * NS, tau) for a, b in itertools.pairwise(windows))
    if seconds < phases.PHASE_PERIODS * tau * len(windows) and between > LARGEST_DISTANCE * seconds:
        flags.append(
            f"Runs of {seconds / len(windows):.3g} s lie apart, and the sensor's resolution is {tau:.3g} s ({which}): "
            "their energy is mixed with that of the time between them."
        )
    if abs(disagreement) > LARGEST_DISAGREEMENT:
        flags.append(f"Integrated power differs from the energy counter by {disagreement:+.1%}.")
    return flags


def warn_of_few_samples(inside: int, runs: int) -> list[str]:
    """Return the flag of too few samples in the runs."""
    if inside >= FEW_SAMPLES or not runs:
        return []
    return [f"Only {inside} power samples fell into the runs; trust needs at least {FEW_SAMPLES}."]


def warn_of_void_readings(samples: Sequence[PowerSample], windows: Sequence[Window]) -> list[str]:
    """Return the flag of more unusable readings than a run may lack."""
    inside = energy.mask_inside([sample.time_ns for sample in samples], windows)
    void = sum(s.watts is None and s.energy_j is None for s, within in zip(samples, inside, strict=True) if within)
    if void <= (1 - ENERGY_COVERAGE) * int(inside.sum()):
        return []
    return [f"{void} of {int(inside.sum())} readings in the runs were void: {VOID}."]


def warn_of_frozen_sensor(power: Series, windows: Sequence[Window], idle: Sequence[tuple[str, Window]]) -> list[str]:
    """Return the flag of FEW_SAMPLES readings (or all) at work that equal the idle readings next to them."""
    at_work = np.flatnonzero(power.mask_inside(windows))
    for when, (start, end) in idle:
        later = power.times_ns[at_work] > end
        nearest = at_work[later][:FEW_SAMPLES] if when == "before" else at_work[~later][-FEW_SAMPLES:]
        at_rest = np.flatnonzero(power.mask_inside([(start, end)]))
        read = power.values[np.concatenate([nearest, at_rest])]
        if nearest.size and at_rest.size and read.size >= FEW_SAMPLES and np.ptp(read) == 0:
            said = f"The sensor read exactly {read[0]:.4g} W both during the runs and idle {when} them"
            return [f"{said}: it is stuck, or does not cover the device that runs the model."]
    return []


def warn_of_mixed_sensors(names: Sequence[str]) -> list[str]:
    """Return the flag of sessions of one pair that read the same rails by sensors of several names."""
    known = list(dict.fromkeys(names))
    return [f"Its sessions read the same rails by {' and by '.join(known)}."] if len(known) > 1 else []


def explain_no_energy(watts: Sequence[float], lost: str | None) -> str:
    """Return why there is no energy if no reading is above 0 W; NaN is a missing reading."""
    known = [value for value in watts if not math.isnan(value)]
    if not len(watts):
        why = "no reading came"
    elif not known:
        why = f"every reading was void: {VOID}"
    elif min(known) < 0:
        why = "the sensor read nothing above 0 W, and negative power: is it wired in reverse?"
    else:
        why = "the sensor read 0 W throughout, but every device draws power"
    return why if lost is None else f"{why}; it stopped early: {lost}"
