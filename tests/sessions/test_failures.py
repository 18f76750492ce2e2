"""Pairs that fail, in whole or in part, stop neither the others nor the save, and spoil no statistics.

The failures are real: checkpoints whose chat template refuses a prompt, or whose weights are cut off.

Tests benchmarks.pair.checkpoint, benchmarks.pair.outcome, benchmarks.pair.state and benchmarks.worker.child.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import pytest

from benchmarks import power
from benchmarks.power.base import PowerMonitor, PowerSample, PowerTarget
from benchmarks.record import find_violations
from tests.support import product
from tests.support.miniatures import REFUSAL, copy_miniature, copy_with_template, replace_weights, write_photograph

if TYPE_CHECKING:
    from pathlib import Path

SOME = "{% if 'refuse' in messages[0]['content'][1]['text'] %}" + REFUSAL + "{% endif %}"
GOOD, SOMETIMES, NEVER, BROKEN = "moondream2", "phi", "llava-13b", "llava"


@dataclass(frozen=True)
class Session:
    """A session in which one pair is good, one fails sometimes, one always, and one cannot be loaded."""

    status: int
    said: str
    save: dict[str, Any]
    storage: Path

    @property
    def unmeasured(self) -> dict[str, dict[str, Any]]:
        """Records of the pairs without a good run."""
        return {found["pair"]["model"]: found for found in self.save["unmeasured"]}

    @property
    def benchmarks(self) -> dict[str, dict[str, Any]]:
        """Benchmarks of the measured pairs."""
        return {found["params"]["model"]: found for found in self.save["benchmarks"]}


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Measure four pairs, three of them broken in their own way."""
    folder = tmp_path_factory.mktemp("failures")
    cache = folder / "miniatures"
    copy_miniature(GOOD, cache)
    copy_with_template(SOMETIMES, cache, SOME)
    copy_with_template(NEVER, cache, REFUSAL)
    broken = copy_miniature(BROKEN, cache)
    replace_weights(broken, (broken / "model.safetensors").read_bytes()[:1000])
    photograph = write_photograph(folder / "grey.png")
    prompts = folder / "prompts.txt"
    prompts.write_text("What is it?\nPlease refuse this.\n")
    options = ["--precisions=bf16", "--runs=6", "--warmup-runs=0", f"--images={photograph}", f"--prompts={prompts}"]
    names = f"{BROKEN},{NEVER},{SOMETIMES},{GOOD}"
    options += [f"--models={names}", "--benchmark-save=mixed"]
    done = product.measure_here(folder / "results", *options, EDGE_VLM_BENCH_CACHE=str(cache))
    (path,) = (folder / "results").rglob("*.json")
    return Session(done.returncode, done.stdout + done.stderr, json.loads(path.read_text()), folder / "results")


def test_broken_pairs_stop_nothing(session: Session) -> None:
    """Every pair is tried, the good one is measured, the save is written, and the session's exit code is 1."""
    assert session.status == 1
    assert set(session.benchmarks) == {SOMETIMES, GOOD}
    assert set(session.unmeasured) == {BROKEN, NEVER}
    assert session.benchmarks[GOOD]["stats"]["rounds"] == 6


def test_failed_runs_are_counted_and_spoil_nothing(session: Session) -> None:
    """A pair that fails every other run keeps the good ones' time alone, and the failures by reason."""
    found = session.benchmarks[SOMETIMES]
    kept = found["extra_info"]

    assert kept["counts"] | {"warmup": 0} == {
        "planned": 6, "attempted": 6, "good": 3, "failed": 3, "warmup": 0, "restarts": 0,
    }  # fmt: skip
    assert kept["failures"]["by_reason"] == {"TemplateError": 3}
    assert kept["failures"]["first_message"] == "TemplateError: this prompt is refused"
    assert kept["runs"]["run"] == [0, 2, 4]
    assert found["stats"]["rounds"] == 3
    assert found["stats"]["total"] == pytest.approx(sum(kept["runs"]["latency_s"]))


def test_a_pair_that_always_fails_says_so_once(session: Session) -> None:
    """A pair without a good run is FAILED with one sentence, and its Record says how often and why."""
    sentence = f"{NEVER}-bf16 on "
    reported = [line for line in session.said.splitlines() if line.startswith("FAILED") and NEVER in line]

    assert len(reported) == 1
    assert session.unmeasured[NEVER]["status"] == "failed"
    assert session.unmeasured[NEVER]["message"].startswith(sentence)
    assert session.unmeasured[NEVER]["message"].endswith("failed all 6 runs: TemplateError: this prompt is refused")
    assert session.unmeasured[NEVER]["runs"] is None
    assert "Traceback" not in session.said


def test_a_checkpoint_that_cannot_be_loaded_is_tried_once(session: Session) -> None:
    """A load that fails is final for its pair: no run is attempted, and the loader's own words are kept."""
    found = session.unmeasured[BROKEN]

    assert found["failures"]["stage"] == "load"
    assert "could not be loaded: " in found["message"]
    assert found["counts"]["attempted"] == 0


def test_records_of_failures_keep_the_rules(session: Session) -> None:
    """Records of failed pairs have a reason beside each null, as those of measured ones have."""
    for found in session.save["unmeasured"]:
        assert list(find_violations(found)) == []


def test_failures_reach_the_products(session: Session, tmp_path: Path) -> None:
    """CSV, summary and page say which pairs failed and why, and how many runs of the measured ones did."""
    done = product.plotting("--results", str(session.storage), "--out", str(tmp_path / "plots"))
    assert done.returncode == 0, done.stderr

    gone = pd.read_csv(tmp_path / "plots/unmeasured_pairs.csv").set_index("model")
    rows = pd.read_csv(tmp_path / "plots/vision_model_metrics.csv").set_index("model")
    assert gone.loc["LLaVA-13B", "status"] == "failed"
    assert "this prompt is refused" in gone.loc["LLaVA-13B", "reason"]
    assert rows.loc["Phi", ["runs", "failed_runs"]].tolist() == [3, 3]
    for name in ("benchmark_summary_report.txt", "README.md"):
        assert "this prompt is refused" in (tmp_path / "plots" / name).read_text()


class Junk(PowerMonitor):
    """A sensor that soon returns what is no reading, has no remarks, and cannot be closed."""

    scope, remarks, count = "gpu", cast("tuple[str, ...]", None), 0

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:
        """Be open."""

    def read(self) -> list[PowerSample]:
        self.count += 1
        return cast("list[PowerSample]", [self.count]) if self.count > 9 else [PowerSample(time.monotonic_ns(), 40.0)]

    def close(self) -> None:
        raise SystemError


class Nonsense(Junk):
    """A sensor that states a period that is none."""

    period_s = math.nan


@pytest.mark.parametrize("sensor", [Junk, Nonsense])
def test_a_sensor_of_ones_own_costs_its_joules_alone(
    sensor: type[PowerMonitor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sensor that returns junk is lost, one that describes itself by NaN is refused; each run is measured."""
    monkeypatch.setitem(power.MONITORS, "own", sensor)
    options = ["--models=llava", "--precisions=bf16", "--runs=2", "--warmup-runs=0", "--power-monitor=own"]
    done = product.measure_here(tmp_path, *options)

    (save,) = product.read_saves(tmp_path)
    (record,) = (bench["extra_info"] for bench in save["benchmarks"])
    assert done.returncode == 0, done.stdout
    assert record["counts"]["good"] == 2
    assert list(find_violations(record)) == []
    said = "which is no list of readings" if sensor is Junk else "it describes itself with impossible values ("
    assert said in str(record["power"])
    assert said in done.stdout
