"""A comparison as a table, as Markdown, as CSV and as JSON.

The table fits the terminal: sides that have no room stand in further blocks, each with the baseline.
Text that many cells share is a numbered note below.
"""

import json
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

import pandas as pd

from plotting import text
from plotting.comparison.compare import Line
from plotting.comparison.statistics import INCONCLUSIVE, NOT_ALTERNATED, SINGLE
from plotting.metrics.registry import METRICS, show_ends

TERMS = {
    INCONCLUSIVE: "it may be no change, and it may be one that matters; or, in so few sessions, a clock that switched; "
    "it fails no gate",
    SINGLE: "the interval comes from the runs of one session per side, without the variation between sessions; "
    "compare three saves per side to include it",
    NOT_ALTERNATED: "all sessions of one side ran before those of the other, so slow drift counts as a difference; "
    "alternate them: A B A B A B",
}
Cell = tuple[str, str, str, str]  # value, ratio, interval and verdict of a side
Row = tuple[str, str, Sequence[Cell]]  # pair, metric ("" in the pair's own row), and a cell for each side
Notes = dict[str, int]  # text of a note -> its number


def write_table(found: Sequence[Line], width: int | None = None) -> str:
    """Return the comparison for a terminal of `width` characters: sides, a row for each metric, and notes."""
    width = max(width or shutil.get_terminal_size((120, 24)).columns, 60)
    notes: Notes = {}
    rows = _list_rows(found, notes)
    labels = ["", *(f" {metric}" if metric else pair for pair, metric, _ in rows)]
    columns = [_align_column(head, [cells[at] for *_, cells in rows]) for at, head in enumerate(_list_heads(found))]
    blocks = [
        text.align_columns(list(zip(labels, *block, strict=True)), left=1)
        for block in _split_into_blocks(columns, width - max(map(len, labels)))
    ]
    return _stack(_wrap(_describe_sides(found), width), *blocks, _wrap(_list_notes(found, notes), width))


def write_markdown(found: Sequence[Line]) -> str:
    """Return the comparison as one Markdown table between a list of the sides and a list of notes."""
    notes: Notes = {}
    rows = [("pair", "metric", *_list_heads(found))]
    rows += [("" if metric else pair, metric, *map(_join, cells)) for pair, metric, cells in _list_rows(found, notes)]
    table = [f"| {' | '.join(map(text.escape, row))} |" for row in rows]
    table.insert(1, "|" + " --- |" * len(rows[0]))
    above, below = (
        [f"- {text.escape(sentence)}" for sentence in sentences]
        for sentences in (_describe_sides(found), _list_notes(found, notes))
    )
    return _stack(above, table, below)


def _stack(*blocks: Sequence[str]) -> str:
    """Return blocks of lines with an empty line between them."""
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _mark(notes: Notes, note: str) -> str:
    """Return the number of a note; an empty note has none."""
    return f"[{notes.setdefault(note, len(notes) + 1)}]" if note else ""


def _list_sides(found: Sequence[Line]) -> list[str]:
    return list(dict.fromkeys(line.save for line in found))


def _list_heads(found: Sequence[Line]) -> list[str]:
    sides = _list_sides(found)  # numbers head the columns of long names
    return sides if max(map(len, sides)) <= 20 else [f"side {at}" for at in range(1, len(sides) + 1)]


def _describe_sides(found: Sequence[Line]) -> list[str]:
    """Return for each side its name, its devices, and the basis of its verdicts if they share one."""
    sentences = []
    for at, (side, head) in enumerate(zip(_list_sides(found), _list_heads(found), strict=True)):
        name = (side if head == side else f"{head}, {side}") + ("" if at else " (baseline)")
        devices = "; ".join(dict.fromkeys(line.device for line in found if line.save == side and line.device))
        basis = _find_common_basis(found, side)
        sentences.append(f"{name}: {devices or 'no device'}{f'; {basis}' if basis else ''}")
    return sentences


def _find_common_basis(found: Iterable[Line], side: str) -> str:
    """Return the basis of all verdicts of a side; "" if they have several."""
    bases = {line.basis for line in found if line.save == side and line.basis}
    return bases.pop() if len(bases) == 1 else ""


