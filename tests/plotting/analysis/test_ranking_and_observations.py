"""Rankings and observations follow stated rules, and are left out if the data does not support them.

Tests plotting.analysis.observations and plotting.analysis.ranking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plotting.analysis.observations import list_observations
from plotting.analysis.ranking import CATEGORIES, ENERGY, explain_ranking, rank, split_for_ranking
from plotting.metrics.registry import METRICS
from plotting.table import status
from tests.support import made
from tests.support.factory import record

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd


def speed(model: str, per_sec: float, precision: str = "bf16", **options: Any) -> dict[str, Any]:
    """Return a Record with this throughput in tokens/s."""
    return record(model, precision, latency_s=16 / per_sec, **options)


def places(table: pd.DataFrame, name: str) -> list[tuple[int, str, bool]]:
    """Return (place, model, tied) of a ranking."""
    return [(found.place, found.model, found.tied) for found in rank(table, name)]


def test_the_top_three(tmp_path: Path) -> None:
    """A ranking has the three best rows in order, with device, precision and value."""
    table = made.one(
        tmp_path, *(speed(m, s) for m, s in [("phi", 2), ("llava", 4), ("smolvlm2", 3), ("moondream2", 1)])
    )

    found = rank(table, "tokens_per_sec")
    assert [(place.place, place.model, place.tied) for place in found] == [
        (1, "LLaVA", False),
        (2, "SmolVLM2", False),
        (3, "Phi", False),
    ]
    assert {(place.device, place.precision) for place in found} == {(made.THOR, "bf16")}
    assert [place.value for place in found] == pytest.approx([4, 3, 2])


@pytest.mark.parametrize("name", CATEGORIES)
def test_best_is_first(study: pd.DataFrame, name: str) -> None:
    """The first place of every category has the highest or lowest value, by the metric's direction."""
    values = study[name] if name != "avg_ram_gb" else study["ram_delta_gb"].fillna(study[name])
    best = values.max() if METRICS[name].higher_is_better else values.min()

    assert rank(study, name)[0].value == best


def test_equal_in_three_digits_is_a_tie(tmp_path: Path) -> None:
    """Values equal in three digits share a place and are marked, and the next place is skipped."""
    speeds = [("phi", 100), ("llava", 90.01), ("smolvlm2", 90.02), ("moondream2", 89.98), ("gemma3n", 50)]
    table = made.one(tmp_path, *(speed(model, per_sec) for model, per_sec in speeds))

    assert places(table, "tokens_per_sec") == [
        (1, "Phi", False),
        (2, "SmolVLM2", True),
        (2, "LLaVA", True),
        (2, "Moondream2", True),
    ]


def test_nonfinite_logits_are_not_ranked(tmp_path: Path) -> None:
    """A pair whose logits were not finite is not ranked, because its tokens are meaningless."""
    odd = speed("phi", 1000)
    odd["health"]["finite_logits"] = False
    table = made.one(tmp_path, odd, speed("llava", 1))

    for name in CATEGORIES:
        assert places(table, name) == [(1, "LLaVA", False)]


def test_unproved_work_is_never_above_proved_work(tmp_path: Path) -> None:
    """A faster pair of an older save, whose work was not proved, is ranked below the slowest that was."""
    old = speed("phi", 100) | {"schema": 2}
    del old["numerics"]["decode_check"]
    table = made.one(tmp_path, old, speed("llava", 1), speed("gemma3n", 0.5))

    for name in CATEGORIES[:2]:
        assert places(table, name) == [(1, "LLaVA", False), (2, "Gemma3N", False), (3, "Phi", False)]
    (row,) = table[~table["proved"]].to_dict("records")
    assert row["decode_check"] == "not proved: schema 2 had no such field"
    assert status.list_warnings(row) == ["not proved"]


def test_an_invalid_row_is_not_ranked(tmp_path: Path) -> None:
    """A pair with an MBU over 1 is ranked by RAM and load time alone, because its time or its bytes are wrong."""
    odd = speed("phi", 100)
    odd["roofline"]["bandwidth_bytes_per_s"] = 1e9
    table = made.one(tmp_path, odd, speed("llava", 1))

    for name in CATEGORIES:
        ranked = {model for _, model, _ in places(table, name)}
        assert ranked == ({"LLaVA", "Phi"} if name in ("avg_ram_gb", "load_time_s") else {"LLaVA"}), name


