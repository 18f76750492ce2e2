"""Text files of samples, as a meter's software writes them: what the recorded trace and the wall meter's log share."""

import csv
import itertools
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.power.base import SensorUnavailable

LARGEST_BYTES = 100_000_000


def read(asked: str, path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        SensorUnavailable: it cannot be read, or is larger than LARGEST_BYTES; begins with `asked`.
    """
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise SensorUnavailable(f"{asked}: larger than 100 MB; cut it down.")
        if not path.is_file():
            raise SensorUnavailable(f"{asked}: is no regular file; name a file of samples.")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # a name with a NUL in it is a ValueError
        why = getattr(error, "strerror", None) or str(error)
        raise SensorUnavailable(f"{asked}: cannot be read ({why}); name a file of samples.") from error


def decode(asked: str, raw: bytes) -> str:
    """Return UTF-8 text without a byte order mark.

    Raises:
        SensorUnavailable: it is no such text.
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SensorUnavailable(f"{asked}: cannot be read (not UTF-8 text); save it as UTF-8.") from error


def is_sample(line: str) -> bool:
    """Return whether a line is neither blank nor a comment."""
    return bool(line.strip()) and not line.lstrip().startswith("#")


def notes(lines: Iterable[str]) -> dict[str, str]:
    """Return {key: value} of comments such as `# scope: module`."""
    comments = [line.lstrip()[1:].partition(":") for line in lines if line.lstrip().startswith("#")]
    return {key.strip(): value.strip() for key, colon, value in comments if colon}


def cells(line: str, separator: str = ",") -> list[str]:
    """Return a line's cells, [] where it is no line of such a table."""
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return []


def number(cell: str) -> float | None:
    """Return a cell's number; None where it holds none that is finite."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def median_step(times: Sequence[float]) -> float:
    """Return the median time between samples; at least two of them."""
    return statistics.median_high(b - a for a, b in itertools.pairwise(times))
