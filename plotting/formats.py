"""A comparison as a table, as Markdown, as CSV and as JSON. Lines -> text."""

from __future__ import annotations

import csv
import io
import json
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from plotting.differences import APART, NOT_COMPARABLE, SINGLE
from plotting.metrics import METRICS
from plotting.page import escape
from plotting.summary import aligned
from plotting.tables import harmless

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plotting.compare import Line

NOTES = {
    SINGLE: "its interval is of the runs of one session a side, and does not know how far sessions lie apart; "
    "three saves a side do",
    APART: "all sessions of one side came before those of the other, so that what drifts from hour to hour counts as "
    "a difference; make them in turn, A B A B A B",
}


def as_table(found: Sequence[Line]) -> str:
    """Return the comparison for a terminal: a row for each pair and metric, a column for each side, then remarks."""
    return "\n".join([*aligned(_grid(found), notes=True), *_remarks(found), ""])


def as_markdown(found: Sequence[Line]) -> str:
    """Return the same as a Markdown table."""
    header, *rows = _grid(found)
    ruled = [tuple(map(escape, header)), ("---",) * len(header), *(tuple(map(escape, row)) for row in rows)]
    remarks = [f"- {escape(remark)}" for remark in _remarks(found)]
    return "\n".join([*(f"| {' | '.join(row)} |" for row in ruled), *([""] if remarks else []), *remarks, ""])


def _grid(found: Sequence[Line]) -> list[tuple[str, ...]]:
    sides = list(dict.fromkeys(line.save for line in found))
    rows: list[tuple[str, ...]] = [
        ("pair", "metric", *sides, "notes"),
        ("", "device", *(_devices(found, side) for side in sides), ""),
    ]
    for pair, of_pair in groupby(found, key=attrgetter("pair")):
        lines_of_pair = list(of_pair)
        if all(line.value is None for line in lines_of_pair):
            rows.append((pair, "", *(_once(lines_of_pair, side) for side in sides), ""))
            continue
        for metric, of_metric in groupby(lines_of_pair, key=attrgetter("metric")):
            cells = list(of_metric)
            if any(line.value is not None for line in cells):
                rows.append((pair, METRICS[metric].axis, *map(_cell, cells), _notes(cells)))
    return rows


def _devices(found: Sequence[Line], side: str) -> str:
    return "; ".join(dict.fromkeys(line.device for line in found if line.save == side and line.device))


def _once(lines_of_pair: Sequence[Line], side: str) -> str:
    return next(line.why for line in lines_of_pair if line.save == side)


def _cell(line: Line) -> str:
    """Return value, ratio, its interval and the verdict."""
    if line.value is None:
        return "-"
    ratio = "" if line.ratio is None else f" (x {line.ratio:.3f})"
    known = line.ratio_low is not None and line.ratio_high is not None
    interval = f" {line.ratio_low:.3f} to {line.ratio_high:.3f}" if known else ""
    verdict = f", {line.verdict}" if line.verdict not in ("", NOT_COMPARABLE) else ""
    return METRICS[line.metric].show(line.value) + ratio + interval + verdict


def _notes(cells: Sequence[Line]) -> str:
    """Return why a cell is empty or has no verdict, and what verdicts rest on."""
    return "; ".join(f"{line.save}: {line.why or line.basis}" for line in cells if line.why or line.basis)


def _remarks(found: Sequence[Line]) -> list[str]:
    """Return in what sides differ beside their figures, and what the words of the notes mean."""
    differing = dict.fromkeys((line.save, line.differs) for line in found if line.differs)
    notes = [f"{word}: {NOTES[word]}." for word in NOTES if any(_says(line, word) for line in found)]
    return [*(f"{side} differs from {found[0].save} in {words}." for side, words in differing), *notes]


def _says(line: Line, word: str) -> bool:
    return line.basis == word or line.basis.endswith(f", {word}")


def as_csv(found: Sequence[Line]) -> str:
    """Return the comparison as CSV, full figures."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(vars(found[0]))
    for line in found:
        writer.writerow(map(_plain, vars(line).values()))
    return out.getvalue()


def _plain(value: str | float | None) -> str:
    return harmless(value) if isinstance(value, str) else "" if value is None else f"{value:.9g}"


def as_json(found: Sequence[Line]) -> str:
    """Return the comparison as a JSON list of objects; what was not measured is null."""
    return json.dumps([vars(line) for line in found], indent=1, allow_nan=False) + "\n"


FORMATS: dict[str, Callable[[Sequence[Line]], str]] = {
    "table": as_table,
    "markdown": as_markdown,
    "json": as_json,
    "csv": as_csv,
}
