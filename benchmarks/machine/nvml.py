"""Access to one GPU in NVIDIA's management library, for power, memory, health and device."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

REMEDIES = {
    9: "the driver is installed but not loaded: type sudo modprobe nvidia, or restart the machine",
    12: "expected if there is no NVIDIA GPU; otherwise install its driver, "
    "and start a container with --gpus all or --runtime nvidia",
}
"""NVML_ERROR_DRIVER_NOT_LOADED and NVML_ERROR_LIBRARY_NOT_FOUND -> remedy."""

NOT_REPORTED = "NVML does not report it"


class NoGpu(Exception):
    """NVML is missing, or does not show the GPU; the text is the reason."""


def load_library() -> Any:
    """Return NVIDIA's own pynvml, initialised; end its use with `close`.

    Raises:
        NoGpu: the package or the driver is missing, or another package has its name.
    """
    try:
        import pynvml
    except ImportError as error:
        raise NoGpu("the nvidia-ml-py package is not installed (pip install nvidia-ml-py)") from error
    if not hasattr(pynvml, "_nvmlGetFunctionPointer"):
        # the distribution called pynvml is unofficial and wraps an old copy
        raise NoGpu("the unofficial pynvml package hides nvidia-ml-py (pip uninstall pynvml; pip install nvidia-ml-py)")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        remedy = REMEDIES.get(error.value, "")
        raise NoGpu(f"NVML did not start: {error}{remedy and f'; {remedy}'}") from error
    return pynvml


def find_device(nvml: Any, uuid: str | None) -> Any:
    """Return the handle of the GPU, or of its slice (MIG), with `uuid`, because CUDA and NVML number GPUs differently.

    Without a UUID the machine must have exactly one GPU. With MIG on, models run on its slices only.

    Raises:
        NoGpu: there is no such GPU, or several and no UUID, or a slice that is not named.
    """
    try:
        count = nvml.nvmlDeviceGetCount()
    except nvml.NVMLError as error:
        raise NoGpu(f"NVML cannot list the GPUs: {error}") from error
    if uuid is None and count != 1:
        raise NoGpu(f"NVML lists {count} GPUs, and torch did not report which one it uses")
    # a GPU that failed, or that this user may not see, has no handle
    found = (try_call(nvml, nvml.nvmlDeviceGetHandleByIndex, index) for index in range(count))
    gpus = [gpu for gpu in found if gpu is not None]
    named = gpus if uuid is None else [d for d in _list_with_slices(nvml, gpus) if _has_uuid(nvml, d, uuid)]
    if not named:
        raise NoGpu(f"NVML lists {count} GPU(s), none with the UUID {uuid}" if uuid else "NVML lists no GPU that works")
    mode = try_call(nvml, nvml.nvmlDeviceGetMigMode, named[0])
    if mode and mode[0]:
        raise NoGpu("MIG is on, and torch did not report which slice of the GPU it uses")
    return named[0]


def _list_with_slices(nvml: Any, gpus: list[Any]) -> Iterator[Any]:
    yield from gpus
    for gpu in gpus:
        for index in range(try_call(nvml, nvml.nvmlDeviceGetMaxMigDeviceCount, gpu) or 0):
            found = try_call(nvml, nvml.nvmlDeviceGetMigDeviceHandleByIndex, gpu, index)
            if found is not None:
                yield found


def is_slice(nvml: Any, device: Any) -> bool:
    """Return whether a handle is that of a slice of a GPU (MIG)."""
    return (try_call(nvml, nvml.nvmlDeviceGetUUID, device) or "").startswith("MIG-")


def find_board(nvml: Any, device: Any) -> Any:
    """Return the handle of a slice's GPU (MIG), and any other handle unchanged.

    NVML may not report the board's temperature and clock for a slice.
    """
    call = getattr(nvml, "nvmlDeviceGetDeviceHandleFromMigDeviceHandle", None)
    found = try_call(nvml, call, device) if call and is_slice(nvml, device) else None
    return device if found is None else found


def open_device(uuid: str | None) -> tuple[Any, Any]:
    """Return (library, handle of the GPU with `uuid`), and close the library if that fails.

    Raises:
        NoGpu: see `load_library` and `find_device`.
    """
    nvml = load_library()
    try:
        return nvml, find_device(nvml, uuid)
    except NoGpu:
        close(nvml)
        raise
    except Exception as error:  # drivers differ; without its GPU the session continues
        close(nvml)
        raise NoGpu(f"NVML cannot list the GPUs: {type(error).__name__}: {error}") from error


@contextlib.contextmanager
def use_device(uuid: str | None) -> Iterator[tuple[Any, Any]]:
    """Open a GPU as `open_device` does, and close the library at the end."""
    nvml, device = open_device(uuid)
    try:
        yield nvml, device
    finally:
        close(nvml)


def close(nvml: Any) -> None:
    """End the use of the library, even after the driver has gone."""
    try_call(nvml, nvml.nvmlShutdown)


def try_call(nvml: Any, call: Callable[..., Any], *arguments: Any) -> Any | None:
    """Return `call(*arguments)`; None if this device or driver does not support it."""
    try:
        return call(*arguments)
    except (nvml.NVMLError, AttributeError):
        return None


def has_gpu() -> bool:
    """Return whether NVML shows any GPU."""
    try:
        nvml = load_library()
    except NoGpu:
        return False
    count = try_call(nvml, nvml.nvmlDeviceGetCount)
    close(nvml)
    return bool(count)


def read_name(nvml: Any, device: Any) -> str | None:
    """Return the product name, with the profile of a slice; None if unknown."""
    return try_call(nvml, nvml.nvmlDeviceGetName, device)


def read_driver(nvml: Any) -> str | None:
    """Return the driver's version; None if unknown."""
    return try_call(nvml, nvml.nvmlSystemGetDriverVersion)


def read_memory_bytes(uuid: str | None, part: str = "total") -> int | None:
    """Return the size of a GPU's own memory, or its "free" part, bytes; None if unknown, as on a GB10."""
    try:
        with use_device(uuid) as (nvml, device):
            found = try_call(nvml, nvml.nvmlDeviceGetMemoryInfo, device)
    except NoGpu:
        return None
    return None if found is None else int(getattr(found, part))


def _has_uuid(nvml: Any, device: Any, uuid: str) -> bool:
    names = (try_call(nvml, nvml.nvmlDeviceGetUUID, device) or "", uuid)
    own, wanted = (name.lower().removeprefix("gpu-").removeprefix("mig-") for name in names)
    return own == wanted
