"""The child's main loop: load once, then answer each request, with an error report if it fails.

A child that dies closes its pipe, which the parent sees at once.
"""

import json
import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.machine.versions import read_versions
from benchmarks.models import MODELS
from benchmarks.processes.lifetime import die_with_parent, offer_to_the_oom_killer
from benchmarks.processes.protocol import Job, Loaded, describe_error
from benchmarks.worker.devices import identify_device
from benchmarks.worker.libraries import silence_libraries
from benchmarks.worker.loading import LoadedModel, load


class Worker:
    """Answers the requests for one pair, in the child, or in the parent with --isolation=none."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._generator: Any = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Carry out one request of `pair.handle`: "load", "verify", "prove" or "run"."""
        if request["do"] == "load":
            return dict(self._load())
        elements = [(image, prompt) for image, prompt in request["request"]]
        if request["do"] in ("verify", "prove"):
            return dict(getattr(self._generator, request["do"])(elements))
        return dict(self._generator.run(elements, check_logits=request["check"], keep_text=request["text"]))

    def _load(self) -> Loaded:
        silence_libraries(offline=multiprocessing.parent_process() is not None)
        loaded = load(self._job)
        from benchmarks.worker.generation import Generator

        self._generator = Generator(loaded, self._job.images, self._job.prompts, self._job.new_tokens)
        self._generator.hook_vision(MODELS[self._job.model].vision_end)
        if self._job.batch_size > 1:
            self._generator.check_batch(self._job.batch_size)
        return describe(loaded, self._job)


def describe(loaded: LoadedModel, job: Job) -> Loaded:
    """Return the answer to "load"."""
    import torch

    from benchmarks.worker.generation import choose_mark_method
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
        "mark_method": choose_mark_method(loaded.device),
        "versions": read_versions(),
        "traffic": count_traffic(loaded.model),
        "cache_bytes": read_cache_bytes(loaded.device),
        **loaded.facts,
    }


def main(connection: Connection, job: Job) -> None:
    """Answer requests until the parent sends "close" or closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
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
    """Return the worker's answer, or an error report."""
    try:
        return worker.answer(request)
    except Exception as error:  # noqa: BLE001 - the parent counts failures by their reason
        return dict(describe_error(error))
