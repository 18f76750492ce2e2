"""The device that torch computes on."""

from typing import Any

from benchmarks.errors import BenchmarkError


def identify_device(device: Any) -> tuple[str | None, str | None]:
    """Return (name, UUID) of a CUDA device, (None, None) for others."""
    import torch

    if device.type != "cuda":
        return None, None
    properties = torch.cuda.get_device_properties(device)
    return properties.name, str(getattr(properties, "uuid", "")) or None


def check_torch_device(name: str) -> tuple[str | None, str | None]:
    """Return (name, UUID) of the device that torch calls `name`; (None, None) if it is not CUDA's.

    Raises:
        BenchmarkError: torch as installed here cannot compute on it.
    """
    import torch

    if name.startswith("cuda") and not torch.cuda.is_available():
        raise BenchmarkError(
            f"--torch-device={name}: torch {torch.__version__} finds no CUDA device; install the build of torch "
            "that the board's vendor ships (for a Jetson, NVIDIA's), or type --torch-device=cpu."
        )
    count = torch.cuda.device_count() if name.startswith("cuda") else 0
    if name.startswith("cuda:") and int(name[5:]) >= count:
        raise BenchmarkError(f"--torch-device={name}: torch finds {count} CUDA device(s); type --torch-device=cuda:0.")
    if name == "mps" and not torch.backends.mps.is_available():
        raise BenchmarkError("--torch-device=mps: torch finds no Apple GPU; type --torch-device=cpu.")
    return identify_device(torch.device(name))
