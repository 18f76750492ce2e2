"""Comparison of saves: ratios for the same work, and reasons for different work.

Tests plotting.comparison.compare and plotting.comparison.sides.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from plotting import load
from plotting.comparison import compare, render
from plotting.table import build
from tests.support import made
from tests.support.factory import NO_SENSOR, record, save, unmeasured

if TYPE_CHECKING:
    from pathlib import Path


def compare_saves(folder: Path, *contents: list[dict[str, Any]]) -> list[compare.Line]:
    """Return the comparison of saves a, b, ... with these Records; a is the baseline."""
    names = "abcdef"[: len(contents)]
    tables = {name: made.one(folder / name, *records) for name, records in zip(names, contents, strict=True)}
    return compare.compare_sides(tables)


def cell(found: list[compare.Line], save: str, metric: str = "tokens_per_sec", pair: str = "Phi bf16") -> compare.Line:
    """Return the one line of a pair, metric and save."""
    [line] = [line for line in found if (line.pair, line.metric, line.save) == (pair, metric, save)]
    return line


def test_the_first_save_is_the_baseline(tmp_path: Path) -> None:
    """Every later save has a ratio, value / baseline; the first save has none."""
    contents = [[record("phi", latency_s=latency)] for latency in (0.5, 0.25, 1.0)]
    found = compare_saves(tmp_path, *contents)

    assert [(cell(found, name).value, cell(found, name).ratio) for name in "abc"] == [
        (32.0, None),
        (64.0, pytest.approx(2.0)),
        (16.0, pytest.approx(0.5)),
    ]
    assert cell(found, "b", "latency_p50_s").ratio == pytest.approx(0.5)
    assert cell(found, "b", "joules_per_token").ratio == pytest.approx(0.5)
    assert {line.why for line in found if line.metric not in ("avg_ram_gb", "load_time_s", "avg_power_watts")} == {""}
    assert {line.metric for line in found} == set(compare.COMPARED)


def changed(section: str, field: str, value: object) -> dict[str, Any]:
    """Return a Record of Phi with one changed value."""
    built = record("phi", latency_s=0.25)
    built[section][field] = value
    return built


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (changed("checkpoint", "weights", "random"), "weights (mini, random)"),
        (changed("checkpoint", "name", "Phi-3"), f"checkpoint ({record('phi')['checkpoint']['name']}, Phi-3)"),
        (changed("checkpoint", "revision", "c" * 40), "revision (none, cccccccccccc)"),
        (changed("workload", "hash", "another"), "workload (its hash)"),
        (changed("engine", "name", "compiled"), "engine (eager, compiled)"),
    ],
)
def test_unlike_work_has_no_ratio(tmp_path: Path, other: dict[str, Any], words: str) -> None:
    """Different work leaves every metric without a ratio and names the difference; the values stay."""
    found = compare_saves(tmp_path, [record("phi")], [other])

    for metric in compare.COMPARED:
        line = cell(found, "b", metric)
        assert (line.ratio, line.why) == (None, f"differs in {words}")
        assert line.value is not None


IMAGE = {"name": "a.jpg", "sha256": "f" * 64, "licence": "CC0"}


def test_all_that_differs_is_named(tmp_path: Path) -> None:
    """Every difference is named, with the values of both sides."""
    other = record("phi", new_tokens=32, batch_size=4)
    other["checkpoint"]["weights"] = "random"
    other["workload"] |= {"prompts": ["What?"], "images": [IMAGE]}

    assert cell(compare_saves(tmp_path, [record("phi")], [other]), "b").why == (
        "differs in weights (mini, random), workload (new tokens 16, 32, batch 1, 4, photographs, prompts)"
    )


@pytest.mark.parametrize(
    ("other", "words", "barred"),
    [
        (changed("power", "scope", "module"), "power scope (gpu, module)", {"joules_per_token", "avg_power_watts"}),
        (changed("power", "scope_mismatch", True), "scope mismatch (no, yes)", {"joules_per_token", "avg_power_watts"}),
        (changed("memory", "kind", "unified"), "what counts as RAM (host, unified)", {"avg_ram_gb"}),
    ],
)
def test_different_sensors_prevent_only_their_own_ratios(
    tmp_path: Path, other: dict[str, Any], words: str, barred: set[str]
) -> None:
    """Another sensor scope prevents only energy ratios, another kind of memory only RAM ratios."""
    found = [line for line in compare_saves(tmp_path, [record("phi")], [other]) if line.save == "b"]

    assert {line.metric for line in found if line.ratio is None} == barred
    assert {line.why for line in found if line.ratio is None} == {f"differs in {words}"}


def side(folder: Path, *sessions: tuple[int, float]) -> pd.DataFrame:
    """Return a side of sessions of Phi, each (hour of the day, latency)."""
    stamps = [f"2026-11-24T{hour:02d}:00:00+00:00" for hour, _ in sessions]
    tables = [
        made.one(folder / stamp, record("phi", latency_s=latency), datetime=stamp)
        for stamp, (_, latency) in zip(stamps, sessions, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def test_sessions_that_were_not_in_turn_are_said(tmp_path: Path) -> None:
    """If all sessions of one side ran before the other side's, the basis of the verdict says so."""
    block = {"a": side(tmp_path / "a", (1, 0.5), (2, 0.51)), "b": side(tmp_path / "b", (3, 0.5), (4, 0.51))}
    turns = {"a": side(tmp_path / "c", (1, 0.5), (3, 0.51)), "b": side(tmp_path / "d", (2, 0.5), (4, 0.51))}
    found, in_turn = compare.compare_sides(block), compare.compare_sides(turns)

    assert cell(found, "b").basis == "2 + 2 sessions, not in turn"
    assert cell(in_turn, "b").basis == "2 + 2 sessions"


