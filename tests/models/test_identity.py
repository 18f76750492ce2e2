"""The identity of a checkpoint that is built here: new wording keeps it, another build changes it.

Tests benchmarks.models.miniature.
"""

import ast
import inspect
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.models import FAMILIES, MODELS, miniature
from benchmarks.processes.helper import run_in_process
from tests.support import product

WORDING = {
    "models/moondream2.py": ('"""Moondream2 of January 2025', '"""The Moondream2 of January 2025'),
    "models/phi.py": ('mini_remarks=("Without', 'mini_remarks=("Built without'),
    "models/base.py": ('"Random weights at', '"Weights drawn at random at'),
    "models/miniature.py": ("# the published checkpoints' dtype", "# as published"),
    "worker/moondream/processing.py": ('f"Moondream2 answers one', 'f"Moondream2 can answer only one'),
}
BUILDS = {
    "models/moondream2.py": ('"enc_dim": 32', '"enc_dim": 64'),
    "models/phi.py": ('"num_blocks": 1', '"num_blocks": 2'),
    "models/base.py": ("MINI_VOCABULARY = 1024", "MINI_VOCABULARY = 2048"),
    "models/tokenizer.py": ("The picture shows", "The photograph shows"),
    "models/miniature.py": ("SEED = 20260117", "SEED = 20260118"),
    "worker/moondream/configuration.py": ("crop_size: int = 378", "crop_size: int = 392"),
}
CODE = (
    "from benchmarks.models import *; from benchmarks.models.miniature import *; print(compute_identity(MODELS['{}']))"
)


def identify(root: Path, model: str) -> str:
    """Return a model's identity as the code below `root` computes it."""
    done = product.run([sys.executable, "-c", CODE.format(model)], cwd=root, PYTHONPATH=str(root))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def copy_code(root: Path) -> Path:
    """Copy the code to `root`, and return the folder of the package."""
    ignore = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(product.ROOT / "benchmarks", root / "benchmarks", ignore=ignore))


def edit(file: Path, old: str, new: str) -> None:
    """Replace a text that stands in a file."""
    text = file.read_text()
    assert old in text, f"{file.name} no longer holds {old}"
    file.write_text(text.replace(old, new))


def test_wording_keeps_the_identity(tmp_path: Path) -> None:
    """New words in comments, docstrings, remarks and errors keep the identity of every model."""
    package = copy_code(tmp_path)
    for name, words in WORDING.items():
        edit(package / name, *words)

    for model in ("moondream2", "phi"):
        assert identify(tmp_path, model) == miniature.compute_identity(MODELS[model])


@pytest.mark.parametrize("name", BUILDS)
def test_another_build_changes_the_identity(name: str, tmp_path: Path) -> None:
    """Another dimension, token, seed or layer changes the identity of the models that it is built into."""
    package = copy_code(tmp_path)
    edit(package / name, *BUILDS[name])
    model = "phi" if name.endswith("phi.py") else "moondream2"

    assert identify(tmp_path, model) != miniature.compute_identity(MODELS[model])


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.rpartition(".")[2])
def test_each_number_of_a_family_counts(family: ModuleType) -> None:
    """No number in a family's file can change without changing the code that is hashed."""
    source = inspect.getsource(family)
    stripped, tree = miniature.strip_wording(source), ast.parse(source)
    numbers = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and type(node.value) in (int, float)]

    for number in numbers:
        number.value += 1  # type: ignore[operator]
        assert miniature.strip_wording(ast.unparse(tree)) != stripped
        number.value -= 1
    assert numbers


def test_an_older_identity_is_known_by_its_files(tmp_path: Path) -> None:
    """A checkpoint in the cache under an older identity is today's if every byte is, and is not if it is missing."""
    spec, old = MODELS["llava"], "0123456789abcdef"

    def ask() -> bool:
        return run_in_process("forkserver", miniature.is_same_checkpoint, spec, old, tmp_path, "mini")

    assert not ask()
    assert not list(tmp_path.iterdir())  # nothing is built for a checkpoint that is missing
    built = run_in_process("forkserver", miniature.build, spec, tmp_path)
    copy = shutil.copytree(built, tmp_path / f"{spec.id}-{old}")
    assert ask()
    shutil.rmtree(built)
    assert ask()  # today's is built again
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    assert not ask()
    shutil.copy(built / "model.safetensors", copy)
    (copy / "more.json").write_text("{}")
    assert not ask()
