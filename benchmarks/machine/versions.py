"""The versions of Python and of the packages that influence a result, read without importing them."""

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
    """Return {name: version} for Python and the installed DISTRIBUTIONS."""
    found = {"python": platform.python_version()}
    for name in DISTRIBUTIONS:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
