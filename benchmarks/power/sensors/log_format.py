"""Parse the text of power logs: recorded traces, and the logs of meters."""

import csv
import itertools
import math
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks.power.base import SensorUnavailable

NS = 1_000_000_000
LARGEST_BYTES = 100_000_000
TRACE_COLUMNS = ("time_s", "watts", "energy_j")
TIME_NAME = re.compile(r"(date ?)?(time ?stamp|time|date|t|unix|epoch|seconds|elapsed)( (time|s|sec|seconds|utc|iso))*")
POWER_NAME = re.compile(r"((active|real|total|wall) )?(power|p)( (watts?|w|mw|kw))?|watts?|w|mw|kw")
FACTORS = {"mw": 1e-3, "kw": 1e3}
ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d+))? ?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
NO_READING = ("", "-", "--", "---", "----", "n/a", "na", "nan", "none", "null", "inf", "ovl")
SMALLEST_UNIX_S, LARGEST_UNIX_S = 1e8, 1e11  # 1973 to 5138; smaller numbers are seconds since the log began
LARGEST_OFFSET_S = 1e9
EXAMPLE = "2026-11-24T12:00:00+00:00"


@dataclass(frozen=True)
class Row:
    """One sample: time in ns by the log's clock, watts and joules; None if the log has no reading."""

    time_ns: int
    watts: float | None
    energy_j: float | None = None


@dataclass(frozen=True)
class LogOptions:
    """`csv:FILE[,offset=SECONDS][,start=TIME]`: how far the log's clock is ahead, and UNIX time of its second 0."""

    path: Path
    offset_ns: int = 0
    start_ns: int | None = None

    def __str__(self) -> str:
        return f"--power-monitor=csv:{self.path}"


@dataclass(frozen=True)
class Layout:
    """The columns of a meter's log: how many, which are time and power, the power's name and its unit in watts."""

    separator: str
    columns: int
    time: int
    power: int
    power_name: str
    factor: float


class UnreadableLine(ValueError):
    """A line or cell cannot be used. The text completes a sentence about the line."""


def read_bytes(option: str, path: Path) -> bytes:
    """Return a file's bytes; raise SensorUnavailable if it cannot be read or is larger than LARGEST_BYTES."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise SensorUnavailable(f"{option}: the file is larger than 100 MB; shorten it.")
        if not path.is_file():
            raise SensorUnavailable(f"{option}: not a regular file; name a file of samples.")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # a name with a NUL in it is a ValueError
        why = getattr(error, "strerror", None) or str(error)
        raise SensorUnavailable(f"{option}: cannot be read ({why}); name a file of samples.") from error


def decode(option: str, raw: bytes) -> str:
    """Return UTF-8 text without a byte order mark, or raise SensorUnavailable."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SensorUnavailable(f"{option}: cannot be read (not UTF-8 text); save it as UTF-8.") from error


def is_sample(line: str) -> bool:
    """Return whether a line is neither blank nor a comment."""
    return bool(line.strip()) and not line.lstrip().startswith("#")


def parse_notes(lines: Iterable[str]) -> dict[str, str]:
    """Return {key: value} of comments such as `# scope: module`."""
    comments = [line.lstrip()[1:].partition(":") for line in lines if line.lstrip().startswith("#")]
    return {key.strip(): value.strip() for key, colon, value in comments if colon}


def compute_period_s(rows: Sequence[Row]) -> float:
    """Return the median time between two or more samples, seconds."""
    return statistics.median_high(b.time_ns - a.time_ns for a, b in itertools.pairwise(rows)) / NS


def parse_trace_row(line: str) -> Row:
    """Return the sample of a recorded trace's line; raise UnreadableLine if it holds none."""
    cells = _split(line)
    numbers = [_parse_number(cell) for cell in cells]
    valid = all(number is not None or not cell for number, cell in zip(numbers, cells, strict=True))
    if not valid or not 2 <= len(numbers) <= 3 or numbers[0] is None or abs(numbers[0]) > LARGEST_UNIX_S:
        raise UnreadableLine("must be time_s,watts[,energy_j]")
    return Row(round(numbers[0] * NS), *numbers[1:])


