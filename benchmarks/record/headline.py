"""The headline formulas of a pair. The terminal's summary and `plotting` both use them."""

from itertools import compress

from benchmarks.record import ENERGY_COVERAGE, ENERGY_RUNS
from benchmarks.record.not_measured import NotMeasured, require
from benchmarks.record.sections import Runs


def select_covered(runs: Runs) -> list[bool]:
    """Return for each good run whether sensor samples cover enough of its window.

    Raises:
        NotMeasured: no run has energy, or too few runs are covered.
    """
    joules, coverage = require(runs, "energy_j"), require(runs, "energy_coverage")
    covered = [j is not None and share >= ENERGY_COVERAGE for j, share in zip(joules, coverage, strict=True)]
    if sum(covered) < ENERGY_RUNS * len(joules):
        raise NotMeasured(f"power samples cover {sum(covered)} of {len(joules)} runs, but {ENERGY_RUNS:.0%} are needed")
    return covered


def check_energy(joules: float) -> None:
    """Raise NotMeasured if a sensor saw no energy in all covered runs."""
    if joules <= 0:
        raise NotMeasured("the sensor read no energy")


def compute_tokens_per_sec(runs: Runs) -> float:
    """Return new tokens / time of the runs."""
    return sum(runs["new_tokens"]) / sum(runs["latency_s"])


def compute_joules_per_token(runs: Runs) -> float:
    """Return energy / new tokens over the covered runs.

    Raises:
        NotMeasured: no run has energy, too few runs are covered, or the sensor saw no energy.
    """
    covered = select_covered(runs)
    joules = sum(j or 0.0 for j in compress(runs["energy_j"] or [], covered))
    check_energy(joules)
    return joules / sum(compress(runs["new_tokens"], covered))
