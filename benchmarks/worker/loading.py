"""Load one checkpoint as a Hub checkpoint is loaded, with the time and the memory of each part."""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.machine import memory
from benchmarks.models import MODELS, PRECISIONS
from benchmarks.processes.protocol import Job, LoadFacts
from benchmarks.record.not_measured import NotMeasured
from benchmarks.worker import adapter, pagecache, weights

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


@dataclass
class LoadedModel:
    """A model on its device, its processor, and what the load took."""

    model: Any  # transformers.PreTrainedModel; mypy does not follow transformers' annotations
    processor: Any  # transformers.ProcessorMixin
    device: torch.device
    dtype: torch.dtype
    facts: LoadFacts


def load(job: Job) -> LoadedModel:
    """Load the checkpoint of `job` onto its device in its precision, or make its weights there.

    The load time covers from_pretrained, the adapter, and a read of every weight that stays in RAM:
    from_pretrained alone only maps a safetensors file, and the first run would pay for the reads.
    """
    imported_before = "transformers" in sys.modules  # by the forkserver, or by an earlier load
    began = time.monotonic()
    import torch

    import_own_models()
    import_classes(job)
    import_s = None if imported_before else time.monotonic() - began
    device, dtype = torch.device(job.torch_device), getattr(torch, PRECISIONS[job.precision])
    context_s = _open_context(device)
    processor, processor_s = _time(lambda: _load_processor(job))
    files = list_weight_files(job.source)
    pagecache.drop_cached(files)
    cached = pagecache.measure_cached_share(files)
    weights.reset_peaks(device)
    (model, how, attached, why), seconds = _time(lambda: _load_model(job, device, dtype))
    facts: LoadFacts = {
        "load_time_s": None if job.weights == "random" else seconds,
        "load_method": how,
        "load_peak_ram_bytes": memory.read_peak_bytes("self"),
        "load_peak_vram_bytes": torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None,
        "adapter": attached,
        "adapter_reason": why,
        "import_s": import_s,
        "processor_s": processor_s,
        "context_s": context_s,
        "file_bytes": sum(file.stat().st_size for file in files),
        "page_cache_share": cached,
    }
    return LoadedModel(model, processor, device, dtype, facts)


def import_own_models() -> None:
    """Import the packages that teach transformers' Auto classes the models that transformers lacks."""
    for name in sorted({spec.own for spec in MODELS.values() if spec.own}):
        importlib.import_module(name)


def import_classes(job: Job) -> None:
    """Import the modules of a checkpoint's classes, so that the load time does not include their import."""
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
    """Return the safetensors files that a load reads: those of the index, else model.safetensors, else all."""
    index, single = source / "model.safetensors.index.json", source / "model.safetensors"
    if index.is_file():
        with contextlib.suppress(ValueError, KeyError, AttributeError):  # the loader reports a damaged index
            names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            return [source / name for name in sorted(names) if (source / name).is_file()]
    return [single] if single.is_file() else sorted(source.glob("*.safetensors"))


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished its work."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _load_processor(job: Job) -> Any:
    from transformers import AutoProcessor

    processor = AutoProcessor.from_pretrained(job.source, trust_remote_code=job.trust_remote_code)
    if processor.chat_template is None:  # Phi4MultimodalProcessor loses its own, its tokenizer keeps it
        processor.chat_template = processor.tokenizer.chat_template
    return processor


def _load_model(job: Job, device: torch.device, dtype: torch.dtype) -> tuple[Any, str, str | None, str]:
    """Return (model, load method, adapter, why there is no adapter)."""
    attached, why = None, ""
    if job.weights == "random":
        model, how, why = weights.make_weights(job, device, dtype), weights.MADE, adapter.MADE
    else:
        model, how = weights.load_weights(job, device, dtype)
        try:
            attached = adapter.attach(model, job.source, MODELS[job.model].adapter)
        except NotMeasured as error:
            why = str(error)
    synchronise(device)
    return model, how, attached, why


def _open_context(device: torch.device) -> float | None:
    """Create the CUDA context and return its seconds; None for other devices."""
    import torch

    def create() -> None:
        torch.zeros(1, device=device)
        synchronise(device)

    return _time(create)[1] if device.type == "cuda" else None


def _time(work: Callable[[], T]) -> tuple[T, float]:
    began = time.monotonic()
    result = work()
    return result, time.monotonic() - began
