"""Parse the text of power logs: recorded traces, and the logs of meters."""

import itertools
import math
import re
import shlex
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from benchmarks.formatting import make_printable
from benchmarks.machine.inputs import read_regular
from benchmarks.power.base import SensorUnavailable
from benchmarks.power.sensors.log_header import LONGEST_LINE, SEPARATORS, Layout, UnclearUnit, parse_header, split

NS = 1_000_000_000
LARGEST_BYTES, MOST_LINES = 100_000_000, 3_000_000
TRACE_COLUMNS = ("time_s", "watts", "energy_j")
ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,](\d+))? ?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
NO_READING = ("", "-", "--", "---", "----", "n/a", "na", "nan", "none", "null", "inf", "ovl")
SMALLEST_UNIX_S, LARGEST_UNIX_S = 1e8, 1e11  # 1973 to 5138; smaller numbers are seconds since the log began
UNSTATED_S = 60  # between samples, or ahead of now: times of an unstated unit that are farther are no seconds
NUMBER = re.compile(r"[+-]?(?:\d+([.,]?)\d*|([.,])\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)  # 39.871 is 39871 where the point separates thousands
MARKS = {"point": ".", "comma": ","}
EXAMPLE = "2026-11-24T12:00:00+00:00"


@dataclass(frozen=True, slots=True)
class Row:
    """One sample: time in ns by the log's clock, watts and joules; None if the log has no reading."""

    time_ns: int
    watts: float | None
    energy_j: float | None = None


@dataclass(frozen=True)
class LogOptions:
    """`csv:FILE[,offset=SECONDS][,start=TIME][,unit=UNIT][,decimal=MARK][,max=WATTS]`."""

    path: Path
    offset_ns: int = 0  # by which the log's clock is ahead
    start_ns: int | None = None  # UNIX time of the log's second 0
    unit: str | None = None  # of a power column that states none
    marks: str = ""  # the decimal mark, if the numbers leave it open
    largest_w: float | None = None  # the most that the meter can read, watts

    def __str__(self) -> str:
        return f"--power-monitor={shlex.quote(f'csv:{self.path}')}"


class UnreadableLine(ValueError):
    """A line or cell cannot be used. The text completes a sentence about the line."""


def read_bytes(option: str, path: Path) -> bytes:
    """Return a file's bytes; raise SensorUnavailable if it cannot be read, or is larger than a log may be."""
    try:
        raw = read_regular(path, LARGEST_BYTES)
    except (OSError, ValueError) as error:  # a name with a NUL in it is a ValueError
        why = getattr(error, "strerror", None) or str(error)
        raise SensorUnavailable(f"{option}: cannot be read ({why}); name a file of samples.") from error
    if len(raw) > LARGEST_BYTES or raw.count(b"\n") > MOST_LINES:
        raise SensorUnavailable(f"{option}: the file is larger than 100 MB or {MOST_LINES} lines; shorten it.")
    return raw


def decode(option: str, raw: bytes) -> list[str]:
    """Return the lines of UTF-8 text without a byte order mark, each cut well beyond LONGEST_LINE, or raise."""
    try:
        return [line[: 2 * LONGEST_LINE] for line in raw.decode("utf-8-sig").split("\n")]
    except UnicodeDecodeError as error:
        raise SensorUnavailable(f"{option}: cannot be read (not UTF-8 text); save it as UTF-8.") from error


def is_sample(line: str) -> bool:
    """Return whether a line is neither blank nor a comment."""
    return bool(line.strip()) and not line.lstrip().startswith("#")


def parse_notes(lines: Iterable[str]) -> dict[str, str]:
    """Return {key: value} of comments such as `# scope: module`."""
    comments = [line.lstrip()[1:].partition(":") for line in lines if line.lstrip().startswith("#")]
    return {key.strip(): make_printable(value.strip()[:200]) for key, colon, value in comments if colon}


def compute_period_s(rows: Sequence[Row]) -> float:
    """Return the median time between two or more samples, seconds."""
    return statistics.median_high(b.time_ns - a.time_ns for a, b in itertools.pairwise(rows)) / NS


def parse_trace_row(line: str) -> Row:
    """Return the sample of a recorded trace's line; raise UnreadableLine if it holds none."""
    cells = split(line)
    numbers = [parse_plain(cell) for cell in cells]
    valid = all(number is not None or not cell for number, cell in zip(numbers, cells, strict=True))
    if not valid or not 2 <= len(numbers) <= 3 or numbers[0] is None or abs(numbers[0]) > LARGEST_UNIX_S:
        raise UnreadableLine("must be time_s,watts[,energy_j]")
    return Row(round(numbers[0] * NS), *numbers[1:])


def parse_options(argument: str | None) -> LogOptions:
    """Return the parts of the text after `csv:`, or raise SensorUnavailable."""
    text, given = argument or "", {}
    while found := re.fullmatch(r"(.*),(offset|start|unit|decimal|max)=([^,]*)", text, re.DOTALL):
        text, given[found[2]] = found[1], found[3]
    if not text:
        raise SensorUnavailable("--power-monitor=csv needs a file; type --power-monitor=csv:FILE.")
    options = LogOptions(Path(text))
    offset, largest = (parse_plain(given.get(name, "0")) for name in ("offset", "max"))
    if offset is None or abs(offset) > 1e9:
        raise SensorUnavailable(f"{options},offset={given['offset']}: not a number of seconds; type one such as 2.5.")
    if largest is None or largest < 0:
        raise SensorUnavailable(f"{options},max={given['max']}: not a power in watts; type one such as 3680.")
    for name, known in (("unit", ("W", "mW", "uW", "kW")), ("decimal", tuple(MARKS))):
        if given.get(name, known[0]) not in known:
            remedy = f"there is no such {name}; type {', '.join(known)}"
            raise SensorUnavailable(f"{options},{name}={given[name]}: {remedy}.")
    try:
        start_ns = _parse_time(options, given["start"], ".,") if "start" in given else None
    except UnreadableLine as why:
        raise SensorUnavailable(f"{options},start={given['start']}: it {why}; type ,start={EXAMPLE}.") from why
    marks = MARKS.get(given.get("decimal", ""), "")
    return LogOptions(options.path, round(offset * NS), start_ns, given.get("unit"), marks, largest or None)


def find_layout(options: LogOptions, header: str, separators: str = SEPARATORS) -> Layout:
    """Return the layout of a log by its header, or raise SensorUnavailable."""
    try:
        layout = parse_header(header, separators, options.unit)
    except UnclearUnit as why:
        raise SensorUnavailable(f"{options}: {why}.") from why
    if layout is None:
        raise SensorUnavailable(
            f"{options}: the first line is {header.strip()[:40]!r}; it must contain one time column and one power "
            "column, whose unit is W, mW, uW or kW."
        )
    return replace(layout, marks=options.marks or layout.marks)


def find_marks(options: LogOptions, layout: Layout, lines: Iterable[str]) -> Layout:
    """Return the layout with the decimal marks that the numbers of these lines prove: 51.3 cannot be 513.

    Where each number has three digits behind its mark, as in 39.871, the mark may separate thousands, and proves none.
    """
    if options.marks:
        return layout
    rows = (split(line, layout.separator) for line in lines)
    cells = (row[place] for row in rows for place in (layout.time, layout.power) if place < len(row))
    shaped = ((cell, NUMBER.fullmatch(cell)) for cell in cells)
    proved = {found[1] or found[2] for cell, found in shaped if found and not GROUPED.fullmatch(cell)}
    possible = "." if layout.separator == "," else ".,"
    return replace(layout, marks="".join(mark for mark in possible if mark in layout.marks or mark in proved))


def check_seconds(options: LogOptions, layout: Layout, line: str, rows: Sequence[Row]) -> None:
    """Raise SensorUnavailable if times without a stated unit are no seconds: too far apart, or later than now.

    `line` is that of the last of `rows`. A meter in milliseconds or microseconds would seem to count faster.
    """
    if not line or not rows or layout.in_seconds or ISO.fullmatch(split(line, layout.separator)[layout.time]):
        return
    period_s = compute_period_s(rows) if len(rows) > 1 else 0.0
    ahead_s = (rows[-1].time_ns - options.offset_ns - time.time_ns()) / NS
    if period_s > UNSTATED_S or (options.start_ns is not None and ahead_s > UNSTATED_S):
        raise SensorUnavailable(
            f"{options}: the header does not say that the time is in seconds, and as seconds the samples are "
            f"{period_s:g} s apart and the last one is {ahead_s:.0f} s ahead of now; name the column elapsed_s or unix "
            "if it is in seconds."
        )


def parse_row(options: LogOptions, layout: Layout, line: str, after_ns: int) -> Row:
    """Return a line's sample; raise UnreadableLine if it holds none, or none later than `after_ns`."""
    cells = split(line, layout.separator)
    if len(cells) <= max(layout.time, layout.power):
        raise UnreadableLine("has too few columns")
    if any(cells[layout.columns :]):  # 51,3 W between commas would be read as 51
        remedy = "decimal commas need semicolons or tabs as separators"
        raise UnreadableLine(f"has more columns than the first line; {remedy}")
    time_ns = _parse_time(options, cells[layout.time], layout.marks)
    if time_ns <= after_ns:
        raise UnreadableLine("is not later than the line before")
    if cells[layout.power].lower() in NO_READING:
        return Row(time_ns, None)
    power = _parse_number(options, cells[layout.power], layout.marks, is_comma_plain=layout.separator != ",")
    if power is None:
        raise UnreadableLine("has no valid power")
    return Row(time_ns, power * layout.factor)


def parse_plain(cell: str) -> float | None:
    """Return the finite number of a cell with a decimal point; None without one."""
    value = float(cell) if NUMBER.fullmatch(cell) and "," not in cell else math.inf
    return value if math.isfinite(value) else None


def _parse_number(options: LogOptions, cell: str, marks: str, *, is_comma_plain: bool = True) -> float | None:
    """Return a cell's finite number; None without one.

    Raises:
        UnreadableLine: its mark may be a decimal mark or separate thousands; `marks` are those that are known.
    """
    found = NUMBER.fullmatch(cell)
    mark = (found[1] or found[2] or "") if found else ""
    if mark == "," and not is_comma_plain:
        return None
    if options.marks and mark not in ("", options.marks):
        raise UnreadableLine(f"has {cell!r}, but the decimal mark is {options.marks!r}")
    if GROUPED.fullmatch(cell) and mark != marks:
        name = next(name for name, sign in MARKS.items() if sign == mark)
        raise UnreadableLine(
            f"has {cell!r}, whose {name} may be a decimal mark or separate thousands; type {options},decimal={name} if "
            "it is a decimal mark, else write the log without separators of thousands"
        )
    return parse_plain(cell.replace(",", "."))


def _parse_time(options: LogOptions, cell: str, marks: str) -> int:
    """Return a time in ns since 1970; raise UnreadableLine without one."""
    if found := ISO.fullmatch(cell):
        return _parse_iso(*found.groups())
    seconds = _parse_number(options, cell, marks)
    if seconds is None or not -SMALLEST_UNIX_S < seconds < LARGEST_UNIX_S:
        raise UnreadableLine(f"has no time in seconds or in the form {EXAMPLE}")
    if seconds >= SMALLEST_UNIX_S:
        return round(seconds * NS)
    if options.start_ns is None:
        asked = f"{options},start={EXAMPLE}"
        raise UnreadableLine(f"counts time from the start of the log; type the log's start time: {asked}")
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
