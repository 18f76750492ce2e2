"""Sessions that are killed, stopped or hang: at most the run in flight is lost. Real signals, real processes."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from benchmarks.pair.run_log import MAX_RESTARTS_IN_A_ROW
from benchmarks.record import ENERGY_COVERAGE, faults
from benchmarks.storage import journal, resume
from tests.support import product
from tests.support.processes import catches, children, gone, workers
from tests.test_end_to_end import NEW_TOKENS, WATTS, trace
from tests.test_failures import checkpoint, refuse

if TYPE_CHECKING:
    from pathlib import Path

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
    """Return a session of two pairs of 12 runs."""
    names = ["--models=llava,smolvlm2", "--precisions=bf16", "--runs=12", "--warmup-runs=1", "--benchmark-save=thor"]
    return product.command(storage, *names, *options)


def saves(storage: Path) -> list[dict[str, Any]]:
    """Return the saves in a folder, in order."""
    return [json.loads(path.read_text()) for path in sorted(storage.rglob("*.json"))]


def test_sigkill_and_resume(tmp_path: Path) -> None:
    """After SIGKILL nothing is left running, and --resume gives the save that an undisturbed session would."""
    storage = tmp_path / "results"
    replay = f"--power-monitor=replay:{trace(tmp_path / 'trace.csv')}"
    _, descendants, _ = stop(command(storage, replay), signal.SIGKILL)
    assert descendants
    assert gone(descendants)
    assert saves(storage) == []

    done = product.run(command(storage, replay, "--resume"))
    assert done.returncode == 0, done.stdout
    (save,) = saves(storage)
    records = {bench["params"]["model"]: bench["extra_info"] for bench in save["benchmarks"]}
    assert set(records) == {"llava", "smolvlm2"}
    for bench in save["benchmarks"]:
        record = bench["extra_info"]
        assert record["runs"]["run"] == list(range(12))
        assert bench["stats"]["total"] == pytest.approx(sum(record["runs"]["latency_s"]))
        runs = record["runs"]
        columns = zip(runs["energy_j"], runs["energy_coverage"], runs["latency_s"], strict=True)
        covered = [(joules, seconds) for joules, share, seconds in columns if share >= ENERGY_COVERAGE]
        assert len(covered) >= 11  # the run before the kill may lack the sample after its end
        assert sum(j for j, _ in covered) == pytest.approx(WATTS * sum(s for _, s in covered), rel=0.01)
        assert sum(record["runs"]["new_tokens"]) == 12 * NEW_TOKENS
        assert list(faults(record)) == []
    assert records["llava"]["interruptions"] == []
    (interruption,) = records["smolvlm2"]["interruptions"]
    assert 0 < interruption["after_runs"] < 12
    assert interruption["same_boot"] is True
    assert list((storage / ".journal").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_session_saves_what_is_finished(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and SIGHUP save the finished pair, mark the other interrupted, and leave a journal to go on with."""
    status, descendants, said = stop(command(tmp_path), number)

    (save,) = saves(tmp_path)
    assert status == 2
    assert [bench["params"]["model"] for bench in save["benchmarks"]] == ["llava"]
    assert [(found["pair"]["model"], found["reason"]) for found in save["unmeasured"]] == [("smolvlm2", "interrupted")]
    assert "type the same with --resume to continue" in said
    assert gone(descendants)
    assert len(list((tmp_path / ".journal").iterdir())) == 1


def test_a_terminal_that_goes_away_costs_nothing(tmp_path: Path) -> None:
    """Where the terminal is gone and nothing ignores or sends a signal, the session goes on to its save."""
    with product.Terminal(command(tmp_path, "--models=llava")) as terminal:
        terminal.wait_for("llava-bf16  run ")
        terminal.hang_up()

    (save,) = saves(tmp_path)
    assert save["benchmarks"][0]["stats"]["rounds"] == 12


def test_an_unfinished_session_is_listed(tmp_path: Path) -> None:
    """A session that is begun beside an unfinished one says how to go on with it, and leaves it as it is."""
    head = {"save": "thor", "pairs": ["llava-bf16", "phi-bf16"], "boot": "", "fingerprint": {}}
    left = journal.create_journal(tmp_path / ".journal", head, print)
    left.append("llava-bf16", [{"do": "done", "record": {}}])
    left.close()
    before = left.path.read_bytes()
    done = product.run(command(tmp_path, "--models=llava", "--runs=1"))

    assert "Unfinished: thor of " in done.stdout
    assert "1 of 2 pairs done; type --benchmark-save=thor --resume to continue it" in done.stdout
    assert left.path.read_bytes() == before
    assert list((tmp_path / ".journal").iterdir()) == [left.path]  # the new session's own is gone with its save


