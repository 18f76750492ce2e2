"""Decode and encode the photographs in a process of its own, which imports little: they are untrusted input."""

import math
import time
import warnings
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks import workload
from benchmarks.errors import BenchmarkError
from benchmarks.processes.helper import run_in_process
from benchmarks.processes.start_methods import get_context

DECODE_S, DECODE_BYTES = 120.0, 4_000_000_000  # for each photograph: the largest take 10 s on a PC, and 2 GB


def encode_photographs(photographs: tuple[workload.Photograph, ...], longest_s: float = DECODE_S) -> tuple[bytes, ...]:
    """Return the encoded images of all photographs, in order; raise BenchmarkError if one is invalid or takes long."""
    begun, theirs = get_context("spawn").Pipe(duplex=False)
    name, since = "", math.inf

    def check() -> None:
        nonlocal name, since
        while begun.poll():
            name, since = photographs[begun.recv()].name, time.monotonic()
        if time.monotonic() - since > longest_s:
            why = f"is not decoded after {longest_s:g} s; leave it out or save it as a plain JPEG"
            raise BenchmarkError(f"--images: {name} {why}.")

    return run_in_process("spawn", encode_all, photographs, theirs, DECODE_BYTES, on_tick=check)


def encode_all(photographs: tuple[workload.Photograph, ...], begun: Connection, most_bytes: int) -> tuple[bytes, ...]:
    """Return the encoded images of all photographs, in order, and send the place of each before it is decoded."""
    warnings.simplefilter("ignore")  # Pillow warns of each odd tag
    with suppress(ImportError, OSError, ValueError):  # where the platform can limit a process's memory
        import resource

        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + most_bytes, resource.getrlimit(resource.RLIMIT_AS)[1]))
    encoded = []
    for place, photograph in enumerate(photographs):
        begun.send(place)
        encoded.append(workload.encode(photograph))
    return tuple(encoded)
