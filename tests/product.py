"""Start the product as a user does: in a process of its own, from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent
TIMEOUT_S = 170


def environment() -> dict[str, str]:
    """Return this process's environment without pytest's own options in it."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTEST_ADDOPTS", "PYTHONWARNINGS")}


def command(storage: Path, *options: str) -> list[str]:
    """Return the command line of a measuring session that saves into `storage`."""
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "benchmarks", "--weights=mini"]
    return [*pytest, "--new-tokens=4", f"--benchmark-storage=file://{storage}", *options]


def measure(storage: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a measuring session to its end."""
    return run(command(storage, *options))


def plotting(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `python -m plotting`."""
    return run([sys.executable, "-m", "plotting", *arguments], cwd=cwd)


def run(arguments: Sequence[str], cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command in the checkout, or in `cwd` with the checkout importable."""
    settings = environment() | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        arguments, cwd=cwd, env=settings, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def tool(name: str) -> Path:
    """Return a command of this environment, such as pytest-benchmark's."""
    return Path(sys.executable).parent / name
