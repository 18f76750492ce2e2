"""Fixtures of the unit suite. Nothing here needs a GPU, a network or root."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent

# The same code has the same outcome, and a busy machine fails no test. `tox run -e explore` draws other examples.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=3000, deadline=None)
settings.load_profile("suite")


@pytest.fixture(autouse=True, scope="session")
def _miniatures_of_the_suite(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep miniatures in pytest's cache, so that the suite leaves the user's own alone."""
    before = os.environ.get("EDGE_VLM_BENCH_CACHE")
    os.environ["EDGE_VLM_BENCH_CACHE"] = str(request.config.cache.mkdir("miniatures"))
    yield
    if before is None:
        del os.environ["EDGE_VLM_BENCH_CACHE"]
    else:
        os.environ["EDGE_VLM_BENCH_CACHE"] = before


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a stand-in for NVIDIA's driver library, libnvidia-ml.so.1."""
    if (compiler := shutil.which("cc")) is None:
        pytest.skip("there is no C compiler (cc) to build the stand-in for NVIDIA's driver library")
    folder = tmp_path_factory.mktemp("nvml")
    source = ROOT / "tests/support/fake_nvml.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "libnvidia-ml.so.1", source, "-lm"], check=True)
    return folder
