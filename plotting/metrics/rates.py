"""The formulas of time, memory and counts. Each takes a Record, and raises NotMeasured if it has no value."""

from collections.abc import Callable
from typing import Any

from benchmarks.record import Record
from benchmarks.record.not_measured import NotMeasured, require
from plotting.metrics.intervals import RunQuantile, RunsFormula, Totals
from plotting.metrics.runs import GoodRuns


def make_rate(*counted: str, seconds: str = "latency_s", less: tuple[str, ...] = ()) -> RunsFormula:
    """Return (sum of the columns `counted` - sum of the columns `less`) / sum of `seconds`."""

    def divide(*totals: Any) -> Any:
        *counts, span = totals
        return (sum(counts[: len(counted)]) - sum(counts[len(counted) :])) / span

    def use_columns(runs: GoodRuns) -> Totals:
        columns = runs.columns(*counted, *less, seconds)
        if columns[-1].sum() <= 0:
            raise NotMeasured("the runs have no duration")
        return Totals(columns, divide, timed=(len(columns) - 1,))

    return RunsFormula(use_columns)


def make_quantile(name: str, q: float = 0.5) -> RunsFormula:
    """Return a quantile of a column of the runs, by order statistics; the median by default."""
    return RunsFormula(lambda runs: RunQuantile(runs.columns(name)[0], q))


def make_gigabytes(name: str, section: str = "memory") -> Callable[[Record], float]:
    """Return a size of a section of the Record in GB."""
    return make_field(section, name, 1e9)


def make_field(section: str, name: str, unit: float = 1.0) -> Callable[[Record], float]:
    """Return a number of a section of the Record, divided by `unit`."""
    return lambda record: float(require(require(record, section), name)) / unit


def compute_peak_ram(record: Record) -> float:
    """Return the highest memory use since loading began, GB.

    Samples of unified memory begin after the load, so the lowest MemAvailable from the load on counts too.
    """
    memory = record["memory"]
    peak = float(require(memory, "ram_peak_bytes"))
    if memory["kind"] == "unified":
        names = ("ram_baseline_bytes", "ram_available_bytes", "ram_available_min_bytes")
        baseline, available, least = (float(require(memory, name)) for name in names)
        peak = max(peak, baseline + available - least)
    return peak / 1e9