def _list_rows(found: Sequence[Line], notes: Notes) -> list[Row]:
    """Return a row for each pair, then its metrics; a pair that no side measured has no further rows."""
    bases = {side: _find_common_basis(found, side) for side in _list_sides(found)}
    blank = [("", "", "", "")] * len(bases)
    rows: list[Row] = []
    for pair, of_pair in groupby(found, key=attrgetter("pair")):
        lines = list(of_pair)
        if all(line.value is None for line in lines):
            rows.append((f"{pair} {_mark(notes, _explain_lost(lines))}", "", blank))
            continue
        rows.append((pair, "", blank))
        for metric, of_metric in groupby(lines, key=attrgetter("metric")):
            rows.append((pair, metric, [_make_cell(line, bases[line.save], notes) for line in of_metric]))
    return rows


def _explain_lost(lines: Iterable[Line]) -> str:
    """Return why no side has a value of a pair: each reason with its sides."""
    sides = text.join_names((line.why, line.save) for line in lines)
    return "; ".join(f"{names}: {why}" for why, names in sides.items())


def _make_cell(line: Line, usual: str, notes: Notes) -> Cell:
    """Return a side's cell; the verdict has a note if it is missing or does not have the `usual` basis."""
    if line.value is None:
        return "-", "", "", _mark(notes, line.why)
    ratio = "" if line.ratio is None else f"x {line.ratio:.3f}"
    known = line.ratio_low is not None and line.ratio_high is not None
    interval = show_ends(line.ratio_low or 0, line.ratio_high or 0, "{:.%df}", 3) if known else ""
    mark = _mark(notes, line.why or ("" if line.basis == usual else line.basis))
    return METRICS[line.metric].show(line.value), ratio, interval, _join((line.verdict, mark))


def _join(parts: Iterable[str]) -> str:
    return " ".join(filter(None, parts))


def _align_column(head: str, cells: Sequence[Cell]) -> list[str]:
    """Return a side's column with the parts of its cells aligned; a verdict moves to where parts are missing."""
    widths = [max(len(cell[part]) for cell in cells) for part in range(3)]
    column = [head]
    for value, *parts, verdict in cells:
        shown = [part.ljust(width) for part, width in zip(parts, widths[1:], strict=True) if part]
        column.append("  ".join([value.rjust(widths[0]), *shown, verdict]).rstrip() if value else verdict)
    longest = max(map(len, column))
    return [line.ljust(longest) for line in column]


def _split_into_blocks(columns: Sequence[list[str]], room: int) -> list[list[list[str]]]:
    """Return the columns in blocks that fit into `room` characters, the baseline first in each."""
    baseline, *others = columns
    blocks = [[baseline]]
    for column in others:
        if len(blocks[-1]) > 1 and sum(2 + len(each[0]) for each in (*blocks[-1], column)) > room:
            blocks.append([baseline])
        blocks[-1].append(column)
    return blocks


def _wrap(sentences: Iterable[str], width: int) -> list[str]:
    wrap = textwrap.TextWrapper(width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return [line for sentence in sentences for line in wrap.wrap(sentence)]


def _list_notes(found: Sequence[Line], notes: Notes) -> list[str]:
    """Return the numbered notes, problems of the sides, differences between them, and the meaning of terms."""
    problems = text.join_names(((line.save, line.remark), line.pair) for line in found if line.remark)
    remarks = [f"{side}, {pairs}: {words}." for (side, words), pairs in problems.items()]
    differing = dict.fromkeys((line.save, line.differs) for line in found if line.differs)
    remarks += [f"{side} differs from {found[0].save} in {words}." for side, words in differing]
    used = {line.basis for line in found} | {line.verdict for line in found}
    terms = [term for term in TERMS if any(word == term or word.endswith(f", {term}") for word in used)]
    numbered = [f"[{number}] {note}" for note, number in notes.items()]
    return [*numbered, *remarks, *(f"{term}: {TERMS[term]}." for term in terms)]


def write_csv(found: Sequence[Line]) -> str:
    """Return the comparison as CSV with nine digits; unknown values are empty."""
    return text.write_csv(pd.DataFrame(map(vars, found)), list(vars(found[0])))


def write_json(found: Sequence[Line]) -> str:
    """Return the comparison as a JSON list of objects; unknown values are null."""
    return json.dumps([vars(line) for line in found], indent=1, allow_nan=False) + "\n"


FORMATS = {"table": write_table, "markdown": write_markdown, "json": write_json, "csv": write_csv}
