"""Miniatures in a cache of a test's own, which it may change: they are sealed again, else they would be rebuilt."""

import json
import shutil
from pathlib import Path

from PIL import Image

from benchmarks.models import miniature
from tests.support.jobs import make_job

REFUSAL = "{{ raise_exception('this prompt is refused') }}"
"""A chat template that raises."""


def copy_miniature(model: str, cache: Path) -> Path:
    """Copy the miniature of `model` into another cache, and return its folder there."""
    source = make_job(model).source
    return shutil.copytree(source, cache / source.name)


def copy_with_template(model: str, cache: Path, begin: str) -> Path:
    """Copy the miniature of `model` into another cache, with a chat template that begins with `begin`."""
    folder = copy_miniature(model, cache)
    templates = list(folder.glob("chat_template*.jinja"))
    assert folder / "chat_template.jinja" in templates, f"{folder} keeps its chat template elsewhere"
    for file in templates:
        file.write_text(begin + file.read_text())
    seal(folder)
    return folder


def seal(folder: Path) -> None:
    """Make a miniature's files those that count as whole."""
    (folder / miniature.CHECKSUMS).write_text(json.dumps(miniature.compute_checksums(folder)))


def replace_weights(folder: Path, content: bytes) -> None:
    """Give a miniature other weights."""
    (folder / "model.safetensors").write_bytes(content)
    seal(folder)


def write_photograph(path: Path) -> Path:
    """Write a grey photograph."""
    Image.new("RGB", (640, 480), "grey").save(path)
    return path
