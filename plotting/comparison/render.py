"""A comparison as a table, as Markdown, as CSV and as JSON. Lines -> text.

The table fits the terminal: sides stand beside each other as far as there is room, the others below,
each time with the baseline. What would be said in many cells stands once below, under a number.
"""

import csv
import io
import json
import shutil
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from plotting.comparison.compare import Line
from plotting.comparison.statistics import APART, SINGLE
from plotting.metrics.registry import METRICS
from plotting.text import aligned, escape, harmless

NOTES = {
    SINGLE: "its interval is of the runs of one session a side, and does not know how far sessions lie apart; "
    "three saves a side do",
    APART: "all sessions of one side came before those of the other, so that what drifts from hour to hour counts as "
    "a difference; make them in turn, A B A B A B",
}
UNKNOWN_WIDTH, LEAST_WIDTH = 120, 60
"""Where nobody knows how wide a terminal is, and what a narrower one is taken for."""
LONGEST_HEAD = 20
"""The name of a side stands at the head of its column, unless one is longer."""
NO_CELL = ("", "", "", "")


@dataclass(frozen=True)
class _Row:
    """One metric of a pair, or none: then the pair's own row. A cell is a side's value, ratio, interval and verdict."""

    pair: str
    metric: str
    cells: tuple[tuple[str, str, str, str], ...]


class _Footnotes:
    """What cells refer to by number, each text once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def mark(self, text: str) -> str:
        return f"[{self._numbers.setdefault(text, len(self._numbers) + 1)}]" if text else ""

    def listed(self) -> list[str]:
        return [f"[{number}] {text}" for text, number in self._numbers.items()]


def as_table(found: Sequence[Line], width: int | None = None) -> str:
    """Return the comparison for a terminal, `width` characters wide: sides, a row a metric, and notes."""
    width = max(width or shutil.get_terminal_size((UNKNOWN_WIDTH, 24)).columns, LEAST_WIDTH)
    notes = _Footnotes()
    rows = _rows(found, notes)
    labels = ["", *(f" {row.metric}" if row.metric else row.pair for row in rows)]
    columns = [_column(head, [row.cells[place] for row in rows]) for place, head in enumerate(_heads(found))]
    lines = _wrapped(_legend(found), width)
    for block in _blocks(columns, width - max(map(len, labels))):
        lines += ["", *aligned(list(zip(labels, *block, strict=True)), left=1)]
    below = _wrapped([*notes.listed(), *_remarks(found)], width)
    return "\n".join([*lines, *([""] if below else []), *below, ""])


def as_markdown(found: Sequence[Line]) -> str:
    """Return the same as one Markdown table between two lists."""
    notes = _Footnotes()
    rows = [("" if row.metric else row.pair, row.metric, *map(_joined, row.cells)) for row in _rows(found, notes)]
    ruled = [("pair", "metric", *_heads(found)), *rows]
    table = [f"| {' | '.join(map(escape, row))} |" for row in ruled]
    table.insert(1, "|" + " --- |" * len(ruled[0]))
    legend, below = (
        [f"- {escape(text)}" for text in texts] for texts in (_legend(found), [*notes.listed(), *_remarks(found)])
    )
    return "\n".join([*legend, "", *table, *([""] if below else []), *below, ""])


def _sides(found: Sequence[Line]) -> list[str]:
    return list(dict.fromkeys(line.save for line in found))


def _heads(found: Sequence[Line]) -> list[str]:
    sides = _sides(found)
    return sides if max(map(len, sides)) <= LONGEST_HEAD else [f"side {place}" for place in range(1, len(sides) + 1)]


def _legend(found: Sequence[Line]) -> list[str]:
    """Return a sentence for each side: its name, devices, and what its verdicts rest on where that is one thing."""
    sentences = []
    for place, (side, head) in enumerate(zip(_sides(found), _heads(found), strict=True)):
        lines = [line for line in found if line.save == side]
        name = side if head == side else f"{head}, {side}"
        devices = "; ".join(dict.fromkeys(line.device for line in lines if line.device))
        basis = _one_basis(lines)
        what = "" if place else " (baseline)"
        sentences.append(f"{name}{what}: {devices or 'no device'}{f'; {basis}' if basis else ''}")
    return sentences


def _one_basis(lines: Iterable[Line]) -> str:
    """Return what all verdicts of a side rest on, "" where they rest on several things."""
    found = {line.basis for line in lines if line.basis}
    return found.pop() if len(found) == 1 else ""


def _rows(found: Sequence[Line], notes: _Footnotes) -> list[_Row]:
    """Return a row for each pair, then one for each metric of it; none where no side has a value of the pair."""
    usual = {side: _one_basis(line for line in found if line.save == side) for side in _sides(found)}
    rows = []
    for pair, of_pair in groupby(found, key=attrgetter("pair")):
        lines = list(of_pair)
        if all(line.value is None for line in lines):
            rows.append(_Row(f"{pair} {notes.mark(_lost(lines))}", "", (NO_CELL,) * len(usual)))
            continue
        rows.append(_Row(pair, "", (NO_CELL,) * len(usual)))
        for metric, of_metric in groupby(lines, key=attrgetter("metric")):
            rows.append(_Row(pair, metric, tuple(_cell(line, usual[line.save], notes) for line in of_metric)))
    return rows


def _lost(lines: Iterable[Line]) -> str:
    """Return why no side has a value of a pair: each reason once, with the sides that give it."""
    sides: dict[str, list[str]] = {}
    for line in lines:
        if line.save not in sides.setdefault(line.why, []):
            sides[line.why].append(line.save)
    return "; ".join(f"{', '.join(names)}: {why}" for why, names in sides.items())


def _cell(line: Line, usual: str, notes: _Footnotes) -> tuple[str, str, str, str]:
    """Return value, ratio, its interval, and the verdict with a note on why there is none, or on what it rests on."""
    if line.value is None:
        return "-", "", "", notes.mark(line.why)
    ratio = "" if line.ratio is None else f"x {line.ratio:.3f}"
    known = line.ratio_low is not None and line.ratio_high is not None
    interval = f"{line.ratio_low:.3f} to {line.ratio_high:.3f}" if known else ""
    mark = notes.mark(line.why or ("" if line.basis == usual else line.basis))
    return METRICS[line.metric].show(line.value), ratio, interval, _joined((line.verdict, mark))


def _joined(parts: Iterable[str]) -> str:
    return " ".join(filter(None, parts))


def _column(head: str, cells: Sequence[tuple[str, str, str, str]]) -> list[str]:
    """Return a side's column: the parts of its cells below each other, a verdict in the place of what is missing."""
    widths = [max(len(cell[place]) for cell in cells) for place in range(3)]
    made = [head]
    for value, *parts, verdict in cells:
        shown = [part.ljust(width) for part, width in zip(parts, widths[1:], strict=True) if part]
        made.append("  ".join([value.rjust(widths[0]), *shown, verdict]).rstrip() if value else verdict)
    longest = max(map(len, made))
    return [text.ljust(longest) for text in made]