def test_a_scope_mismatch_is_kept_out_of_energy_alone(tmp_path: Path) -> None:
    """A pair with a scope mismatch is ranked by time and memory, but not by energy."""
    odd = speed("phi", 500, power_w=1.0)
    odd["power"]["scope_mismatch"] = True
    table = made.one(tmp_path, odd, speed("llava", 1))

    for name in METRICS:
        models = [found.model for found in rank(table, name)]
        assert ("Phi" in models) == (table[name].notna().any() and name not in ENERGY), name


def test_every_metric_of_energy_is_guarded() -> None:
    """ENERGY has exactly the metrics in joules or watts."""
    assert {name for name, metric in METRICS.items() if "J" in metric.unit or "W" in metric.unit} == ENERGY


def test_failed_pairs_are_in_no_ranking(study: pd.DataFrame) -> None:
    """Only measured pairs are ranked, for any number of places."""
    pairs = {(found.device, found.model, found.precision) for found in rank(study, "tokens_per_sec", places=100)}

    assert len(pairs) == 34
    assert not pairs & {made.FAILED, made.NEVER}


def test_one_pair_says_nothing(lone: pd.DataFrame) -> None:
    """One pair gives no observation."""
    assert list_observations(lone) == []


def test_only_failures_say_nothing(hopeless: pd.DataFrame) -> None:
    """Failed pairs alone give no observation and no place."""
    assert list_observations(hopeless) == []
    assert [rank(hopeless, name) for name in CATEGORIES] == [[]] * len(CATEGORIES)


def test_one_leader_everywhere(tmp_path: Path) -> None:
    """An observation names the model that is the fastest on every device, or else the fastest of each device."""
    for label in ("A", "B"):
        made.on(tmp_path, [speed("phi", 20), speed("llava", 10)], label=label)
    rule = "highest tokens/s of a device's pairs"
    said = f"Phi has the highest throughput on every device ({rule}; by more than noise on 2 of 2 devices)."
    assert said in list_observations(made.table(tmp_path))

    made.on(tmp_path, [speed("phi", 1), speed("llava", 2)], label="C")
    assert (
        f"No model leads throughput on every device: Phi on A, Phi on B, LLaVA on C ({rule})."
        in list_observations(made.table(tmp_path))
    )  # fmt: skip


@pytest.mark.parametrize(
    ("watts", "sentence"),
    [
        (100.0, "Slow makes the most tokens per joule, at 50% of the throughput of Fast"),
        (10.0, "Fast also makes the most"),
    ],
)
def test_speed_and_economy_of_devices(tmp_path: Path, watts: float, sentence: str) -> None:
    """The fastest device is compared with the most efficient one, with their ratio if they differ."""
    made.on(tmp_path, [speed("phi", 20, power_w=watts), speed("llava", 80, power_w=watts)], label="Fast")
    made.on(tmp_path, [speed("phi", 10, power_w=20.0), speed("llava", 40, power_w=20.0)], label="Slow")

    first, second = (said for said in list_observations(made.table(tmp_path)) if said.startswith(("Fast", "Slow")))
    assert first == "Fast has the highest throughput (geometric mean over the pairs that every device measured)."
    assert second.startswith(sentence)


def test_devices_are_compared_over_common_pairs(tmp_path: Path) -> None:
    """The means of devices are over common pairs, so measuring only a fast model gives no advantage."""
    made.on(tmp_path, [speed("phi", 10), speed("smolvlm2", 100)], label="Whole")
    made.on(tmp_path, [speed("smolvlm2", 90)], label="Part")

    said = list_observations(made.table(tmp_path))
    assert any(sentence.startswith("Whole has the highest throughput (geometric mean") for sentence in said)


@pytest.mark.parametrize(
    ("factor", "sentence"),
    [
        (1.04, "fp16 and bf16 are nearly equal in throughput (bf16 / fp16 is 1.00 to 1.04 over 2 pairs"),
        (2.0, "fp16 and bf16 differ in throughput for some pairs (bf16 / fp16 is 1.00 to 2.00 over 2 pairs"),
    ],
)
def test_precisions_are_compared(tmp_path: Path, factor: float, sentence: str) -> None:
    """Precisions are nearly equal if every pair is within 5%; otherwise the spread is given."""
    records = [speed("phi", 10, "fp16"), speed("phi", 10 * factor), speed("llava", 10, "fp16"), speed("llava", 10)]

    assert any(said.startswith(sentence) for said in list_observations(made.one(tmp_path, *records)))


