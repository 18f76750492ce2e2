"""Each miniature loads like a Hub checkpoint, with real token counts, exact new tokens and ordered marks.

Tests benchmarks.models.gemma3n, benchmarks.models.internvl2, benchmarks.models.llava, benchmarks.models.moondream2,
benchmarks.models.phi, benchmarks.models.smolvlm2, benchmarks.models.tokenizer and benchmarks.worker.generation.
"""

from collections.abc import Iterator

import pytest

from benchmarks.models import MODELS
from benchmarks.pair import handle
from tests.support.jobs import IMAGE_TOKENS, NEW_TOKENS, make_job


@pytest.fixture(scope="module", params=IMAGE_TOKENS)
def worker(request: pytest.FixtureRequest) -> Iterator[tuple[str, handle.Handle]]:
    """A loaded worker of each default model, in a process of its own."""
    found = handle.start(make_job(request.param), isolation="process", start_method="forkserver")
    found.load()
    yield request.param, found
    found.close()


def test_every_default_model_is_here() -> None:
    """The tests below use all six models of the study."""
    assert set(IMAGE_TOKENS) == {spec.id for spec in MODELS.values() if spec.default}


def test_a_run(worker: tuple[str, handle.Handle]) -> None:
    """A run makes exactly N tokens with the published image-token count, finite logits and marks in order."""
    model, child = worker
    marks = child.run([(0, 0)], check=True)

    assert marks["image_tokens"] == IMAGE_TOKENS[model]
    assert marks["new_tokens"] == NEW_TOKENS
    assert 5 < marks["prompt_tokens"] < 60
    assert marks["finite_logits"] is True
    assert len(marks["token_gaps_s"]) == NEW_TOKENS - 1
    assert marks["vision_ns"] is not None
    order = [marks["start_ns"], marks["preprocessed_ns"], marks["vision_ns"], marks["first_token_ns"], marks["end_ns"]]
    assert order == sorted(set(order))


def test_a_batch(worker: tuple[str, handle.Handle]) -> None:
    """A batch of two different requests makes N tokens for each and counts the tokens of both."""
    model, child = worker
    marks = child.run([(0, 0), (1, 1)])

    assert marks["new_tokens"] == 2 * NEW_TOKENS
    assert marks["image_tokens"] == 2 * IMAGE_TOKENS[model]


def test_load_says_what_was_loaded(worker: tuple[str, handle.Handle]) -> None:
    """Loading again gives the model's class, its size and each part of the time."""
    _, child = worker
    loaded = child.load()

    assert loaded["model_class"].endswith("ForConditionalGeneration") or loaded["model_class"].endswith("ForCausalLM")
    assert 100_000 < loaded["parameters"] < 10_000_000
    assert loaded["load_time_s"] is not None
    assert loaded["load_time_s"] > 0
    assert loaded["file_bytes"] > loaded["parameters"]  # two bytes a weight
    assert loaded["processor_s"] > 0
    assert loaded["import_s"] is None  # the forkserver has imported everything already
