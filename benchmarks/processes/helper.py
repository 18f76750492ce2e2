"""Work that must not leave a trace in the meter, done in a process of its own."""

import contextlib
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import ParamSpec, TypeVar, cast

from benchmarks.errors import BenchmarkError
from benchmarks.processes.lifetime import die_with_parent
from benchmarks.processes.start_methods import context

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
            raise _died(function.__name__) from error


def watched(method: str, work: Callable[[], T], *, look: Callable[[], None], every_s: float) -> T:
    """Return `work()`, run in a fresh process, calling `look` here every `every_s` seconds meanwhile.

    For what takes minutes. Ctrl-C ends the process at once, whatever it does.

    Raises:
        BenchmarkError: the process died; whatever `work` raises comes through as it is.
    """
    processes = context(method)
    ours, theirs = processes.Pipe(duplex=False)
    process = processes.Process(target=_deliver, args=(theirs, work))
    process.start()
    theirs.close()  # so that the pipe ends with the process
    try:
        while not ours.poll(every_s):
            look()
        result, error = ours.recv()
    except EOFError:
        raise _died(getattr(work, "func", work).__name__) from None
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()
    if error is not None:
        raise error
    return cast("T", result)


def _deliver(connection: Connection, work: Callable[[], T]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    die_with_parent()
    try:
        answer: tuple[T | None, Exception | None] = (work(), None)
    except Exception as error:  # noqa: BLE001 - raised in the parent
        answer = (None, error)
    with contextlib.suppress(BrokenPipeError):
        connection.send(answer)


def _died(name: str) -> BenchmarkError:
    return BenchmarkError(
        f"A helper process died in {name} (out of memory?); free some memory, or run with smaller inputs."
    )
