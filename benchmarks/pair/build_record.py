"""Build a pair's Record from its state."""

from typing import Any, cast

from benchmarks import redact
from benchmarks.machine.roofline import Traffic
from benchmarks.models import miniature
from benchmarks.pair.outcome import explain_status
from benchmarks.pair.state import PairState
from benchmarks.power.analysis.attribution import MarkedRuns
from benchmarks.record import MEASURED, SCHEMA, Record
from benchmarks.record.not_measured import explain_nulls
from benchmarks.record.sections import Checkpoint, DecodeCheck, Engine, Load, Memory, Numerics, Roofline, Sample

NOT_LOADED = "the model was not loaded"
NO_GOOD_RUN = "no run was good"
NOT_REPORTED = "the system does not report it"
NOT_COPIED = "the peak is the vendor's figure, not measured"
NOT_REPEATED = "no copy could be made after the runs"
NO_CUDA = "there is no CUDA context on this device"
TRAFFIC = tuple(Traffic.__annotations__)
COPIES = ("bandwidth_before_bytes_per_s", "bandwidth_after_bytes_per_s", "bandwidth_spread")
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
"""Field of the Record's `load` -> its name in the child's answer."""


def build_record(pair: PairState, status: str, finished: str) -> Record:
    """Return the Record of a pair that ended as `status`, without secrets."""
    run_log, plan = pair.run_log, pair.plan
    readings = pair.meters.read(MarkedRuns(run_log.windows, run_log.phases), run_log.torch_peak_bytes)
    no_energy = readings.power["reasons"].get("method")
    values: dict[str, Any] = {
        "message": None if status == MEASURED else explain_status(pair, status),
        "runs": run_log.build_columns(plan.work.batch_size, readings.energy_j, readings.coverage, no_energy),
        "sample": _find_sample(pair),
        "trace": readings.trace,
        "token_latency": run_log.summarise_token_latency(),
    }
    reasons = {
        "message": "measured",
        "runs": NO_GOOD_RUN,
        "sample": NO_GOOD_RUN if plan.weights == "hub" else "random weights produce no meaningful text",
        "trace": no_energy or NO_GOOD_RUN,
        "token_latency": "no good run has at least two tokens" if values["runs"] else NO_GOOD_RUN,
    }
    record = {
        "schema": SCHEMA,
        "status": status,
        "pair": {
            "id": pair.id,
            "model": pair.spec.id,
            "label": pair.spec.get_label(plan.weights),
            "precision": pair.precision,
        },
        "checkpoint": _describe_checkpoint(pair),
        "workload": plan.work.describe(),
        "engine": _describe_engine(pair),
        "load": _describe_load(pair),
        "counts": run_log.count_runs(),
        "failures": run_log.summarise_failures(),
        "power": readings.power,
        "memory": _describe_memory(pair, readings.memory),
        "health": pair.meters.describe_health(finite_logits=run_log.finite_logits),
        "numerics": _describe_numerics(pair),
        "roofline": _describe_roofline(pair),
        "times": {"started": pair.started, "finished": finished},
        "interruptions": pair.interruptions,
        **values,
        "reasons": explain_nulls(values, reasons),
    }
    return cast("Record", redact.hide_secrets_everywhere(record))


def _describe_memory(pair: PairState, measured: Memory) -> Memory:
    values, reasons = pair.memory_guard.describe()
    return cast("Memory", {**measured, **values, "reasons": measured["reasons"] | reasons})


def _describe_checkpoint(pair: PairState) -> Checkpoint:
    spec, loaded, weights = pair.spec, pair.loaded, pair.plan.weights
    published = weights == "hub"
    values = {
        "revision": loaded["revision"] if loaded else None,
        "weights_id": None if published else miniature.compute_identity(spec),
        "adapter": loaded["adapter"] if loaded else None,
        "model_class": loaded["model_class"] if loaded else None,
        "parameters": loaded["parameters"] if loaded else None,
    }
    reasons = {
        "revision": "the checkpoint was not found" if published else "these weights are generated, not published",
        "weights_id": "the revision identifies the weights",
        "adapter": loaded["adapter_reason"] if loaded else NOT_LOADED,
        "model_class": NOT_LOADED,
        "parameters": NOT_LOADED,
    }
    return cast(
        "Checkpoint",
        {
            "name": spec.checkpoint,
            "repo": spec.repo,
            "weights": weights,
            "licence": spec.licence,
            "remote_code": published and pair.plan.trust_remote_code,
            "remarks": [*spec.list_differences(weights), *_list_differences(pair)],
            **values,
            "reasons": explain_nulls(values, reasons),
        },
    )