@pytest.mark.parametrize(("sizes", "expected"), [((1, 2, 3, 4), True), ((4, 1, 3, 2), False)])
def test_larger_models_cost_more_only_where_they_do(tmp_path: Path, sizes: tuple[int, ...], expected: bool) -> None:
    """An observation says that larger models need more energy only if the ranks of four or more agree."""
    records = []
    for size, (watts, model) in zip(sizes, enumerate(("phi", "llava", "smolvlm2", "gemma3n"), start=1), strict=True):
        made_up = record(model, power_w=10.0 * watts)
        made_up["checkpoint"]["parameters"] = size * 1_000_000
        records.append(made_up)

    said = list_observations(made.one(tmp_path, *records))
    larger = (
        f"On {made.THOR} larger models need more energy per token (rank correlation 1.00 over 4 models; twice the "
        "parameters need 2.0 times the energy)."
    )
    assert (larger in said) == expected
    assert any("larger" in sentence for sentence in said) == expected


def ends(table: pd.DataFrame, share: float) -> pd.DataFrame:
    """Return a table with 95% intervals of ± `share` around each value."""
    columns = {f"{name}_{end}": table[name] * (1 + sign * share)
               for name in made.INTERVALS for end, sign in (("low", -1), ("high", 1))}  # fmt: skip
    return made.without_intervals(table).assign(**columns)


@pytest.mark.parametrize(("share", "tied"), [(0.04, True), (0.01, False)])
def test_overlapping_intervals_are_a_tie(tmp_path: Path, share: float, tied: bool) -> None:
    """A value shares a place if its interval overlaps with that of the best value there."""
    speeds = [("phi", 100), ("llava", 95), ("smolvlm2", 90)]
    table = ends(made.one(tmp_path, *(speed(model, per_sec) for model, per_sec in speeds)), share)

    assert places(table, "tokens_per_sec") == (
        [(1, "Phi", True), (1, "LLaVA", True), (3, "SmolVLM2", False)]
        if tied
        else [(1, "Phi", False), (2, "LLaVA", False), (3, "SmolVLM2", False)]
    )


def with_error(name: str, made_record: dict[str, Any]) -> dict[str, Any]:
    """Return a Record whose sensor has a known gain error or offset, of 5%."""
    made_record["power"]["uncertainty"].append({"name": name, "relative": 0.05, "source": "data sheet"})
    return made_record


@pytest.mark.parametrize("name", ["gain", "offset"])
def test_an_error_of_the_sensor_ties_devices_and_not_models(tmp_path: Path, name: str) -> None:
    """A sensor's gain error or offset can tie two devices, but not two models on one device, which share it."""
    for label, factor in (("A", 1.0), ("B", 1.05)):
        pairs = [with_error(name, speed(model, s, power_w=10.0 * factor)) for model, s in (("phi", 100), ("llava", 95))]
        made.on(tmp_path, pairs, label=label)
    table = ends(made.table(tmp_path), 0.001)
    found = {(f.model, f.device): f.place for f in rank(table, "joules_per_token", places=9)}

    assert found["Phi", "A"] == found["Phi", "B"] == 1
    one_device = table[table["device"] == "A"]
    assert [f.tied for f in rank(one_device, "joules_per_token")] == [False, False]


@pytest.mark.parametrize(("share", "count"), [(0.001, 1), (0.1, 0)])
def test_precisions_differ_beyond_noise_or_not(tmp_path: Path, share: float, count: int) -> None:
    """With intervals, an observation counts the pairs whose precisions differ beyond noise."""
    records = [speed("phi", 10, "fp16"), speed("phi", 10.4), speed("llava", 10, "fp16"), speed("llava", 10)]
    said = " ".join(list_observations(ends(made.one(tmp_path, *records), share)))

    assert f"over 2 pairs, all within 5% of 1, {count} with 95% intervals that do not overlap)" in said


