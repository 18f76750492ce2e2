"""Tables and figures that tests share; none of them changes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from plotting.figures import FIGURES
from tests.support import made
from tests.support.drawing import draw, lay_out
from tests.support.factory import record, unmeasured

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return three devices x six models x two precisions, with one failed pair and one never attempted."""
    return made.study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return one device x two models x two precisions."""
    return made.small(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="session")
def powerless(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return two models in both precisions on a device without a power sensor."""
    records = [record(model, precision, power_w=None) for model in ("llava", "phi") for precision in made.PRECISIONS]
    return made.one(tmp_path_factory.mktemp("powerless"), *records)


@pytest.fixture(scope="session")
def lone(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return one measured pair."""
    return made.one(tmp_path_factory.mktemp("lone"), record())


@pytest.fixture(scope="session")
def hopeless(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Return two pairs that failed, and nothing else."""
    return made.one(tmp_path_factory.mktemp("hopeless"), unmeasured("llava", "fp16"), unmeasured("phi", "bf16"))


@pytest.fixture(scope="session")
def drawn(study: pd.DataFrame) -> dict[str, Figure]:
    """Return the nine figures of the study, laid out."""
    return {name: lay_out(draw(name, study)) for name in FIGURES}


class Figures(dict[str, "Figure"]):
    """The figures of a table, laid out, each drawn when it is first asked for."""

    def __init__(self, table: pd.DataFrame) -> None:
        super().__init__()
        self._table = table

    def __missing__(self, name: str) -> Figure:
        self[name] = lay_out(draw(name, self._table))
        return self[name]


class Drawn(NamedTuple):
    """A table and its nine figures."""

    table: pd.DataFrame
    figures: Figures


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """Return one device x two models."""
    table = made.with_intervals(made.small(tmp_path_factory.mktemp("small")))
    return Drawn(table, Figures(table))


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """Return eight devices x twenty models x three precisions."""
    table = made.with_intervals(made.large(tmp_path_factory.mktemp("large")))
    return Drawn(table, Figures(table))


@pytest.fixture(params=["small", "large"])
def sized(request: pytest.FixtureRequest) -> Drawn:
    """Return the small and the large table; a parameter of the session's scope would draw anew at each change."""
    found: Drawn = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Return a folder of two saves, 0001_thor and 0002_dell."""
    folder = tmp_path / "results"
    made.on(folder, [record("phi")])
    made.on(folder, [record("phi", latency_s=0.25)], label="Dell")
    return folder


@pytest.fixture
def saves(tmp_path: Path) -> Path:
    """Return a folder of a save: measured pairs with and without joules, a failed one, and one never attempted."""
    folder = tmp_path / "results"
    partly = record("phi", "fp16", runs=3)
    partly["runs"]["energy_j"][1] = None
    partly["runs"]["energy_coverage"][1] = 0.5
    partly["power"] = record("phi", "fp16", runs=2)["power"]
    made.on(folder, [partly, record("llava", "fp16", power_w=None), unmeasured("llava", "bf16")])
    return folder
