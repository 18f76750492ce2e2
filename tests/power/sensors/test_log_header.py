"""Units and number formats of meters' logs: what is plain is read, and what may mean two things is refused.

Tests benchmarks.power.sensors.log_header.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from benchmarks.power.base import PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sensors.log_header import UnclearUnit, parse_header
from benchmarks.power.sensors.logs import WallMeterMonitor
from tests.support.meter_log import write_log

if TYPE_CHECKING:
    from pathlib import Path

S = 1_000_000_000
TARGET = PowerTarget("cpu")


def moment(after_s: float) -> str:
    """Return a time so many seconds after now, as a meter writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + after_s))


def read(folder: Path, text: str, option: str = "") -> list[float | None]:
    """Return the watts of a log whose `@N` are times N seconds ago, the samples before the last one left out."""
    for ago in range(30, 0, -1):
        text = text.replace(f"@{ago}", moment(-ago))
    return [sample.watts for sample in WallMeterMonitor(TARGET, f"{write_log(folder, text)}{option}").read()]


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        *(("µW", 1e-6), ("μW", 1e-6), ("uW", 1e-6), ("mW", 1e-3), ("mw", 1e-3), ("㎽", 1e-3), ("\uff4d\uff37", 1e-3)),
        *(("W", 1.0), ("w", 1.0), ("Watts", 1.0), ("kW", 1e3), ("KW", 1e3), ("㎾", 1e3), ("milliwatts", 1e-3)),
    ],
)
def test_plain_units(unit: str, factor: float) -> None:
    """A prefix counts in each of its forms, also outside ASCII."""
    layout = parse_header(f"time;Power ({unit})")

    assert layout is not None
    assert layout.factor == factor


@pytest.mark.parametrize("unit", ["MW", "Mw", "UW", "\u039cW", "", "power"])
def test_units_that_may_be_two_are_refused(tmp_path: Path, unit: str) -> None:
    """A unit in capitals (milli or mega?) or none is refused with what to type, and read with it."""
    text = (
        f"time;Power {unit and f'({unit})'}\n@2;51.25\n@1;52.5\n" if unit != "power" else "time;p\n@2;51.25\n@1;52.5\n"
    )
    with pytest.raises(SensorUnavailable, match=r"may be a small or a large one; type ,unit=mW|states no unit; type "):
        read(tmp_path, text)

    assert unit in ("UW", "\u039cW") or read(tmp_path, text, ",unit=mW") == [pytest.approx(0.0525)]


@pytest.mark.parametrize(
    "unit", ["МВт", "мW", "nW", "GW", "%", "VA", "W/h", "Wh", "x10 W", "W\u00d710", "-W", "dBm", "W²", "J"]
)
def test_other_units_are_no_power(unit: str) -> None:
    """A unit or a sign that is not known makes no column of power; nothing of a name is passed over."""
    assert parse_header(f"time;Power ({unit})") is None


def test_a_unit_is_stated_once() -> None:
    """A unit that is typed does not replace another one in the header."""
    with pytest.raises(UnclearUnit, match="states another unit than ,unit=mW; leave that out"):
        parse_header("time;Power (W)", unit="mW")


@pytest.mark.parametrize("time_name", ["elapsed (µs)", "elapsed_us", "time_ms", "t [ns]", "time (min)"])
def test_a_time_in_another_unit_is_no_time(time_name: str) -> None:
    """A time in microseconds or another unit is never taken for seconds."""
    assert parse_header(f"{time_name};W") is None


@pytest.mark.parametrize(
    ("head", "cells", "name"),
    [
        ("time;Power (mW)", ("39.871", "40.102"), "point"),
        ("time;Power (W)", ("39,871", "40,102"), "comma"),
        ("time\tW", ("-1.250", "3.100"), "point"),
        ("time,mW", ("39.871", "40.102"), "point"),
        ("time;W", ("998", "1.002"), "point"),
        ("time;W", ("51.3", "39,871"), "comma"),
        ("time;W", ("51,3", "39.871"), "point"),
    ],
)
def test_a_mark_before_three_digits_is_not_guessed(
    tmp_path: Path, head: str, cells: tuple[str, str], name: str
) -> None:
    """If each mark of a kind has three digits behind it, it may separate thousands: refused, and what to type."""
    separator = next(sign for sign in "\t;," if sign in head)
    text = "".join(f"@{2 - place}{separator}{cell}\n" for place, cell in enumerate(cells))
    with pytest.raises(
        SensorUnavailable, match=f"whose {name} may be a decimal mark or separate thousands; type .*,decimal={name} if"
    ):
        read(tmp_path, f"{head}\n{text}")


@pytest.mark.parametrize(
    ("text", "option", "watts"),
    [
        ("time;Power (mW)\n@2;39.871\n@1;40.102\n", ",decimal=point", 0.040102),
        ("time;W\n@2;0.512\n@1;39.871\n", "", 39.871),
        ("time;W\n@3;1234,567\n@1;39,871\n", "", 39.871),
        ("time;W\n@3;5.1e1\n@1;39.871\n", "", 39.871),
        ("time,W\n@2,39.871\n@1,40.102\n", "", 40.102),
        ("time,mW\n@2,39871.250\n@1,40.102\n", "", 0.040102),
    ],
    ids=["typed", "a zero before it", "four digits before it", "an exponent", "between commas", "milliwatts"],
)
def test_a_mark_that_can_only_be_decimal_is_read(tmp_path: Path, text: str, option: str, watts: float) -> None:
    """One number that cannot be grouped in thousands proves the mark; watts between commas need no proof."""
    assert read(tmp_path, text, option) == [pytest.approx(watts)]


