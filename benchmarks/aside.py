"""Work that must not leave a trace in the meter, done in a process of its own."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from benchmarks.errors import BenchmarkError
from benchmarks.worker.child import die_with_parent
from benchmarks.worker.context import context

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


def call(method: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return `function(...)`, run in a fresh process started by `method`.

    Used for decoding images (which come from strangers), for building miniatures and for asking
    torch about its devices: the meter's own process imports none of that.

    Raises:
        BenchmarkError: the process died; whatever `function` raises comes through as it is.
    """
    with ProcessPoolExecutor(max_workers=1, mp_context=context(method), initializer=die_with_parent) as pool:
        try:
            return pool.submit(function, *args, **kwargs).result()
        except BrokenProcessPool as error:
            raise BenchmarkError(
                f"A helper process died in {function.__name__} (out of memory?); "
                "free some memory, or run with smaller inputs."
            ) from error
