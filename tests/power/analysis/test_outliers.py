"""Readings far from all others: kept, and flagged with their effect.

Tests benchmarks.power.analysis.outliers.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.power.analysis import attribution
from benchmarks.power.analysis.outliers import find_outliers
from benchmarks.power.base import PowerSample, SensorFacts
from tests.support.bench import IDLE, MARKED, SENSOR, attribute, samples, vars_of

RUNS, REST = "during the runs", "in the idle time"

FEW = "Only 42 power samples were taken during the runs, and power varies: a reliable uncertainty needs at least 100."


def replaced(changes: dict[int, float], refused: frozenset[int] = frozenset()) -> list[PowerSample]:
    """Return the bench's samples with other watts at some places; `refused` ones are beyond the sensor's range."""
    taken = samples()
    for place, watts in changes.items():
        time_ns = taken[place].time_ns
        is_void = place in refused
        taken[place] = PowerSample(time_ns, None if is_void else watts, refused_w=watts if is_void else None)
    return taken


def test_an_outlier_counts_and_its_effect_is_said() -> None:
    """One reading of 180 W among 30 W counts, and the flag has its effect on J/token and on idle power."""
    found = attribute(replaced({110: 180.0, 40: 100.0}))

    # 150 W too much over one period of 0.1 s, of 120 J in the runs; 90 W of 10 W, over 0.1 s of 6 s at rest
    assert sum(joules or 0.0 for joules in found.energy_j or []) == pytest.approx(120 + 15)
    count, median = "They count, and change the", "the median is"
    assert found.power["flags"] == [
        FEW,
        f"1 of 42 readings {RUNS} are far from the others (180 W, {median} 30 W). {count} energy per token by +12.5%.",
        f"1 of 62 readings {REST} are far from the others (100 W, {median} 10 W). {count} idle power by +15.0%.",
    ]


def test_a_step_of_a_counter_may_be_an_outlier() -> None:
    """A counter that jumps by 370 J within 0.1 s is flagged with its effect; a tick that is read late is not."""
    counted = samples(counter_factor=1.0)
    jumped = [replace(s, energy_j=(s.energy_j or 0.0) + 370 * (i >= 110)) for i, s in enumerate(counted)]
    late = [replace(s, energy_j=counted[i - (i == 110)].energy_j) for i, s in enumerate(counted)]
    found, clean = attribute(jumped), attribute(late)

    # 370 J more than 120 J; the tick at 3730 W
    assert any(
        flag.startswith("1 of 42 readings during the runs are far from the others (3730")
        for flag in found.power["flags"]
    )
    assert any(flag.endswith("energy per token by +308.3%.") for flag in found.power["flags"])
    assert clean.power["flags"] == []


def test_a_refused_reading_is_replaced_by_its_neighbours() -> None:
    """A reading that the hardware cannot draw makes no gap and no outlier; more than two in a row are a gap."""
    ranged = SensorFacts(**{**vars_of(SENSOR), "largest_w": 225.0, "range_source": "3 x 75 W, a data sheet"})
    one = replaced({110: 3700.0}, frozenset({110}))
    many = replaced(dict.fromkeys(range(105, 115), 6553.5), frozenset(range(105, 115)))
    single, burst = (attribution.attribute("bench", ranged, taken, MARKED, IDLE) for taken in (one, many))

    assert single.energy_j == pytest.approx([60.0, 60.0])
    assert single.coverage == [1.0, 1.0]
    (flag,) = single.power["flags"]
    assert flag.startswith(
        "1 of 42 readings during the runs (3700 W) are void: they lie outside the range of the hardware"
    )
    assert flag.endswith(", up to 225 W (3 x 75 W, a data sheet).")
    assert (burst.coverage or [1.0])[0] < 0.5
    assert burst.power["energy_runs"] == 1


@pytest.mark.parametrize(
    ("watts", "places"),
    [
        ([22.0] * 99 + [3700.0], [99]),
        ([22.0] * 98 + [0.0, 200.0], [98, 99]),
        ([22.0] * 97 + [200.0] * 3, []),
        ([22.0] * 28 + [60.0] * 2, []),
        ([22.0] * 95 + [3700.0] * 5, [95, 96, 97, 98, 99]),
        ([22.0] * 4, []),
        ([22.0, 22.0, 22.0, 22.4, 90.0], [4]),
        ([-0.2, 0.2] * 20 + [30.0], [40]),
        ([], []),
    ],
)
def test_what_is_rare_and_far_is_an_outlier(watts: list[float], places: list[int]) -> None:
    """An outlier is far from the median, and rare."""
    assert find_outliers(np.array(watts)).tolist() == places


def test_a_load_is_no_outlier() -> None:
    """Loads of three levels, of noise, ramps and of spikes in 5% of the time have no outlier in 200 draws each."""
    rng = np.random.default_rng(16)
    base = rng.normal(22, 1, (200, 400))
    loads = {
        "levels": np.where(rng.random(base.shape) < 0.3, 45, base) + np.where(rng.random(base.shape) < 0.1, 60, 0),
        "noise": rng.normal(30, 10, base.shape),
        "ramp": base + np.linspace(0, 40, 400),
        "spikes": np.where(rng.random(base.shape) < 0.05, 90, base),
    }

    assert {name: sum(find_outliers(row).size > 0 for row in rows) for name, rows in loads.items()} == dict.fromkeys(
        loads, 0
    )
