"""Energy by phase: what the sensor can tell apart, pooled over the runs, and why not where it cannot.

**The rule.** A phase has an energy where

1. it lasts, in the mean of the runs, at least PHASE_PERIODS times the sensor's resolution: the
   longest of the time between samples, the time between updates that the readings show, and the
   time that a reading averages over where that is known;
2. at least FEW_SAMPLES samples (of a counter: ticks) fell into it, over all runs;
3. samples cover at least ENERGY_COVERAGE of it.

Else it is null, "below resolution". Rules 2 and 3 are met by more runs, rule 1 is not: a sensor
that interpolates or averages over tau charges up to tau / 2 of the step at each end of a phase to
its neighbour, in the same direction in every run, so that no number of runs averages it out. With
five periods that is at most a tenth of the step at each end (it stands in the budget as "edges"),
and four whole periods lie inside. On a GPU whose sensor updates every 100 ms (arXiv 2312.02741, A100
to RTX 4090) phases from 0.5 s on resolve, and behind an average over 1 s from 5 s on.

Where a sensor's averaging time is not known, the rule goes by what its readings show, and says so.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.power.analysis import budget, energy, uncertainty
from benchmarks.power.analysis.budget import Series
from benchmarks.record import ENERGY_COVERAGE
from benchmarks.record.sections import Phase, Phases, UncertaintyTerm

Window = tuple[int, int]
PHASES = ("preprocess", "vision", "prefill", "decode")
PHASE_PERIODS = 5
PERIOD_TOLERANCE = 1e-6
"""By what part a phase may fall short of PHASE_PERIODS: marks are whole nanoseconds and periods are medians of
times, so that a phase of exactly five periods may seem some nanoseconds short of them."""
FEW_SAMPLES = 30
BELOW = "below resolution"
NO_MARK = "the vision path gave no mark in at least one run"
NO_RUNS = "samples cover no run"
POOLED = ("run_count", "resolution_s", "resolution_source")


def without_energy(reason: str) -> Phases:
    """Return what is known where no run has energy: nothing, and why."""
    return {
        "run_count": None,
        "resolution_s": None,
        "resolution_source": None,
        "preprocess": _null(None, None, reason),
        "vision": _null(None, None, reason),
        "prefill": _null(None, None, reason),
        "decode": _null(None, None, reason),
        "reasons": dict.fromkeys(POOLED, reason),
    }


def pooled(series: Series, marked: Mapping[str, Sequence[Window] | None], counted: Sequence[bool]) -> Phases:
    """Charge the energy of the runs to their phases.

    Args:
        series: the samples.
        marked: PHASES -> (start, end) in ns in each good run; None without a mark.
        counted: which of the good runs have energy.
    """
    if not any(counted):
        return without_energy(NO_RUNS)
    windows = {name: _chosen(found, counted) for name, found in marked.items()}
    spread = _contrast(series, [window for found in windows.values() for window in found or ()])
    found = {name: _phase(series, windows.get(name), spread) for name in PHASES}
    return {
        "run_count": sum(counted),
        "resolution_s": series.resolution[0],
        "resolution_source": series.resolution[1],
        "preprocess": found["preprocess"],
        "vision": found["vision"],
        "prefill": found["prefill"],
        "decode": found["decode"],
        "reasons": {},
    }


def _chosen(found: Sequence[Window] | None, counted: Sequence[bool]) -> list[Window] | None:
    if found is None:
        return None
    return [window for window, counts in zip(found, counted, strict=True) if counts]


def _contrast(series: Series, windows: list[Window]) -> float:
    """Return the step that a phase may make, watts: from the 5th to the 95th percentile of power in the runs."""
    found = series.watts[energy.inside(series.times_ns, sorted(windows))]
    found = found[np.isfinite(found)]  # a counter's first tick tells of no power
    return float(np.quantile(found, 0.95) - np.quantile(found, 0.05)) if found.size else 0.0


def _phase(series: Series, windows: list[Window] | None, contrast_w: float) -> Phase:
    if windows is None:
        return _null(None, None, NO_MARK)
    joules, coverage = series.curve.energy(windows)
    seconds = np.array([end - start for start, end in windows]) * energy.NS
    length, energy_j = float(seconds.sum()), float(joules.sum())
    samples = int(series.within(windows).sum())
    covered = float((coverage * seconds).sum()) / length if length > 0 else 0.0
    if why := _why_not(series, length / len(windows), samples, covered):
        return _null(length, samples, why)
    if energy_j <= 0:
        return _null(length, samples, "the sensor read no energy")
    return {
        "energy_j": energy_j,
        "length_s": length,
        "sample_count": samples,
        "uncertainty": _terms(series, windows, energy_j, contrast_w, 1 - covered),
        "reasons": {},
    }


def _why_not(series: Series, mean_s: float, samples: int, covered: float) -> str | None:
    """Return why the sensor cannot tell a phase; None where it can."""
    tau, which = series.resolution
    if mean_s < PHASE_PERIODS * tau * (1 - PERIOD_TOLERANCE):
        return (
            f"{BELOW}: it lasts {_short(mean_s)}, and {PHASE_PERIODS} x {_short(tau)} are needed over however many "
            f"runs, where {_short(tau)} is {which}"
        )
    if samples < FEW_SAMPLES:
        what = "ticks of the counter" if series.counts else "samples"
        return f"{BELOW}: {samples} {what} fell into it, and {FEW_SAMPLES} are the least; measure more runs"
    if covered < ENERGY_COVERAGE:
        return f"{BELOW}: samples cover {covered:.0%} of it, and {ENERGY_COVERAGE:.0%} are needed"
    return None


def _terms(
    series: Series, windows: list[Window], joules: float, contrast_w: float, gap_share: float
) -> list[UncertaintyTerm]:
    """Return the budget of a phase: its own terms, then the sensor's."""
    tau, _ = series.resolution
    edges = uncertainty.phase_edges(tau, contrast_w, joules, len(windows))
    source = f"a resolution of {_short(tau)} against steps of up to {contrast_w:.3g} W at both ends"
    seconds = sum(end - start for start, end in windows) * energy.NS
    return [
        *budget.spread(series, windows, "the phase"),
        {"name": "edges", "relative": edges, "source": source},
        *budget.gaps(gap_share, "the phase"),
        *budget.of_sensor(series, joules / seconds),
    ]


def _null(length_s: float | None, samples: int | None, reason: str) -> Phase:
    known = {"length_s": length_s, "sample_count": samples}
    reasons = {"energy_j": reason} | {name: reason for name, value in known.items() if value is None}
    return {
        "energy_j": None,
        "length_s": length_s,
        "sample_count": samples,
        "uncertainty": [],
        "reasons": reasons,
    }


def _short(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"
