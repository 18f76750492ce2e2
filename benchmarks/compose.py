"""Put a pair's Record together from what its session, tally and meters know."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from benchmarks import redact
from benchmarks.record import MEASURED, SCHEMA

if TYPE_CHECKING:
    from benchmarks.record import Checkpoint, Engine, Load, Memory, Record
    from benchmarks.session import PairSession

NOT_LOADED = "the model was not loaded"
NO_GOOD_RUN = "no run was good"
IMPORTED_BEFORE = "torch and transformers were imported before the child was forked"
NO_CUDA = "there is no CUDA context on this device"
MADE_HERE = "these weights were made here, not published"


def compose(session: PairSession, status: str, finished: str) -> Record:
    """Return the Record of a pair that ended as `status`, without secrets."""
    tally, meters = session.tally, session.meters
    reading = meters.read(tally.windows, tally.torch_peak_bytes)
    runs = tally.runs(
        session.plan.work.batch_size, reading.energy_j, reading.coverage, reading.power["reasons"].get("method")
    )
    latency = tally.token_latency()
    reasons = {"message": "measured"}
    if runs is None:
        reasons |= {"runs": NO_GOOD_RUN, "token_latency": NO_GOOD_RUN}
    if reading.trace is None:
        reasons["trace"] = reading.power["reasons"].get("method", NO_GOOD_RUN)
    record: Record = {
        "schema": SCHEMA,
        "status": status,
        "message": None if status == MEASURED else _message(session, status),
        "pair": {
            "id": session.id,
            "model": session.spec.id,
            "label": session.spec.label,
            "precision": session.precision,
        },
        "checkpoint": _checkpoint(session),
        "workload": session.plan.work.info(),
        "engine": _engine(session),
        "load": _load(session),
        "counts": tally.counts(),
        "runs": runs,
        "failures": tally.failures(),
        "power": reading.power,
        "memory": _memory(session, reading.memory),
        "health": meters.health(finite_logits=tally.finite_logits),
        "trace": reading.trace,
        "token_latency": latency,
        "times": {"started": session.started, "finished": finished},
        "interruptions": session.interruptions,
        "reasons": reasons,
    }
    return cast("Record", redact.everywhere(record))


def _memory(session: PairSession, measured: Memory) -> Memory:
    values, reasons = session.memory_guard.facts()
    return cast("Memory", {**measured, **values, "reasons": measured["reasons"] | reasons})


def _message(session: PairSession, status: str) -> str:
    if status == "interrupted" and session.stuck is None:
        return f"{session.id} was interrupted after {session.tally.attempted} of {session.tally.planned} runs"
    return session.verdict


def _checkpoint(session: PairSession) -> Checkpoint:
    spec, loaded = session.spec, session.loaded
    reasons = {"revision": MADE_HERE}
    if loaded is None:
        reasons |= dict.fromkeys(("model_class", "parameters"), NOT_LOADED)
    return {
        "name": spec.checkpoint,
        "repo": spec.repo,
        "revision": None,
        "weights": session.plan.weights,
        "weights_id": session.weights_id,
        "licence": spec.licence,
        "model_class": loaded["model_class"] if loaded else None,
        "parameters": loaded["parameters"] if loaded else None,
        "remarks": list(spec.remarks),
        "reasons": reasons,
    }


def _engine(session: PairSession) -> Engine:
    plan, loaded = session.plan, session.loaded
    reasons = {"start_method": "there is no child with --isolation=none"} if plan.start_method is None else {}
    names = ("torch_device_name", "gpu_uuid", "attention", "threads", "mark_method")
    if loaded is None:
        reasons |= dict.fromkeys(names, NOT_LOADED)
    else:
        absent = "the device has none" if plan.torch_device == "cpu" else "the device does not say"
        reasons |= dict.fromkeys([name for name in names if loaded[name] is None], absent)  # type: ignore[literal-required]
    return {
        "name": "eager",
        "torch_device": plan.torch_device,
        "torch_device_name": loaded["torch_device_name"] if loaded else None,
        "gpu_uuid": loaded["gpu_uuid"] if loaded else None,
        "attention": loaded["attention"] if loaded else None,
        "threads": loaded["threads"] if loaded else None,
        "isolation": plan.isolation,
        "start_method": plan.start_method,
        "mark_method": loaded["mark_method"] if loaded else None,
        "versions": loaded["versions"] if loaded else {},
        "reasons": reasons,
    }


def _load(session: PairSession) -> Load:
    loaded = session.loaded
    if loaded is None:
        names = ("load_time_s", "import_s", "processor_s", "context_s", "file_bytes", "page_cache_share")
        return cast("Load", {**dict.fromkeys(names), "reasons": dict.fromkeys(names, NOT_LOADED)})
    reasons = {}
    if loaded["import_s"] is None:
        reasons["import_s"] = IMPORTED_BEFORE
    if loaded["context_s"] is None:
        reasons["context_s"] = NO_CUDA
    if loaded["page_cache_share"] is None:
        reasons["page_cache_share"] = "mincore(2) is not to be had here"
    return {
        "load_time_s": loaded["load_time_s"],
        "import_s": loaded["import_s"],
        "processor_s": loaded["processor_s"],
        "context_s": loaded["context_s"],
        "file_bytes": loaded["file_bytes"],
        "page_cache_share": loaded["page_cache_share"],
        "reasons": reasons,
    }