def _blocks(columns: Sequence[list[str]], room: int) -> list[list[list[str]]]:
    """Return the columns in blocks that fit: the baseline in each, and as many others as there is room for."""
    baseline, *others = columns
    blocks = [[baseline]]
    for column in others:
        if len(blocks[-1]) > 1 and sum(2 + len(each[0]) for each in (*blocks[-1], column)) > room:
            blocks.append([baseline])
        blocks[-1].append(column)
    return blocks


def _wrapped(sentences: Iterable[str], width: int) -> list[str]:
    wrap = textwrap.TextWrapper(width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [line for sentence in sentences for line in wrap.wrap(sentence)]


def _remarks(found: Sequence[Line]) -> list[str]:
    """Return what is to be known of sides, in what they differ beside, and what the words of the notes mean."""
    remarks: dict[tuple[str, str], list[str]] = {}
    for line in found:
        if line.remark and line.pair not in remarks.setdefault((line.save, line.remark), []):
            remarks[line.save, line.remark].append(line.pair)
    known = [f"{side}, {', '.join(pairs)}: {words}." for (side, words), pairs in remarks.items()]
    differing = dict.fromkeys((line.save, line.differs) for line in found if line.differs)
    known += [f"{side} differs from {found[0].save} in {words}." for side, words in differing]
    return known + [f"{word}: {NOTES[word]}." for word in NOTES if any(_says(line, word) for line in found)]


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
