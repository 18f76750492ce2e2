"""The way to one GPU in NVIDIA's management library, shared by power, memory, health and device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class NoGpu(Exception):
    """NVML is not there, or does not show the GPU that was asked for; says why."""


def library() -> Any:
    """Return NVIDIA's own pynvml, initialised; shut it down with `pynvml.nvmlShutdown()`.

    Raises:
        NoGpu: the package or the driver is missing, or another package is called pynvml.
    """
    try:
        import pynvml  # noqa: PLC0415
    except ImportError as error:
        raise NoGpu("the nvidia-ml-py package is not installed (pip install nvidia-ml-py)") from error
    if not hasattr(pynvml, "_nvmlGetFunctionPointer"):
        # an unofficial package of the same name wraps an old copy: https://pypi.org/project/pynvml/
        raise NoGpu("the unofficial pynvml package hides nvidia-ml-py (pip uninstall pynvml; pip install nvidia-ml-py)")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise NoGpu(f"NVML did not start: {error}") from error
    return pynvml


def handle(nvml: Any, uuid: str | None) -> Any:
    """Return the device handle of the GPU with `uuid`; CUDA's numbering is not NVML's.

    Without a UUID the machine must have exactly one GPU.

    Raises:
        NoGpu: no such GPU, or several and no UUID.
    """
    try:
        count = nvml.nvmlDeviceGetCount()
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(count)]
        if uuid is None:
            if count != 1:
                raise NoGpu(f"NVML shows {count} GPUs and torch did not say which it computes on")
            return handles[0]
        for candidate in handles:
            if _bare(_text(nvml.nvmlDeviceGetUUID(candidate))) == _bare(uuid):
                return candidate
    except nvml.NVMLError as error:
        raise NoGpu(f"NVML does not show its GPUs: {error}") from error
    raise NoGpu(f"NVML shows {count} GPU(s), none with the UUID {uuid}")


def opened(uuid: str | None) -> tuple[Any, Any]:
    """Return (library, handle of the GPU with `uuid`); the library is shut down again where there is no such GPU.

    Raises:
        NoGpu: as `library` and `handle`.
    """
    nvml = library()
    try:
        return nvml, handle(nvml, uuid)
    except NoGpu:
        close(nvml)
        raise
    except Exception as error:  # a driver of any age answers anything; what asks it must go on
        close(nvml)
        raise NoGpu(f"NVML does not show its GPUs: {type(error).__name__}: {error}") from error


def close(nvml: Any) -> None:
    """Let go of the library; a driver that has gone does not mind."""
    optional(nvml, nvml.nvmlShutdown)


def optional(nvml: Any, call: Callable[..., Any], *arguments: Any) -> Any | None:
    """Return what `call` returns, or None where this device does not support it (any call may be missing)."""
    try:
        return call(*arguments)
    except (nvml.NVMLError, AttributeError):
        return None


def name(nvml: Any, device: Any) -> str | None:
    """Return the GPU's product name."""
    found = optional(nvml, nvml.nvmlDeviceGetName, device)
    return None if found is None else _text(found)


def driver(nvml: Any) -> str | None:
    """Return the driver's version."""
    found = optional(nvml, nvml.nvmlSystemGetDriverVersion)
    return None if found is None else _text(found)


def memory_bytes(uuid: str | None) -> int | None:
    """Return the size of a GPU's own memory, bytes; None where there is no such GPU or it does not say (GB10)."""
    found = _memory(uuid)
    return None if found is None else int(found.total)


def free_bytes(uuid: str | None) -> int | None:
    """Return how much of a GPU's own memory is free, bytes; None as `memory_bytes`."""
    found = _memory(uuid)
    return None if found is None else int(found.free)


def _memory(uuid: str | None) -> Any | None:
    try:
        nvml, device = opened(uuid)
    except NoGpu:
        return None
    try:
        return optional(nvml, nvml.nvmlDeviceGetMemoryInfo, device)
    finally:
        close(nvml)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _bare(uuid: str) -> str:
    return uuid.lower().removeprefix("gpu-")
