"""What the time marks cost: runs with them beside the same generation without, turn by turn in one process."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest
import torch

from benchmarks.models import MODELS
from benchmarks.worker import loading
from benchmarks.worker.generation import GREEDY, Generator
from tests.support.jobs import make_job

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from tests.perf.conftest import Size

TOKENS = 64
MOST_ADDED = 0.05
"""What the marks may add to this run, the worst case, as a share of it."""


@pytest.fixture(scope="module")
def loaded() -> loading.LoadedModel:
    """The miniature with the shortest steps, the worst case: about a millisecond a token."""
    return loading.load(make_job("llava"))


@pytest.mark.benchmark(group="time marks")
def test_marks(loaded: loading.LoadedModel, benchmark: BenchmarkFixture, size: Size) -> None:
    """A run with marks takes less than MOST_ADDED longer than without; `added_us_a_token` is in extra_info."""
    work = make_job("llava")
    generator = Generator(loaded, work.images, work.prompts, TOKENS)
    generator.hook_vision(MODELS["llava"].vision_end)
    inputs = generator._preprocess([(0, 0)])
    seconds: dict[str, list[float]] = {"bare": [], "marked": []}

    def bare() -> None:
        with torch.inference_mode():
            loaded.model.generate(**inputs, **GREEDY, max_new_tokens=TOKENS)

    def marked() -> None:
        clock, options, _ = generator._make_observers(check_logits=False)
        with torch.inference_mode():
            loaded.model.generate(**inputs, **options)
        assert len(clock.stamps) == TOKENS

    def both() -> None:
        for name, run in (("bare", bare), ("marked", marked)):
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)

    benchmark.pedantic(both, rounds=size.rounds, warmup_rounds=1)
    while len(seconds["bare"]) < 5:  # the unit suite runs it once
        both()
    differences = [b - a for a, b in zip(seconds["bare"], seconds["marked"], strict=True)]
    benchmark.extra_info.update(facts(median(differences), median(seconds["bare"])))

    assert benchmark.extra_info["added_share_here"] < (MOST_ADDED if size.rounds > 1 else 1.0)


def facts(added_s: float, run_s: float) -> dict[str, Any]:
    """Return what the marks add to a run, and from which length of a run on they are under 0.5% of it."""
    return {
        "added_us_a_token": added_s / TOKENS * 1e6,
        "added_share_here": added_s / run_s,
        "share_is_below_half_a_percent_from_s": added_s / 0.005,
    }
