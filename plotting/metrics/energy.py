"""The formulas of energy and of its uncertainty: pure functions of one Record, each giving (value, reason)."""

from collections.abc import Callable, Iterable

from plotting.metrics.intervals import Sampled, Totals
from plotting.metrics.runs import NOT_SAID, Energy, Record, Result, Runs, energy, reason, section, totals

NO_ENERGY = "the sensor read no energy"


def from_energy(formula: Callable[[Energy, float], float], *, net: bool = False) -> Sampled:
    """Return a metric of (energy, idle watts)."""

    def parts(runs: Runs) -> Totals | str:
        if isinstance(runs.energy, str):
            return runs.energy
        power = section(runs.record, "power")
        idle = power.get("idle_w") if net else 0.0
        if idle is None:
            return reason(power, "idle_w")
        if totals(runs.energy)[0] <= 0:
            return NO_ENERGY
        return Totals(runs.energy, lambda *sums: formula(Energy(*sums), float(idle)))

    return Sampled(parts)


def uncertainty(record: Record) -> Result:
    """Return the relative standard uncertainty of the energy: the root of the sum of squares of its terms."""
    terms = _budget(record)
    return (None, terms) if isinstance(terms, str) else (_root(terms.values()), "")


def uncertainty_per_token(record: Record) -> Result:
    """Return the standard uncertainty (k=1) of energy / new tokens, J/token: u = relative x energy / tokens."""
    found, terms = energy(record), _budget(record)
    if isinstance(found, str) or isinstance(terms, str):
        return None, str(found if isinstance(found, str) else terms)
    return _root(terms.values()) * found.joules / found.tokens, ""


def net_uncertainty_per_token(record: Record) -> Result:
    """Return the standard uncertainty (k=1) of (energy - idle power x windows) / new tokens, J/token.

    E_net = g (P - P_idle) T, so the offset cancels and the gain acts on the difference:
    u^2 = (u_gain E_net)^2 + sum of other terms (u E)^2 + (u_idle T)^2 + (u_q E)^2, where u_idle is half the
    difference of idle power before and after the runs, and u_q E is the quantisation once more: idle power, read on
    the same scale, stands still between two of its steps, and is off by another part of one than power in the runs.
    """
    found, terms, power = energy(record), _budget(record), section(record, "power")
    if isinstance(found, str) or isinstance(terms, str):
        return None, str(found if isinstance(found, str) else terms)
    idle = [power.get(name) for name in ("idle_w", "idle_before_w", "idle_after_w")]
    if None in idle:
        return None, reason(power, "idle_w", "idle_before_w", "idle_after_w")
    mean, before, after = (float(watts) for watts in idle if watts is not None)
    net = found.joules - mean * found.seconds
    parts = [share * (net if name == "gain" else found.joules) for name, share in terms.items() if name != "offset"]
    scale = terms.get("quantisation", 0.0) * found.joules
    return _root([*parts, scale, (before - after) / 2 * found.seconds]) / found.tokens, ""


def _budget(record: Record) -> dict[str, float] | str:
    """Return the terms of the energy's uncertainty, relative, by name; or why there are none."""
    if isinstance(found := energy(record), str):
        return found
    terms = section(record, "power").get("uncertainty")
    if not isinstance(terms, list) or not terms:
        return "the sensor gave too few samples"
    if found.joules <= 0:
        return NO_ENERGY
    return {str(term["name"]): float(term["relative"]) for term in terms}


def _root(terms: Iterable[float]) -> float:
    return float(sum(term * term for term in terms) ** 0.5)


def phase_energy(name: str) -> Callable[[Record], Result]:
    """Return the energy of a phase, J a run: pooled over the runs that have energy, / their number."""

    def compute(record: Record) -> Result:
        found = _phase(record, name)
        if isinstance(found, str):
            return None, found
        runs = section(section(record, "power"), "phases").get("run_count")
        return (found / float(runs), "") if runs else (None, NOT_SAID)

    return compute


def decode_energy_per_token(record: Record) -> Result:
    """Return the energy of decoding / (new tokens - first ones), J/token: what one more token costs."""
    found, beside = _phase(record, "decode"), energy(record)
    if isinstance(found, str) or isinstance(beside, str):
        return None, str(found if isinstance(found, str) else beside)
    steps = beside.tokens - beside.sequences
    return (found / steps, "") if steps > 0 else (None, "no run has a second token")


def _phase(record: Record, name: str) -> float | str:
    """Return the energy of a phase in joules, or why there is none."""
    if isinstance(found := energy(record), str):
        return found
    phase = section(section(section(record, "power"), "phases"), name)
    joules = phase.get("energy_j")
    return reason(phase, "energy_j") if joules is None else float(joules)
