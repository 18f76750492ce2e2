"""The child's main loop: load once, then answer each request.

It answers everything, errors too, so that the parent never waits for a child that has given up;
a child that dies closes its pipe, which the parent sees at once.
"""

import json
import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.machine.versions import read_versions
from benchmarks.processes.lifetime import die_with_parent, offer_to_the_oom_killer
from benchmarks.processes.protocol import Job, Loaded, describe_error
from benchmarks.worker.devices import identify_device
from benchmarks.worker.libraries import silence_libraries


class Worker:
    """One pair's model, ready to run. Used by the child, and by the parent with --isolation=none."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._generator: Any = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request: "load", "verify" or "run", as `handle.Handle` asks for them."""
        if request["do"] == "load":
            return dict(self._load())
        elements = [(image, prompt) for image, prompt in request["request"]]
        if request["do"] == "verify":
            return dict(self._generator.verify(elements))
        return dict(self._generator.run(elements, check_logits=request["check"], keep_text=request["text"]))

    def _load(self) -> Loaded:
        silence_libraries(offline=multiprocessing.parent_process() is not None)
        from benchmarks.models import MODELS
        from benchmarks.worker import loading

        loaded = loading.load(self._job)
        from benchmarks.worker.generation import Generator

        self._generator = Generator(loaded, self._job.images, self._job.prompts, self._job.new_tokens)
        self._generator.hook_vision(MODELS[self._job.model].vision_end)
        if self._job.batch_size > 1:
            self._generator.check_batch(self._job.batch_size)
        return describe(loaded, self._job)


def describe(loaded: Any, job: Job) -> Loaded:
    """Return what the Record says about a loaded model."""
    import torch

    from benchmarks.worker.generation import mark_method
    from benchmarks.worker.probe import read_cache_bytes
    from benchmarks.worker.traffic import count_traffic

    name, uuid = identify_device(loaded.device)
    return {
        "pid": os.getpid(),
        "gpu_uuid": uuid,
        "revision": job.revision,
        "model_class": type(loaded.model).__name__,
        "parameters": sum(weight.numel() for weight in loaded.model.parameters()),
        "torch_device_name": name,
        "attention": getattr(loaded.model.config, "_attn_implementation", None),
        "threads": torch.get_num_threads(),
        "mark_method": mark_method(loaded.device),
        "versions": read_versions(),
        "traffic": count_traffic(loaded.model),
        "cache_bytes": read_cache_bytes(loaded.device),
        "load_time_s": loaded.load_time_s,
        "load_method": loaded.how,
        "load_peak_ram_bytes": loaded.peak_ram,
        "load_peak_vram_bytes": loaded.peak_vram,
        "adapter": loaded.adapter.name,
        "adapter_reason": loaded.adapter.reason,
        "import_s": loaded.import_s,
        "processor_s": loaded.processor_s,
        "context_s": loaded.context_s,
        "file_bytes": loaded.file_bytes,
        "page_cache_share": loaded.page_cache_share,
    }


def main(connection: Connection, job: Job) -> None:
    """Serve until the parent says "close" or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    die_with_parent()
    offer_to_the_oom_killer()
    worker = Worker(job)
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        if request["do"] == "close":
            return
        connection.send_bytes(json.dumps(attempt(worker, request)).encode())


def attempt(worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
    """Return the worker's answer, or what went wrong in one sentence."""
    try:
        return worker.answer(request)
    except Exception as error:  # noqa: BLE001 - every failure is data: counted by reason, never fatal here
        return dict(describe_error(error))
