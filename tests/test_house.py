"""Each module of the product is named by a test file, so that its tests can be found."""

import ast
import re
from pathlib import Path

from tests.support import product

MODULES = {
    ".".join(path.relative_to(product.ROOT).with_suffix("").parts)
    for package in ("benchmarks", "plotting")
    for path in (product.ROOT / package).rglob("*.py")
    if path.name != "__init__.py"
}


def read_docstring(path: Path) -> str:
    """Return the docstring of a file."""
    return ast.get_docstring(ast.parse(path.read_text())) or ""


def test_each_module_is_named_by_a_test_file() -> None:
    """The docstring of at least one test file names each module by its dotted path, and no module that is gone."""
    files = (product.ROOT / "tests").rglob("test_*.py")
    named = {name for path in files for name in re.findall(r"(?:benchmarks|plotting)(?:\.\w+)+", read_docstring(path))}

    assert MODULES - named == set()
    packages = {module.rpartition(".")[0] for module in MODULES}
    assert named <= MODULES | packages
