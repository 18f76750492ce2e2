"""Find the columns of a meter's log by its header: one time, and one power in a plain unit.

A unit that is not plain is refused, never guessed: with a wrong prefix every joule is wrong by a factor of 1,000.
"""

import csv
import re
import unicodedata
from dataclasses import dataclass

SEPARATORS, LONGEST_LINE = "\t;,", 10_000
TIMES = "time ?stamp|time|date|t|unix|epoch|seconds|elapsed"
TIME_NAME = re.compile(rf"(date ?)?({TIMES})( (time|s|sec|seconds|utc|iso))*")
SECONDS = {"unix", "epoch", "s", "sec", "seconds"}
UNITS = {
    **dict.fromkeys(("uw", "μw", "microwatt", "microwatts"), 1e-6),
    **dict.fromkeys(("mw", "milliwatt", "milliwatts"), 1e-3),
    **dict.fromkeys(("w", "watt", "watts"), 1.0),
    **dict.fromkeys(("kw", "kilowatt", "kilowatts"), 1e3),
}
"""{unit in small letters: watts}"""
POWER_NAME = re.compile(rf"((active|real|total|wall) )?(power|p)( ({'|'.join(UNITS)}))?|{'|'.join(UNITS)}")
SIGNS = re.compile(r"[\w\s/:.#()\[\]]|(?<=\w)-(?=\w)")  # others, such as % and x, change what a name means
EXCEL = re.compile(r"\"?sep=(.)\"?", re.IGNORECASE)
LIKE_HEADER = re.compile(rf"(^|[\t;,|])(?:[^\S\t]|[\"#]){{0,20}}(date ?)?({TIMES})(?![a-z])", re.IGNORECASE)


class UnclearUnit(ValueError):
    """The power column has no plain unit. The text says why, and what to type."""


@dataclass(frozen=True)
class Layout:
    """The columns of a meter's log."""

    separator: str
    columns: int  # how many
    time: int
    power: int
    power_name: str
    factor: float  # the unit of power, watts
    in_seconds: bool = False  # whether the header states that times are seconds
    marks: str = ""  # known decimal marks; between commas the point, unless the unit is below a watt


def find_separator(line: str) -> str | None:
    """Return the separator that a line for Excel states, such as `sep=;`; None for any other line."""
    found = EXCEL.fullmatch(line.rstrip("\r\n"))
    return found[1] if found else None


def is_like_header(line: str) -> bool:
    """Return whether a line names a time column: columns after it may differ from those before."""
    return LIKE_HEADER.search(line) is not None


def states_columns(line: str) -> bool:
    """Return whether a comment is a header, even if its unit is not plain."""
    try:
        return is_like_header(line) and parse_header(line) is not None
    except UnclearUnit:
        return True


def parse_header(line: str, separators: str = SEPARATORS, unit: str | None = None) -> Layout | None:
    """Return the layout of a log by its header, which may be a comment; None if the line is not a header.

    `unit` is that of a power column that states none.

    Raises:
        UnclearUnit: the power column has no plain unit.
    """
    for separator in separators:
        cells = split(line.strip().lstrip("# "), separator)
        names = [_normalise(cell) for cell in cells]
        times = [place for place, name in enumerate(names) if TIME_NAME.fullmatch(name.lower())]
        powers = [place for place, name in enumerate(names) if POWER_NAME.fullmatch(name.lower())]
        if len(times) == len(powers) == 1:
            factor = _find_factor(cells[powers[0]], names[powers[0]].split()[-1], unit)
            in_seconds = bool(SECONDS & set(names[times[0]].lower().split()))
            # Who separates thousands by points separates columns by semicolons. Only of milliwatts no point is taken
            # for granted: 39.871 mW is less than any machine draws.
            marks = "." if separator == "," and factor >= 1 else ""
            return Layout(separator, len(cells), times[0], powers[0], cells[powers[0]][:60], factor, in_seconds, marks)
    return None


def split(line: str, separator: str = ",") -> list[str]:
    """Return a line's cells; [] if it is too long, or the csv module cannot read it."""
    try:
        rows = csv.reader([line] if len(line) <= LONGEST_LINE else [], delimiter=separator)
        return [cell.strip() for cell in next(rows, [])]
    except csv.Error:
        return []


def _normalise(cell: str) -> str:
    """Return the words of a header's cell, each letter in its common form; "" if other signs stand among them."""
    text = unicodedata.normalize("NFKC", cell)
    return "" if SIGNS.sub("", text) else " ".join(re.findall(r"[^\W_]+", text))


def _find_factor(cell: str, word: str, asked: str | None) -> float:
    """Return the watts of a power column's unit, or raise UnclearUnit. `word` is the last one of its name."""
    stated = UNITS.get(word.lower())
    if asked is None and stated is None:
        raise UnclearUnit(f"the column {cell!r} states no unit; type ,unit=W, or mW, uW or kW")
    if asked is None and word.lower() in ("mw", "uw", "μw") and word[0] not in "muμ":
        raise UnclearUnit(f"the unit of the column {cell!r} may be a small or a large one; type ,unit=mW if it is mW")
    factor = stated if asked is None else UNITS[asked.lower()]
    if factor is None or stated not in (None, factor):
        raise UnclearUnit(f"the column {cell!r} states another unit than ,unit={asked}; leave that out")
    return factor