def test_the_order_of_sessions_without_dates_is_that_of_their_numbers(tmp_path: Path) -> None:
    """Where a clock was never set, the numbers of the saves say whether sides were in turn, and a remark says so."""
    tables = {}
    for name, numbers in (("a", (1, 3)), ("b", (2, 4)), ("c", (5, 6))):
        paths = [save(tmp_path / f"{at:04d}_x.json", [record("phi", latency_s=0.5 + at / 1000)], datetime="1970-01-01")
                 for at in numbers]  # fmt: skip
        tables[name] = pd.concat([build.build(load.load([path])) for path in paths])
    found = compare.compare_sides(tables)

    assert [cell(found, name).basis for name in "bc"] == ["2 + 2 sessions", "2 + 2 sessions, not in turn"]
    assert cell(found, "a").remark == "a clock was never set, so the numbers of the saves give their order"


def test_an_invalid_row_keeps_its_ram_and_load_time(tmp_path: Path) -> None:
    """An MBU over 1 leaves RAM and load time comparable, and nothing else."""
    over = record("phi")
    over["roofline"]["bandwidth_bytes_per_s"] = 1e6
    sides = {name: pd.concat([made.one(tmp_path / f"{name}{at}", over) for at in range(2)]) for name in "ab"}
    for side_rows in sides.values():
        side_rows["datetime"] = ["2026-11-24T01", "2026-11-24T02"]
    found = [line for line in compare.compare_sides(sides) if line.save == "b" and line.verdict == "within noise"]

    assert {line.metric for line in found} == {"avg_ram_gb", "load_time_s"}


def test_a_side_is_the_geometric_mean_of_its_sessions(tmp_path: Path) -> None:
    """The value of several sessions is their geometric mean, and the ratio is that of the values shown."""
    sides = {"a": side(tmp_path / "a", (1, 0.4), (3, 0.5)), "b": side(tmp_path / "b", (2, 0.8), (4, 1.0))}
    line, before = (cell(compare.compare_sides(sides), name) for name in "ba")

    assert before.value == pytest.approx(16 / (0.4 * 0.5) ** 0.5)
    assert (line.value or 0) / (before.value or 1) == pytest.approx(line.ratio)
    assert (before.low, before.high, before.sessions) == (None, None, 2)


def test_rows_that_cannot_be_right_are_not_compared(tmp_path: Path) -> None:
    """A row with infinite outputs, or with an MBU over 1, is not comparable, with the reason."""
    odd, over = record("phi"), record("phi")
    odd["health"]["finite_logits"] = False
    over["roofline"]["bandwidth_bytes_per_s"] = 1e6
    found = compare_saves(tmp_path, [record("phi")], [odd], [over])

    assert (cell(found, "b").verdict, cell(found, "b").why) == ("not comparable", "outputs are not finite")
    assert cell(found, "c").why.startswith("MBU would be ")


