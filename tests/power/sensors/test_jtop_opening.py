"""Open the jtop monitor: with and without a service, and with any values.

Tests benchmarks.power.sensors.jtop_client.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.power.base import SensorUnavailable
from benchmarks.power.sensors.jtop_client import parse_milliwatts, parse_ram_bytes
from tests.support.jtop_package import THOR, make_power
from tests.support.quick_jtop import open_monitor, read_watts

if TYPE_CHECKING:
    from pathlib import Path


def test_the_first_reading_may_be_slow(jtop_service: Any) -> None:
    """If the service's first reading is slow, the client tries again."""
    jtop_service.start = ["Error connection"] * 2
    monitor = open_monitor()

    assert read_watts(monitor) == {7.6}
    monitor.close()


def test_the_services_pace(jtop_service: Any) -> None:
    """The period is that of the readings, because the first client's interval holds for all."""
    jtop_service.interval = 0.1
    monitor = open_monitor()
    monitor.close()

    assert monitor.period_s == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize(
    ("error", "complaint"),
    [
        ("The jtop.service is not active. Please run:\nsudo jtop", "type `sudo systemctl start jtop`"),
        ("I can't access jtop.service.\nPlease logout or reboot", "type `sudo usermod -aG jtop $USER`, log out"),
        (
            "Mismatch version jtop service: [4.3.2] and client: [7.2.2]. Please run:\n\nsudo jtop --install-service",
            "jetson-stats 4.3.2, but this environment has 7.2.2; type `python -m pip install 'jetson-stats==4.3.*'`",
        ),
        ("Mismatch version jtop service: [unknown] and client: [7.2.2].", "'jetson-stats==unknown'"),
        ("Mismatch of Python versions between library and service", "cannot be used (Mismatch of Python versions"),
        ("Mismatch version jtop service: [1'; rm -rf ~ #] and client: [7.2.2].", "cannot be used (Mismatch version"),
        ("Authentication with jetson-stats server failed", "type `sudo systemctl restart jtop`"),
        ("hang", "the service accepts connections, but does not answer within 1 s; type `sudo systemctl restart jtop`"),
    ],
)
def test_what_is_no_sensor_is_refused(jtop_service: Any, error: str, complaint: str) -> None:
    """Every error of the client becomes one sentence with what to type next."""
    jtop_service.start = [error]

    with pytest.raises(SensorUnavailable) as refusal:
        open_monitor()
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("shown", [{}, make_power({"VIN": 1}), {"rail": None}, None, ["tot"]])
def test_without_the_rails_of_a_board(jtop_service: Any, shown: Any) -> None:
    """A service without the GPU's rails is refused, and the rails that it shows are named."""
    jtop_service.power = shown

    with pytest.raises(SensorUnavailable, match="but not the GPU rails of a known board; type --power-monitor="):
        open_monitor()


def test_a_service_that_falls_silent_at_once(jtop_service: Any) -> None:
    """A service that answers and then gives no readings is refused."""
    jtop_service.uptime = 1.0

    with pytest.raises(SensorUnavailable, match="the service sent 1 readings in 1 s; type `sudo systemctl restart"):
        open_monitor()


def test_a_service_that_floods(jtop_service: Any) -> None:
    """Of readings that come without a pause, the latest thousand are kept until they are taken."""
    jtop_service.interval = 1e-6
    monitor = open_monitor()
    time.sleep(0.3)
    readings = monitor.read()
    monitor.close()

    assert len(readings) <= 1000


def test_without_jetson_stats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without jetson-stats the monitor is refused, and says how to find the version to install."""
    for name in [name for name in sys.modules if name.split(".")[0] == "jtop"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])

    with pytest.raises(SensorUnavailable, match="jetson-stats is not installed here; type `jtop --version` on the boa"):
        open_monitor()


def test_the_start_method_is_ours(jtop_service: Any) -> None:
    """Importing jetson-stats sets the start method `fork`; the monitor restores the previous one."""
    before = multiprocessing.get_start_method(allow_none=True)
    del sys.modules["jtop"]
    open_monitor().close()  # imports the package anew

    assert sys.modules["jtop"].service_settings is not jtop_service
    assert multiprocessing.get_start_method(allow_none=True) == before


KEYS = ["rail", "power", "online", "VDD_GPU", "used"]


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner),
)


@given(json)
def test_anything_for_power(anything: Any) -> None:
    """Any value for `power` or `memory` is parsed without an error, and rails are whole numbers of mW."""
    assert all(type(now) is int for now in parse_milliwatts(anything).values())
    assert parse_ram_bytes(anything) is None
    assert parse_ram_bytes({"RAM": anything}) is None or type(anything["used"]) is int


def test_power_as_documented() -> None:
    """A rail's value is its power now; `tot` and `avg` are not used."""
    assert parse_milliwatts(make_power(THOR)) == THOR
    assert parse_milliwatts({"rail": {"A": {"power": True}, "B": {"power": 1.5}, "C": SimpleNamespace()}}) == {}
