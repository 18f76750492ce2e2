"""From Records to one table: deduplication, labels, pairs never attempted, and order.

Tests plotting.table.build, plotting.table.row and plotting.table.series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plotting.analysis.conditions import describe_conditions
from plotting.load import Saves, load
from plotting.report import write_all
from plotting.table import build
from tests.support import made
from tests.support.factory import record, unmeasured

if TYPE_CHECKING:
    from pathlib import Path

EARLY, LATE = "2026-11-01T10:00:00+00:00", "2026-11-02T10:00:00+00:00"


def speed(per_sec: float, **options: Any) -> dict[str, Any]:
    """Return a Record with this throughput in tokens/s."""
    return record(latency_s=16 / per_sec, **options)


def with_random_weights(**options: Any) -> dict[str, Any]:
    """Return a Record with random weights, which have no revision."""
    built = record(weights="random", **options)
    built["checkpoint"] |= {"revision": None, "reasons": {"revision": "made here"}}
    return built


def saved(folder: Path, *contents: tuple[list[dict[str, Any]], str]) -> list[tuple[str, str, float]]:
    """Return (device, status, tokens/s) of each row of the table of saves with these Records and dates."""
    for records, datetime in contents:
        made.on(folder, records, datetime=datetime)
    built = made.table(folder)
    return list(zip(built["device"], built["status"], built["tokens_per_sec"].round(6), strict=True))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_latest_of_a_series_is_kept(tmp_path: Path, order: tuple[int, int]) -> None:
    """The later of two complete saves of one series is kept, in any order of the files."""
    contents = [([speed(10)], EARLY), ([speed(20)], LATE)]

    assert saved(tmp_path, *(contents[place] for place in order)) == [(made.THOR, "measured", 20.0)]


UNSET = "1970-01-01T00:03:20+00:00"


@pytest.mark.parametrize(("first", "second"), [(EARLY, UNSET), (UNSET, EARLY), (UNSET, UNSET), ("", EARLY)])
def test_a_clock_that_was_never_set_decides_nothing(tmp_path: Path, first: str, second: str) -> None:
    """Where a clock was never set, the save with the higher number is kept, and page and terminal say so."""
    rows = saved(tmp_path, ([speed(10)], first), ([speed(20)], second))

    assert rows == [(made.THOR, "measured", 20.0)]
    said = "Chosen by number: 0002_thor.json (a clock that was never set dates no save"
    table = made.table(tmp_path)
    assert said in describe_conditions(table)[-1]
    assert said in write_all.describe_input(table, made.read(tmp_path))


def test_saves_with_dates_are_not_chosen_by_number(tmp_path: Path) -> None:
    """With dates nothing is said, and the date decides."""
    assert saved(tmp_path, ([speed(10)], LATE), ([speed(20)], EARLY)) == [(made.THOR, "measured", 10.0)]
    assert not any("by number" in sentence for sentence in describe_conditions(made.table(tmp_path)))


def test_many_good_runs_beat_few(tmp_path: Path) -> None:
    """A later session with 1 good run of 10 does not replace an earlier one with ten."""
    few = speed(20, runs=1, planned=10)
    few["counts"] |= {"attempted": 10, "failed": 9}

    assert saved(tmp_path, ([speed(10)], EARLY), ([few], LATE)) == [(made.THOR, "measured", 10.0)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_complete_beats_interrupted(tmp_path: Path, order: tuple[int, int]) -> None:
    """A complete save is preferred to a later one that was interrupted."""
    interrupted = speed(20, planned=2500)
    contents = [([speed(10)], EARLY), ([interrupted], LATE)]

    assert saved(tmp_path, *(contents[place] for place in order)) == [(made.THOR, "measured", 10.0)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("scope", ["gpu", None], ids=["sensor", "no sensor yet"])
def test_measured_beats_failed(tmp_path: Path, order: tuple[int, int], scope: str | None) -> None:
    """A measurement, even an incomplete one, is preferred to a later failure, with or without a sensor."""
    failed = unmeasured("smolvlm2", "bf16")
    failed["power"]["scope"] = scope
    contents = [([speed(10, planned=2500)], EARLY), ([failed], LATE)]

    assert saved(tmp_path, *(contents[place] for place in order)) == [(made.THOR, "measured", 10.0)]


def test_other_weights_are_another_series(tmp_path: Path) -> None:
    """Saves of different weights are all kept, and their labels differ."""
    rows = saved(tmp_path, ([speed(10)], EARLY), ([with_random_weights(latency_s=16 / 20)], LATE))

    assert rows == [
        ("Jetson Thor (mini weights)", "measured", 10.0),
        ("Jetson Thor (random weights)", "measured", 20.0),
    ]


def with_batch(size: int) -> dict[str, Any]:
    """Return a Record with this batch size."""
    return with_value("workload", "hash", f"batch of {size}", batch_size=size)


def with_value(section: str, field: str, value: str, **options: Any) -> dict[str, Any]:
    """Return a Record with one changed field."""
    built = record(**options)
    built[section][field] = value
    return built


def with_power(scope: str) -> dict[str, Any]:
    """Return a Record whose sensor covers `scope`."""
    return with_value("power", "scope", scope)


def with_images(digest: str) -> dict[str, Any]:
    """Return a Record with other photographs."""
    return with_value("workload", "hash", digest)


def with_revision(revision: str) -> dict[str, Any]:
    """Return a Record of another commit of the same checkpoint."""
    return with_value("checkpoint", "revision", revision, weights="hub")


def with_engine(name: str) -> dict[str, Any]:
    """Return a Record of another engine."""
    return with_value("engine", "name", name)


@pytest.mark.parametrize(
    ("first", "second", "labels"),
    [
        (record(), record(new_tokens=64), ("16 tokens", "64 tokens")),
        (with_batch(1), with_batch(8), ("batch 1", "batch 8")),
        (with_power("gpu"), with_power("module"), ("gpu power", "module power")),
        (record(), record(power_w=None), ("gpu power", "no power")),
        (with_images("a1b2c3d4"), with_images("9f8e7d6c"), ("workload 9f8e7d", "workload a1b2c3")),
        (with_revision("a" * 40), with_revision("b" * 40), ("aaaaaaa", "bbbbbbb")),
        (with_engine("compiled"), with_engine("eager"), ("compiled", "eager")),
    ],
    ids=["tokens", "batch", "scope", "no sensor", "images", "revision", "engine"],
)
def test_series_of_a_device_have_different_labels(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], labels: tuple[str, str]
) -> None:
    """Two series of one pair on one device are two devices in the table, labelled only by what differs."""
    made.on(tmp_path, [first])
    made.on(tmp_path, [second])

    built = made.table(tmp_path)
    assert sorted(built["device"]) == [f"{made.THOR} ({words})" for words in labels]
    assert set(built["device_name"]) == {made.THOR}


def test_power_modes_are_told_apart(tmp_path: Path) -> None:
    """One board in two power modes is two devices in the table."""
    made.on(tmp_path, [record()], power_mode="MAXN")
    made.on(tmp_path, [record()], power_mode="30W")

    assert sorted(made.table(tmp_path)["device"]) == [f"{made.THOR} (30W)", f"{made.THOR} (MAXN)"]


@pytest.mark.parametrize(("kind", "words"), [("jetson-thor", ", power mode not read"), ("gb10", "")])
def test_only_a_jetson_has_a_power_mode_to_be_read(tmp_path: Path, kind: str, words: str) -> None:
    """Among series with power modes, only a Jetson is labelled as having an unread one."""
    made.on(tmp_path, [record()], power_mode="MAXN", kind=kind)
    made.on(tmp_path, [with_random_weights(new_tokens=64)], power_mode="30W", kind=kind)
    made.on(tmp_path, [with_random_weights(new_tokens=32)], kind=kind)

    labels = set(made.table(tmp_path)["device"])
    assert any(
        label.startswith(f"{made.THOR} (") and ("power mode not read" in label) == bool(words) for label in labels
    )
    assert sum("power mode not read" in label for label in labels) == bool(words)


def test_all_differences_are_named(tmp_path: Path) -> None:
    """A label has everything in which series differ."""
    made.on(tmp_path, [record()], power_mode="MAXN")
    made.on(tmp_path, [with_random_weights(new_tokens=64)], power_mode="30W")

    assert sorted(made.table(tmp_path)["device"]) == [
        f"{made.THOR} (30W, random weights, 64 tokens)",
        f"{made.THOR} (MAXN, mini weights, 16 tokens)",
    ]


def test_what_does_not_differ_is_not_in_the_label(tmp_path: Path) -> None:
    """Revisions of models and a sensor lost for one pair do not make another device."""
    made.on(tmp_path, [with_revision("a" * 40), record("llava", weights="hub", power_w=None)])

    assert set(made.table(tmp_path)["device"]) == {made.THOR}


def test_three_states(tmp_path: Path) -> None:
    """Measured, failed with its message, and never attempted are three states."""
    built = made.one(tmp_path, record("phi"), record("phi", "fp16"), unmeasured("llava", "fp16", message="no memory"))

    assert dict(zip(zip(built["model"], built["precision"], strict=True), built["status"], strict=True)) == {
        ("LLaVA", "fp16"): "failed",
        ("LLaVA", "bf16"): "never attempted",
        ("Phi", "fp16"): "measured",
        ("Phi", "bf16"): "measured",
    }
    assert made.row(built, "LLaVA", "fp16")["reason"] == "no memory"
    assert made.row(built, "LLaVA", "bf16")["reason"] == "no save contains this pair"
    assert made.row(built, "Phi", "fp16")["reason"] == ""


@pytest.mark.parametrize("status", ["failed", "did not fit", "skipped", "interrupted"])
def test_a_pair_without_a_run_has_no_figures(tmp_path: Path, status: str) -> None:
    """A pair without a good run has a status and counts of runs, but no other metric."""
    row = made.row(made.one(tmp_path, unmeasured("smolvlm2", "bf16", status)))

    assert row["status"] == status
    assert (row["runs"], row["failed_runs"]) == (0, 10)
    assert row[["tokens_per_sec", "joules_per_token", "avg_ram_gb", "load_time_s"]].isna().all()


def test_holes_are_never_attempted(tmp_path: Path) -> None:
    """The table has every (device, model, precision) exactly once."""
    made.on(tmp_path, [record("phi", "fp16")], label="A")
    made.on(tmp_path, [record("llava", "bf16")], label="B")

    built = made.table(tmp_path)
    assert len(built) == 8
    assert not built.duplicated(["device", "model", "precision"]).any()
    assert list(built["status"]).count("never attempted") == 6


def test_the_order_is_the_studys(tmp_path: Path) -> None:
    """Devices, models and precisions have the study's order; others follow by name."""
    models = ("smolvlm2", "phi", "smolvlm2-500m", "llava", "gemma3n", "internvl3-1b", "moondream2", "internvl2-2b")
    records = [record(model, precision) for model in models for precision in ("bf16", "fp16")]
    for label in ("Zed", "Jetson AGX Orin", "Apple", "Dell Pro Max GB10", "Jetson Thor"):
        made.on(tmp_path, records, label=label)

    built = made.table(tmp_path)
    assert list(dict.fromkeys(built["device"])) == [*build.STUDY_DEVICES, "Apple", "Zed"]
    ours = [name for name in build.STUDY_MODELS if "MPO" not in name]  # the label of published weights alone
    assert list(dict.fromkeys(built["model"])) == [*ours, "InternVL3-1B", "SmolVLM2-500M"]
    assert list(built["precision"]) == ["fp16", "bf16"] * 40


