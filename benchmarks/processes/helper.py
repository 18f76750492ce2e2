"""Run a function in a process of its own, so that it leaves no trace in the process that measures."""

import contextlib
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar, cast

from benchmarks.errors import BenchmarkError
from benchmarks.processes.lifetime import die_with_parent
from benchmarks.processes.start_methods import get_context

T = TypeVar("T")


def run_in_process(
    method: str,
    function: Callable[..., T],
    *args: Any,
    on_tick: Callable[[], None] | None = None,
    tick_s: float = 0.5,
    **kwargs: Any,
) -> T:
    """Return `function(*args, **kwargs)`, run in a fresh process that is started by `method`.

    Ctrl-C and the end of this process end the other one at once. `on_tick` is called here every
    `tick_s` seconds while it runs.

    Raises:
        BenchmarkError: the process died.
        Exception: as `function` raised it.
    """
    processes = get_context(method)
    ours, theirs = processes.Pipe(duplex=False)
    process = processes.Process(target=_deliver, args=(theirs, function, args, kwargs))
    process.start()
    theirs.close()  # so that the pipe ends with the process
    try:
        while not ours.poll(tick_s):
            if on_tick is not None:
                on_tick()
        result, error = _receive(ours, function.__name__)
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()
    if error is not None:
        raise error
    return cast("T", result)


def _receive(connection: Connection, name: str) -> tuple[Any, Exception | None]:
    try:
        answer: tuple[Any, Exception | None] = connection.recv()
    except Exception as error:  # the process died, or sent an error that cannot be unpickled
        raise BenchmarkError(
            f"A helper process died in {name} (out of memory?); free some memory, or run with smaller inputs."
        ) from error
    return answer


def _deliver(connection: Connection, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    die_with_parent()
    try:
        answer: tuple[Any, Exception | None] = (function(*args, **kwargs), None)
    except Exception as error:  # noqa: BLE001 - raised in the parent
        answer = (None, error)
    with contextlib.suppress(BrokenPipeError):
        connection.send(answer)
