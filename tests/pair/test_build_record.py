"""A Record is built whatever the sensors read: a part that cannot be made is null with the reason, the runs stay.

Tests benchmarks.pair.build_record.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.machine.health import HealthSnapshot
from benchmarks.machine.memory import MemorySample
from benchmarks.models import MODELS
from benchmarks.pair.build_record import build_record
from benchmarks.pair.memory_guard import MemoryGuard
from benchmarks.pair.meters import Meters
from benchmarks.pair.run_log import RunLog
from benchmarks.pair.state import PairState
from benchmarks.power.base import PowerSample, SensorFacts
from benchmarks.processes.protocol import Loaded
from benchmarks.record import MEASURED, Record, find_violations
from benchmarks.record.typecheck import fits
from benchmarks.storage.segments import Segment
from benchmarks.summary import list_notes
from tests.support import made
from tests.support.journals import make_loaded, make_marks
from tests.support.plans import make_plan

if TYPE_CHECKING:
    from pathlib import Path

PLAN = make_plan()
RUNS = 5
TICKS = range(120)
SENSOR = SensorFacts(source="a meter", scope="gpu", period_s=0.1)
HUGE = 1e308
NOW = "2026-11-28T09:00:00+00:00"


def sample(*readings: float, step_ns: int = 100_000_000) -> list[PowerSample]:
    """Return samples of twelve seconds whose watts repeat these readings."""
    return [PowerSample(tick * step_ns, readings[tick % len(readings)]) for tick in TICKS]


def make_pair(
    power: list[PowerSample] | None = None,
    sensor: SensorFacts = SENSOR,
    memory: list[MemorySample] | None = None,
    before: HealthSnapshot | None = None,
    idle: list[tuple[str, tuple[int, int]]] | None = None,
    **loaded: Any,
) -> PairState:
    """Return a pair with RUNS good runs of a second, at 2, 4, ... seconds, and these readings."""
    child = cast("Loaded", make_loaded() | loaded)
    idle = idle or [("before", (0, 10**9)), ("after", (10**9 * 11, 10**9 * 12))]
    segment = Segment(
        boot="boot", resumed=NOW, loaded=child, baseline=None, sensor=sensor, sensor_name="nvml", sensor_reason=None,
        scope_mismatch=False, before=before or HealthSnapshot(50.0, 1e9), finite_logits=True, numerics=None,
        idle=idle, power=sample(40.0, 42.0) if power is None else power, memory=memory or [],
    )  # fmt: skip
    log = RunLog(RUNS, 0)
    for index in range(RUNS):
        marks = make_marks(2.0 + 2 * index, 1.0, new_tokens=256)  # 64 for each of four sequences
        log.add_run(index, marks | {"token_gaps_s": [0.5 / 63] * 63})
    pair = PairState(MODELS["llava"], "bf16", PLAN, NOW, log, Meters(PLAN, [segment]), MemoryGuard(None), child)
    pair.decode_check = {"difference": 0.0, "bound": 0.1, "position": 0, "tokens": 8}
    return pair


def build(pair: PairState) -> Record:
    """Return the Record, which must be valid JSON of the schema and hold every run."""
    found = build_record(pair, MEASURED, NOW)

    assert fits(json.loads(json.dumps(found, allow_nan=False)), Record)
    assert list(find_violations(found)) == []
    assert found["runs"] is not None
    assert found["runs"]["latency_s"] == [1.0] * RUNS
    return found


HOPELESS = {
    "times of 2^63": make_pair([PowerSample(2**63 + tick, 40.0) for tick in TICKS]),
    "a lag of 1e300 s": make_pair(sensor=replace(SENSOR, lag_s=1e300)),
    "a gain error of NaN": make_pair(sensor=replace(SENSOR, gain_uncertainty=math.nan)),
    "an unknown idle time": make_pair(idle=[("between", (0, 10**9))]),
}


@pytest.mark.parametrize("case", HOPELESS)
def test_power_that_cannot_be_evaluated_costs_no_run(case: str) -> None:
    """Readings and facts that no arithmetic holds leave null power with the reason, said once, and everything else."""
    pair = HOPELESS[case]
    found = build(pair)
    reason = found["power"]["reasons"]["method"]

    assert reason.startswith("it could not be made (")
    assert pair.lost == {"power": reason}
    assert (found["trace"], found["runs"] and found["runs"]["energy_j"]) == (None, None)
    assert found["health"]["temperature_before_c"] == 50.0
    assert [note for note in list_notes([found]) if "it could not be made" in note] == [f"No energy: {reason}"]


@pytest.mark.parametrize("watts", [HUGE, -HUGE, 1e160, 1e100])
def test_power_beyond_all_devices_is_no_reading(watts: float) -> None:
    """A reading of 1e308 W is missing, as NaN is: alone it leaves no energy, among others it costs its moment."""
    alone = build(make_pair(sample(watts)))
    among = build(make_pair(sample(*[40.0] * 50, watts, *[40.0] * 69)))
    counted = build(make_pair([PowerSample(tick * 10**8, 40.0, watts * tick) for tick in TICKS]))

    assert alone["power"]["reasons"]["method"].startswith("every reading was invalid: ")
    for found in (among, counted):
        assert found["runs"] is not None
        assert found["power"]["method"] == "integration"
        assert [joules for joules in found["runs"]["energy_j"] or [] if joules] == pytest.approx([40.0] * RUNS, rel=0.2)


def test_power_that_is_odd_is_evaluated() -> None:
    """No reading, one reading, readings of one moment, and out of order, are no reason to lose anything."""
    shuffled = sample(40.0)[1::2] + sample(40.0)[::2]
    joules = {}
    for name, power in {
        "none": [], "one": sample(40.0)[:1], "one moment": sample(40.0, step_ns=0), "NaN": sample(math.nan),
        "shuffled": shuffled, "reversed": sample(40.0)[::-1], "many": sample(40.0) + [
            PowerSample(2_000_000_000 + tick * 100_000, 40.0) for tick in range(50_000)],
    }.items():  # fmt: skip
        pair = make_pair(power)
        runs = build(pair)["runs"]
        assert pair.lost == {}
        joules[name] = runs and runs["energy_j"]

    assert all(not any(joules[name] or []) for name in ("none", "one", "one moment", "NaN"))
    assert all(joules[name] == pytest.approx([40.0] * RUNS) for name in ("shuffled", "reversed", "many"))


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(-(2**63), 2**63), st.none() | st.floats(), st.none() | st.floats()), max_size=8))
def test_any_readings_leave_a_record(readings: list[tuple[int, float | None, float | None]]) -> None:
    """Whatever a sensor reads, and whenever, there is a Record with all runs."""
    build(make_pair([PowerSample(*reading) for reading in readings]))


@settings(max_examples=15)
@given(st.dictionaries(st.sampled_from([*SensorFacts.__annotations__]), st.none() | st.floats(), max_size=3))
def test_any_facts_leave_a_record(facts: dict[str, Any]) -> None:
    """Whatever numbers a sensor states of itself, there is a Record with all runs."""
    numbers = {name: value for name, value in facts.items() if name.endswith(("_s", "_w", "uncertainty"))}
    build(make_pair(sensor=SensorFacts(**{"source": "a meter", "scope": "gpu"} | numbers)))


def test_other_parts_that_cannot_be_made_cost_only_themselves() -> None:
    """A temperature, a load time or a bandwidth that is not finite leaves its part null, and names it."""
    pair = make_pair(before=HealthSnapshot(math.inf, 1e9), load_time_s=math.nan, traffic={"weight_bytes": 2**70})
    pair.run_log.marks[0]["token_gaps_s"] = [math.nan]
    found = build(pair)

    assert set(pair.lost) == {"health", "load", "roofline", "token_latency"}
    assert found["health"]["reasons"]["throttled"] == pair.lost["health"]
    assert found["token_latency"] is None
    assert found["reasons"]["token_latency"].startswith("it could not be made (ValueError: ")
    assert found["power"]["idle_w"] == pytest.approx(41.0)


def test_a_process_that_describes_itself_badly_costs_no_run() -> None:
    """An answer of the child that cannot describe checkpoint or engine leaves what is known without it."""
    pair = make_pair(parameters=math.nan, threads="many")
    found = build(pair)

    assert set(pair.lost) == {"checkpoint", "engine"}
    assert found["checkpoint"]["reasons"]["parameters"] == pair.lost["checkpoint"]
    assert (found["checkpoint"]["repo"], found["engine"]["name"]) == (pair.spec.repo, "eager")


def test_a_size_that_is_none_is_no_reading() -> None:
    """A memory reading of 2^63 bytes, or below 0, is missing: the others are averaged."""
    sizes = [MemorySample(tick * 10**8, 2**63 if tick % 2 else 6_000_000_000, -1) for tick in TICKS]
    found = build(make_pair(memory=sizes))["memory"]

    assert (found["ram_avg_bytes"], found["ram_peak_bytes"]) == (6_000_000_000, None)


def test_a_record_without_power_reaches_the_table(tmp_path: Path) -> None:
    """The table reads a Record whose power could not be made as any other without energy."""
    row = made.row(made.one(tmp_path, dict(build(HOPELESS["times of 2^63"]))), model="LLaVA")

    assert row["tokens_per_sec"] == 256.0
    assert math.isnan(row["joules_per_token"])
