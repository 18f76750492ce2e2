"""Energy by phase, pooled over the runs, if the sensor resolves the phase; else the reason.

A phase has an energy if its mean length in the runs is at least PHASE_PERIODS times the sensor's resolution, and if
FEW_SAMPLES samples cover ENERGY_COVERAGE of it. Else it is null, "below resolution". More runs do not make a phase
longer: a sensor that interpolates or averages over tau charges up to tau / 2 of the step at each end of a phase to its
neighbour, in the same direction in every run. With five periods that is at most a tenth of the step at each end (the
budget's "edges"), and four whole periods lie inside. On a GPU whose sensor updates every 100 ms (arXiv 2312.02741, A100
to RTX 4090) phases from 0.5 s on resolve, and with an average over 1 s from 5 s on.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import cast

import numpy as np

from benchmarks.power.analysis import budget, energy
from benchmarks.power.analysis.budget import Series, Terms
from benchmarks.power.analysis.energy import Window
from benchmarks.record import ENERGY_COVERAGE
from benchmarks.record.not_measured import NotMeasured, explain_nulls
from benchmarks.record.sections import Phase, Phases

PHASES = ("preprocess", "vision", "prefill", "decode")
PHASE_PERIODS = 5
PERIOD_TOLERANCE = 1e-6
"""The part by which a phase may fall short of PHASE_PERIODS: marks are whole nanoseconds and periods are medians, so a
phase of exactly five periods may seem some nanoseconds short."""
FEW_SAMPLES = 30
BELOW = "below resolution"


def describe_without_energy(reason: str) -> Phases:
    """Return null phases with the reason."""
    pooled = dict.fromkeys(("run_count", "resolution_s", "resolution_source"))
    phases = {name: _make_null(None, None, reason) for name in PHASES}
    return cast("Phases", {**pooled, **phases, "reasons": dict.fromkeys(pooled, reason)})


def measure_phases(series: Series, marked: Mapping[str, Sequence[Window] | None], covered: Sequence[bool]) -> Phases:
    """Charge the energy of the runs to their phases.

    `marked` is {name in PHASES: its window in each good run, None without a mark}, and `covered` says which of these
    runs have energy.
    """
    if not any(covered):
        return describe_without_energy("samples cover no run")
    windows = {name: None if found is None else list(compress(found, covered)) for name, found in marked.items()}
    contrast_w = _compute_contrast(series, [window for found in windows.values() for window in found or ()])
    resolution_s, source = series.resolution
    pooled = {"run_count": sum(covered), "resolution_s": resolution_s, "resolution_source": source}
    phases = {name: _measure_phase(series, windows.get(name), contrast_w) for name in PHASES}
    return cast("Phases", {**pooled, **phases, "reasons": {}})


def _compute_contrast(series: Series, windows: list[Window]) -> float:
    """Return the largest likely step at a phase's end, watts: the 5th to the 95th percentile of power in the runs."""
    found = series.watts[energy.mask_inside(series.times_ns, sorted(windows))]
    found = found[np.isfinite(found)]  # a counter's first tick has no power
    return float(np.quantile(found, 0.95) - np.quantile(found, 0.05)) if found.size else 0.0


def _measure_phase(series: Series, windows: list[Window] | None, contrast_w: float) -> Phase:
    if windows is None:
        return _make_null(None, None, "at least one run has no time mark at the end of vision encoding")
    joules, coverage = series.curve.integrate(windows)
    seconds = np.array([end - start for start, end in windows]) * energy.NS
    length, energy_j = float(seconds.sum()), float(joules.sum())
    samples = int(series.mask_inside(windows).sum())
    covered = float((coverage * seconds).sum()) / length if length > 0 else 0.0
    try:
        _check_resolution(series, length / len(windows), samples, covered, energy_j)
    except NotMeasured as reason:
        return _make_null(length, samples, str(reason))
    return {
        "energy_j": energy_j,
        "length_s": length,
        "sample_count": samples,
        "uncertainty": _list_terms(series, windows, energy_j, contrast_w, 1 - covered),
        "reasons": {},
    }


def _check_resolution(series: Series, mean_s: float, samples: int, covered: float, joules: float) -> None:
    """Raise NotMeasured if the sensor does not resolve a phase, or read no energy in it."""
    tau, which = series.resolution
    if mean_s < PHASE_PERIODS * tau * (1 - PERIOD_TOLERANCE):
        raise NotMeasured(
            f"{BELOW}: the phase has a mean duration of {_format_time(mean_s)}, but at least {PHASE_PERIODS} x "
            f"{_format_time(tau)} is needed (more runs do not help); {_format_time(tau)} is {which}"
        )
    if samples < FEW_SAMPLES:
        what = "ticks of the counter" if series.is_counter else "samples"
        raise NotMeasured(
            f"{BELOW}: the phase contains only {samples} {what} in all runs, but {FEW_SAMPLES} are needed; "
            "measure more runs"
        )
    if covered < ENERGY_COVERAGE:
        raise NotMeasured(f"{BELOW}: samples cover {covered:.0%} of the phase, but {ENERGY_COVERAGE:.0%} is needed")
    if joules <= 0:
        raise NotMeasured("the sensor read no energy")


def _list_terms(series: Series, windows: list[Window], joules: float, contrast_w: float, gap_share: float) -> Terms:
    """Return the budget of a phase: its own terms, then the sensor's."""
    tau, _ = series.resolution
    # The sensor smears a step over tau, the same way in each run, so runs do not average it out: at most tau / 2 of the
    # step at each of the two edges of n stretches, u = tau contrast n / (sqrt(3) E).
    edges = tau * contrast_w * len(windows) / (math.sqrt(3) * joules)
    source = f"a time resolution of {_format_time(tau)}, with steps of up to {contrast_w:.3g} W at the phase's ends"
    seconds = sum(end - start for start, end in windows) * energy.NS
    return [
        *budget.list_statistical_terms(series, windows, joules, "the phase"),
        {"name": "edges", "relative": edges, "source": source},
        *budget.list_coverage_terms(gap_share, "the phase"),
        *budget.list_sensor_terms(series, joules / seconds),
    ]


def _make_null(length_s: float | None, samples: int | None, reason: str) -> Phase:
    values = {"energy_j": None, "length_s": length_s, "sample_count": samples}
    return cast("Phase", values | {"uncertainty": [], "reasons": explain_nulls(values, dict.fromkeys(values, reason))})


def _format_time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"
