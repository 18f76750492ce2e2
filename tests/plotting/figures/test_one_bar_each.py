"""No two rows share a bar: labels name the differences between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plotting.figures import FIGURES
from plotting.table import build
from tests.support import made
from tests.support.factory import record, unmeasured

if TYPE_CHECKING:
    from pathlib import Path


def with_value(section: str, field: str, value: str, **options: Any) -> dict[str, Any]:
    """Return a Record with one changed field."""
    built = record(**options)
    built[section][field] = value
    return built


def with_revision(revision: str) -> dict[str, Any]:
    """Return a Record of another revision of one checkpoint."""
    return with_value("checkpoint", "revision", revision, weights="hub")


def with_checkpoint(name: str) -> dict[str, Any]:
    """Return a Record of another checkpoint under the same model label."""
    return with_value("checkpoint", "name", name)


def with_hash(digest: str, new_tokens: int) -> dict[str, Any]:
    """Return a Record of another workload with this number of tokens."""
    return with_value("workload", "hash", digest, new_tokens=new_tokens)


@pytest.mark.parametrize(
    "records",
    [
        [record(weights="mini"), unmeasured("smolvlm2", "bf16") | {"checkpoint": record(weights="hub")["checkpoint"]}],
        [with_checkpoint("InternVL2-2B"), with_checkpoint("InternVL2_5-2B-MPO-hf")],
        [with_hash("a" * 16, 16), with_hash("b" * 16, 32), with_hash("c" * 16, 32)],
        [with_hash("aaaaaaa1", 16), with_hash("aaaaaaa2", 16)],
        [with_revision("f" * 39 + "0"), with_revision("f" * 39 + "1"), record(weights="hub", power_w=None)],
    ],
    ids=["failure", "checkpoint", "workloads", "close hashes", "close revisions"],
)
def test_no_two_rows_share_a_bar(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    """No two rows of different series share device, model and precision, and every figure can be drawn."""
    for made_record in records:
        made.on(tmp_path, [made_record])
    built = made.table(tmp_path)

    assert not built.duplicated(["device", "model", "precision"]).any()
    assert len(built[built["status"] != build.NEVER]) == len(records)
    for spec in FIGURES.values():
        spec.draw(built)


def test_a_revision_tells_apart_its_own_model_alone(tmp_path: Path) -> None:
    """Two revisions of a model appear in the labels of its rows, but not in those of other models."""
    made.on(tmp_path, [with_revision("a" * 40), record("llava", weights="hub")])
    made.on(tmp_path, [with_revision("b" * 40)])
    built = made.table(tmp_path)
    measured = built[built["status"] == "measured"]

    assert sorted(zip(measured["model"], measured["device"], strict=True)) == [
        ("LLaVA", made.THOR),
        ("SmolVLM2", f"{made.THOR} (aaaaaaa)"),
        ("SmolVLM2", f"{made.THOR} (bbbbbbb)"),
    ]


def test_a_pair_that_failed_before_its_sensor_was_read_joins_its_device(tmp_path: Path) -> None:
    """A failed pair with an unknown power scope joins one of two scopes instead of a third device."""
    failed = unmeasured("phi", "bf16")
    failed["power"]["scope"] = None
    made.on(tmp_path, [with_value("power", "scope", "gpu"), failed])
    made.on(tmp_path, [with_value("power", "scope", "module")])

    assert set(made.table(tmp_path)["device"]) == {f"{made.THOR} (gpu power)", f"{made.THOR} (module power)"}


def computed_by(uuid: str) -> dict[str, Any]:
    """Return a Record of one GPU."""
    return with_value("engine", "gpu_uuid", uuid)


@pytest.mark.parametrize(
    ("first", "second", "labels"),
    [
        (
            {"records": [computed_by("GPU-1111aaaa-22")]},
            {"records": [computed_by("GPU-1111bbbb-22")]},
            {"Jetson Thor (GPU 1111aaa)", "Jetson Thor (GPU 1111bbb)"},
        ),
        (
            {"records": [record()], "gpu": "NVIDIA Thor"},
            {"records": [record()], "gpu": "NVIDIA GB10"},
            {"Jetson Thor (NVIDIA Thor)", "Jetson Thor (NVIDIA GB10)"},
        ),
        (
            {"records": [record()], "kind": "jetson-thor"},
            {"records": [record()], "kind": "gb10"},
            {"Jetson Thor (jetson-thor)", "Jetson Thor (gb10)"},
        ),
    ],
    ids=["two boards", "two GPUs", "two kinds"],
)
def test_two_devices_of_one_name_are_told_apart(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], labels: set[str]
) -> None:
    """Devices with one name are kept apart: their labels name the difference."""
    made.on(tmp_path, **first)
    made.on(tmp_path, **second)

    assert set(made.table(tmp_path)["device"]) == labels