def test_an_adapter_makes_another_series(tmp_path: Path) -> None:
    """A model with and without its adapter are two labelled series."""
    with_it, without = record("phi", weights="hub"), record("phi", weights="hub")
    with_it["checkpoint"]["adapter"] = "vision-lora"
    made.on(tmp_path, [with_it], label="Jetson Thor")
    made.on(tmp_path, [without], label="Jetson Thor")

    assert set(made.table(tmp_path)["device"]) == {"Jetson Thor (with vision-lora)", "Jetson Thor (without adapter)"}


def test_series_of_a_device_stand_together(tmp_path: Path) -> None:
    """Series of one device are next to each other."""
    made.on(tmp_path, [record()], label="Jetson AGX Orin")
    for mode in ("MAXN", "30W"):
        made.on(tmp_path, [record()], label="Jetson Thor", power_mode=mode)

    assert list(made.table(tmp_path)["device"]) == ["Jetson Thor (30W)", "Jetson Thor (MAXN)", "Jetson AGX Orin"]


def test_internvl_is_internvl2_2b(tmp_path: Path) -> None:
    """A model called InternVL in a save is InternVL2-2B in the table."""
    older = record("internvl2-2b")
    older["pair"]["label"] = "InternVL"

    assert list(made.one(tmp_path, older, record("internvl2-2b", "fp16"))["model"]) == ["InternVL2-2B"] * 2


