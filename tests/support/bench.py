"""A meter on a bench, its samples and two runs: what the tests of the report share."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from benchmarks.power.analysis import attribution
from benchmarks.power.analysis.attribution import Attribution
from benchmarks.power.analysis.energy import Window
from benchmarks.power.base import PowerMonitor, PowerSample, PowerTarget, SensorFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

S = 1_000_000_000
WINDOWS = [(10 * S, 12 * S), (13 * S, 15 * S)]
MARKED = attribution.MarkedRuns(WINDOWS, {"preprocess": None, "vision": None, "prefill": None, "decode": WINDOWS})
IDLE = [("before", (2 * S, 5 * S)), ("after", (17 * S, 20 * S))]


class Bench(PowerMonitor):
    """A sensor of a laboratory: 10 Hz, scope and gain known."""

    scope = "module"
    source = "bench meter"
    rails = ("VIN",)
    gain_uncertainty = 0.01
    gain_source = "calibration certificate"
    averaging_s = 0.1  # the whole time between two samples

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:
        """Open nothing."""

    def read(self) -> list[PowerSample]:
        """Return nothing: these tests bring their own samples."""
        return []


SENSOR = SensorFacts.from_monitor(Bench(PowerTarget("cuda:0")))


def samples(watts: float = 30.0, idle_w: float = 10.0, *, counter_factor: float | None = None) -> list[PowerSample]:
    """Return 10 Hz samples over 0 to 22 s: `idle_w` before 9 s and after 16 s, `watts` between."""
    found, joules = [], 500.0
    for tick in range(220):
        now = watts if 90 <= tick <= 160 else idle_w
        joules += now * 0.1 * (counter_factor or 0)
        found.append(PowerSample(tick * S // 10, now, joules if counter_factor else None))
    return found


def attribute(taken: Sequence[PowerSample], **options: object) -> Attribution:
    """Charge samples to WINDOWS."""
    return attribution.attribute("bench", SENSOR, taken, MARKED, IDLE, **options)  # type: ignore[arg-type]


def charge(name: str, monitor: PowerMonitor, taken: Sequence[PowerSample], windows: Sequence[Window]) -> Attribution:
    """Charge the samples of a monitor to windows, without idle time."""
    facts = SensorFacts.from_monitor(monitor)
    return attribution.attribute(name, facts, taken, attribution.MarkedRuns(windows, {}), [])


def vars_of(facts: SensorFacts) -> dict[str, Any]:
    """Return the fields of a sensor's facts."""
    return {field.name: getattr(facts, field.name) for field in fields(SensorFacts)}
