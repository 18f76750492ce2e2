"""Prepare a pair for its runs: load the model, start the meters, verify and warm up."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.hub.errors import HubError
from benchmarks.pair import outcome
from benchmarks.pair.process import PairProcess
from benchmarks.pair.state import PairState
from benchmarks.processes.protocol import Loaded, WorkerFailed, describe_error


def prepare(pair: PairState, process: PairProcess) -> Loaded | None:
    """Return the child's answer to "load"; None if an interrupted pair is blocked, because another model was loaded.

    Raises:
        WorkerFailed: a stage failed, for any reason.
    """
    earlier = pair.loaded if pair.interruptions else None
    pair.meters.note_baseline()
    with name_stage("load"):
        loaded = process.start()
    if earlier is not None and (changes := describe_changes(earlier, loaded)):
        pair.blocked = f"{changes}, so its runs cannot be joined; start over without --resume"
        process.end()
        return None
    pair.loaded = earlier or loaded
    with name_stage("load"):
        pair.meters.start(loaded)
    with name_stage("verify"):
        found = process.verify()
        pair.numerics = pair.numerics or found
        if found is not None and found["first_nonfinite"] is not None and not pair.plan.allow_nonfinite:
            raise WorkerFailed("NonFinite", outcome.explain_nonfinite(found, pair.precision))
    with name_stage("warmup"):
        finite = process.warm_up()
    if pair.run_log.finite_logits is None:
        pair.run_log.finite_logits = finite
    return loaded


@contextmanager
def name_stage(stage: str) -> Iterator[None]:
    """Turn every error into a WorkerFailed with its stage: whatever it is, the next pair must still be measured."""
    try:
        yield
    except Exception as error:  # noqa: BLE001
        failure = WorkerFailed("Hub", str(error)) if isinstance(error, HubError) else error
        if not isinstance(failure, WorkerFailed):  # for example a full disk
            failure = WorkerFailed(**describe_error(error))
        failure.stage = stage
        raise failure from error.__cause__


def describe_changes(before: Loaded, now: Loaded) -> str:
    """Return what differs between the model that an interrupted session loaded and today's; "" if nothing does."""
    names = ("revision", "adapter", "model_class", "parameters", "load_method")
    values: dict[str, tuple[object, object]] = {name: (before[name], now[name]) for name in names}  # type: ignore[literal-required]
    return "; ".join(f"its {name} was {a} and is {b}" for name, (a, b) in values.items() if a != b)
