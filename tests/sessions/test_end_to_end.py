"""One pair through the whole path: command line, child, replayed power, save, CSV, figures, comparison.

Tests benchmarks.harness, benchmarks.pair.build_record, benchmarks.pair.measure, benchmarks.pair.meters,
benchmarks.pair.process, benchmarks.record.headline, benchmarks.state and benchmarks.test_generate.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

import pandas as pd
import pytest

from benchmarks.formatting import format_number
from benchmarks.record import Record, find_violations, sections
from benchmarks.record.typecheck import fits
from tests.support import product
from tests.support.traces import WATTS, write_trace

if TYPE_CHECKING:
    from pathlib import Path

RUNS = 4
PRODUCTS = {
    "plot_12_tokens_per_second.png",
    "plot_13_ram_usage.png",
    "plot_14_tokens_per_sec_per_watt.png",
    "plot_15_joules_per_token.png",
    "plot_16_load_time.png",
    "device_comparison_tokens_per_sec.png",
    "device_comparison_efficiency.png",
    "precision_comparison_fp16_vs_bf16.png",
    "combined_device_precision_comparison.png",
    "vision_model_metrics.csv",
    "benchmark_summary_report.txt",
    "README.md",
}


@dataclass(frozen=True)
class Study:
    """What one measuring session and `python -m plotting` left."""

    storage: Path
    plots: Path
    said: str
    save: dict[str, Any]

    @property
    def benchmark(self) -> dict[str, Any]:
        """The one benchmark of the save."""
        (found,) = self.save["benchmarks"]
        return dict(found)

    @property
    def row(self) -> dict[str, Any]:
        """The one row of the CSV."""
        (found,) = pd.read_csv(self.plots / "vision_model_metrics.csv").to_dict("records")
        return dict(found)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Measure one pair beside a known power trace, and make all products of it."""
    folder = tmp_path_factory.mktemp("study")
    storage, plots = folder / "results", folder / "plots"
    measured = product.measure_here(
        storage,
        "--models=llava",
        "--precisions=bf16",
        f"--runs={RUNS}",
        "--warmup-runs=1",
        f"--power-monitor=replay:{write_trace(folder / 'trace.csv')}",
        "--device-label=Bench",
        "--benchmark-save=known",
    )
    assert measured.returncode == 0, measured.stdout + measured.stderr
    drawn = product.plotting("--results", str(storage), "--out", str(plots))
    assert drawn.returncode == 0, drawn.stderr
    (path,) = storage.rglob("*.json")
    assert path.name == "0001_known.json"
    return Study(storage, plots, measured.stdout, json.loads(path.read_text()))


def test_known_energy_arrives_in_the_csv(study: Study) -> None:
    """A sensor that reads 40 W throughout gives 40 W, 40 J for each second of the windows, and J/token of that."""
    seconds, tokens = study.benchmark["stats"]["total"], RUNS * product.NEW_TOKENS
    row = study.row

    assert row["avg_power_watts"] == pytest.approx(WATTS, rel=1e-4)
    assert row["tokens_per_sec"] == pytest.approx(tokens / seconds, rel=1e-6)
    assert row["joules_per_token"] == pytest.approx(WATTS * seconds / tokens, rel=1e-4)
    assert row["tps_per_watt"] * row["joules_per_token"] == pytest.approx(1.0, rel=1e-6)
    assert row["net_joules_per_token"] == pytest.approx(0.0, abs=1e-3)  # the idle machine draws as much
    assert sum(study.benchmark["extra_info"]["runs"]["energy_j"]) == pytest.approx(WATTS * seconds, rel=1e-4)


def test_phases_that_are_too_short_are_no_joules(study: Study) -> None:
    """A miniature's phases of milliseconds are null at 20 Hz, in the Record and the CSV, and both say why."""
    phases = study.benchmark["extra_info"]["power"]["phases"]

    assert phases["run_count"] == RUNS
    for name in ("preprocess", "vision", "prefill", "decode"):
        assert phases[name]["energy_j"] is None
        assert phases[name]["reasons"]["energy_j"].startswith("below resolution")
        assert pd.isna(study.row[f"{name}_joules"])
    assert phases["decode"]["length_s"] == pytest.approx(sum(study.benchmark["extra_info"]["runs"]["decode_s"]))
    assert "below resolution" in study.row["not_measured"]


def test_the_uncertainty_arrives_in_the_csv(study: Study) -> None:
    """J/token has its standard uncertainty, of the counter's ticks alone: a replayed sensor states no gain."""
    row = study.row

    assert row["joules_per_token_uncertainty"] == pytest.approx(row["joules_per_token"] * row["energy_uncertainty"])
    assert row["uncertainty_kind"] == "statistical only"
    assert row["energy_budget"].startswith("edges ")
    assert study.benchmark["extra_info"]["power"]["idle_s"] == pytest.approx(3.0, abs=0.5)
    assert [row[name] for name in ("idle_before_w", "idle_after_w")] == [pytest.approx(WATTS, rel=1e-3)] * 2


