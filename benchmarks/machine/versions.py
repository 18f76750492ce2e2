"""The versions that shape a result, read without importing the packages."""

import importlib.metadata
import platform

DISTRIBUTIONS = (
    "torch",
    "torchvision",
    "transformers",
    "tokenizers",
    "timm",
    "accelerate",
    "peft",
    "safetensors",
    "huggingface_hub",
    "numpy",
    "pillow",
)


def read_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that shape the result."""
    found = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
