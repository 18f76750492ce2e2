"""Which module's output first stops being finite, found on a real overflow."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks.pair import handle
from benchmarks.worker import numerics
from tests.models.test_miniatures import job

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.processes.protocol import Job

CONVOLUTION = "model.vision_tower.timm_model.conv_stem.conv"


def overflowing(folder: Path, precision: str) -> Job:
    """Return a job on Gemma 3n's miniature with huge weights in one convolution, as the published ones are said to be.

    https://unsloth.ai/blog/gemma-3n
    """
    made = job("gemma3n", precision)
    source = shutil.copytree(made.source, folder / "gemma3n")
    tensors = load_file(source / "model.safetensors")
    torch.manual_seed(1)
    tensors[f"{CONVOLUTION}.weight"].normal_().mul_(3e5).clamp_(-6e4, 6e4)
    save_file(tensors, source / "model.safetensors", metadata={"format": "pt"})
    return type(made)(**vars(made) | {"source": source, "weights": "hub"})


@pytest.mark.parametrize(("precision", "found"), [("fp16", (CONVOLUTION, "inf")), ("bf16", (None, None))])
def test_the_module_that_overflows_is_named(
    tmp_path: Path, precision: str, found: tuple[str | None, str | None]
) -> None:
    """A convolution that exceeds 65504 is named in fp16, before all the modules that it spoils; bf16 is sound."""
    worker = handle.start(overflowing(tmp_path, precision), isolation="process", start_method="forkserver")
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
    """The first module with a NaN or an infinity is named with which of the two it was; the hooks are gone after it."""
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
