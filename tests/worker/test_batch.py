"""Batches: one that fits is measured, and one that cannot fit is refused before its first run.

Tests benchmarks.worker.batch.
"""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.machine import memory
from benchmarks.pair import handle
from benchmarks.processes.protocol import WorkerFailed
from benchmarks.worker.batch import BatchTooLarge
from tests.support import product
from tests.support.jobs import IMAGE_TOKENS, NEW_TOKENS, make_job

HUGE = 10**9
KV_BYTES = 2 * 2 * (4 * 16) * 2
"""Of a position in LLaVA's miniature: K and V of two layers with four heads of 16, in two bytes."""
PIXEL_BYTES = 3 * 336 * 336 * 2


def test_a_batch_that_cannot_fit_is_not_begun() -> None:
    """A batch is refused at the load if K, V and input tensors of its sequences exceed the free memory."""
    if memory.read_available_bytes() is None:
        pytest.skip("this system does not say what is available")
    small, huge = (
        handle.start(asked, isolation="process", start_method="forkserver")
        for asked in (make_job("llava"), replace(make_job("llava"), batch_size=HUGE))
    )
    small.load()
    positions = small.run([(0, 0)])["prompt_tokens"] + IMAGE_TOKENS["llava"]
    with pytest.raises(WorkerFailed) as refusal:
        huge.load()
    small.close()
    huge.close()

    each = KV_BYTES * (positions + NEW_TOKENS) + PIXEL_BYTES + 2 * 8 * positions  # ids and mask
    assert refusal.value.reason == BatchTooLarge.__name__
    said = re.match(
        rf"--batch-size={HUGE} needs at least ([\d.]+) GB in addition to the model, but ", str(refusal.value)
    )
    assert said
    assert float(said[1]) == pytest.approx(each * HUGE / 1e9, abs=0.1)


@pytest.mark.parametrize(("each", "most"), [(0.4e9, 25), (11e9, 1)])
def test_the_refusal_says_what_may_fit(each: float, most: int) -> None:
    """The error gives the needed and the available memory, and the largest batch that is not refused."""
    said = f"--batch-size=100 needs at least {each * 100 / 1e9:.1f} GB in addition to the model, but 10.0 GB are "

    assert str(BatchTooLarge(100, each, 10e9)) == f"{said}available; type --batch-size={most} or less"


def test_a_session_with_a_huge_batch_is_short(tmp_path: Path) -> None:
    """A pair whose batch cannot fit gets the status "did not fit" with the needed memory, and no run."""
    done = product.measure_here(tmp_path, "--models=llava", "--precisions=bf16", "--batch-size=1000000")
    (path,) = tmp_path.rglob("0001_*.json")
    (record,) = json.loads(path.read_text())["unmeasured"]

    assert done.returncode == 1, done.stdout
    assert (record["status"], record["counts"]["attempted"]) == ("did not fit", 0)
    assert " did not fit: --batch-size=1000000 needs at least " in record["message"]
    assert record["message"] in done.stdout


def test_a_batch_is_measured(tmp_path: Path) -> None:
    """A batch of unlike photographs counts the tokens, sequences and images of all of them in each run."""
    options = ("--models=llava", "--precisions=bf16", "--batch-size=3", "--runs=2", "--warmup-runs=0")
    done = product.measure_here(tmp_path, *options)
    assert done.returncode == 0, done.stdout
    (path,) = tmp_path.rglob("0001_*.json")
    (found,) = (bench["extra_info"] for bench in json.loads(path.read_text())["benchmarks"])

    assert found["workload"]["batch_size"] == 3
    runs = found["runs"]
    assert [runs[name] for name in ("sequences", "images", "new_tokens")] == [[3, 3], [3, 3], [12, 12]]
    assert runs["image_tokens"] == [3 * IMAGE_TOKENS["llava"]] * 2
