"""Sessions that are killed, hang or meet another: at most the run in flight is lost. Real kills, real processes.

Tests benchmarks.storage.resume.
"""

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from benchmarks.pair.measure import TRIES
from benchmarks.pair.run_log import MAX_RESTARTS_IN_A_ROW
from benchmarks.record import ENERGY_COVERAGE, find_violations
from benchmarks.storage import journal
from tests.support import product
from tests.support.meanwhile import runs, when
from tests.support.miniatures import copy_miniature, copy_with_template, replace_weights, write_photograph
from tests.support.processes import gone, workers
from tests.support.stops import OPTIONS, RUNS, stop
from tests.support.traces import WATTS, write_trace

ENDED = Event()
HANG = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"


@dataclass(frozen=True)
class Killed:
    """A session that was killed in its second pair, and its two --resume: of the first, that pair's weights are cut.

    Attributes:
        descendants: the processes that the killed session had.
        left: how many saves it left.
        done: runs of the second pair in its journal.
        stuck: the first --resume.
        last: the second, with the whole weights.
    """

    storage: Path
    descendants: list[int]
    left: int
    done: int
    stuck: subprocess.CompletedProcess[str]
    last: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """Kill a session of two pairs beside a known power, and resume it twice."""
    folder = tmp_path_factory.mktemp("killed")
    storage, cache = folder / "results", folder / "cache"
    copy_miniature("llava", cache)
    second = copy_miniature("smolvlm2", cache)
    options = [*OPTIONS, f"--power-monitor=replay:{write_trace(folder / 'trace.csv')}"]
    session = ["env", f"EDGE_VLM_BENCH_CACHE={cache}", *product.command(storage, *options)]
    _, descendants, _ = stop(session, signal.SIGKILL)
    assert gone(descendants)
    left, done = len(product.read_saves(storage)), product.count_lines(storage, "run") - RUNS
    whole = (second / "model.safetensors").read_bytes()
    replace_weights(second, whole[:1000])
    stuck = product.measure_here(storage, *options, "--resume", EDGE_VLM_BENCH_CACHE=str(cache))
    replace_weights(second, whole)
    last = product.measure_here(storage, *options, "--resume", EDGE_VLM_BENCH_CACHE=str(cache))
    return Killed(storage, descendants, left, done, stuck, last)


def test_sigkill_and_resume(killed: Killed) -> None:
    """After SIGKILL nothing is left running, and --resume gives the save that an undisturbed session would."""
    assert killed.descendants
    assert killed.left == 0
    assert killed.last.returncode == 0, killed.last.stdout
    save = product.read_saves(killed.storage)[-1]
    records = {bench["params"]["model"]: bench["extra_info"] for bench in save["benchmarks"]}
    assert set(records) == {"llava", "smolvlm2"}
    for bench in save["benchmarks"]:
        record = bench["extra_info"]
        runs = record["runs"]
        assert runs["run"] == list(range(RUNS))
        assert bench["stats"]["total"] == pytest.approx(sum(runs["latency_s"]))
        columns = zip(runs["energy_j"], runs["energy_coverage"], runs["latency_s"], strict=True)
        covered = [(joules, seconds) for joules, share, seconds in columns if share >= ENERGY_COVERAGE]
        assert len(covered) >= RUNS - 1  # the run before the kill may lack the sample after its end
        assert sum(j for j, _ in covered) == pytest.approx(WATTS * sum(s for _, s in covered), rel=0.01)
        assert sum(runs["new_tokens"]) == RUNS * product.NEW_TOKENS
        assert list(find_violations(record)) == []
    assert records["llava"]["interruptions"] == []
    (interruption,) = records["smolvlm2"]["interruptions"]
    assert interruption["after_runs"] == killed.done
    assert 0 < killed.done < RUNS
    assert interruption["same_boot"] is True
    assert list((killed.storage / ".journal").iterdir()) == []


