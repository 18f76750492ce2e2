"""A study of thousands of runs whose child is killed again and again: nothing is lost, and nothing is left over.

The models are LLaVA's classes with photographs of 4 image tokens, so that a run takes milliseconds.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.record import find_violations
from tests.support import product
from tests.support.processes import children, gone, workers

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from tests.perf.conftest import Size

LOOK_S = 0.02
MOST_GROWTH_BYTES = 30_000_000
MORE = (
    '    *(_spec(f"-{number}", "7b", "main", parameters=0, text=(4096, 11008, 32, 32))'
    " for number in range({models})),\n)\n"
)


@dataclass
class Watched:
    """What was seen of a session while it ran."""

    rss: list[int] = field(default_factory=list)  # when a pair was done, bytes
    files: list[int] = field(default_factory=list)  # open when a pair's runs began
    descendants: set[int] = field(default_factory=set)
    killed: int = 0
    runs: int = 0
    read: int = 0  # bytes of the journal
    last: str = ""  # what its last line is about


def copy(root: Path, models: int) -> list[str]:
    """Copy the suite to `root` with so many fast models, and return their names."""
    shutil.copytree(product.ROOT / "benchmarks", root / "benchmarks", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(product.ROOT / name, root)
    family = root / "benchmarks/models/llava.py"
    text = family.read_text()
    assert text.count("image_size=336") == 1
    text = text.replace("image_size=336", "image_size=28")
    family.write_text(text.rstrip().removesuffix(")") + MORE.replace("{models}", str(models)))
    return [f"llava-{number}" for number in range(models)]


def look(pid: int, journal: Path, watched: Watched) -> None:
    """Read what the journal has gained, and measure the session whenever a pair begins its runs or is done."""
    with journal.open("rb") as file:
        file.seek(watched.read)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    watched.read += len(whole)
    for line in map(json.loads, whole.splitlines()):
        watched.last = line.get("do", "")
        watched.runs += watched.last == "run"
        if watched.last == "segment":  # a pair's runs begin: the quietest moment
            watched.files.append(sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))
        if watched.last == "done":
            status = Path(f"/proc/{pid}/status").read_text()
            watched.rss.append(int(status.partition("VmRSS:")[2].split()[0]) * 1024)


def watch(session: subprocess.Popen[bytes], folder: Path, moments: list[int]) -> Watched:
    """Follow a session to its end, and kill its child whenever as many runs are written as `moments` say next."""
    watched = Watched()
    while session.poll() is None:
        time.sleep(LOOK_S)
        found = workers(session.pid)
        watched.descendants |= {*children(session.pid)}
        journal = next(iter(folder.glob("*.jsonl")), None)
        if journal is None:
            continue
        try:
            look(session.pid, journal, watched)
        except FileNotFoundError:  # it is removed with the save
            continue
        due = watched.killed < len(moments) and watched.runs >= moments[watched.killed]
        if due and found and watched.last in ("run", "samples"):
            with suppress(ProcessLookupError):  # its pair has just ended
                os.kill(found[0], signal.SIGKILL)
                watched.killed += 1
                watched.last = "killed"
    return watched


def soak(root: Path, size: Size) -> tuple[dict[str, Any], Watched]:
    """Run a session in a copy, kill its child, and return its save and what was seen."""
    models = copy(root, size.soak_pairs // 2)
    options = [f"--models={','.join(models)}", f"--runs={size.soak_runs}", "--new-tokens=2", "--warmup-runs=1"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "benchmarks", "--weights=mini", *options]
    settings = product.environment() | {"PYTHONPATH": str(root), "EDGE_VLM_BENCH_CACHE": str(root / "cache")}
    runs = range(1, size.soak_pairs * size.soak_runs * 9 // 10)
    moments = sorted(random.Random(1).sample(runs, size.kills))  # noqa: S311 - nothing to guess here
    command += ["--benchmark-save=soak"]
    with (
        (root / "said").open("wb") as said,
        subprocess.Popen(command, cwd=root, env=settings, stdout=said, stderr=said) as session,
    ):
        try:
            watched = watch(session, root / "results/.journal", moments)
        finally:
            session.kill()
    assert session.returncode == 0, (root / "said").read_text()
    assert gone(sorted(watched.descendants))
    (path,) = (root / "results").rglob("*.json")
    return json.loads(path.read_text()), watched


def test_nothing_is_lost(benchmark: BenchmarkFixture, size: Size, tmp_path: Path) -> None:
    """Every run that no kill hit is in the save, the parent's memory stays flat, and no file stays open."""
    save, watched = benchmark.pedantic(soak, args=(tmp_path, size))
    records = [bench["extra_info"] for bench in save["benchmarks"]]
    counts = [record["counts"] for record in records]
    growth = max(watched.rss) - watched.rss[0]
    benchmark.extra_info.update(killed=watched.killed, parent_growth_bytes=growth, parent_rss_bytes=max(watched.rss))

    assert len(records) == size.soak_pairs
    assert watched.killed == size.kills
    assert sum(count["failed"] for count in counts) <= size.kills
    assert sum(count["restarts"] for count in counts) >= size.kills - size.soak_pairs  # the last run needs no other
    for record, count in zip(records, counts, strict=True):
        assert count["good"] + count["failed"] == size.soak_runs
        assert len(record["runs"]["latency_s"]) == count["good"]
        assert list(find_violations(record)) == []
    assert growth < MOST_GROWTH_BYTES
    assert max(watched.files) == watched.files[0]
    assert list((tmp_path / "results/.journal").iterdir()) == []