def parse_options(argument: str | None) -> LogOptions:
    """Return the parts of the text after `csv:`, or raise SensorUnavailable."""
    text, given = argument or "", {}
    while found := re.fullmatch(r"(.*),(offset|start)=([^,]*)", text, re.DOTALL):
        text, given[found[2]] = found[1], found[3]
    if not text:
        raise SensorUnavailable("--power-monitor=csv needs a file; type --power-monitor=csv:FILE.")
    options = LogOptions(Path(text))
    offset = _parse_number(given.get("offset", "0"))
    if offset is None or abs(offset) > LARGEST_OFFSET_S:
        raise SensorUnavailable(f"{options},offset={given['offset']}: not a number of seconds; type one such as 2.5.")
    try:
        start_ns = _parse_time(options, given["start"]) if "start" in given else None
    except UnreadableLine as why:
        raise SensorUnavailable(f"{options},start={given['start']}: it {why}; type ,start={EXAMPLE}.") from why
    return LogOptions(options.path, round(offset * NS), start_ns)


def find_layout(options: LogOptions, header: str) -> Layout:
    """Return the layout of a log by its first line, or raise SensorUnavailable."""
    for separator in "\t;,":
        cells = _split(header, separator)
        names = [" ".join(re.findall(r"[a-z0-9]+", cell.lower())) for cell in cells]
        times = [place for place, name in enumerate(names) if TIME_NAME.fullmatch(name)]
        powers = [place for place, name in enumerate(names) if POWER_NAME.fullmatch(name)]
        if len(times) == len(powers) == 1:
            factor = FACTORS.get(names[powers[0]].split()[-1], 1.0)
            return Layout(separator, len(names), times[0], powers[0], cells[powers[0]], factor)
    raise SensorUnavailable(
        f"{options}: the first line is {header.strip()[:40]!r}; it must contain one time column and one power column."
    )


def parse_row(options: LogOptions, layout: Layout, line: str, after_ns: int) -> Row:
    """Return a line's sample; raise UnreadableLine if it holds none, or none later than `after_ns`."""
    cells = _split(line, layout.separator)
    if len(cells) <= max(layout.time, layout.power):
        raise UnreadableLine("has too few columns")
    if any(cells[layout.columns :]):  # 51,3 W between commas would be read as 51
        raise UnreadableLine(
            "has more columns than the first line; decimal commas need semicolons or tabs as separators"
        )
    if layout.separator != ",":
        cells = [cell.replace(",", ".") for cell in cells]
    time_ns = _parse_time(options, cells[layout.time])
    if time_ns <= after_ns:
        raise UnreadableLine("is not later than the line before")
    if cells[layout.power].lower() in NO_READING:
        return Row(time_ns, None)
    power = _parse_number(cells[layout.power])
    if power is None:
        raise UnreadableLine("has no valid power")
    return Row(time_ns, power * layout.factor)


def _split(line: str, separator: str = ",") -> list[str]:
    """Return a line's cells; [] if the csv module cannot read it."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return []


def _parse_number(cell: str) -> float | None:
    """Return a cell's finite number; None without one."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _parse_time(options: LogOptions, cell: str) -> int:
    """Return a time in ns since 1970; raise UnreadableLine without one."""
    if found := ISO.fullmatch(cell):
        return _parse_iso(*found.groups())
    seconds = _parse_number(cell)
    if seconds is None or not -SMALLEST_UNIX_S < seconds < LARGEST_UNIX_S:
        raise UnreadableLine(f"has no time in seconds or in the form {EXAMPLE}")
    if seconds >= SMALLEST_UNIX_S:
        return round(seconds * NS)
    if options.start_ns is None:
        raise UnreadableLine(
            f"counts time from the start of the log; type the log's start time: {options},start={EXAMPLE}"
        )
    return options.start_ns + round(seconds * NS)


def _parse_iso(date: str, clock: str, fraction: str | None, zone: str | None) -> int:
    if zone is None:
        raise UnreadableLine(f"has a time without a time zone; write it as {EXAMPLE}")
    offset = "+00:00" if zone == "Z" else f"{zone[:3]}:{zone[3:].strip(':') or '00'}"
    try:
        seconds = int(datetime.fromisoformat(f"{date}T{clock}{offset}").timestamp())
    except ValueError as error:
        raise UnreadableLine(f"has an invalid time ({error})") from error
    if seconds < 0:
        raise UnreadableLine("has a time before 1970")
    return seconds * NS + int((fraction or "0")[:9].ljust(9, "0"))
