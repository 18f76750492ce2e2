"""docs/faults.md holds: every fault has a test, and that test asserts what the row says."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support import product

HARMLESS = {"filterwarnings", "parametrize", "skipif"}  # a condition of the machine is said in the test's reason
PAGE = (product.ROOT / "docs/faults.md").read_text()
ROW = re.compile(
    r"^\| (?!\*\*|Fault )(?P<fault>[^|]+) \| (?P<said>[^|]+) \| [^|]* ?\| `(?P<file>[^:`]+)::(?P<test>\w+)` \|$"
)
LINES = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| **", "| Fault "))]


@dataclass(frozen=True)
class Fault:
    """One row of the table."""

    name: str
    said: tuple[str, ...]
    file: str
    test: str


def parsed(line: str) -> Fault:
    """Return what a row says."""
    found = ROW.match(line)
    assert found, f"no row of four columns: {line}"
    return Fault(found["fault"], tuple(re.findall(r"`([^`]+)`", found["said"])), found["file"], found["test"])


FAULTS = [parsed(line) for line in LINES]


def test_there_are_many() -> None:
    """There are at least 30 faults, each once, and each with a test of its own."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 30
    assert len({(fault.file, fault.test) for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.test)
def test_a_fault_is_backed(fault: Fault) -> None:
    """The test of a row exists, is not switched off, and itself asserts every text of its row, word by word."""
    tree = ast.parse((product.ROOT / fault.file).read_text())
    named = {name: node for node in tree.body for name in names_of(node)}
    assert fault.test in named

    assert marks(named[fault.test]) <= HARMLESS
    texts = "\n".join(strings(named[fault.test], named))
    for said in fault.said:
        assert said in texts, f"{fault.test} does not contain {said!r}"


def names_of(node: ast.stmt) -> list[str]:
    """Return the names that a statement of a module defines."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def strings(node: ast.AST, named: dict[str, ast.stmt], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the strings in a definition and in those of its module that it uses, docstrings left out."""
    for part in ast.walk(node):
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(part) is not None:
            part.body = part.body[1:]
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
        elif isinstance(part, (ast.Name, ast.arg)):
            name = part.id if isinstance(part, ast.Name) else part.arg
            if name in named and name not in seen:
                seen |= {name}
                yield from strings(named[name], named, seen)


def marks(function: ast.stmt) -> set[str]:
    """Return X for each pytest.mark.X that a test bears."""
    nodes = [node for decorator in getattr(function, "decorator_list", []) for node in ast.walk(decorator)]
    return {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "mark"
    }