def _list_differences(pair: PairState) -> list[str]:
    """Return how the published checkpoint that was loaded differs from what its name promises."""
    spec, loaded = pair.spec, pair.loaded
    if pair.plan.weights != "hub" or loaded is None:
        return []
    found = []
    if spec.adapter and loaded["adapter"] is None:
        found.append(f"Without its adapter {spec.adapter} ({loaded['adapter_reason']}).")
    if loaded["adapter"] is None and loaded["parameters"] != spec.parameters:
        found.append(f"The model has {loaded['parameters']:,} parameters; the published model has {spec.parameters:,}.")
    return found


def _describe_engine(pair: PairState) -> Engine:
    plan, loaded = pair.plan, pair.loaded
    names = ("torch_device_name", "gpu_uuid", "attention", "threads", "mark_method")
    values: dict[str, Any] = {name: loaded[name] if loaded else None for name in names}  # type: ignore[literal-required]
    values["start_method"] = plan.start_method
    absent = "the device has none" if plan.torch_device == "cpu" else "the device does not report it"
    reasons = dict.fromkeys(names, absent if loaded else NOT_LOADED)
    reasons["start_method"] = "there is no child with --isolation=none"
    return cast(
        "Engine",
        {
            "name": "eager",
            "torch_device": plan.torch_device,
            "isolation": plan.isolation,
            "versions": loaded["versions"] if loaded else {},
            **values,
            "reasons": explain_nulls(values, reasons),
        },
    )


def _describe_load(pair: PairState) -> Load:
    loaded = pair.loaded
    if loaded is None:
        return cast("Load", {**dict.fromkeys(LOAD_FIELDS), "reasons": dict.fromkeys(LOAD_FIELDS, NOT_LOADED)})
    values = {field: loaded[name] for field, name in LOAD_FIELDS.items()}  # type: ignore[literal-required]
    no_file = pair.plan.weights == "random"
    reasons = {
        "load_time_s": "random weights are made in memory, nothing is loaded",
        "import_s": "torch and transformers were imported before the child was forked",
        "context_s": NO_CUDA,
        "peak_ram_bytes": NOT_REPORTED,
        "peak_vram_bytes": NO_CUDA,
        "page_cache_share": "there are no files" if no_file else "this system has no mincore(2)",
    }
    return cast("Load", {**values, "reasons": explain_nulls(values, reasons)})


def _describe_numerics(pair: PairState) -> Numerics:
    found = pair.numerics
    reason = "miniatures are not verified" if pair.plan.weights == "mini" else "the pair ended before it was verified"
    return {
        "modules": found["modules"] if found else None,
        "first_nonfinite": found["first_nonfinite"] if found else None,
        "nonfinite_kind": found["kind"] if found else None,
        "allowed": pair.plan.allow_nonfinite,
        "decode_check": cast("DecodeCheck | None", pair.decode_check),
        "reasons": explain_nulls(
            {"modules": found, "decode_check": pair.decode_check}, {"modules": reason, "decode_check": pair.not_proved}
        ),
    }


def _describe_roofline(pair: PairState) -> Roofline:
    """Return the bytes that a decode step reads, and the bandwidth that the memory has."""
    loaded, capability = pair.loaded, pair.capability
    before = pair.plan.capability.copies
    after = capability.copies[len(before) :]
    values: dict[str, Any] = {
        **(dict(loaded["traffic"]) if loaded else dict.fromkeys(TRAFFIC)),
        "cache_bytes": loaded["cache_bytes"] if loaded else None,
        "bandwidth_bytes_per_s": capability.bytes_per_s,
        "bandwidth_source": None if capability.bytes_per_s is None else capability.source,
        "bandwidth_before_bytes_per_s": before[-1] if before else None,
        "bandwidth_after_bytes_per_s": after[-1] if after else None,
        "bandwidth_spread": capability.spread,
    }
    not_copied = NOT_REPEATED if before else NOT_COPIED if capability.bytes_per_s else capability.source
    reasons = {
        **dict.fromkeys(TRAFFIC, NOT_LOADED),
        "cache_bytes": NOT_REPORTED if loaded else NOT_LOADED,
        **dict.fromkeys(("bandwidth_bytes_per_s", "bandwidth_source"), capability.source),
        **dict.fromkeys(COPIES, not_copied),
    }
    return cast("Roofline", {**values, "reasons": explain_nulls(values, reasons)})


def _find_sample(pair: PairState) -> Sample | None:
    """Return the text of the first run whose text was kept."""
    work = pair.plan.work
    for request, marks in zip(pair.run_log.requests, pair.run_log.marks, strict=True):
        if marks["text"] is not None:
            image, prompt = work.select_element(request)
            text = marks["text"][:SAMPLE_CHARACTERS]
            return {"image": work.photographs[image].name, "prompt": work.prompts[prompt], "text": text}
    return None
