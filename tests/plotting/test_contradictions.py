"""Saves whose values contradict each other: no figure is made of them.

Tests benchmarks.record.consistency and plotting.check.
"""

from __future__ import annotations

import copy
import json
import math
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.record import add_missing_fields
from benchmarks.record.consistency import PARTS, find_contradiction
from benchmarks.record.not_measured import NotMeasured
from plotting.check import InvalidRecord, check_record
from plotting.metrics.registry import METRICS
from plotting.report import csv_files, page, summary
from plotting.table import build
from tests.support import made, product
from tests.support.factory import record, unmeasured

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADLINES = (
    "tokens_per_sec", "decode_tokens_per_sec", "ttft_p50_s", "ttft_p95_s", "latency_p50_s", "latency_p95_s",
    "joules_per_token", "tps_per_watt", "avg_power_watts", "avg_ram_gb", "load_time_s", "runs", "failed_runs",
)  # fmt: skip
ALONE = {
    ("load", "load_time_s"): "nothing else in a Record tells how long a load takes",
    ("memory", "ram_avg_bytes"): "a process may use far less on average than at its peak",
}
"""Value -> why it may be wrong by a factor, and contradict nothing."""


def metered() -> dict[str, Any]:
    """Return a Record with a sensor's readings: 40 W in the runs, and 10 W idle."""
    built = record(memory_kind="unified")
    built["trace"] = {"time_s": [0.1, 4.9], "min_w": [40.0, 40.0], "mean_w": [40.0, 40.0], "max_w": [40.0, 40.0]}
    return built


def list_own() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each Record of the committed saves, and of those that were recorded for tests."""
    for path in sorted((product.ROOT / "results").rglob("*.json")):
        yield from ((path.name, each) for each in list_records(json.loads(path.read_text())))
    with zipfile.ZipFile(product.ROOT / "tests/data/same_machine.zip") as stored:
        for name in stored.namelist():
            yield from ((name, each) for each in list_records(json.loads(stored.read(name))))


def list_records(save: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the Records of a save."""
    return [*(bench["extra_info"] for bench in save["benchmarks"]), *save.get("unmeasured", [])]


def test_what_the_suite_wrote_holds() -> None:
    """No Record of the suite's own saves, and none that the tests make, contradicts itself."""
    kinds = [record(memory_kind=kind, power_w=watts) for kind in ("host", "unified", "discrete") for watts in (None, 4)]
    found = [*list_own(), *(("made", each) for each in (*kinds, metered(), unmeasured("phi", "bf16")))]

    assert len(found) > 30
    for name, each in found:
        newest = add_missing_fields(each)
        assert [find_contradiction(newest, part) for part in PARTS] == [""] * len(PARTS), name


