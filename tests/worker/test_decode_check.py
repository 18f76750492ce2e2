"""A model whose cache is broken is found by comparing it with itself without a cache.

Tests benchmarks.worker.decode_check.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
import torch

from benchmarks.worker import decode_check, moondream
from benchmarks.worker.decode_check import BOUNDS, check_decoding, extend_inputs
from benchmarks.worker.generation import GREEDY
from tests.support.decoding import DEFECTS, FAMILIES, load_family, make_checker
from tests.worker.test_moondream import filled
from tests.worker.test_moondream import request as make_inputs

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.processes.protocol import DecodeCheck

QUARTER = 0.25
HALF_PRECISIONS = (torch.float16, torch.bfloat16)


@pytest.fixture(scope="module", params=FAMILIES)
def checkers(request: pytest.FixtureRequest) -> dict[torch.dtype, Callable[..., DecodeCheck]]:
    """Return, for each precision, what checks one family's decoding."""
    loaded = load_family(request.param)
    return {dtype: make_checker(request.param, dtype, loaded) for dtype in BOUNDS}


def test_sound_decoding_stays_far_below_the_bound(checkers: dict[torch.dtype, Callable[..., DecodeCheck]]) -> None:
    """Every family's sound miniature differs by less than a quarter of the bound, in a batch with padding too."""
    for dtype, check in checkers.items():
        found = check(1, request=[(0, 0), (1, 1)])
        assert found["bound"] == BOUNDS[dtype]
        assert found["difference"] is not None
        assert found["difference"] < QUARTER * found["bound"]


def test_a_model_that_writes_placeholders_is_checked(checkers: dict[torch.dtype, Callable[..., DecodeCheck]]) -> None:
    """A model with random weights may prefer the image's placeholder as a new token: that is no error of its cache."""
    found = checkers[torch.float32](5, "placeholder")

    assert found["difference"] is not None
    assert found["difference"] < QUARTER * found["bound"]


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_broken_cache_is_refused(checkers: dict[torch.dtype, Callable[..., DecodeCheck]], defect: str) -> None:
    """Each defect of a cache misses the bound in fp32, and in half precision where it is larger than the bound there.

    A lost context, as after a renamed argument, always is.
    """
    size = checkers[torch.float32](3, defect)["difference"]

    assert size is not None
    assert size > BOUNDS[torch.float32]
    for dtype in HALF_PRECISIONS:
        if defect == "dropped" or size > 1.2 * BOUNDS[dtype]:
            found = checkers[dtype](3, defect)
            assert found["difference"] is not None
            assert found["difference"] > found["bound"]
            assert 0 < found["position"] < found["tokens"]  # the first token comes from the prefill


def test_new_tokens_are_visible_text() -> None:
    """The inputs of the whole sequence keep the padding, mark new tokens as text, and count positions from 0."""
    inputs = {
        "input_ids": torch.tensor([[0, 7], [5, 6]]),
        "attention_mask": torch.tensor([[0, 1], [1, 1]]),
        "token_type_ids": torch.tensor([[0, 1], [1, 1]]),
        "pixel_values": torch.ones(1),
    }
    found = extend_inputs(inputs, torch.tensor([[0, 7, 8], [5, 6, 9]]))

    assert found["input_ids"].tolist() == [[0, 7, 8], [5, 6, 9]]
    assert found["attention_mask"].tolist() == [[0, 1, 1], [1, 1, 1]]
    assert found["token_type_ids"].tolist() == [[0, 1, 0], [1, 1, 0]]
    assert found["position_ids"].tolist() == [[0, 0, 1], [0, 1, 2]]
    assert found["pixel_values"] is inputs["pixel_values"]


def _overflow(model: Any, *, at: str) -> None:
    """Make the head of a model give Inf: always, or `at` decode steps only."""

    def spoil(_module: object, _inputs: object, logits: torch.Tensor) -> torch.Tensor | None:
        return logits + torch.inf if at == "always" or logits.shape[1] == 1 else None

    model.model.text.lm_head.register_forward_hook(spoil)


def test_logits_that_are_not_finite_prove_nothing() -> None:
    """Where both ways overflow there is no difference to judge; where only decoding does, the pair fails."""
    inputs = make_inputs((1, 1))
    always, decoding = filled(), filled()
    _overflow(always, at="always")
    _overflow(decoding, at="decode steps")

    assert check_decoding(always, inputs, 3, GREEDY)["difference"] is None
    with pytest.raises(decode_check.NonFiniteDecoding, match="NaN or Inf"):
        check_decoding(decoding, inputs, 3, GREEDY)


def test_no_more_tokens_than_memory_allows() -> None:
    """At most 64 new tokens of a sequence are compared: a long generation needs no more memory than a short one."""
    assert check_decoding(filled(), make_inputs((1, 1)), 500, GREEDY)["tokens"] == decode_check.MOST_TOKENS


@pytest.mark.parametrize("name", ["cache", "past_key_values"])
def test_the_cache_by_both_of_its_names(name: str) -> None:
    """Moondream2 takes the cache by the name of transformers 5.24 and by the older one, and gives it back."""
    from transformers import DynamicCache

    model, inputs = filled(), make_inputs((1, 1))
    cache = DynamicCache(config=model.config)
    with torch.inference_mode():
        model(**inputs, **{name: cache})

    assert cache.get_seq_length() == inputs["input_ids"].shape[1]


def test_no_forward_of_ours_ignores_an_argument() -> None:
    """No module of ours accepts arguments that it does not name: a renamed one raises TypeError."""
    modules = {part for part in filled().modules() if type(part).__module__.startswith(moondream.__name__)}
    kinds = [parameter.kind for part in modules for parameter in inspect.signature(part.forward).parameters.values()]

    assert kinds
    assert inspect.Parameter.VAR_KEYWORD not in kinds
    with pytest.raises(TypeError, match="kv_state"):
        filled()(**make_inputs((1, 1)), kv_state=None)
