"""Sessions that are killed, stopped or hang: at most the run in flight is lost. Real signals, real processes.

Tests benchmarks.signals and benchmarks.storage.resume.
"""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.pair.run_log import MAX_RESTARTS_IN_A_ROW
from benchmarks.record import ENERGY_COVERAGE, find_violations
from benchmarks.storage import journal, resume
from tests.support import product
from tests.support.miniatures import copy_miniature, copy_with_template, write_photograph
from tests.support.processes import catches, children, gone, workers
from tests.support.traces import WATTS, write_trace

RUNS = 12
OPTIONS = ("--models=llava,smolvlm2", "--precisions=bf16", f"--runs={RUNS}", "--warmup-runs=1", "--benchmark-save=thor")
HANG = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"


def stop(command: list[str], number: signal.Signals) -> tuple[int, list[int], str]:
    """Send a signal while the second pair is measured; return (exit code, its descendants then, what was said)."""
    with product.Terminal(command) as terminal:
        terminal.wait_for("llava-bf16: measured")
        terminal.wait_for("smolvlm2-bf16  run ")
        descendants = children(terminal.process.pid)
        terminal.process.send_signal(number)
        time.sleep(0.03)
        terminal.process.send_signal(number)  # they come in showers; the second Ctrl-C alone ends it at once
        return terminal.finish(), descendants, terminal.said


def command(storage: Path, *options: str) -> list[str]:
    """Return the command line of a session of two pairs of 12 runs."""
    return product.command(storage, *OPTIONS, *options)


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
    weights = copy_miniature("smolvlm2", cache) / "model.safetensors"
    options = [*OPTIONS, f"--power-monitor=replay:{write_trace(folder / 'trace.csv')}"]
    session = ["env", f"EDGE_VLM_BENCH_CACHE={cache}", *product.command(storage, *options)]
    _, descendants, _ = stop(session, signal.SIGKILL)
    assert gone(descendants)
    left, done = len(product.read_saves(storage)), product.count_lines(storage, "run") - RUNS
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    stuck = product.measure_here(storage, *options, "--resume", EDGE_VLM_BENCH_CACHE=str(cache))
    weights.write_bytes(whole)
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_session_saves_what_is_finished(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and SIGHUP save the finished pair, mark the other interrupted, and leave a journal to go on with."""
    status, descendants, said = stop(command(tmp_path), number)

    (save,) = product.read_saves(tmp_path)
    assert status == 2
    assert [bench["params"]["model"] for bench in save["benchmarks"]] == ["llava"]
    assert [(found["pair"]["model"], found["reason"]) for found in save["unmeasured"]] == [("smolvlm2", "interrupted")]
    assert "type the same command with --resume to continue" in said
    assert gone(descendants)
    assert len(list((tmp_path / ".journal").iterdir())) == 1


def test_a_terminal_that_goes_away_costs_nothing(tmp_path: Path) -> None:
    """Where the terminal is gone and nothing ignores or sends a signal, the session goes on to its save."""
    with product.Terminal(command(tmp_path, "--models=llava")) as terminal:
        terminal.wait_for("llava-bf16  run ")
        terminal.hang_up()

    (save,) = product.read_saves(tmp_path)
    assert save["benchmarks"][0]["stats"]["rounds"] == 12


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
    with product.Terminal(command(storage, "--models=llava", "--runs=20")) as terminal:
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


def test_a_child_that_always_dies_is_given_up(tmp_path: Path) -> None:
    """When every new process is killed as well, the pair ends after a few restarts, with what was good until then."""
    options = ["--models=llava", "--precisions=bf16", "--runs=2500", "--benchmark-save=thor"]
    with product.Terminal(product.command(tmp_path, *options)) as terminal:
        terminal.wait_for("llava-bf16  run ")
        while "tokens/s" not in terminal.said:
            terminal.read_for(0.05)
            for worker in workers(terminal.process.pid):
                os.kill(worker, signal.SIGKILL)
        assert terminal.finish() == 0, terminal.said

    (save,) = product.read_saves(tmp_path)
    record = save["benchmarks"][0]["extra_info"]
    counts = record["counts"]
    assert record["failures"]["by_reason"]["SIGKILL"] >= 1
    assert counts["restarts"] == MAX_RESTARTS_IN_A_ROW + 1
    assert 0 < counts["good"] < counts["attempted"] < 2500
    assert f"llava-bf16: given up after {counts['attempted']} of 2500 runs." in terminal.said


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    """A second Ctrl-C ends the session without waiting for its save; nothing is left running, and --resume goes on."""
    with product.Terminal(command(tmp_path)) as terminal:
        terminal.wait_for("smolvlm2-bf16  run ")
        descendants = children(terminal.process.pid)
        terminal.process.send_signal(signal.SIGINT)
        while catches(terminal.process.pid, signal.SIGINT):  # until the first has arrived
            pass
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.finish() == -signal.SIGINT

    assert product.read_saves(tmp_path) == []
    assert gone(descendants)
    (left,) = resume.list_journals(tmp_path / ".journal")
    done = journal.read_journal(left).record("llava-bf16")
    assert done is not None
    assert done["counts"]["good"] == 12


def test_a_signal_after_the_last_run_costs_no_pair(tmp_path: Path) -> None:
    """A session that is stopped between a pair's last run and its Record saves the pair as measured."""
    replay = f"--power-monitor=replay:{write_trace(tmp_path / 'trace.csv')}"  # it stays idle for seconds after the runs
    with product.Terminal(command(tmp_path / "results", "--models=llava", replay)) as terminal:
        while product.count_lines(tmp_path / "results", "run") < RUNS:
            terminal.read_for(0.02)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.finish() == 2

    (save,) = product.read_saves(tmp_path / "results")
    record = save["benchmarks"][0]["extra_info"]
    assert (record["status"], record["counts"]["good"]) == ("measured", 12)
    assert save["benchmarks"][0]["stats"]["rounds"] == 12
    assert save["unmeasured"] == []
    assert list(find_violations(record)) == []
