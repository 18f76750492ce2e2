"""Pairs that fail, in whole or in part, stop neither the others nor the save, and spoil no statistics.

The failures are real: checkpoints whose chat template refuses a prompt, or whose weights are cut off.
"""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from PIL import Image

from benchmarks.models import MODELS, miniature
from benchmarks.processes.helper import run_in_process
from benchmarks.record import faults
from tests.support import product

if TYPE_CHECKING:
    from pathlib import Path

REFUSAL = "{{ raise_exception('this prompt is refused') }}"
SOME = "{% if 'refuse' in messages[0]['content'][1]['text'] %}" + REFUSAL + "{% endif %}"
GOOD, SOMETIMES, NEVER, BROKEN = "moondream2", "phi", "llava-13b", "llava"


def checkpoint(model: str, cache: Path) -> Path:
    """Put the miniature of `model` into another cache, and return its directory there."""
    spec = MODELS[model]
    suite = miniature.find_cache_root()
    source = miniature.locate(spec, suite)
    if not source.is_dir():
        run_in_process("forkserver", miniature.build, spec, suite)
    return shutil.copytree(source, miniature.locate(spec, cache))


def refuse(model: str, cache: Path, when: str) -> None:
    """Have the chat template of `model` begin with `when`."""
    folder = checkpoint(model, cache)
    if (folder / "chat_template.jinja").exists():
        for file in folder.glob("chat_template*.jinja"):
            file.write_text(when + file.read_text())
    else:
        raise AssertionError(f"{folder} keeps its chat template elsewhere")


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
    checkpoint(GOOD, cache)
    refuse(SOMETIMES, cache, SOME)
    refuse(NEVER, cache, REFUSAL)
    weights = checkpoint(BROKEN, cache) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    photograph = folder / "grey.png"
    Image.new("RGB", (640, 480), "grey").save(photograph)
    prompts = folder / "prompts.txt"
    prompts.write_text("What is it?\nPlease refuse this.\n")
    options = ["--precisions=bf16", "--runs=6", "--warmup-runs=0", f"--images={photograph}", f"--prompts={prompts}"]
    names = f"{BROKEN},{NEVER},{SOMETIMES},{GOOD}"
    command = product.command(folder / "results", f"--models={names}", *options, "--benchmark-save=mixed")
    done = product.run(command, EDGE_VLM_BENCH_CACHE=str(cache))
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
        assert list(faults(found)) == []


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


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path) -> None:
    """Ctrl-C saves the finished pair as measured and the one in flight as interrupted, never as complete."""
    names = "--models=llava,smolvlm2"
    command = product.command(tmp_path, names, "--precisions=bf16", "--runs=40", "--benchmark-save=stopped")
    with product.Terminal(command) as terminal:
        terminal.wait_for("llava-bf16: measured, 40 of 40 runs good")
        terminal.wait_for("smolvlm2-bf16  run ")
        terminal.process.send_signal(signal.SIGINT)
        status = terminal.finish()

    (path,) = tmp_path.rglob("*.json")
    save = json.loads(path.read_text())
    (stopped,) = save["unmeasured"]
    assert status == 2
    assert [found["params"]["model"] for found in save["benchmarks"]] == ["llava"]
    assert (stopped["status"], stopped["pair"]["model"]) == ("interrupted", "smolvlm2")
    assert 0 < stopped["counts"]["attempted"] < 40
    assert list(faults(stopped)) == []