def test_other_differences_are_named(tmp_path: Path) -> None:
    """Another version or power mode allows a ratio, and is named."""
    newer = record("phi")
    newer["engine"]["versions"]["torch"] = "2.15.0"
    tables = {
        "a": made.one(tmp_path / "a", record("phi"), power_mode="30W"),
        "b": made.one(tmp_path / "b", newer, power_mode="MAXN"),
    }
    line = cell(compare.compare_sides(tables), "b")

    assert (line.ratio, line.differs) == (1, "power mode: 30W, MAXN; torch: 2.14.1, 2.15.0")


def test_what_differs_between_sessions_of_a_side_is_said(tmp_path: Path) -> None:
    """All versions within a side are named, even if both sides have the same two."""
    mixed = {name: [record("phi"), record("phi", latency_s=0.51)] for name in "ab"}
    for first, second in mixed.values():
        first["engine"]["versions"]["torch"], second["engine"]["versions"]["torch"] = "2.14.1", "2.15.0"
    tables = {
        name: pd.concat([made.one(tmp_path / f"{name}{at}", built) for at, built in enumerate(records)])
        for name, records in mixed.items()
    }

    assert cell(compare.compare_sides(tables), "b").differs == "torch: 2.14.1 and 2.15.0, 2.14.1 and 2.15.0"


def test_problems_of_a_side_are_named(tmp_path: Path) -> None:
    """A side's remark names failed runs, missing runs and throttling; otherwise it is empty."""
    odd = record("phi", planned=20)
    odd["counts"] |= {"attempted": 12, "failed": 2}
    odd["health"]["throttled"] = ["thermal"]
    found = compare_saves(tmp_path, [record("phi")], [odd])

    assert cell(found, "a").remark == ""
    assert cell(found, "b").remark == ("2 of 12 runs failed; stopped after 12 of 20 runs; throttled (thermal)")


def test_missing_pairs_are_said(tmp_path: Path) -> None:
    """A pair that only one save has, or that failed in one, has a reason on the other side, and no ratio."""
    found = compare_saves(tmp_path, [record("phi"), unmeasured("llava", "bf16")], [record("smolvlm2"), record("llava")])

    assert (cell(found, "b").value, cell(found, "b").why) == (None, "not in this save")
    failed = unmeasured("llava", "bf16")["message"]
    assert cell(found, "a", pair="LLaVA bf16").why == f"failed: {failed}"
    assert cell(found, "b", pair="LLaVA bf16").why == "baseline: failed"
    assert cell(found, "a", pair="SmolVLM2 bf16").why == "not in this save"
    assert cell(found, "b", pair="SmolVLM2 bf16").why == "not in the baseline"
    assert {line.ratio for line in found} == {None}


def test_a_missing_sensor_is_said(tmp_path: Path) -> None:
    """Energy that one save lacks is None with its reason, never 0 or a ratio to 0."""
    found = compare_saves(tmp_path, [record("phi", power_w=None)], [record("phi")])

    assert (cell(found, "a", "joules_per_token").value, cell(found, "a", "joules_per_token").why) == (None, NO_SENSOR)
    assert cell(found, "b", "joules_per_token").ratio is None
    assert cell(found, "b", "joules_per_token").why == "the baseline has no value"
    assert cell(found, "b", "tokens_per_sec").ratio == pytest.approx(1.0)


def test_pairs_are_in_the_studys_order(tmp_path: Path) -> None:
    """Pairs are in the study's order, each once, independent of the order in the saves."""
    found = compare_saves(
        tmp_path,
        [record("gemma3n"), record("phi"), record("smolvlm2")],
        [record("smolvlm2"), record("phi"), record("gemma3n")],
    )

    assert list(dict.fromkeys(line.pair for line in found)) == ["Gemma3N bf16", "Phi bf16", "SmolVLM2 bf16"]
    assert len(found) == 3 * 2 * len(compare.COMPARED)


def test_values_near_the_smallest_float_are_compared(tmp_path: Path) -> None:
    """A save with almost no energy is compared as far as possible, without a warning."""
    damaged = record("phi")
    damaged["runs"]["energy_j"] = [1e-307] * 10
    damaged["power"]["phases"] = record("phi", power_w=None)["power"]["phases"]
    found = compare_saves(tmp_path, [damaged], [record("phi")])

    assert cell(found, "b", "joules_per_token").why == "the ratio of these values is not finite"
    assert cell(found, "b", "ttft_p50_s").verdict == "within noise"
    json.loads(render.write_json(found), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
