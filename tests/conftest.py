"""Fixtures of the unit suite. Nothing here needs a GPU, a network or root."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from tests.support import jtop_package

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent

# The same code has the same outcome, and a busy machine fails no test. `tox run -e explore` draws other examples.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=3000, deadline=None)
settings.load_profile("suite")


def pytest_collection_finish() -> None:
    """Let the garbage collector skip what the imports made: a session in this process collects garbage often."""
    gc.freeze()


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


@pytest.fixture
def jtop_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Put a package in jetson-stats' place; yield the settings of its service (jtop_stand_in.py)."""
    for name in [name for name in sys.modules if name.split(".")[0] == "jtop"]:
        monkeypatch.delitem(sys.modules, name)
    socket = jtop_package.install(tmp_path, jtop_package.ORIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = multiprocessing.get_start_method(allow_none=True)
    service: Any = __import__("jtop").service_settings
    multiprocessing.set_start_method(before, force=True)
    service.socket = socket
    yield service
    for name in ("jtop", "jtop.service"):
        sys.modules.pop(name, None)