@pytest.mark.parametrize(
    ("factor", "share", "words"),
    [
        (2.0, 0.01, "differ in throughput for all pairs (bf16 / fp16 is 1.50 to 2.00 over 2 pairs"),
        (2.0, 0.25, "differ in throughput for some pairs (bf16 / fp16 is 1.50 to 2.00 over 2 pairs"),
        (2.0, 0.9, "do not differ in throughput by more than noise (bf16 / fp16 is 1.50 to 2.00 over 2 pairs"),
    ],
)
def test_how_many_pairs_differ(tmp_path: Path, factor: float, share: float, words: str) -> None:
    """With intervals, precisions differ for all pairs, for some, or not beyond noise."""
    records = [speed("phi", 10, "fp16"), speed("phi", 10 * factor), speed("llava", 10, "fp16"), speed("llava", 15)]

    assert f"fp16 and bf16 {words}" in " ".join(list_observations(ends(made.one(tmp_path, *records), share)))


def test_every_precision_is_compared_with_the_first(tmp_path: Path) -> None:
    """A third precision is compared with fp16 too."""
    records = [speed(m, s, p) for m in ("phi", "llava") for p, s in (("fp16", 10), ("bf16", 10), ("fp32", 5))]
    said = " ".join(list_observations(made.one(tmp_path, *records)))

    assert "fp16 and bf16 are nearly equal in throughput" in said
    assert "fp16 and fp32 differ in throughput for all pairs (fp32 / fp16 is 0.50 to 0.50 over 2 pairs" in said


@pytest.mark.parametrize(("watts", "throughout"), [(10.0, True), (1000.0, False)])
def test_who_leads_throughout(tmp_path: Path, watts: float, throughout: bool) -> None:
    """The fastest model leads throughout only if it also needs the least energy per token."""
    for label in ("A", "B"):
        made.on(tmp_path, [speed("phi", 20, power_w=watts), speed("llava", 10, power_w=10.0)], label=label)
    table = ends(made.table(tmp_path), 0.01)
    said = list_observations(table)

    rule = "(highest tokens/s of a device's pairs; by more than noise on 2 of 2 devices)"
    assert f"Phi has the highest throughput on every device {rule}." in said
    sentence = "Phi also has the lowest energy per token on every device (lowest J/token of a device's pairs)."
    assert (sentence in said) == throughout


def test_rankings_compare_only_what_is_comparable(tmp_path: Path) -> None:
    """Energy is one list with each sensor's scope and a sentence that they differ; RAM is split by kind of memory."""
    for label, scope in (("A", "gpu"), ("B", "gpu+soc"), ("C", "gpu")):
        found = speed("phi", 20, power_w=10.0)
        found["power"]["scope"] = scope
        made.on(tmp_path, [found], label=label)
    made.on(tmp_path, [speed("phi", 20, memory_kind="unified", ram_gb=9.0, baseline_gb=8.5)], label="D")
    table = made.table(tmp_path)

    for name in ("tokens_per_sec", "joules_per_token", "tps_per_watt"):
        assert [part.words for part in split_for_ranking(table, name)] == [""]
    assert {found.device: found.scope for found in rank(table, "joules_per_token", places=9)} == {
        "A": "gpu",
        "B": "gpu+soc",
        "C": "gpu",
        "D": "gpu",
    }
    differ = "The sensors cover different parts (gpu, gpu+soc): a wider scope includes more power."
    assert explain_ranking(table, "tps_per_watt") == [differ]
    assert explain_ranking(table, "tokens_per_sec") == []
    host, unified = split_for_ranking(table, "avg_ram_gb")
    assert [(part.words, set(part.table["device_name"])) for part in (host, unified)] == [
        ("host memory", {"A", "B", "C"}),
        ("unified memory", {"D"}),
    ]
    assert rank(unified.table, "avg_ram_gb")[0].value == pytest.approx(0.5)
    assert explain_ranking(unified.table, "avg_ram_gb") == ["On unified memory, RAM is what the model added."]


@pytest.mark.parametrize(("good", "asked", "ranked"), [(1, 2500, False), (4, 9, False), (5, 10, True), (5, 5, True)])
def test_a_pair_of_few_good_runs_is_not_ranked(tmp_path: Path, good: int, asked: int, ranked: bool) -> None:
    """A pair with fewer than half of the asked runs good is named and not ranked; five of five good runs are."""
    few = speed("phi", 10, runs=good, planned=asked)
    few["counts"] |= {"attempted": asked, "failed": asked - good}
    table = made.one(tmp_path, few, speed("llava", 1))
    said = [f"Not ranked: Phi bf16 on {made.THOR} ({good} of {asked} runs good)."]

    for name in CATEGORIES:
        assert ("Phi" in {model for _, model, _ in places(table, name)}) == ranked
        assert explain_ranking(table, name) == ([] if ranked else said)
