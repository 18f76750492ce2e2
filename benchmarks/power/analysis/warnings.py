"""What a reader must know before quoting the joules, in sentences: the flags of the Record's power."""

import itertools
from collections.abc import Sequence

import numpy as np

from benchmarks.power.analysis import energy, phases, sampling
from benchmarks.power.analysis.budget import Series
from benchmarks.power.analysis.energy import NS, Window
from benchmarks.power.base import PowerSample, SensorFacts
from benchmarks.record import ENERGY_COVERAGE

VOID = "a rail was missing or had no valid reading"
FEW_SAMPLES = 30
FEW_OF_VARYING = 100  # fewer samples may miss a short peak of every run, and its energy with it
LEAST_VARYING = 0.01  # the statistical term from which power varies
LARGEST_DISAGREEMENT = 0.05  # between counter and integration, relative
LARGEST_GAP_SHARE = 0.01  # of the runs' time without samples
LARGEST_DISTANCE = 0.05  # time between runs that the sensor does not resolve, relative to theirs


def warn_of_sensor(sensor: SensorFacts, lost: str | None, *, mismatch: bool) -> list[str]:
    """Return the flags of the sensor itself."""
    flags = []
    if lost is not None:
        flags.append(f"The sensor stopped early: {lost}.")
    if mismatch:
        used = f"a {sensor.scope} sensor was used, but the model ran on another processor"
        flags.append(f"Scope mismatch: {used}; not ranked.")
    if sensor.largest_w is None and sensor.range_source:
        flags.append(
            f"Nobody states the range of this sensor ({sensor.range_source}): "
            "a reading that the hardware cannot draw would count."
        )
    if sensor.gain_uncertainty is not None:
        return flags
    if sensor.offset_uncertainty_w is not None:
        flags.append(
            "The uncertainty contains the sensor's offset error, but not its gain error, which is not specified."
        )
    else:
        reason = f" ({sensor.offset_source}, and its offset error is unknown)" if sensor.offset_source else ""
        flags.append(f"The uncertainty is statistical only: the sensor's gain error is not specified{reason}.")
    return flags


def warn_of_energy(series: Series, windows: Sequence[Window], gap_share: float) -> list[str]:
    """Return the flags of the energy of the runs in `windows`; `gap_share` of their time has no samples."""
    flags = []
    if gap_share > LARGEST_GAP_SHARE:
        share = f"{gap_share:.1%}"
        flags.append(f"No samples cover {share} of the runs' time: their energy is about {share} too low.")
    seconds = sum(end - start for start, end in windows) * NS
    tau, which = series.resolution
    between = sum(min((b[0] - a[1]) * NS, tau) for a, b in itertools.pairwise(windows))
    if seconds < phases.PHASE_PERIODS * tau * len(windows) and between > LARGEST_DISTANCE * seconds:
        flags.append(
            f"Runs of {seconds / len(windows):.3g} s are too short for the sensor's time resolution, {tau:.3g} s "
            f"({which}): their energy is mixed with the energy of the gaps between them."
        )
    return flags


def warn_of_disagreement(disagreement: float, statistical: float) -> list[str]:
    """Return the flag of integrated power / counted energy - 1, if its `statistical` term does not explain it."""
    if abs(disagreement) <= max(LARGEST_DISAGREEMENT, 2 * statistical):
        return []
    return [f"Integrated power differs from the energy counter by {disagreement:+.1%}."]


def warn_of_own_clock(series: Series, windows: Sequence[Window]) -> list[str]:
    """Return the flag of samples that keep step with the runs, or with the sensor's own clock, so that they may."""
    _, places = (1.0, 0) if series.is_continuous else sampling.find_lock(series.times_ns, windows)
    if places:
        mean_s = sum(end - start for start, end in windows) * NS / len(windows)
        kept = f"The sensor's clock ({series.sampled_s:.3g} s) keeps step with the runs ({mean_s:.3g} s)"
        return [f"{kept}: its readings show about {places} moments of a run, and nothing between."]
    if series.clock_s is None or not windows:
        return []
    regular = "The sensor reads power at the regular times of its own clock"
    unseen = f"what repeats every {series.clock_s:.3g} s, or a whole number of times in that, is not seen"
    return [f"{regular}: {unseen}, and is in no term of the uncertainty."]


