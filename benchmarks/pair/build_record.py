"""Build a pair's Record from its state."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from benchmarks import redact
from benchmarks.machine.roofline import Traffic
from benchmarks.models import miniature
from benchmarks.pair.outcome import explain_status
from benchmarks.pair.state import PairState
from benchmarks.power.analysis import attribution
from benchmarks.power.analysis.attribution import MarkedRuns
from benchmarks.processes.protocol import describe_error
from benchmarks.record import MEASURED, SCHEMA, Record, sections
from benchmarks.record.not_measured import explain_nulls, make_null_section
from benchmarks.record.typecheck import fits

NOT_LOADED = "the model was not loaded"
NO_GOOD_RUN = "no run was good"
NOT_REPORTED = "the system does not report it"
NOT_COPIED = "the peak is the vendor's figure, not measured"
NOT_REPEATED = "no copy could be made after the runs"
NO_CUDA = "there is no CUDA context on this device"
TRAFFIC = tuple(Traffic.__annotations__)
COPIES = ("bandwidth_before_bytes_per_s", "bandwidth_after_bytes_per_s", "bandwidth_spread")
SAMPLE_CHARACTERS = 2000


def build_record(pair: PairState, status: str, finished: str) -> Record:
    """Return the Record of a pair that ended as `status`, without secrets.

    A part that cannot be made is null with the reason, and costs nothing else; `pair.lost` names it.
    """
    run_log, plan, meters, spec = pair.run_log, pair.plan, pair.meters, pair.spec
    marked = MarkedRuns(run_log.windows, run_log.phases)
    energy = _make(
        pair,
        "power",
        attribution.Attribution,
        partial(meters.attribute_energy, marked),
        partial(attribution.describe_without_sensor, meters.describe()["sensor_name"]),
    )
    no_energy = energy.power["reasons"].get("method")
    values: dict[str, Any] = {
        "message": None if status == MEASURED else explain_status(pair, status),
        "runs": run_log.build_columns(plan.work.batch_size, energy.energy_j, energy.coverage, no_energy),
        "sample": _make(pair, "sample", sections.Sample | None, partial(_find_sample, pair)),
        "trace": energy.trace,
        "token_latency": _make(pair, "token_latency", sections.TokenLatency | None, run_log.summarise_token_latency),
    }
    section = partial(_make_section, pair)
    record = {
        "schema": SCHEMA,
        "status": status,
        "pair": {"id": pair.id, "model": spec.id, "label": spec.get_label(plan.weights), "precision": pair.precision},
        "checkpoint": section("checkpoint", sections.Checkpoint, _describe_checkpoint, **_know_checkpoint(pair)),
        "workload": plan.work.describe(),
        "engine": section("engine", sections.Engine, _describe_engine, **_know_engine(pair), versions={}),
        "load": section("load", sections.Load, _describe_load),
        "counts": run_log.count_runs(),
        "failures": run_log.summarise_failures(),
        "power": energy.power,
        "memory": section("memory", sections.Memory, _describe_memory, kind=plan.machine["memory_kind"]),
        "health": section("health", sections.Health, _describe_health),
        "numerics": section("numerics", sections.Numerics, _describe_numerics, allowed=plan.allow_nonfinite),
        "roofline": section("roofline", sections.Roofline, _describe_roofline),
        "times": {"started": pair.started, "finished": finished},
        "interruptions": pair.interruptions,
        **values,
    }
    reasons = {
        "message": "measured",
        "runs": NO_GOOD_RUN,
        "sample": NO_GOOD_RUN if plan.weights == "hub" else "random weights produce no meaningful text",
        "trace": no_energy or NO_GOOD_RUN,
        "token_latency": "no good run has at least two tokens" if values["runs"] else NO_GOOD_RUN,
    }
    record["reasons"] = explain_nulls(values, reasons | pair.lost)
    return cast("Record", redact.hide_secrets_everywhere(record))


def _make(
    pair: PairState, part: str, kind: Any, build: Callable[[], Any], replace: Callable[[str], Any] = lambda _: None
) -> Any:
    """Return what `build` returns if a Record can hold it as a `kind`, else `replace(why not)`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's, of what is refused below
            made = build()
        why = "" if fits(made, kind) else "a value in it is not finite, or of the wrong type"
    except Exception as error:  # noqa: BLE001 - readings can be anything, and the runs are worth more
        why = "{reason}: {message}".format_map(describe_error(error))
    if not why:
        return made
    pair.lost[part] = f"it could not be made ({why})"
    return replace(pair.lost[part])