def test_nothing_is_an_empty_table() -> None:
    """Without a Record, the table is empty."""
    assert build.build(Saves()).empty


def test_differences_between_devices_are_listed(tmp_path: Path) -> None:
    """Each condition that differs between devices is listed with the value of each device."""
    made.on(tmp_path, [record()], label="A")
    made.on(tmp_path, [record()], label="B")
    assert build.list_differences(made.table(tmp_path)) == []

    made.on(tmp_path, [record(weights="random", memory_kind="unified")], label="C")
    assert build.list_differences(made.table(tmp_path)) == [
        "Not the same on every device: weights (A: mini; B: mini; C: random).",
        "Not the same on every device: what counts as RAM (A: host; B: host; C: unified).",
    ]


def test_too_many_holes_are_counted(tmp_path: Path) -> None:
    """Where unlike saves would make thousands of rows of pairs that nobody measured, a sentence counts them."""
    records = [record() for _ in range(80)]
    for number, each in enumerate(records):
        each["pair"] = {name: f"{name}{number}" for name in each["pair"]}
    made.on(tmp_path, records)
    saves = load(sorted(tmp_path.glob("*.json")))

    assert len(build.build(saves)) == 80
    assert saves.problems == ["6,320 pairs that no save contains are not listed: choose fewer saves"]
