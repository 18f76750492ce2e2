"""The arrows of the house: who may import what, and what stays out of the meter.

Tests benchmarks.worker.preload.
"""

from __future__ import annotations

import ast
import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import product

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("torch", "transformers", "huggingface_hub", "pynvml", "jtop", "matplotlib", "pandas")
SOURCES = sorted([*(product.ROOT / "benchmarks").rglob("*.py"), *(product.ROOT / "plotting").rglob("*.py")])
TORCH_MAY_STAND_IN = {
    "benchmarks/worker/decode_check.py",
    "benchmarks/worker/generation.py",
    "benchmarks/worker/preload.py",
    *(str(path.relative_to(product.ROOT)) for path in SOURCES if path.parent.name == "moondream"),
}


def imported(module: str) -> set[str]:
    """Return which of the HEAVY packages a fresh interpreter holds after importing `module`."""
    code = f"import json, sys, {module}; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    done = product.run([sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("module", ["conftest", "benchmarks.plugin", "benchmarks.hub.prefetch"])
def test_the_meter_is_light(module: str) -> None:
    """Importing the plugin brings in no torch, transformers, huggingface_hub, sensor library, matplotlib or pandas."""
    assert imported(module) == set()


def test_the_reader_is_light() -> None:
    """Reading saves takes neither torch, transformers nor a sensor library."""
    assert imported("plotting.load") & {"torch", "transformers", "pynvml", "jtop"} == set()


def test_collecting_lists_twelve_pairs_without_torch() -> None:
    """`pytest benchmarks --collect-only -q` lists the twelve default pairs, and torch is not imported for it."""
    code = (
        "import pytest, sys; status = pytest.main(['benchmarks', '--collect-only', '-q', '-p', 'no:cacheprovider']);"
        "print('heavy:', [m for m in ('torch', 'transformers') if m in sys.modules]); sys.exit(status)"
    )
    done = product.run([sys.executable, "-c", code])
    ids = [line for line in done.stdout.splitlines() if "::test_generate[" in line]
    assert done.returncode == 0
    assert len(ids) == 12
    assert "benchmarks/test_generate.py::test_generate[smolvlm2-bf16]" in ids
    assert "heavy: []" in done.stdout


def imports(path: Path) -> dict[str, bool]:
    """Return {imported module: whether it is imported when the file is}, type-checking blocks left out."""
    found: dict[str, bool] = {}

    def visit(node: ast.AST, *, top: bool) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            found[name] = found.get(name, False) or top
        for child in ast.iter_child_nodes(node):
            visit(child, top=top and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))

    visit(ast.parse(path.read_text(encoding="utf-8")), top=True)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(product.ROOT)))
def test_arrows(path: Path) -> None:
    """Benchmarks never imports plotting; plotting takes only the Record's schema; torch stays in the worker."""
    name = str(path.relative_to(product.ROOT))
    found = imports(path)
    if name.startswith("benchmarks/"):
        assert not [module for module in found if module.startswith("plotting")]
    else:
        ours = [module for module in found if module.startswith("benchmarks")]
        assert all(module.startswith("benchmarks.record") for module in ours)
    if name not in TORCH_MAY_STAND_IN:
        late = ("torch", "transformers", "huggingface_hub")
        assert not [m for m, top in found.items() if top and m.split(".")[0] in late]


def test_energy_maths_stands_alone() -> None:
    """power/energy.py imports nothing of ours, so that it can be checked and reused by itself."""
    found = imports(product.ROOT / "benchmarks/power/analysis/energy.py")

    assert not [module for module in found if module.startswith(("benchmarks", "plotting"))]


def test_byte_maths_stands_alone() -> None:
    """roofline.py imports none of our modules, and estimate.py only roofline.py."""
    machine = product.ROOT / "benchmarks/machine"
    ours = ("benchmarks", "plotting")

    assert not [module for module in imports(machine / "roofline.py") if module.startswith(ours)]
    found = [module for module in imports(machine / "estimate.py") if module.startswith(ours)]
    assert all(module.startswith("benchmarks.machine.roofline.") for module in found)