def changed(built: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    """Return a copy of a Record with another value in one place."""
    copied = copy.deepcopy(built)
    section = copied
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = to
    return copied


WORK: dict[str, tuple[tuple[Any, ...], Any, str]] = {
    "many good": (
        ("counts", "good"),
        5000,
        "10 runs are listed, and counted are 5000 good, 0 failed, 10 of 10 attempted",
    ),
    "negative": (("counts", "failed"), -3, "failed is -3"),
    "beyond the plan": (
        ("counts", "planned"),
        5,
        "10 runs are listed, and counted are 10 good, 0 failed, 10 of 5 attempted",
    ),
    "reasons": (("failures", "by_reason"), {"RuntimeError": 2}, "its failures do not add up"),
    "proof": (("numerics", "decode_check", "difference"), 5.0, "its decoding is beyond its bound"),
    "negative latency": (("runs", "latency_s", 3), -0.5, "latency_s is -0.5"),
    "long latency": (("runs", "latency_s", 3), 5e8, "latency_s is 5e+08"),
    "another latency": (("runs", "latency_s", 3), 5.0, "the parts of a run are not its time"),
    "late first token": (("runs", "ttft_s", 3), 0.6, "the parts of a run are not its time"),
    "long decode": (("runs", "decode_s", 3), 0.5, "the parts of a run are not its time"),
    "run twice": (("runs", "run", 3), 2, "its runs are not numbered in order"),
    "beyond the last": (("runs", "run", 9), 99, "its runs are not numbered in order"),
    "request": (("runs", "request", 3), 7, "its runs do not do the work of its workload"),
    "many tokens": (("runs", "new_tokens", 3), 16_000, "its runs do not do the work of its workload"),
    "no token": (("runs", "new_tokens"), [0] * 10, "its runs do not do the work of its workload"),
    "a batch": (("workload", "batch_size"), 4, "its runs do not do the work of its workload"),
    "no batch": (("workload", "batch_size"), 0, "its runs do not do the work of its workload"),
    "inputs": (("runs", "prompt_tokens", 3), 2000, "runs of one request have different inputs"),
    "start": (("runs", "start_s", 3), 1.4, "two runs overlap"),
    "all at once": (("runs", "start_s"), [0.0] * 10, "two runs overlap"),
}
"""Name -> the place, the value there, and what is said."""


@pytest.mark.parametrize("name", WORK)
def test_work_that_contradicts_itself_is_left_out(tmp_path: Path, name: str) -> None:
    """A Record whose counts, tokens or times contradict each other is left out and named; its neighbours stay."""
    path, value, said = WORK[name]
    made.on(tmp_path, [changed(record(), *path, to=value), record("phi")])
    saves = made.read(tmp_path)

    assert list(build.build(saves)["model"]) == ["Phi"]
    assert saves.problems == [
        f"{saves.files[0]}: entry 1 contains a Record of smolvlm2-bf16 that contradicts itself: {said}; left out"
    ]


def test_no_device_is_that_fast() -> None:
    """A save whose times all agree with each other, but are shorter than any decode step, is left out."""
    with pytest.raises(InvalidRecord, match=r"that contradicts itself: no device decodes so fast$"):
        check_record(record(latency_s=1e-9))


LATENCY = "token latency"
PARTLY: dict[str, tuple[tuple[Any, ...], Any, str, str, str]] = {
    "much power": (
        ("runs", "energy_j", 3), 2e4, "energy", "the power of a run is not from 3.33 to 120 W", "joules_per_token"
    ),
    "negative energy": (
        ("runs", "energy_j", 3), -20.0, "energy", "the power of a run is not from 3.33 to 120 W", "tps_per_watt"
    ),
    "coverage": (
        ("runs", "energy_coverage", 3), 7.0, "energy", "a run is covered for longer than it took", "avg_power_watts"
    ),
    "idle": (("power", "idle_w"), 1e4, "energy", "its idle power is not the mean", "net_joules_per_token"),
    "uncertainty": (
        ("power", "uncertainty", 0, "relative"), -1.0, "energy", "an uncertainty is negative", "energy_uncertainty"
    ),
    "phases": (
        ("power", "phases", "decode", "energy_j"), 900.0, "energy", "its phases have more energy than its runs",
        "decode_joules",
    ),
    "trace": (
        ("trace", "mean_w", 1), 400.0, "energy", "its least, mean and largest power are out of order",
        "joules_per_token",
    ),
    "negative size": (("memory", "ram_avg_bytes"), -(10**12), "memory", "ram_avg_bytes is -1e+12", "avg_ram_gb"),
    "nothing": (
        ("memory", "ram_avg_bytes"), 0, "memory", "no process that runs a model has so little", "avg_ram_gb"
    ),
    "average": (
        ("memory", "ram_avg_bytes"), 10**12, "memory", "a size is above its peak or that of the machine", "avg_ram_gb"
    ),
    "machine": (
        ("memory", "ram_peak_bytes"), 10**12, "memory", "a size is above its peak or that of the machine", "peak_ram_gb"
    ),
    "baseline": (
        ("memory", "ram_baseline_bytes"), 10**9, "memory", "it is not the baseline and what was added", "ram_delta_gb"
    ),
    "long load": (("load", "load_time_s"), 3e6, "load", "load_time_s is 3e+06", "load_time_s"),
    "load": (("load", "load_time_s"), -3.0, "load", "load_time_s is -3", "load_time_s"),
    "order": (("token_latency", "p50_s"), 0.025, LATENCY, "its quantiles are not in their bins", "token_latency_p50_s"),
    "steps": (("token_latency", "counts", 90), 10**6, LATENCY, "it does not count 150 steps", "token_latency_p99_s"),
    "peak": (("roofline", "bandwidth_bytes_per_s"), -1.0, "memory bandwidth", "bandwidth_bytes_per_s is -1", "mbu"),
}  # fmt: skip
"""Name -> the place, the value there, the part that it costs, what is said, and a metric of that part."""


@pytest.mark.parametrize("name", PARTLY)
def test_a_part_that_contradicts_itself_is_not_measured(tmp_path: Path, name: str) -> None:
    """Energy, memory or load that contradict themselves are not measured, with the reason; the rest stays."""
    path, value, part, said, metric = PARTLY[name]
    made.on(tmp_path, [changed(metered(), *path, to=value)])
    saves = made.read(tmp_path)
    table = build.build(saves)

    place = f"{saves.files[0]}: entry 1 contains a Record of smolvlm2-bf16"
    assert saves.problems == [f"{place} whose {part} contradicts itself: {said}; {part} left out"]
    assert math.isnan(table.iloc[0][metric])
    assert table.iloc[0][f"{metric}_reason"] == f"the save contradicts itself: {said}"
    assert table.iloc[0]["tokens_per_sec"] == 32


def test_a_pair_without_a_run_loses_its_part_too(tmp_path: Path) -> None:
    """A pair that failed, and whose power is not possible, is shown as failed, and what is wrong is said."""
    made.on(tmp_path, [changed(unmeasured("phi", "bf16"), "power", "idle_w", to=1e9)])
    saves = made.read(tmp_path)

    assert list(build.build(saves)["status"]) == ["failed"]
    assert saves.problems[0].endswith("whose energy contradicts itself: idle_w is 1e+09; energy left out")


def test_the_reason_is_in_every_text(tmp_path: Path) -> None:
    """CSV, summary and page say which part of a save contradicts itself, and in what."""
    made.on(tmp_path, [changed(metered(), "memory", "ram_avg_bytes", to=-5)])
    saves = made.read(tmp_path)
    table = build.build(saves)

    assert "the save contradicts itself: ram_avg_bytes is -5 (avg_ram_gb" in csv_files.write_measured(table)
    for text in (summary.write_summary(table, saves.problems), page.write_page(table, saves.files, saves.problems)):
        flat = " ".join(text.replace("\\", "").split())
        assert "whose memory contradicts itself: ram_avg_bytes is -5; memory left out" in flat
        assert "average ram: the save contradicts itself: ram_avg_bytes is -5." in flat


def list_numbers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of each number in a Record."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from list_numbers(item, (*path, key))
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield path


BASES = [metered(), next(list_own())[1]]
PLACES = [[place for place in list_numbers(base) if place[:2] not in ALONE] for base in BASES]


def show(built: Any) -> dict[str, float]:
    """Return the headline figures of a Record."""
    found = {}
    for name in HEADLINES:
        try:
            found[name] = METRICS[name].compute(built)
        except NotMeasured:
            continue
    return found


SHOWN = list(map(show, BASES))


@given(st.data())
@settings(max_examples=100)
def test_one_wrong_number_moves_no_headline_far(data: st.DataObject) -> None:
    """With one number negated, scaled or moved, no headline figure is negative, endless or wrong by a factor of 3."""
    which = data.draw(st.sampled_from(range(len(BASES))))
    place = data.draw(st.sampled_from(PLACES[which]))
    value: Any = BASES[which]
    for key in place:
        value = value[key]
    scale = st.sampled_from([-1, *(10**power for power in (1, 2, 3, 6)), *(10.0**-power for power in (1, 2, 3, 6))])
    wrong = data.draw(
        scale.map(lambda by: value * by) | st.sampled_from([1, -1, 1000, 10**9]).map(lambda by: value + by)
    )
    try:
        read, _ = check_record(changed(BASES[which], *place, to=type(value)(wrong)))
    except InvalidRecord:
        return
    for name, figure in show(read).items():
        assert math.isfinite(figure)
        assert SHOWN[which][name] / 3 <= figure <= 3 * SHOWN[which][name], (name, place)