def _make_section(pair: PairState, part: str, kind: Any, build: Callable[[PairState], Any], /, **known: Any) -> Any:
    return _make(pair, part, kind, partial(build, pair), lambda why: make_null_section(kind, why, **known))


def _describe_memory(pair: PairState) -> sections.Memory:
    measured = pair.meters.summarise_memory(pair.run_log.windows, pair.run_log.torch_peak_bytes)
    values, reasons = pair.memory_guard.describe()
    return cast("sections.Memory", {**measured, **values, "reasons": measured["reasons"] | reasons})


def _describe_health(pair: PairState) -> sections.Health:
    return pair.meters.describe_health(finite_logits=pair.run_log.finite_logits)


def _know_checkpoint(pair: PairState) -> dict[str, Any]:
    """Return what is known of a checkpoint before it is loaded."""
    spec, weights = pair.spec, pair.plan.weights
    allowed = weights == "hub" and pair.plan.trust_remote_code
    names = {"name": spec.checkpoint, "repo": spec.repo, "weights": weights, "licence": spec.licence}
    return {**names, "remote_code": allowed, "remarks": [*spec.list_differences(weights)]}


def _describe_checkpoint(pair: PairState) -> sections.Checkpoint:
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
        "sections.Checkpoint",
        {
            **_know_checkpoint(pair),
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


def _know_engine(pair: PairState) -> dict[str, str]:
    return {"name": "eager", "torch_device": pair.plan.torch_device, "isolation": pair.plan.isolation}


def _describe_engine(pair: PairState) -> sections.Engine:
    plan, loaded = pair.plan, pair.loaded
    names = ("torch_device_name", "gpu_uuid", "attention", "threads", "mark_method")
    values: dict[str, Any] = {name: loaded[name] if loaded else None for name in names}  # type: ignore[literal-required]
    values["start_method"] = plan.start_method
    absent = "the device has none" if plan.torch_device == "cpu" else "the device does not report it"
    reasons = dict.fromkeys(names, absent if loaded else NOT_LOADED)
    reasons["start_method"] = "there is no child with --isolation=none"
    return cast(
        "sections.Engine",
        {
            **_know_engine(pair),
            "versions": loaded["versions"] if loaded else {},
            **values,
            "reasons": explain_nulls(values, reasons),
        },
    )


def _describe_load(pair: PairState) -> sections.Load:
    loaded = pair.loaded
    if loaded is None:
        return cast("sections.Load", make_null_section(sections.Load, NOT_LOADED))
    facts: dict[str, Any] = {name.removeprefix("load_"): value for name, value in loaded.items()}
    facts["load_time_s"] = loaded["load_time_s"]
    values = {name: facts[name] for name in sections.Load.__annotations__ if name != "reasons"}
    no_file = pair.plan.weights == "random"
    reasons = {
        "load_time_s": "random weights are made in memory, nothing is loaded",
        "import_s": "torch and transformers were imported before the child was forked",
        "context_s": NO_CUDA,
        "peak_ram_bytes": NOT_REPORTED,
        "peak_vram_bytes": NO_CUDA,
        "page_cache_share": "there are no files" if no_file else "this system has no mincore(2)",
    }
    return cast("sections.Load", {**values, "reasons": explain_nulls(values, reasons)})


def _describe_numerics(pair: PairState) -> sections.Numerics:
    found = pair.numerics
    reason = "miniatures are not verified" if pair.plan.weights == "mini" else "the pair ended before it was verified"
    return {
        "modules": found["modules"] if found else None,
        "first_nonfinite": found["first_nonfinite"] if found else None,
        "nonfinite_kind": found["kind"] if found else None,
        "allowed": pair.plan.allow_nonfinite,
        "decode_check": cast("sections.DecodeCheck | None", pair.decode_check),
        "reasons": explain_nulls(
            {"modules": found, "decode_check": pair.decode_check}, {"modules": reason, "decode_check": pair.not_proved}
        ),
    }


def _describe_roofline(pair: PairState) -> sections.Roofline:
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
    return cast("sections.Roofline", {**values, "reasons": explain_nulls(values, reasons)})


def _find_sample(pair: PairState) -> sections.Sample | None:
    """Return the text of the first run whose text was kept."""
    work = pair.plan.work
    for request, marks in zip(pair.run_log.requests, pair.run_log.marks, strict=True):
        if marks["text"] is not None:
            image, prompt = work.select_element(request)
            text = marks["text"][:SAMPLE_CHARACTERS]
            return {"image": work.photographs[image].name, "prompt": work.prompts[prompt], "text": text}
    return None