def test_provenance_arrives_in_the_csv(study: Study) -> None:
    """Beside the joules stand the sensor, its scope and the method, and what was not measured has its reason."""
    row = study.row

    assert (row["power_monitor"], row["power_scope"], row["power_method"]) == ("replay", "module", "counter")
    assert row["power_source"] == "recorded trace trace.csv of bench meter"
    assert "recorded trace, not from these runs" in row["power_flags"]
    assert row["device"] == "Bench"
    assert (row["runs"], row["failed_runs"], row["weights"]) == (RUNS, 0, "mini")
    assert pd.isna(row["avg_vram_gb"])
    assert "avg_vram_gb" in row["not_measured"]


def test_rounds_are_runs(study: Study) -> None:
    """pytest-benchmark's statistics hold the windows of the measured runs, and warm-ups are none of its rounds."""
    stats, runs = study.benchmark["stats"], study.benchmark["extra_info"]["runs"]

    assert stats["rounds"] == RUNS
    assert stats["total"] == pytest.approx(sum(runs["latency_s"]))
    assert stats["max"] == pytest.approx(max(runs["latency_s"]))
    assert runs["run"] == list(range(RUNS))
    assert runs["new_tokens"] == [product.NEW_TOKENS] * RUNS
    assert runs["image_tokens"] == [576] * RUNS


def test_the_record_keeps_its_rules(study: Study) -> None:
    """The saved Record has every field of the schema, no null without a reason, and only what JSON has types for."""
    saved = study.benchmark["extra_info"]

    assert list(find_violations(saved)) == []
    assert set(saved) == set(get_type_hints(Record))
    for name in ("Pair", "Checkpoint", "Engine", "Load", "Counts", "Runs", "Failures", "Power", "Memory", "Health"):
        assert set(saved[name.lower()]) == set(get_type_hints(getattr(sections, name))), name
    assert set(saved["workload"]) == set(get_type_hints(sections.WorkloadInfo))
    assert fits(saved, Record)


def test_the_save_names_the_device_and_no_host(study: Study) -> None:
    """machine_info says which device it was in the words of --device-label, and holds no host name."""
    machine = study.save["machine_info"]

    assert machine["device"]["label"] == machine["node"] == "Bench"
    assert machine["device"]["memory_kind"] == "host"
    assert study.save["unmeasured"] == []


def test_every_product_is_there(study: Study) -> None:
    """CSV, nine figures, summary and page are written under their exact names, and the figures are PNGs."""
    found = {path.name: path for path in study.plots.iterdir()}

    assert set(found) == PRODUCTS | {"unmeasured_pairs.csv", "figures-data"}
    pictures = [path for name, path in found.items() if name.endswith(".png")]
    assert len(pictures) == 9
    assert all(path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000 for path in pictures)


def test_the_terminal_says_what_was_measured(study: Study) -> None:
    """The session ends with the pair's figures, where the save went, and what to type next."""
    *_, line = (text for text in study.said.splitlines() if text.startswith("llava-bf16  "))  # after any progress
    cells = line.split()

    assert [cells[1], cells[3]] == [format_number(study.row[name]) for name in ("tokens_per_sec", "joules_per_token")]
    assert cells[-1] == f"0/{RUNS}"
    assert "0001_known.json" in study.said
    assert "python -m plotting" in study.said


@pytest.mark.parametrize("command", [["compare"], ["list"], ["compare", "--columns=median", "--group-by=param:model"]])
def test_stock_commands_read_the_save(study: Study, command: list[str]) -> None:
    """pytest-benchmark's own command line reads the save, from the checkout whose conftest.py it imports."""
    done = product.run([str(product.tool("pytest-benchmark")), "--storage", str(study.storage), *command])

    assert done.returncode == 0, done.stderr
    assert ("0001_known.json" if command == ["list"] else "test_generate[llava-bf16]") in done.stdout
    assert "Traceback" not in done.stderr


def test_compare_reads_the_save(study: Study, tmp_path: Path) -> None:
    """Our comparison of a save with a copy of itself finds a ratio of 1 for each metric that both have."""
    (path,) = study.storage.rglob("*.json")
    again = tmp_path / "0002_again.json"
    again.write_bytes(path.read_bytes())
    done = product.plotting("compare", str(path), str(again), "--format=json")

    lines = {line["metric"]: line for line in json.loads(done.stdout) if line["save"] == "0002_again"}
    assert done.returncode == 0
    assert lines["joules_per_token"]["ratio"] == lines["tokens_per_sec"]["ratio"] == 1.0