def test_a_pair_that_cannot_go_on_stays_resumable(killed: Killed) -> None:
    """Where --resume cannot load the model of an interrupted pair, nothing is concluded: the next --resume may."""
    stuck, last = product.read_saves(killed.storage)
    (found,) = stuck["unmeasured"]

    assert killed.stuck.returncode == 1
    assert [bench["params"]["model"] for bench in stuck["benchmarks"]] == ["llava"]
    assert (found["reason"], found["counts"]["good"], found["failures"]["count"]) == ("interrupted", killed.done, 0)
    assert f" {killed.done} of 12 runs and could not continue: SafetensorError: " in found["message"]
    assert found["message"] in killed.stuck.stdout
    assert "type the same command with --resume to continue" in killed.stuck.stdout
    record = last["benchmarks"][1]["extra_info"]
    assert record["counts"]["good"] == RUNS
    assert record["failures"]["count"] == 0


@dataclass(frozen=True)
class Beside:
    """A session that ran while another of its name was stopped, beside an unfinished one.

    Attributes:
        said: what it said.
        first: what the other said.
        left: the journal of the unfinished one.
        before: what that held.
    """

    storage: Path
    said: str
    first: str
    left: Path
    before: bytes


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Beside:
    """Measure a pair twice at once, beside the journal of a session that did not end."""
    storage = tmp_path_factory.mktemp("beside")
    head = {"save": "orin", "pairs": ["llava-bf16", "phi-bf16"], "boot": "", "fingerprint": {}}
    left = journal.create_journal(storage / ".journal", head, print)
    left.append("llava-bf16", [{"do": "done", "record": {}}])
    left.close()
    before = left.path.read_bytes()
    with product.Terminal(product.command(storage, *OPTIONS, "--models=llava", "--runs=20")) as terminal:
        terminal.wait_for("llava-bf16  run ")
        terminal.process.send_signal(signal.SIGSTOP)  # so that it is there until the other has ended
        second = product.measure_here(storage, *OPTIONS, "--models=llava")
        terminal.process.send_signal(signal.SIGCONT)
        assert terminal.finish() == 0, terminal.said
    assert second.returncode == 0, second.stdout
    return Beside(storage, second.stdout, terminal.said, left.path, before)


def test_an_unfinished_session_is_listed(beside: Beside) -> None:
    """A session that is begun beside an unfinished one says how to go on with it, and leaves it as it is."""
    assert "Unfinished: orin of " in beside.said
    assert "1 of 2 pairs done; type --benchmark-save=orin --resume to continue it" in beside.said
    assert beside.left.read_bytes() == beside.before
    assert list((beside.storage / ".journal").iterdir()) == [beside.left]  # those of the others are gone


def test_two_sessions_of_one_name_are_two_saves(beside: Beside) -> None:
    """A session beside a running one of its name says so; each keeps a journal and a save of its own, both whole."""
    found = product.read_saves(beside.storage)

    assert "Running: another session, thor, is measuring on this machine, and each slows the other" in beside.said
    assert "Running: " not in beside.first
    assert sorted(path.name for path in beside.storage.rglob("*.json")) == ["0001_thor.json", "0002_thor.json"]
    assert sorted(save["benchmarks"][0]["extra_info"]["counts"]["good"] for save in found) == [RUNS, 20]