def warn_of_few_samples(inside: int, runs: int, statistical: float) -> list[str]:
    """Return the flag of too few samples in the runs, whose statistical term is `statistical`."""
    taken = f"Only {inside} power samples were taken during the runs"
    if inside < FEW_SAMPLES and runs:
        return [f"{taken}; a reliable value needs at least {FEW_SAMPLES}."]
    if inside < FEW_OF_VARYING and statistical > LEAST_VARYING:
        return [f"{taken}, and power varies: a reliable uncertainty needs at least {FEW_OF_VARYING}."]
    return []


def warn_of_void_readings(samples: Sequence[PowerSample], windows: Sequence[Window], sensor: SensorFacts) -> list[str]:
    """Return the flags of more unusable readings than a run may lack, and of any that the hardware cannot draw."""
    inside = list(itertools.compress(samples, energy.mask_inside([sample.time_ns for sample in samples], windows)))
    watts = [sample.refused_w for sample in inside if sample.refused_w is not None]
    void = sum(s.watts is None and s.energy_j is None and s.refused_w is None for s in inside)
    flags = []
    if void > (1 - ENERGY_COVERAGE) * len(inside):
        flags.append(f"{void} of {len(inside)} readings during the runs were invalid: {VOID}.")
    if watts:
        limit = "" if sensor.largest_w is None else f", up to {sensor.largest_w:g} W"
        which = f"{len(watts)} of {len(inside)} readings during the runs ({max(watts, key=abs):g} W) are void"
        flags.append(f"{which}: they lie outside the range of the hardware{limit} ({sensor.range_source}).")
    return flags


def warn_of_frozen_sensor(power: Series, windows: Sequence[Window], idle: Sequence[tuple[str, Window]]) -> list[str]:
    """Return the flag of FEW_SAMPLES readings (or all) at work that equal the idle readings next to them."""
    at_work = np.flatnonzero(power.mask_inside(windows))
    for when, (start, end) in idle:
        later = power.times_ns[at_work] > end
        nearest = at_work[later][:FEW_SAMPLES] if when == "before" else at_work[~later][-FEW_SAMPLES:]
        at_rest = np.flatnonzero(power.mask_inside([(start, end)]))
        read = power.values[np.concatenate([nearest, at_rest])]
        if nearest.size and at_rest.size and read.size >= FEW_SAMPLES and np.ptp(read) == 0:
            said = f"The sensor read exactly {read[0]:.4g} W both during the runs and in the idle time {when} them"
            return [f"{said}: it is stuck, or does not measure the device that runs the model."]
    return []


def warn_of_mixed_sensors(names: Sequence[str]) -> list[str]:
    """Return the flag of sessions of one pair that read the same rails by sensors of several names."""
    known = list(dict.fromkeys(names))
    return [f"The pair's sessions read the same rails through {' and '.join(known)}."] if len(known) > 1 else []


def explain_no_energy(samples: Sequence[PowerSample], lost: str | None) -> str:
    """Return why there is no energy if no reading is above 0 W."""
    known = [sample.watts for sample in samples if sample.watts is not None]
    refused = sum(sample.refused_w is not None for sample in samples)
    if refused and not known:
        why = f"no reading was valid: {refused} lay outside the range of the hardware"
    elif not samples:
        why = "there was no reading"
    elif not known:
        why = f"every reading was invalid: {VOID}"
    elif min(known) < 0:
        why = "the sensor read negative power and nothing above 0 W: is it wired in reverse?"
    else:
        why = "the sensor read 0 W throughout, but every device draws power"
    return why if lost is None else f"{why}; the sensor stopped early: {lost}"