def test_two_sessions_of_one_name_are_two_saves(tmp_path: Path) -> None:
    """A session beside a running one of its name says so; each keeps a journal and a save of its own, both whole."""
    with product.Terminal(command(tmp_path, "--models=llava", "--runs=20")) as terminal:
        terminal.wait_for("llava-bf16  run ")
        terminal.process.send_signal(signal.SIGSTOP)  # so that it is there until the other has ended
        second = product.run(command(tmp_path, "--models=llava"))
        terminal.process.send_signal(signal.SIGCONT)
        assert terminal.finish() == 0, terminal.said

    assert second.returncode == 0, second.stdout
    assert "Running: another session, thor, is measuring on this machine, and each slows the other" in second.stdout
    assert "Running: " not in terminal.said
    assert sorted(path.name for path in tmp_path.rglob("*.json")) == ["0001_thor.json", "0002_thor.json"]
    assert sorted(save["benchmarks"][0]["extra_info"]["counts"]["good"] for save in saves(tmp_path)) == [12, 20]
    assert list((tmp_path / ".journal").iterdir()) == []


def test_a_run_that_hangs_ends_at_its_timeout(tmp_path: Path) -> None:
    """A run that hangs is killed at --run-timeout and counted, its process is replaced, and the others are measured."""
    cache = tmp_path / "cache"
    refuse("llava", cache, "{% if 'hang' in messages[0]['content'][1]['text'] %}" + HANG + "{% endif %}")
    photograph, prompts = tmp_path / "grey.png", tmp_path / "prompts.txt"
    Image.new("RGB", (640, 480), "grey").save(photograph)
    prompts.write_text("What is it?\nPlease hang.\n")
    options = ["--models=llava", "--precisions=bf16", "--runs=3", "--warmup-runs=0", "--run-timeout=6"]
    inputs = [f"--images={photograph}", f"--prompts={prompts}"]
    done = product.run(product.command(tmp_path / "results", *options, *inputs), EDGE_VLM_BENCH_CACHE=str(cache))

    (save,) = saves(tmp_path / "results")
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

    (save,) = saves(tmp_path)
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

    assert saves(tmp_path) == []
    assert gone(descendants)
    (left,) = resume.list_journals(tmp_path / ".journal")
    done = journal.read_journal(left).record("llava-bf16")
    assert done is not None
    assert done["counts"]["good"] == 12


def written(storage: Path, what: str) -> int:
    """Return how many lines of a kind the journals of a storage hold."""
    return sum(path.read_text().count(f'"do":"{what}"') for path in (storage / ".journal").glob("*.jsonl"))


def test_a_signal_after_the_last_run_costs_no_pair(tmp_path: Path) -> None:
    """A session that is stopped between a pair's last run and its Record saves the pair as measured."""
    replay = f"--power-monitor=replay:{trace(tmp_path / 'trace.csv')}"  # it stays idle for seconds after the runs
    with product.Terminal(command(tmp_path / "results", "--models=llava", replay)) as terminal:
        while written(tmp_path / "results", "run") < 12:
            terminal.read_for(0.02)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.finish() == 2

    (save,) = saves(tmp_path / "results")
    record = save["benchmarks"][0]["extra_info"]
    assert (record["status"], record["counts"]["good"]) == ("measured", 12)
    assert save["benchmarks"][0]["stats"]["rounds"] == 12
    assert save["unmeasured"] == []
    assert list(faults(record)) == []


def test_a_pair_that_cannot_go_on_stays_resumable(tmp_path: Path) -> None:
    """Where --resume cannot load the model of an interrupted pair, nothing is concluded: the next --resume may."""
    storage, cache = tmp_path / "results", tmp_path / "cache"
    folder = checkpoint("llava", cache)
    once = ["env", f"EDGE_VLM_BENCH_CACHE={cache}", *command(storage, "--models=llava", "--runs=40")]
    with product.Terminal(once) as terminal:
        while written(storage, "run") < 3:
            terminal.read_for(0.02)
        terminal.process.kill()
    done = written(storage, "run")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:1000])

    stuck = product.run([*once, "--resume"])
    (save,) = saves(storage)
    (found,) = save["unmeasured"]
    assert stuck.returncode == 1
    assert (found["reason"], found["counts"]["good"], found["failures"]["count"]) == ("interrupted", done, 0)
    assert "of 40 runs and could not continue: SafetensorError: " in found["message"]
    assert found["message"] in stuck.stdout
    assert "type the same with --resume to continue" in stuck.stdout

    (folder / "model.safetensors").write_bytes(whole)
    assert product.run([*once, "--resume"]).returncode == 0
    record = saves(storage)[1]["benchmarks"][0]["extra_info"]
    assert record["counts"]["good"] == 40
    assert record["failures"]["count"] == 0
