"""Where a model's numbers stop being numbers: the first module whose output is not finite."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from benchmarks.processes.protocol import Numerics

if TYPE_CHECKING:
    import torch


class NonFiniteWatch:
    """Looks at the outputs of every innermost module of a model while it is open.

    In fp16 an overflow becomes inf in one module and NaN in those after it, so the first one is the
    cause. For passes that are not timed: each look waits for the device.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._hooks: list[Any] = []
        self._seen: set[str] = set()
        self._first: tuple[str, str] | None = None

    def __enter__(self) -> Self:
        for name, module in self._model.named_modules():
            if not any(True for _ in module.children()):
                self._hooks.append(module.register_forward_hook(self._look(name)))
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def result(self) -> Numerics:
        """Return what was seen."""
        name, kind = self._first or (None, None)
        return {"first_nonfinite": name, "kind": kind, "modules": len(self._seen)}

    def _look(self, name: str) -> Any:
        def look(_module: object, _inputs: object, output: object) -> None:
            self._seen.add(name)
            if self._first is None:
                kinds = [kind for tensor in list_tensors(output) if (kind := classify(tensor))]
                self._first = (name, kinds[0]) if kinds else None

        return look


def classify(tensor: torch.Tensor) -> str | None:
    """Return "inf" or "nan" of a tensor that holds one ("nan" of both), None of a finite one or one of whole numbers.

    Its least and greatest say it, in one pass and without a copy of the tensor.
    """
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return None
    ends = tensor.aminmax()
    least, greatest = float(ends.min), float(ends.max)
    if math.isnan(least) or math.isnan(greatest):
        return "nan"
    return "inf" if math.isinf(least) or math.isinf(greatest) else None


def list_tensors(output: object) -> Iterator[torch.Tensor]:
    """Yield the tensors in a module's output."""
    import torch

    if isinstance(output, torch.Tensor):
        yield output
    elif isinstance(output, (tuple, list)):
        for item in output:
            yield from list_tensors(item)
    elif isinstance(output, dict):
        yield from list_tensors(list(output.values()))
