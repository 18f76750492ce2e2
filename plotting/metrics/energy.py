"""The formulas of energy and of its uncertainty. Each takes a Record, and raises NotMeasured if it has no value."""

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.record import Record
from benchmarks.record.headline import check_energy
from benchmarks.record.not_measured import NotMeasured, require
from plotting.metrics.intervals import RunsFormula, Totals
from plotting.metrics.runs import Energy, GoodRuns, sum_columns, sum_energy


def make_energy_per(count: str, *, net: bool = False) -> RunsFormula:
    """Return energy / total of `count`, a field of `Energy`; `net` subtracts idle power x windows from the energy."""

    def use_energy(runs: GoodRuns) -> Totals:
        columns = runs.energy
        idle = float(require(runs.record["power"], "idle_w")) if net else None
        check_energy(sum_columns(columns)[0])
        return Totals(columns, lambda *sums: divide(Energy(*sums), idle), timed=(0, 1))

    def divide(found: Energy, idle: float | None) -> Any:
        joules = found.joules if idle is None else found.joules - idle * found.seconds
        return joules / getattr(found, count)

    return RunsFormula(use_energy)


def _use_efficiency(runs: GoodRuns) -> Totals:
    check_energy(sum_columns(runs.energy)[0])
    return Totals(runs.energy, lambda joules, _seconds, tokens, *_: tokens / joules, timed=(0, 1))


efficiency = RunsFormula(_use_efficiency)
"""1 / energy per token, which is tokens/s per watt."""


def compute_uncertainty(record: Record) -> float:
    """Return the relative standard uncertainty of the energy: the root of the sum of squares of its terms."""
    return _combine(_read_budget(record).values())


def compute_token_uncertainty(record: Record) -> float:
    """Return the standard uncertainty (k=1) of energy / new tokens, J/token: u = relative x energy / tokens."""
    found = sum_energy(record)
    return compute_uncertainty(record) * found.joules / found.tokens


def compute_net_token_uncertainty(record: Record) -> float:
    """Return the standard uncertainty (k=1) of (energy - idle power x windows) / new tokens, J/token.

    E_net = g (P - P_idle) T, so the offset error cancels and the gain error acts on the difference:
    u^2 = (u_gain E_net)^2 + sum of other terms (u E)^2 + (u_idle T)^2 + (u_q E)^2. u_idle is half the difference of
    idle power before and after the runs. u_q E counts the quantisation a second time: the idle power is read on the
    same scale, and its error within a step is not that of the power in the runs.
    """
    found, terms = sum_energy(record), _read_budget(record)
    mean, before, after = (
        float(require(record["power"], name)) for name in ("idle_w", "idle_before_w", "idle_after_w")
    )
    net = found.joules - mean * found.seconds
    parts = [share * (net if name == "gain" else found.joules) for name, share in terms.items() if name != "offset"]
    scale = terms.get("quantisation", 0.0) * found.joules
    return _combine([*parts, scale, (before - after) / 2 * found.seconds]) / found.tokens


def _read_budget(record: Record) -> dict[str, float]:
    """Return the relative terms of the energy's uncertainty by name."""
    joules, terms = sum_energy(record).joules, record["power"]["uncertainty"]
    if not terms:
        raise NotMeasured("the sensor returned too few samples")
    check_energy(joules)
    return {term["name"]: float(term["relative"]) for term in terms}


def _combine(terms: Iterable[float]) -> float:
    return float(sum(term * term for term in terms) ** 0.5)


def make_phase_energy(name: str) -> Callable[[Record], float]:
    """Return the energy of a phase, J a run: pooled over the covered runs / their number."""
    return lambda record: _read_phase(record, name) / float(require(record["power"]["phases"], "run_count"))


def compute_decode_energy_per_token(record: Record) -> float:
    """Return the energy of decoding / (new tokens - first ones), J/token: the cost of one more token."""
    joules, found = _read_phase(record, "decode"), sum_energy(record)
    if found.tokens <= found.sequences:
        raise NotMeasured("no run has a second token")
    return joules / (found.tokens - found.sequences)


def _read_phase(record: Record, name: str) -> float:
    """Return the energy of a phase in joules, pooled over the covered runs."""
    sum_energy(record)  # without energy, its reason goes before that of the phase
    phases: Any = record["power"]["phases"]
    return float(require(phases[name], "energy_j"))