def test_a_run_that_hangs_ends_at_its_timeout(tmp_path: Path) -> None:
    """A run that hangs is killed at --run-timeout and counted, its process is replaced, and the others are measured."""
    cache = tmp_path / "cache"
    copy_with_template("llava", cache, "{% if 'hang' in messages[0]['content'][1]['text'] %}" + HANG + "{% endif %}")
    photograph, prompts = write_photograph(tmp_path / "grey.png"), tmp_path / "prompts.txt"
    prompts.write_text("What is it?\nPlease hang.\n")
    options = ["--models=llava", "--precisions=bf16", "--runs=3", "--warmup-runs=0", "--run-timeout=6"]
    inputs = [f"--images={photograph}", f"--prompts={prompts}"]
    done = product.measure_here(tmp_path / "results", *options, *inputs, EDGE_VLM_BENCH_CACHE=str(cache))

    (save,) = product.read_saves(tmp_path / "results")
    record = save["benchmarks"][0]["extra_info"]
    assert record["counts"] | {"warmup": 0} == {
        "planned": 3, "attempted": 3, "good": 2, "failed": 1, "warmup": 0, "restarts": 1,
    }  # fmt: skip
    assert record["failures"]["by_reason"] == {"timeout": 1}
    assert "no answer within 6 s (--run-timeout)" in done.stdout


def kill_workers(times: float) -> Callable[[], None]:
    """Return what kills so many workers of a session in this process, each as soon as it takes requests."""

    def kill() -> None:
        left, killed = times, set[int]()
        while left and not ENDED.wait(0.01):
            for worker in set(workers(os.getpid())) - killed:
                with suppress(OSError):  # its pair has just ended
                    if Path(f"/proc/{worker}/oom_score_adj").read_text() == "1000\n":
                        os.kill(worker, signal.SIGKILL)
                        killed.add(worker)
                        left -= 1

    ENDED.clear()
    return kill


def test_a_child_that_is_killed_once_before_the_runs_costs_nothing(tmp_path: Path) -> None:
    """A process that is killed while it loads is replaced: that is said and counted, and every run is good."""
    options = ["--models=llava", "--precisions=bf16", "--runs=3", "--benchmark-save=thor"]
    with when(lambda: True, kill_workers(1)):
        done = product.measure_here(tmp_path, *options)

    (save,) = product.read_saves(tmp_path)
    record = save["benchmarks"][0]["extra_info"]
    assert done.returncode == 0, done.stdout
    assert record["counts"]["good"] == 3
    assert record["failures"]["by_reason"] == {"SIGKILL": 1}
    assert record["failures"]["stage"] in ("load", "warmup")
    assert "llava-bf16: SIGKILL: the process that ran the model was killed (SIGKILL); it is tried again" in done.stdout


def test_a_child_that_is_always_killed_before_the_runs_failed(tmp_path: Path) -> None:
    """Where every process is killed before the runs the pair failed: nothing says that memory ran out."""
    options = ["--models=llava", "--precisions=bf16", "--runs=3", "--benchmark-save=thor"]
    with when(lambda: True, kill_workers(99)):
        try:
            done = product.measure_here(tmp_path, *options)
        finally:
            ENDED.set()

    (save,) = product.read_saves(tmp_path)
    (record,) = save["unmeasured"]
    assert done.returncode == 1
    assert record["reason"] == "failed"
    assert record["failures"]["by_reason"] == {"SIGKILL": TRIES}
    assert " (3 tries): SIGKILL: the process that ran the model was killed (SIGKILL)" in record["message"]
    assert list(find_violations(record)) == []


def test_a_child_that_always_dies_is_given_up(tmp_path: Path) -> None:
    """When every new process is killed as well, the pair ends after a few restarts, with what was good until then."""
    options = ["--models=llava", "--precisions=bf16", "--runs=2500", "--benchmark-save=thor"]
    with when(runs(tmp_path), kill_workers(99)):
        try:
            done = product.measure_here(tmp_path, *options)
        finally:
            ENDED.set()
    assert done.returncode == 0, done.stdout

    (save,) = product.read_saves(tmp_path)
    record = save["benchmarks"][0]["extra_info"]
    counts = record["counts"]
    assert record["failures"]["by_reason"]["SIGKILL"] >= 1
    assert counts["restarts"] == MAX_RESTARTS_IN_A_ROW + 1
    assert 0 < counts["good"] < counts["attempted"] < 2500
    assert f"llava-bf16: given up after {counts['attempted']} of 2500 runs." in done.stdout
