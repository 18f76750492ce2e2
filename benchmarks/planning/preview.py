"""--plan: the download, memory and time of each pair, and whether it fits. Nothing is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.formatting import align_columns, format_duration, format_size
from benchmarks.hub import client
from benchmarks.hub.errors import HubError
from benchmarks.hub.progress import DISK_MARGIN, compare_with_disk, get_free_bytes
from benchmarks.machine import memory, nvml
from benchmarks.machine.estimate import ModelSize, RequestSize, Work, estimate, find_rates
from benchmarks.machine.footprint import compute_least_bytes
from benchmarks.machine.roofline import Probe, compute_cached_bytes
from benchmarks.models import MODELS
from benchmarks.planning.plan import Plan
from benchmarks.processes.helper import run_in_process
from benchmarks.worker.architecture import survey
from benchmarks.worker.probe import probe

HEADER = ("pair", "download", "memory", "of available", "a run, at least", "all, at least")
NOTES = (
    "memory: weights + KV cache + 0.4 GB for the process; activations are not included.",
    "time: a lower bound from a short test, without loading and preprocessing; the real time is often twice as long.",
)
Download = int | HubError  # bytes, or why they are unknown


@dataclass(frozen=True)
class Room:
    """The room for a model, bytes: memory ("VRAM" or "RAM"), and disk for its download."""

    name: str
    available: int | None
    floor: int
    disk: int | None = None


def preview(plan: Plan, pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return the preview of `pairs` as lines: a table, the disk, and what the columns mean.

    Raises:
        BenchmarkError: a helper process died.
    """
    models = list(dict.fromkeys(model for model, _ in pairs))
    image, prompt = plan.work.select_element(0)
    method = plan.start_method or "spawn"
    known = run_in_process(method, survey, list(pairs), plan.work.encoded[image], plan.work.prompts[prompt])
    found = plan.capability.probe or run_in_process(method, probe, plan.torch_device)
    sizes, disk, free = find_downloads(plan, models)
    room = replace(find_room(plan), disk=free)
    rows = [make_row(plan, pair, sizes[pair[0]], known["-".join(pair)], found, room) for pair in pairs]
    verdicts = [verdict for _, verdict in rows]
    aligned = align_columns([HEADER, *(cells for cells, _ in rows)])
    listed = [f"{cells}  {verdict}" for cells, verdict in zip(aligned, ["verdict", *verdicts], strict=True)]
    return [*listed, *disk, *list_reasons(plan, pairs, sizes), *NOTES]


def list_reasons(plan: Plan, pairs: Sequence[tuple[str, str]], sizes: dict[str, Download]) -> list[str]:
    """Return, each once, why pairs are skipped and why a checkpoint cannot be downloaded."""
    skipped = [why for _, precision in pairs if (why := plan.find_skip_reason(precision))]
    troubles = [str(found) for found in sizes.values() if isinstance(found, HubError)]
    return list(dict.fromkeys([*(f"fp16 is skipped: {why}" for why in skipped), *troubles]))


def make_row(
    plan: Plan,
    pair: tuple[str, str],
    download: Download,
    known: tuple[ModelSize, RequestSize],
    ability: Probe,
    room: Room,
) -> tuple[tuple[str, ...], str]:
    """Return (cells, verdict) of one line of the table."""
    work = Work(*known, plan.work.new_tokens, plan.work.batch_size)
    needed = predict_footprint(work)
    found = find_rates(ability, pair[1])
    seconds = estimate(work, *found)["run_s"] if found else None
    runs = plan.runs + plan.warmup_runs
    cells = (
        "-".join(pair),
        "?" if isinstance(download, HubError) else format_size(download) if download else "none",
        format_size(needed),
        "?" if room.available is None else f"{format_size(room.available)} {room.name}",
        "?" if seconds is None else f"{seconds:.1f} s" if seconds < 90 else format_duration(seconds),
        "?" if seconds is None else format_duration(seconds * runs),
    )
    return cells, judge_pair(plan, pair[1], download, needed, room)


def predict_footprint(work: Work) -> int:
    """Return the least memory that a model needs at the end of a run, bytes: weights, KV cache and process."""
    cached = compute_cached_bytes(work.model["traffic"], work.request["prompt_tokens"] + work.new_tokens)
    return compute_least_bytes(work.model["parameters"]) + work.batch * round(cached)


def judge_pair(plan: Plan, precision: str, download: Download, needed: int, room: Room) -> str:
    """Return in a few words whether a pair can be measured."""
    if plan.find_skip_reason(precision):
        return "skipped"
    if isinstance(download, int) and room.disk is not None and download * (1 + DISK_MARGIN) > room.disk:
        return "no room on the disk"
    if room.available is None:
        return f"{room.name} unknown" if not isinstance(download, HubError) else download.reason
    if room.available - needed < room.floor:
        kept = f" ({format_size(room.floor)} must stay free)" if room.floor else ""
        return f"does not fit{kept}"
    return download.reason if isinstance(download, HubError) else "fits"


def find_room(plan: Plan) -> Room:
    """Return the memory that a model must fit into: the GPU's own if it has its own, else the machine's."""
    if plan.machine["memory_kind"] == "discrete":
        return Room("VRAM", nvml.read_memory_bytes(plan.gpu_uuid, "free"), 0)
    return Room("RAM", memory.read_available_bytes(), plan.ram_floor_bytes or 0)


def find_downloads(plan: Plan, models: Sequence[str]) -> tuple[dict[str, Download], list[str], int | None]:
    """Return ({model: bytes to download, or why they are unknown}, lines about the disk, its free bytes)."""
    if plan.weights != "hub":
        return dict.fromkeys(models, 0), [], None
    wanted = [plan.describe_checkpoint(MODELS[model]) for model in models]
    found = run_in_process("spawn", client.plan_downloads, wanted)
    missing = [listing if isinstance(listing, HubError) else listing.missing_bytes for listing in found]
    known = [listing for listing in found if not isinstance(listing, HubError)]
    free = get_free_bytes(known[0].state.cache) if known else None
    return dict(zip(models, missing, strict=True)), compare_with_disk(known), free
