"""The way to one GPU in NVIDIA's management library, shared by power, memory, health and device."""

from collections.abc import Callable, Iterator
from typing import Any

REMEDIES = {
    9: "the driver is installed and not loaded: type sudo modprobe nvidia, or start the machine anew",
    12: "without an NVIDIA GPU that is as it should be; with one, install its driver, "
    "and start a container with --gpus all or --runtime nvidia, which mount it",
}
"""NVML_ERROR_DRIVER_NOT_LOADED and NVML_ERROR_LIBRARY_NOT_FOUND -> what helps."""


class NoGpu(Exception):
    """NVML is not there, or does not show the GPU that was asked for; says why."""


def load_library() -> Any:
    """Return NVIDIA's own pynvml, initialised; shut it down with `pynvml.nvmlShutdown()`.

    Raises:
        NoGpu: the package or the driver is missing, or another package is called pynvml.
    """
    try:
        import pynvml
    except ImportError as error:
        raise NoGpu("the nvidia-ml-py package is not installed (pip install nvidia-ml-py)") from error
    if not hasattr(pynvml, "_nvmlGetFunctionPointer"):
        # an unofficial package of the same name wraps an old copy: https://pypi.org/project/pynvml/
        raise NoGpu("the unofficial pynvml package hides nvidia-ml-py (pip uninstall pynvml; pip install nvidia-ml-py)")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        helps = REMEDIES.get(error.value, "")
        raise NoGpu(f"NVML did not start: {error}{helps and f'; {helps}'}") from error
    return pynvml


def find_device(nvml: Any, uuid: str | None) -> Any:
    """Return the device handle of the GPU, or of the slice of one (MIG), with `uuid`; CUDA's numbering is not NVML's.

    Without a UUID the machine must have exactly one GPU. A GPU with MIG on is never what computes: its slices are.

    Raises:
        NoGpu: no such GPU, several and no UUID, or a slice that is not named.
    """
    try:
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError as error:
        raise NoGpu(f"NVML does not show its GPUs: {error}") from error
    if uuid is None and count != 1:
        raise NoGpu(f"NVML shows {count} GPUs and torch did not say which it computes on")
    # one that has failed, or that this user may not see, hides none of the others
    found = (try_call(nvml, nvml.nvmlDeviceGetHandleByIndex, index) for index in range(count))
    gpus = [gpu for gpu in found if gpu is not None]
    named = gpus if uuid is None else [device for device in _with_slices(nvml, gpus) if _is(nvml, device, uuid)]
    if not named:
        raise NoGpu(f"NVML shows {count} GPU(s), none with the UUID {uuid}" if uuid else "NVML shows no GPU that works")
    if is_divided(nvml, named[0]):
        raise NoGpu("MIG is on, and torch did not say on which slice of the GPU it computes")
    return named[0]


def _with_slices(nvml: Any, gpus: list[Any]) -> Iterator[Any]:
    yield from gpus
    for gpu in gpus:
        for index in range(try_call(nvml, nvml.nvmlDeviceGetMaxMigDeviceCount, gpu) or 0):
            found = try_call(nvml, nvml.nvmlDeviceGetMigDeviceHandleByIndex, gpu, index)
            if found is not None:
                yield found


def is_divided(nvml: Any, device: Any) -> bool:
    """Return whether a handle is a GPU's that is divided into slices (MIG)."""
    mode = try_call(nvml, nvml.nvmlDeviceGetMigMode, device)
    return bool(mode and mode[0])


def is_slice(nvml: Any, device: Any) -> bool:
    """Return whether a handle is a slice's of a GPU (MIG)."""
    found = try_call(nvml, nvml.nvmlDeviceGetUUID, device)
    return found is not None and _text(found).startswith("MIG-")


def find_board(nvml: Any, device: Any) -> Any:
    """Return the handle of the GPU that a slice (MIG) is of; any other handle as it is.

    A board has one temperature and one clock, which NVML may refuse to tell of a slice.
    """
    if not is_slice(nvml, device):
        return device
    call = getattr(nvml, "nvmlDeviceGetDeviceHandleFromMigDeviceHandle", None)
    found = None if call is None else try_call(nvml, call, device)
    return device if found is None else found


def open_device(uuid: str | None) -> tuple[Any, Any]:
    """Return (library, handle of the GPU with `uuid`); the library is shut down again where there is no such GPU.

    Raises:
        NoGpu: as `library` and `handle`.
    """
    nvml = load_library()
    try:
        return nvml, find_device(nvml, uuid)
    except NoGpu:
        close(nvml)
        raise
    except Exception as error:  # a driver of any age answers anything; what asks it must go on
        close(nvml)
        raise NoGpu(f"NVML does not show its GPUs: {type(error).__name__}: {error}") from error


def close(nvml: Any) -> None:
    """Let go of the library; a driver that has gone does not mind."""
    try_call(nvml, nvml.nvmlShutdown)


def try_call(nvml: Any, call: Callable[..., Any], *arguments: Any) -> Any | None:
    """Return what `call` returns, or None where this device does not support it (any call may be missing)."""
    try:
        return call(*arguments)
    except (nvml.NVMLError, AttributeError):
        return None


def has_gpu() -> bool:
    """Return whether NVML is there and has a GPU, whichever it is."""
    try:
        nvml = load_library()
    except NoGpu:
        return False
    try:
        return bool(try_call(nvml, nvml.nvmlDeviceGetCount))
    finally:
        close(nvml)


def read_name(nvml: Any, device: Any) -> str | None:
    """Return the GPU's product name, with the profile of a slice."""
    found = try_call(nvml, nvml.nvmlDeviceGetName, device)
    return None if found is None else _text(found)


def read_driver(nvml: Any) -> str | None:
    """Return the driver's version."""
    found = try_call(nvml, nvml.nvmlSystemGetDriverVersion)
    return None if found is None else _text(found)


def read_memory_bytes(uuid: str | None) -> int | None:
    """Return the size of a GPU's own memory, bytes; None where there is no such GPU or it does not say (GB10)."""
    found = _memory(uuid)
    return None if found is None else int(found.total)


def read_free_bytes(uuid: str | None) -> int | None:
    """Return how much of a GPU's own memory is free, bytes; None as `memory_bytes`."""
    found = _memory(uuid)
    return None if found is None else int(found.free)


def _memory(uuid: str | None) -> Any | None:
    try:
        nvml, device = open_device(uuid)
    except NoGpu:
        return None
    try:
        return try_call(nvml, nvml.nvmlDeviceGetMemoryInfo, device)
    finally:
        close(nvml)


def _is(nvml: Any, device: Any, uuid: str) -> bool:
    found = try_call(nvml, nvml.nvmlDeviceGetUUID, device)
    return found is not None and _bare(_text(found)) == _bare(uuid)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _bare(uuid: str) -> str:
    return uuid.lower().removeprefix("gpu-").removeprefix("mig-")
