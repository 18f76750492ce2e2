"""Load one checkpoint as a Hub checkpoint is loaded, each part of it timed and sized apart."""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.models import MODELS, PRECISIONS
from benchmarks.processes.protocol import Job
from benchmarks.worker import adapter, pagecache, weights

if TYPE_CHECKING:
    import torch


@dataclass
class LoadedModel:
    """A model on its device, its processor, and what it took to get there."""

    model: Any  # transformers.PreTrainedModel; transformers' own annotations are not followed
    processor: Any  # transformers.ProcessorMixin
    device: torch.device
    dtype: torch.dtype
    load_time_s: float | None  # None of weights that were made here
    how: str  # one of the ways in `weights`
    adapter: adapter.Adapter
    peak_ram: int | None
    peak_vram: int | None
    import_s: float | None
    processor_s: float
    context_s: float | None
    file_bytes: int
    page_cache_share: float | None


def load(job: Job) -> LoadedModel:
    """Load `job`'s checkpoint onto its device in its precision, or make its weights there.

    The load time is from_pretrained (with the adapter, where there is one) + every weight touched or
    on the device, synchronised: with safetensors, from_pretrained alone only maps the file, and the
    first run would pay for it.
    """
    imported_before = "transformers" in sys.modules  # by the forkserver, or by an earlier load
    began = time.monotonic()
    import torch
    from transformers import AutoProcessor

    import_own_models()
    import_classes(job)
    import_s = None if imported_before else time.monotonic() - began
    device = torch.device(job.torch_device)
    dtype = getattr(torch, PRECISIONS[job.precision])
    context_s = _open_context(device)
    processor, processor_s = _timed(
        lambda: AutoProcessor.from_pretrained(job.source, trust_remote_code=job.trust_remote_code)
    )
    if processor.chat_template is None:  # Phi4MultimodalProcessor loses its own, the tokenizer keeps it
        processor.chat_template = processor.tokenizer.chat_template
    files = list_weight_files(job.source)
    pagecache.drop_cached(files)
    cached = pagecache.measure_cached_share(files)
    peak = weights.MemoryPeak(device)

    def load_model() -> tuple[Any, str, adapter.Adapter]:
        if job.weights == "random":
            model, how, attached = (
                weights.make_weights(job, device, dtype),
                weights.MADE,
                adapter.Adapter(None, adapter.MADE),
            )
        else:
            model, how = weights.load_weights(job, device, dtype)
            attached = adapter.attach(model, job.source, MODELS[job.model].adapter)
        synchronise(device)
        return model, how, attached

    (model, how, attached), seconds = _timed(load_model)
    return LoadedModel(
        model=model,
        processor=processor,
        device=device,
        dtype=dtype,
        load_time_s=None if job.weights == "random" else seconds,
        how=how,
        adapter=attached,
        peak_ram=peak.ram(),
        peak_vram=peak.vram(),
        import_s=import_s,
        processor_s=processor_s,
        context_s=context_s,
        file_bytes=sum(file.stat().st_size for file in files),
        page_cache_share=cached,
    )


def import_own_models() -> None:
    """Import the models that transformers lacks, which teaches them to its Auto classes."""
    for name in sorted({spec.own for spec in MODELS.values() if spec.own}):
        importlib.import_module(name)


def import_classes(job: Job) -> None:
    """Import the modules of a checkpoint's classes, which the Auto classes would do while the load is timed."""
    import transformers

    config = transformers.AutoConfig.from_pretrained(job.source, trust_remote_code=job.trust_remote_code)
    known = transformers.AutoModelForMultimodalLM._model_mapping  # noqa: SLF001 - looking a class up imports it
    if type(config) in known:
        known[type(config)]
    settings = job.source / "processor_config.json"
    if settings.is_file():
        getattr(transformers, json.loads(settings.read_text()).get("processor_class", ""), None)
    if hasattr(getattr(config, "vision_config", None), "architecture"):  # Gemma 3n's encoder is timm's
        importlib.import_module("timm")


def list_weight_files(source: Path) -> list[Path]:
    """Return the safetensors files that a checkpoint is loaded from: its index's, or the one, never a duplicate."""
    index, single = source / "model.safetensors.index.json", source / "model.safetensors"
    if index.is_file():
        with contextlib.suppress(ValueError, KeyError, AttributeError):  # a damaged one is the loader's to refuse
            names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            return [source / name for name in sorted(names) if (source / name).is_file()]
    return [single] if single.is_file() else sorted(source.glob("*.safetensors"))


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _open_context(device: torch.device) -> float | None:
    """Create the CUDA context and return the seconds that it took; None where there is none."""
    import torch

    if device.type != "cuda":
        return None

    def create() -> None:
        torch.zeros(1, device=device)
        synchronise(device)

    return _timed(create)[1]


def _timed(work: Any) -> tuple[Any, float]:
    began = time.monotonic()
    result = work()
    return result, time.monotonic() - began