@pytest.mark.parametrize(
    "cell", ["1.234.567", "1.234,5", "39'871", "39 871", "39\u00a0871", "1_000", "\uff15\uff11", "0x33", "1e999"]
)
def test_other_forms_of_numbers_are_refused(tmp_path: Path, cell: str) -> None:
    """Numbers with other signs are no numbers."""
    with pytest.raises(SensorUnavailable, match=r"line 2, .* has no valid power"):
        read(tmp_path, f"time;W\n@2;{cell}\n@1;51.3\n")


@pytest.mark.parametrize(
    ("text", "watts"),
    [
        ("sep=;\ntime;watts\n@2;51,25\n@1;52,5\n", 52.5),
        ('"sep=,"\r\ntime,watts\r\n@2,51.25\r\n@1,52.5\r\n', 52.5),
        ("sep=|\ntime|mW\n@2|51.25\n@1|52.5\n", 0.0525),
        ("#time,watts\n@2,51.25\n@1,52.5\n", 52.5),
        ("# scope: wall\n# Time; Power (mW)\n# made by hand\n@2;51.25\n@1;52.5\n", 0.0525),
        ("# time of day: noon\ntime,watts\n@2,51.25\n@1,52.5\n", 52.5),
        ("time,watts\n@4,51.25\n@3,51.25\ntime,watts\n@1,52.5\n", 52.5),
        ("#time,watts\n@4,51.25\n@3,51.25\n\n#time,watts\n@1,52.5\n", 52.5),
        ("sep=;\ntime;watts\n@4;51.25\n@3;51.25\nsep=;\ntime;watts\n@1;52.5\n", 52.5),
        ("time,watts\n@4,51.25\n@3,51.25\ntime,Power (mW)\n@1,52500\n", 52.5),
        ("time,watts\n@4,51.25\n@3,51.25\nvolts,watts,time\n230,52.5,@1\n", 52.5),
    ],
)
def test_what_everyday_loggers_write_is_read(tmp_path: Path, text: str, watts: float) -> None:
    """Excel's first line, a header in a comment, and a header that comes again, also with other columns."""
    assert read(tmp_path, text) == [pytest.approx(watts)]


def test_a_header_that_cannot_be_read_ends_the_log(tmp_path: Path) -> None:
    """After a restart with columns that are not clear no line is read by the columns before, and the sensor is lost."""
    path = write_log(tmp_path, f"time;watts\n{moment(-9)};50.5\n{moment(-8)};50.5\n")
    monitor = WallMeterMonitor(TARGET, str(path))
    monitor.read()
    with path.open("a") as file:
        file.write(
            f"{moment(-7)};50.5\ntime;Power (MW)\n" + "".join(f"{moment(-6 + n / 2)};50500.5\n" for n in range(9))
        )
    watts = [sample.watts for sample in monitor.read()]

    assert watts == [50.5, *[None] * 10]
    with pytest.raises(SensorLost, match="follows a header that cannot be read"):
        monitor.read()


@pytest.mark.parametrize(("step", "count"), [(1000, 3), (1_000_000, 3), (100, 3), (1, 2000)])
def test_times_of_an_unstated_unit_must_be_plausible(tmp_path: Path, step: int, count: int) -> None:
    """Milliseconds and microseconds under a bare `elapsed` are refused; under `elapsed_s` the user says seconds."""
    rows = "".join(f"{place * step},50\n" for place in range(count))
    start = f",start={time.time() - 3}"
    with pytest.raises(SensorUnavailable, match="the header does not say that the time is in seconds"):
        WallMeterMonitor.check(f"{write_log(tmp_path, f'elapsed,W{chr(10)}{rows}')}{start}")

    WallMeterMonitor.check(f"{write_log(tmp_path, f'elapsed_s,W{chr(10)}{rows}')}{start}")


def test_milliseconds_that_show_later_end_the_log(tmp_path: Path) -> None:
    """A log whose first times may be seconds is lost when they run ahead of the clock."""
    path = write_log(tmp_path, "elapsed,W\n0,50\n10,50\n20,50\n")
    monitor = WallMeterMonitor(TARGET, f"{path},start={time.time()}")
    monitor.read()
    with path.open("a") as file:
        file.writelines(f"{place * 10},50\n" for place in range(3, 30))

    with pytest.raises(SensorLost, match="the header does not say that the time is in seconds"):
        monitor.read()


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        (",unit=GW", "there is no such unit; type W, mW, uW, kW"),
        (",decimal=dot", "there is no such decimal; type point, comma"),
        (",max=much", "not a power in watts; type one such as 3680"),
        (",max=-1", "not a power in watts"),
    ],
)
def test_options_are_checked(option: str, complaint: str) -> None:
    """An invalid option of a log is refused with what to type."""
    with pytest.raises(SensorUnavailable, match=complaint):
        WallMeterMonitor.check(f"wall.csv{option}")
