"""The formulas of the metrics: pure functions of one Record, each giving (value, reason).

That is a number and "", or None and why there is none. Windows, energy and tokens are those of the
good runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.record import CACHE_FACTOR, ENERGY_COVERAGE, ENERGY_RUNS
from plotting.sampling import Order, Sampled, Totals
from plotting.stats import quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Record = dict[str, Any]
Result = tuple[float | None, str]
GB = 1e9

NOT_SAID = "the save does not say why"


def _section(record: Record, name: str) -> Record:
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def _reason(section: Record, *fields: str) -> str:
    reasons = _section(section, "reasons")
    return next((str(reasons[name]) for name in fields if reasons.get(name)), NOT_SAID)


def _column(record: Record, name: str) -> list[float] | None:
    """Return a column of the runs; None where it was not measured."""
    values = _section(record, "runs").get(name)
    if not isinstance(values, list) or not values or any(v is None for v in values):
        return None
    return [float(value) for value in values]


def _missing(record: Record, name: str) -> Result:
    return None, _reason(_section(record, "runs"), name)


def rate(counted: str, seconds: str = "latency_s", *, less: str | None = None) -> Sampled:
    """Return sum of `counted` (less sum of `less`) / sum of `seconds`."""

    def parts(record: Record) -> Totals:
        names = [counted, seconds, *([less] if less else [])]
        columns = [column for name in names if (column := _column(record, name)) is not None]
        return Totals(columns, lambda count, span, first=0.0: (count - first) / span)

    def compute(record: Record) -> Result:
        counts, spans = _column(record, counted), _column(record, seconds)
        if counts is None or spans is None:
            return _missing(record, counted if counts is None else seconds)
        total = sum(counts) - sum(_column(record, less) or [] if less else [])
        return (total / sum(spans), "") if sum(spans) > 0 else (None, "the windows have no length")

    return Sampled(compute, parts)


def _total_rate(record: Record) -> Result:
    parts = [_column(record, name) for name in ("prompt_tokens", "image_tokens", "new_tokens")]
    spans = _column(record, "latency_s")
    if spans is None or any(part is None for part in parts):
        return None, "the save does not count all tokens"
    total = sum(sum(part) for part in parts if part)
    return (total / sum(spans), "") if sum(spans) > 0 else (None, "the windows have no length")


def _total_parts(record: Record) -> Totals:
    names = ("prompt_tokens", "image_tokens", "new_tokens", "latency_s")
    columns = [column for name in names if (column := _column(record, name)) is not None]
    return Totals(columns, lambda prompt, image, new, span: (prompt + image + new) / span)


total_rate = Sampled(_total_rate, _total_parts)
"""(prompt + image + new tokens) / sum of windows."""


def quantile_of(name: str, q: float) -> Sampled:
    """Return a quantile of a column of the runs, by order statistics."""

    def compute(record: Record) -> Result:
        values = _column(record, name)
        return _missing(record, name) if values is None else (quantile(values, q), "")

    return Sampled(compute, lambda record: Order(_column(record, name) or [], q))


@dataclass(frozen=True)
class Energy:
    """One total that J/token, watts and tokens/s/W all come from, so that they agree."""

    joules: float
    seconds: float
    tokens: float
    images: float
    sequences: float


def energy(record: Record) -> Energy | str:
    """Return the energy of the runs that samples cover, or why there is none."""
    found = _energy_columns(record)
    return found if isinstance(found, str) else Energy(*map(sum, found))


def _energy_columns(record: Record) -> list[list[float]] | str:
    """Return what `Energy` sums up, run by run, 0 in the runs that do not count; or why there is none.

    A run counts from a coverage of ENERGY_COVERAGE on; fewer than ENERGY_RUNS of the good runs is none.
    """
    runs, power = _section(record, "runs"), _section(record, "power")
    joules, coverage = runs.get("energy_j"), runs.get("energy_coverage")
    if not isinstance(joules, list) or not isinstance(coverage, list):
        return _reason(power, "method", "monitor")
    beside = [_column(record, name) for name in ("latency_s", "new_tokens", "images", "sequences")]
    if any(column is None for column in beside):
        return "the save does not hold time, tokens and photographs of every run"
    covered = [j is not None and share >= ENERGY_COVERAGE for j, share in zip(joules, coverage, strict=True)]
    good = sum(covered)
    if good < ENERGY_RUNS * len(joules) or not good:
        return f"power samples cover {good} of {len(joules)} runs, and {ENERGY_RUNS:.0%} are needed"
    columns = [joules, *(column for column in beside if column)]
    return [[float(v) if counts else 0.0 for v, counts in zip(column, covered, strict=True)] for column in columns]


def from_energy(formula: Callable[[Energy, float], float], *, net: bool = False) -> Sampled:
    """Return a metric of (energy, idle watts)."""

    def parts(record: Record) -> Totals:
        found, idle = _energy_columns(record), _section(record, "power").get("idle_w") if net else 0.0
        columns = [] if isinstance(found, str) else found
        return Totals(columns, lambda *totals: formula(Energy(*totals), float(idle or 0)))

    def compute(record: Record) -> Result:
        found = energy(record)
        if isinstance(found, str):
            return None, found
        power = _section(record, "power")
        idle = power.get("idle_w") if net else 0.0
        if idle is None:
            return None, _reason(power, "idle_w")
        if found.joules <= 0:
            return None, "the sensor read no energy"
        return formula(found, float(idle)), ""

    return Sampled(compute, parts)


def gigabytes(name: str, section: str = "memory") -> Callable[[Record], Result]:
    """Return a size in a section of the Record in GB."""

    def compute(record: Record) -> Result:
        found = _section(record, section)
        value = found.get(name)
        return (None, _reason(found, name)) if value is None else (float(value) / GB, "")

    return compute


def field(section: str, name: str) -> Callable[[Record], Result]:
    """Return a number as it stands in a section of the Record."""

    def compute(record: Record) -> Result:
        found = _section(record, section)
        value = found.get(name)
        return (None, _reason(found, name)) if value is None else (float(value), "")

    return compute


def count(name: str) -> Callable[[Record], Result]:
    """Return one of the Record's counts."""

    def compute(record: Record) -> Result:
        value = _section(record, "counts").get(name)
        if value is not None and int(value) != value:
            raise ValueError(f"counts.{name} is {value}, no whole number")
        return (None, NOT_SAID) if value is None else (float(value), "")

    return compute


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
    found, terms, power = energy(record), _budget(record), _section(record, "power")
    if isinstance(found, str) or isinstance(terms, str):
        return None, str(found if isinstance(found, str) else terms)
    idle = [power.get(name) for name in ("idle_w", "idle_before_w", "idle_after_w")]
    if None in idle:
        return None, _reason(power, "idle_w", "idle_before_w", "idle_after_w")
    mean, before, after = (float(watts) for watts in idle if watts is not None)
    net = found.joules - mean * found.seconds
    parts = [share * (net if name == "gain" else found.joules) for name, share in terms.items() if name != "offset"]
    scale = terms.get("quantisation", 0.0) * found.joules
    return _root([*parts, scale, (before - after) / 2 * found.seconds]) / found.tokens, ""


