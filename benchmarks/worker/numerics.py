"""NaN and Inf check: find the first module of a model whose output is not finite."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from typing_extensions import Self

from benchmarks.processes.protocol import Numerics

if TYPE_CHECKING:
    import torch


class NonFiniteWatch:
    """Checks the outputs of every innermost module of a model while it is open.

    In fp16 an overflow becomes inf in one module and NaN in the modules after it, so the first one
    is the cause. Not for timed runs: each check waits for the device.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._hooks: list[Any] = []
        self._seen: set[str] = set()
        self._first: tuple[str | None, str | None] = (None, None)

    def __enter__(self) -> Self:
        innermost = ((name, module) for name, module in self._model.named_modules() if not [*module.children()])
        self._hooks = [module.register_forward_hook(self._make_hook(name)) for name, module in innermost]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def result(self) -> Numerics:
        """Return the child's answer to "verify"."""
        name, kind = self._first
        return {"first_nonfinite": name, "kind": kind, "modules": len(self._seen)}

    def _make_hook(self, name: str) -> Any:
        def check(_module: object, _inputs: object, output: object) -> None:
            self._seen.add(name)
            if self._first[0] is None:
                kinds = [kind for tensor in list_tensors(output) if (kind := classify(tensor))]
                self._first = (name, kinds[0]) if kinds else (None, None)

        return check


def classify(tensor: torch.Tensor) -> str | None:
    """Return "nan" if a tensor holds a NaN, else "inf" if it holds an infinity, else None.

    Its minimum and maximum show both, in one pass and without a copy of the tensor.
    """
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return None
    least, greatest = map(float, tensor.aminmax())
    if math.isnan(least) or math.isnan(greatest):
        return "nan"
    return "inf" if math.isinf(least) or math.isinf(greatest) else None


def list_tensors(output: object) -> Iterator[torch.Tensor]:
    """Yield the tensors in a module's output."""
    import torch

    if isinstance(output, torch.Tensor):
        yield output
    elif isinstance(output, (tuple, list, dict)):
        for item in output.values() if isinstance(output, dict) else output:
            yield from list_tensors(item)
