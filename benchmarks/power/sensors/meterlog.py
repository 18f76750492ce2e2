"""What stands in a meter's log: the layouts that are read, times and watts, and what is asked with `csv:`.

Pure functions of text; `wallmeter` follows the file and says which layouts there are.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.power.base import SensorUnavailable
from benchmarks.power.sensors import log_format

NS = 1_000_000_000
TIME_NAME = re.compile(r"(date ?)?(time ?stamp|time|date|t|unix|epoch|seconds|elapsed)( (time|s|sec|seconds|utc|iso))*")
POWER_NAME = re.compile(r"((active|real|total|wall) )?(power|p)( (watts?|w|mw|kw))?|watts?|w|mw|kw")
FACTORS = {"mw": 1e-3, "kw": 1e3}
ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d+))? ?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
NO_READING = ("", "-", "--", "---", "----", "n/a", "na", "nan", "none", "null", "inf", "ovl")
SINCE_START, NOT_SECONDS = 1e8, 1e11  # UNIX seconds lie between: 1973 to 5138
LARGEST_OFFSET_S = 1e9
EXAMPLE = "2026-11-24T12:00:00+00:00"


@dataclass(frozen=True)
class Asked:
    """What `csv:FILE[,offset=SECONDS][,start=TIME]` asks for.

    Attributes:
        path: the log.
        offset_ns: how far the log's clock is ahead of this machine's.
        start_ns: UNIX time of the log's second 0.
    """

    path: Path
    offset_ns: int = 0
    start_ns: int | None = None

    def __str__(self) -> str:
        return f"--power-monitor=csv:{self.path}"


@dataclass(frozen=True)
class Table:
    """How a log's lines are laid out: columns, places of time and power, the power's name, watts of one unit of it."""

    separator: str
    columns: int
    when: int
    power: int
    name: str
    factor: float


@dataclass(frozen=True)
class Row:
    """One sample: UNIX time in ns by the log's clock, and watts; None where the meter had no reading."""

    time_ns: int
    watts: float | None


class Unreadable(ValueError):
    """A cell or line that is none; says why."""


def asked_for(argument: str | None) -> Asked:
    """Return what the text after `csv:` asks for.

    Raises:
        SensorUnavailable: it cannot be understood.
    """
    text, given = argument or "", {}
    while found := re.fullmatch(r"(.*),(offset|start)=([^,]*)", text, re.DOTALL):
        text, given[found[2]] = found[1], found[3]
    if not text:
        raise SensorUnavailable("--power-monitor=csv needs a file; type --power-monitor=csv:FILE.")
    asked = Asked(Path(text))
    offset = log_format.number(given.get("offset", "0"))
    if offset is None or abs(offset) > LARGEST_OFFSET_S:
        raise SensorUnavailable(f"{asked},offset={given['offset']}: is no number of seconds; type one such as 2.5.")
    try:
        start_ns = unix_ns(asked, given["start"]) if "start" in given else None
    except Unreadable as why:
        raise SensorUnavailable(f"{asked},start={given['start']}: {why}; type ,start={EXAMPLE} or the like.") from why
    return Asked(asked.path, round(offset * NS), start_ns)


def table_of(asked: Asked, header: str) -> Table:
    """Return the layout that a log's first line tells.

    Raises:
        SensorUnavailable: it names no time and no power, or several.
    """
    for separator in "\t;,":
        names = [" ".join(re.findall(r"[a-z0-9]+", cell.lower())) for cell in log_format.cells(header, separator)]
        times = [place for place, name in enumerate(names) if TIME_NAME.fullmatch(name)]
        powers = [place for place, name in enumerate(names) if POWER_NAME.fullmatch(name)]
        if len(times) == len(powers) == 1:
            name, unit = log_format.cells(header, separator)[powers[0]], names[powers[0]].split()[-1]
            return Table(separator, len(names), times[0], powers[0], name, FACTORS.get(unit, 1.0))
    raise SensorUnavailable(
        f"{asked}: the first line is {header.strip()[:40]!r}, and must name one column time and one watts."
    )


def row_of(asked: Asked, table: Table, line: str, after_ns: int) -> Row:
    """Return a line's sample; raise Unreadable where it is none, or not later than `after_ns`."""
    cells = log_format.cells(line, table.separator)
    if len(cells) <= max(table.when, table.power):
        raise Unreadable("has too few columns")
    if any(cells[table.columns :]):  # 51,3 W between commas would be read as 51
        raise Unreadable("has more columns than the first line; decimal commas need semicolons or tabs between columns")
    if table.separator != ",":
        cells = [cell.replace(",", ".") for cell in cells]
    time_ns = unix_ns(asked, cells[table.when])
    if time_ns <= after_ns:
        raise Unreadable("is not later than the one before")
    if cells[table.power].lower() in NO_READING:
        return Row(time_ns, None)
    power = log_format.number(cells[table.power])
    if power is None:
        raise Unreadable("has no number of watts")
    return Row(time_ns, power * table.factor)


def unix_ns(asked: Asked, cell: str) -> int:
    """Return a time in ns since 1970; raise Unreadable where it is none."""
    if found := ISO.fullmatch(cell):
        return _of_iso(*found.groups())
    seconds = log_format.number(cell)
    if seconds is None or not -SINCE_START < seconds < NOT_SECONDS:
        raise Unreadable(f"has no time in seconds, nor one as {EXAMPLE}")
    if seconds >= SINCE_START:
        return round(seconds * NS)
    if asked.start_ns is None:
        raise Unreadable(f"has its time since the log began; say when that was: {asked},start={EXAMPLE}")
    return asked.start_ns + round(seconds * NS)


def _of_iso(date: str, clock: str, fraction: str | None, zone: str | None) -> int:
    if zone is None:
        raise Unreadable(f"has a time without its zone; it must be as {EXAMPLE}")
    try:
        local = datetime.fromisoformat(f"{date}T{clock}+00:00")
    except ValueError as error:
        raise Unreadable(f"has a time that is none ({error})") from error
    digits = zone[1:].replace(":", "").ljust(4, "0") if zone != "Z" else "0000"
    east = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) * (-1 if zone[0] == "-" else 1)
    since = local - datetime.fromisoformat("1970-01-01T00:00:00+00:00") - east
    if since < timedelta(0):
        raise Unreadable("has a time before 1970")
    return (since.days * 86_400 + since.seconds) * NS + int((fraction or "0")[:9].ljust(9, "0"))