def _budget(record: Record) -> dict[str, float] | str:
    """Return the terms of the energy's uncertainty, relative, by name; or why there are none."""
    if isinstance(found := energy(record), str):
        return found
    terms = _section(record, "power").get("uncertainty")
    if not isinstance(terms, list) or not terms:
        return "the sensor gave too few samples"
    if found.joules <= 0:
        return "the sensor read no energy"
    return {str(term["name"]): float(term["relative"]) for term in terms}


def _root(terms: Iterable[float]) -> float:
    return float(sum(term * term for term in terms) ** 0.5)


def phase_energy(name: str) -> Callable[[Record], Result]:
    """Return the energy of a phase, J a run: pooled over the runs that have energy, / their number."""

    def compute(record: Record) -> Result:
        found = _phase(record, name)
        if isinstance(found, str):
            return None, found
        runs = _section(_section(record, "power"), "phases").get("run_count")
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
    phase = _section(_section(_section(record, "power"), "phases"), name)
    joules = phase.get("energy_j")
    return _reason(phase, "energy_j") if joules is None else float(joules)


def _mbu(record: Record) -> Result:
    found = bandwidth_share(record)
    if isinstance(found, str):
        return None, found
    return (found, "") if found <= 1 else (None, over_one(found))


def _mbu_parts(record: Record) -> Totals:
    part = _section(record, "roofline")
    peak, runs = float(part["bandwidth_bytes_per_s"]), _traffic(record)
    columns = [] if runs is None else [[_read(part, *run[:-1]) for run in runs], [run[-1] for run in runs]]
    return Totals(columns, lambda read, span: read / span / peak)


mbu = Sampled(_mbu, _mbu_parts)
"""The model-bandwidth utilisation of decoding, 0 to 1.

Formula: sum over runs of decode steps x bytes of a step / sum of decode times / peak bandwidth,
where a step reads weights + sequences x (rows + KV x context), sliding windows capped, at the mean
context of its run: prompt + image tokens + half of the new ones. It is None where the weights may
stay in the last-level cache, and where it is over 1, which is an error of ours.
"""


def over_one(share: float) -> str:
    """Return what is said of a utilisation that cannot be."""
    return f"MBU would be {share:.2f}: bytes, time or peak are wrong, so this row is invalid"


def bandwidth_share(record: Record) -> float | str:
    """Return what `mbu` is before it is judged, or why it cannot be computed."""
    part = _section(record, "roofline")
    peak, weights, cache = (part.get(name) for name in ("bandwidth_bytes_per_s", "weight_bytes", "cache_bytes"))
    if peak is None or weights is None:
        return _reason(part, "weight_bytes" if weights is None else "bandwidth_bytes_per_s")
    if cache is not None and weights < CACHE_FACTOR * cache:
        return (
            f"the decoder's weights ({weights / 1e6:.0f} MB) are less than {CACHE_FACTOR} times the last-level cache "
            f"({cache / 1e6:.0f} MB), so decoding says little on memory"
        )
    runs = _traffic(record)
    if runs is None or sum(run[-1] for run in runs) <= 0:
        return _reason(_section(record, "runs"), "decode_s")
    return sum(_read(part, *run[:-1]) for run in runs) / sum(run[-1] for run in runs) / float(peak)


def _traffic(record: Record) -> list[tuple[float, ...]] | None:
    """Return what each run's decode steps read for, and how long they took, s."""
    names = ("new_tokens", "sequences", "prompt_tokens", "image_tokens", "decode_s")
    columns = [column for name in names if (column := _column(record, name)) is not None]
    return list(zip(*columns, strict=True)) if len(columns) == len(names) else None


def _read(part: Record, new: float, sequences: float, prompt: float, image: float) -> float:
    """Return the bytes that a run's decode steps read; the first token comes from the prefill."""
    context = (prompt + image + new / 2) / sequences
    cached = part["kv_bytes_per_token"] * context
    cached += part["kv_window_bytes_per_token"] * min(context, part["kv_window_tokens"])
    a_step = part["weight_bytes"] + sequences * (part["row_bytes"] + cached)
    return float((new - sequences) / sequences * a_step)
