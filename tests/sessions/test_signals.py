"""Sessions that a signal stops, or whose terminal goes, save what is finished. Real signals, real processes.

Tests benchmarks.signals.
"""

import os
import signal
from pathlib import Path

import pytest

from benchmarks.record import find_violations
from benchmarks.storage import journal, resume
from tests.support import product
from tests.support.meanwhile import runs, when
from tests.support.processes import catches, children, gone
from tests.support.stops import OPTIONS, RUNS, stop
from tests.support.traces import write_trace


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_session_saves_what_is_finished(tmp_path: Path, number: signal.Signals) -> None:
    """SIGTERM and SIGHUP save the finished pair, mark the other interrupted, and leave a journal to go on with."""
    status, descendants, said = stop(product.command(tmp_path, *OPTIONS), number)

    (save,) = product.read_saves(tmp_path)
    assert status == 2
    assert [bench["params"]["model"] for bench in save["benchmarks"]] == ["llava"]
    assert [(found["pair"]["model"], found["reason"]) for found in save["unmeasured"]] == [("smolvlm2", "interrupted")]
    assert "type the same command with --resume to continue" in said
    assert gone(descendants)
    assert len(list((tmp_path / ".journal").iterdir())) == 1


def test_a_terminal_that_goes_away_costs_nothing(tmp_path: Path) -> None:
    """Where the terminal is gone and nothing ignores or sends a signal, the session goes on to its save."""
    with product.Terminal(product.command(tmp_path, *OPTIONS, "--models=llava")) as terminal:
        terminal.wait_for("llava-bf16  run ")
        terminal.hang_up()

    (save,) = product.read_saves(tmp_path)
    assert save["benchmarks"][0]["stats"]["rounds"] == 12


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    """A second Ctrl-C ends the session without waiting for its save; nothing is left running, and --resume goes on."""
    with product.Terminal(product.command(tmp_path, *OPTIONS)) as terminal:
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
    with when(runs(tmp_path / "results", RUNS), lambda: os.kill(os.getpid(), signal.SIGTERM)):
        done = product.measure_here(tmp_path / "results", *OPTIONS, "--models=llava", replay)
    assert done.returncode == 2, done.stdout

    (save,) = product.read_saves(tmp_path / "results")
    record = save["benchmarks"][0]["extra_info"]
    assert (record["status"], record["counts"]["good"]) == ("measured", 12)
    assert save["benchmarks"][0]["stats"]["rounds"] == 12
    assert save["unmeasured"] == []
    assert list(find_violations(record)) == []


STOPPING = """
import os
import signal

def pytest_benchmark_update_json():
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_signal_between_the_last_run_and_the_save_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stops a session after its last run ends it only once the save is written and the journal deleted."""
    (tmp_path / "stopping.py").write_text(STOPPING)
    monkeypatch.syspath_prepend(tmp_path)
    done = product.measure_here(tmp_path / "results", *OPTIONS, "--models=llava", "--runs=2", "-p", "stopping")
    assert done.returncode == 2, done.stdout + done.stderr

    (save,) = product.read_saves(tmp_path / "results")
    assert save["benchmarks"][0]["extra_info"]["counts"]["good"] == 2
    assert "SIGTERM came after the last run: the exit code is 2." in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not list((tmp_path / "results/.journal").iterdir())


def test_a_session_that_is_stopped_while_it_loads_can_continue(tmp_path: Path) -> None:
    """A session that is stopped before its first run says that no file was saved, and how to go on: that works."""
    journals = tmp_path / ".journal"
    with when(lambda: any(journals.glob("*.jsonl")), lambda: os.kill(os.getpid(), signal.SIGINT)):
        done = product.measure_here(tmp_path, *OPTIONS, "--models=llava", "--runs=2")
    assert done.returncode == 2, done.stdout

    assert product.read_saves(tmp_path) == []
    assert "No file was saved in this session.\nSome pairs are not finished: type the same command with --resume" in (
        done.stdout
    )
    assert product.measure_here(tmp_path, *OPTIONS, "--models=llava", "--runs=2", "--resume").returncode == 0
