"""Run a function in a process of its own, so that it leaves no trace in the process that measures."""

import contextlib
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar, cast

from benchmarks.processes.lifetime import die_with_parent
from benchmarks.processes.protocol import ProcessDied, explain_exit
from benchmarks.processes.start_methods import explain_refusal, get_context

T = TypeVar("T")
DEATH_S = 5.0  # how long a process may take to end after it has closed its pipe, seconds


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
        ProcessDied: the process died, or could not be started.
        Exception: as `function` raised it.
    """
    with explain_refusal():
        processes = get_context(method)
        ours, theirs = processes.Pipe(duplex=False)
        process = processes.Process(target=_deliver, args=(theirs, function, args, kwargs))
        process.start()
    theirs.close()  # so that the pipe ends with the process
    try:
        while not ours.poll(tick_s):
            if on_tick is not None:
                on_tick()
        result, error = _receive(ours, process, function.__name__)
    finally:
        process.kill()
        process.join()
        process.close()
        ours.close()
    if error is not None:
        raise error
    return cast("T", result)


def _receive(connection: Connection, process: BaseProcess, name: str) -> tuple[Any, Exception | None]:
    try:
        answer: tuple[Any, Exception | None] = connection.recv()
    except Exception as error:  # the process died, or sent an error that cannot be unpickled
        process.join(DEATH_S)
        died = explain_exit(process.exitcode, "A helper process")
        advice = "free some memory if it ran out, or run with smaller inputs."
        raise ProcessDied(died.reason, f"{died} in {name}; {advice}") from error
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
