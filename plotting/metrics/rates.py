"""The formulas of the metrics: pure functions of one Record, each giving (value, reason).

That is a number and "", or None and why there is none. Windows, energy and tokens are those of the
good runs. Those of energy stand in `energies`, that of memory traffic in `utilisation`.
"""

from collections.abc import Callable

from plotting.metrics.intervals import Order, Sampled, Totals
from plotting.metrics.runs import NOT_SAID, Record, Result, Runs, reason, section

GB = 1e9
NO_LENGTH = "the windows have no length"


def rate(counted: str, seconds: str = "latency_s", *, less: str | None = None) -> Sampled:
    """Return sum of `counted` (less sum of `less`) / sum of `seconds`."""

    def parts(runs: Runs) -> Totals | str:
        found = runs.columns(counted, seconds, *([less] if less else []))
        if isinstance(found, str):
            return found
        if found[1].sum() <= 0:
            return NO_LENGTH
        return Totals(found, lambda count, span, first=0.0: (count - first) / span)

    return Sampled(parts)


def _total_rate(runs: Runs) -> Totals | str:
    found = runs.columns("prompt_tokens", "image_tokens", "new_tokens", "latency_s")
    if isinstance(found, str):
        return "the save does not count all tokens"
    if found[-1].sum() <= 0:
        return NO_LENGTH
    return Totals(found, lambda prompt, image, new, span: (prompt + image + new) / span)


total_rate = Sampled(_total_rate)
"""(prompt + image + new tokens) / sum of windows."""


def quantile_of(name: str, q: float) -> Sampled:
    """Return a quantile of a column of the runs, by order statistics."""

    def parts(runs: Runs) -> Order | str:
        found = runs.columns(name)
        return found if isinstance(found, str) else Order(found[0], q)

    return Sampled(parts)


def gigabytes(name: str, of: str = "memory") -> Callable[[Record], Result]:
    """Return a size in a section of the Record in GB."""

    def compute(record: Record) -> Result:
        found = section(record, of)
        value = found.get(name)
        return (None, reason(found, name)) if value is None else (float(value) / GB, "")

    return compute


def field(of: str, name: str) -> Callable[[Record], Result]:
    """Return a number as it stands in a section of the Record."""

    def compute(record: Record) -> Result:
        found = section(record, of)
        value = found.get(name)
        return (None, reason(found, name)) if value is None else (float(value), "")

    return compute


def count(name: str) -> Callable[[Record], Result]:
    """Return one of the Record's counts."""

    def compute(record: Record) -> Result:
        value = section(record, "counts").get(name)
        if value is not None and int(value) != value:
            raise ValueError(f"counts.{name} is {value}, no whole number")
        return (None, NOT_SAID) if value is None else (float(value), "")

    return compute
