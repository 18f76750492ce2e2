"""Put a pair's Record together from what its session, tally and meters know."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from benchmarks import redact
from benchmarks.machine.roofline import Traffic
from benchmarks.models import miniature
from benchmarks.pair import outcome
from benchmarks.power.analysis.attribution import MarkedRuns
from benchmarks.record import INTERRUPTED, MEASURED, SCHEMA, Record
from benchmarks.record.sections import Checkpoint, Engine, Load, Memory, Numerics, Roofline, Sample

if TYPE_CHECKING:
    from benchmarks.pair.measure import PairSession

NOT_LOADED = "the model was not loaded"
NO_GOOD_RUN = "no run was good"
IMPORTED_BEFORE = "torch and transformers were imported before the child was forked"
NO_CUDA = "there is no CUDA context on this device"
MADE_HERE = "these weights were made here, not published"
NOT_FETCHED = "the checkpoint was not found"
PINNED = "the revision says what the weights are"
SAYS_NOTHING = "weights that were made here say nothing"
NOT_SAID = "the system does not say"
TRAFFIC = tuple(Traffic.__annotations__)
SAMPLE_CHARACTERS = 2000
LOAD_FIELDS = {
    "load_time_s": "load_time_s",
    "method": "load_method",
    "peak_ram_bytes": "load_peak_ram_bytes",
    "peak_vram_bytes": "load_peak_vram_bytes",
    "import_s": "import_s",
    "processor_s": "processor_s",
    "context_s": "context_s",
    "file_bytes": "file_bytes",
    "page_cache_share": "page_cache_share",
}
"""Field of the Record's load -> what the child calls it."""


def compose(session: PairSession, status: str, finished: str) -> Record:
    """Return the Record of a pair that ended as `status`, without secrets."""
    tally, meters = session.tally, session.meters
    reading = meters.read(MarkedRuns(tally.windows, tally.phases), tally.torch_peak_bytes)
    runs = tally.runs(
        session.plan.work.batch_size, reading.energy_j, reading.coverage, reading.power["reasons"].get("method")
    )
    latency = tally.token_latency()
    reasons = {"message": "measured"} if status == MEASURED else {}
    if runs is None:
        reasons |= {"runs": NO_GOOD_RUN, "token_latency": NO_GOOD_RUN}
    if reading.trace is None:
        reasons["trace"] = reading.power["reasons"].get("method", NO_GOOD_RUN)
    sample = _sample(session)
    if sample is None:
        reasons["sample"] = NO_GOOD_RUN if session.plan.weights == "hub" else SAYS_NOTHING
    record: Record = {
        "schema": SCHEMA,
        "status": status,
        "message": None if status == MEASURED else _message(session, status),
        "pair": {
            "id": session.id,
            "model": session.spec.id,
            "label": session.spec.label_of(session.plan.weights),
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
        "numerics": _numerics(session),
        "sample": sample,
        "roofline": _roofline(session),
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
    if status == INTERRUPTED and session.stuck is None:
        return f"{session.id} was interrupted after {session.tally.attempted} of {session.tally.planned} runs"
    return outcome.of(session)


def _checkpoint(session: PairSession) -> Checkpoint:
    spec, loaded, weights = session.spec, session.loaded, session.plan.weights
    published = weights == "hub"
    revision = loaded["revision"] if loaded else None
    adapter = loaded["adapter"] if loaded else None
    reasons = {} if revision else {"revision": NOT_FETCHED if published else MADE_HERE}
    if published:
        reasons["weights_id"] = PINNED
    if adapter is None:
        reasons["adapter"] = loaded["adapter_reason"] if loaded else NOT_LOADED
    if loaded is None:
        reasons |= dict.fromkeys(("model_class", "parameters"), NOT_LOADED)
    return {
        "name": spec.checkpoint,
        "repo": spec.repo,
        "revision": revision,
        "weights": weights,
        "weights_id": None if published else miniature.identity(spec),
        "adapter": adapter,
        "licence": spec.licence,
        "model_class": loaded["model_class"] if loaded else None,
        "parameters": loaded["parameters"] if loaded else None,
        "remote_code": published and session.plan.trust_remote_code,
        "remarks": [*spec.differences(weights), *_doubts(session)],
        "reasons": reasons,
    }


def _doubts(session: PairSession) -> list[str]:
    """Return in what the published checkpoint that was loaded is not what its name says."""
    spec, loaded = session.spec, session.loaded
    if session.plan.weights != "hub" or loaded is None:
        return []
    found = []
    if spec.adapter and loaded["adapter"] is None:
        found.append(f"Without its adapter {spec.adapter} ({loaded['adapter_reason']}).")
    if loaded["adapter"] is None and loaded["parameters"] != spec.parameters:
        found.append(f"It has {loaded['parameters']:,} parameters; the published model has {spec.parameters:,}.")
    return found


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
        return cast("Load", {**dict.fromkeys(LOAD_FIELDS), "reasons": dict.fromkeys(LOAD_FIELDS, NOT_LOADED)})
    values = {field: loaded[name] for field, name in LOAD_FIELDS.items()}  # type: ignore[literal-required]
    no_file = session.plan.weights == "random"
    reasons = {
        "load_time_s": "random weights are made in memory, nothing is loaded",
        "import_s": IMPORTED_BEFORE,
        "context_s": NO_CUDA,
        "peak_ram_bytes": NOT_SAID,
        "peak_vram_bytes": NO_CUDA,
        "page_cache_share": "there are no files" if no_file else "mincore(2) is not to be had here",
    }
    return cast("Load", {**values, "reasons": {name: reasons[name] for name, v in values.items() if v is None}})


def _numerics(session: PairSession) -> Numerics:
    found = session.numerics
    reasons = {}
    if found is None:
        made_small = session.plan.weights == "mini"
        reasons["modules"] = "miniatures are not verified" if made_small else "the model did not come so far"
    return {
        "modules": found["modules"] if found else None,
        "first_nonfinite": found["first_nonfinite"] if found else None,
        "nonfinite_kind": found["kind"] if found else None,
        "allowed": session.plan.allow_nonfinite,
        "reasons": reasons,
    }


def _roofline(session: PairSession) -> Roofline:
    """Return both sides of the bandwidth utilisation."""
    loaded, ability = session.loaded, session.plan.ability
    reasons = {}
    traffic = dict(loaded["traffic"]) if loaded else dict.fromkeys(TRAFFIC)
    if loaded is None:
        reasons = dict.fromkeys((*TRAFFIC, "cache_bytes"), NOT_LOADED)
    elif loaded["cache_bytes"] is None:
        reasons["cache_bytes"] = NOT_SAID
    if ability.bytes_per_s is None:
        reasons |= dict.fromkeys(("bandwidth_bytes_per_s", "bandwidth_source"), ability.source)
    return cast(
        "Roofline",
        {
            **traffic,
            "cache_bytes": loaded["cache_bytes"] if loaded else None,
            "bandwidth_bytes_per_s": ability.bytes_per_s,
            "bandwidth_source": None if ability.bytes_per_s is None else ability.source,
            "reasons": reasons,
        },
    )


def _sample(session: PairSession) -> Sample | None:
    """Return what the first run that was asked for its text said."""
    tally, work = session.tally, session.plan.work
    for request, marks in zip(tally.requests, tally.marks, strict=True):
        if marks["text"] is not None:
            image, prompt = work.element(request)
            text = marks["text"][:SAMPLE_CHARACTERS]
            return {"image": work.photographs[image].name, "prompt": work.prompts[prompt], "text": text}
    return None
