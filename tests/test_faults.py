"""docs/faults.md holds: every fault has a test that is there, and what is said stands in that test."""

from __future__ import annotations

import ast
import re
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
    """The test of a row is there, is not switched off, and its file holds word by word what is said."""
    source = (product.ROOT / fault.file).read_text()
    functions = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    assert fault.test in functions

    assert marks(functions[fault.test]) <= HARMLESS
    texts = "\n".join(
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    for said in fault.said:
        assert said in texts, f"{fault.file} does not hold {said!r}"


def marks(function: ast.FunctionDef) -> set[str]:
    """Return X for each pytest.mark.X that a test bears."""
    nodes = [node for decorator in function.decorator_list for node in ast.walk(decorator)]
    return {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "mark"
    }
