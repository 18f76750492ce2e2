"""The first module with a non-finite output is found in a real overflow.

Tests benchmarks.worker.numerics.
"""

from pathlib import Path

import pytest
import torch

from benchmarks.pair import handle
from benchmarks.worker import numerics
from tests.support.jobs import CONVOLUTION, make_overflowing_job


@pytest.mark.parametrize(("precision", "found"), [("fp16", (CONVOLUTION, "inf")), ("bf16", (None, None))])
def test_the_module_that_overflows_is_named(
    tmp_path: Path, precision: str, found: tuple[str | None, str | None]
) -> None:
    """A convolution that exceeds 65504 is named in fp16, not the modules after it; bf16 has no overflow."""
    worker = handle.start(make_overflowing_job(tmp_path, precision), isolation="process", start_method="forkserver")
    worker.load()
    seen = worker.verify([(0, 0)])
    worker.close()

    assert (seen["first_nonfinite"], seen["kind"]) == found


class Branches(torch.nn.Module):  # type: ignore[misc]
    """Two modules side by side, whose outputs come in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.quiet = torch.nn.Identity()
        self.loud = torch.nn.Identity()

    def forward(self, value: torch.Tensor) -> dict[str, list[torch.Tensor]]:
        """Return the value, and its root."""
        return {"both": [self.quiet(value), self.loud(value.sqrt())]}


@pytest.mark.parametrize(
    ("number", "found"), [(4.0, (None, None)), (-1.0, ("loud", "nan")), (float("inf"), ("quiet", "inf"))]
)
def test_inf_and_nan_are_told_apart(number: float, found: tuple[str | None, str | None]) -> None:
    """The first module with a NaN or an infinity is named with its kind; the hooks are removed afterwards."""
    model = Branches()
    with numerics.NonFiniteWatch(model) as watch:
        model(torch.tensor([1.0, number]))
    seen = watch.result()

    assert (seen["first_nonfinite"], seen["kind"]) == found
    assert seen["modules"] == 2
    assert not any(module._forward_hooks for module in model.modules())


def test_outputs_of_any_shape_are_looked_into() -> None:
    """Tensors are found in tuples, lists and dicts; whole numbers and other things are finite."""
    bad = torch.tensor([float("nan")])

    assert [
        numerics.classify(tensor) for tensor in numerics.list_tensors(({"a": [bad]}, None, "x", torch.tensor([1])))
    ] == [
        "nan",
        None,
    ]
