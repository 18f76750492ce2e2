"""The command line: `python -m plotting` and `python -m plotting compare`.

Exit codes: 0 done; 1 --strict found problems, or a gate failed; 2 bad usage or nothing to read.
"""

from __future__ import annotations

import argparse
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from plotting import load, output

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

RESULTS = Path("results")
DONE, STRICT, USAGE = 0, 1, 2
FAILED = 1
FORMATS = ("table", "markdown", "json", "csv")
EXPORTS = ("parquet", "csv", "jsonl", "customBiggerIsBetter", "customSmallerIsBetter")
ENOUGH_SESSIONS = 3
MOST_OTHERS = 30
"""Further saves that are read for the spread between sessions: a full study's takes 80 ms each."""


class UsageError(Exception):
    """What was asked, what was found, what to type next, in one sentence."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if arguments[:1] == ["compare"]:
            return _compare(_compare_parser().parse_args(arguments[1:]))
        return _plot(_plot_parser().parse_args(arguments))
    except UsageError as error:
        print(f"python -m plotting: {error}", file=sys.stderr)
        return USAGE


class _Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong, and what to type."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}; type {self.prog} --help.\n")


def _plot_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m plotting",
        description="Make the CSV files, nine figures, summary and page from saved benchmarks.",
        epilog="`python -m plotting compare A B` sets saves side by side.",
        allow_abbrev=False,
    )
    _add_sources(parser, nargs="*")
    parser.add_argument("--out", type=Path, default=RESULTS / "plots", metavar="DIR", help="default: %(default)s")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if any file or Record was left out")
    parser.add_argument(
        "--export",
        type=_exports,
        metavar="A,B",
        help="instead of all that, write files for other tools into --out. parquet, csv, jsonl: one row a pair, and "
        "one a run; customBiggerIsBetter, customSmallerIsBetter: for github-action-benchmark",
    )
    output.add_options(parser)
    return parser


def _exports(text: str) -> tuple[str, ...]:
    """Parse A,B of --export, each once."""
    names = tuple(dict.fromkeys(text.split(",")))
    if not set(names) <= set(EXPORTS):
        raise argparse.ArgumentTypeError(f"asked for {text!r}, needs some of {','.join(EXPORTS)}")
    return names


def _compare_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m plotting compare",
        description="Set saves side by side, pair by pair. The first side is the baseline. A pattern that matches "
        "several like saves is one side of so many sessions; a pattern alone, or of unlike ones, is a side for each.",
        allow_abbrev=False,
    )
    _add_sources(parser, nargs="+")
    parser.add_argument("--format", choices=FORMATS, default="table", help="default: %(default)s")
    parser.add_argument(
        "--fail-if",
        action="append",
        default=[],
        metavar="GATE",
        help="exit with 1 where a pair is worse by more, e.g. 'tokens_per_sec<-5%%' (repeatable)",
    )
    return parser


def _add_sources(parser: argparse.ArgumentParser, nargs: str) -> None:
    parser.add_argument("saves", nargs=nargs, metavar="SAVE", help="a path, or a name pattern such as '*_thor'")
    parser.add_argument(
        "--results",
        type=Path,
        action="append",
        metavar="DIR",
        help="where saves are (default: results; repeatable)",
    )


def _plot(options: argparse.Namespace) -> int:
    from plotting import export, products  # noqa: PLC0415 - pandas and matplotlib: a second that bad usage must not cost

    saves, table = _read(_paths(options.saves, options.results))
    known = len(saves.problems)
    _warn(saves.problems)
    try:
        if options.export:
            written = export.write_all(options.out, table, saves, options.export)
        else:
            written = products.write_all(options.out, table, saves, output.chosen(options))
    except export.Impossible as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(
            f"--out {options.out}: cannot write there ({error.strerror}); name another folder, e.g. --out plots."
        ) from None
    _warn(saves.problems[known:])
    print("\n".join(map(str, written)))
    print(products.closing(table, saves))
    return STRICT if options.strict and saves.problems else DONE


def _compare(options: argparse.Namespace) -> int:
    from plotting import compare, formats, gates  # noqa: PLC0415 - as above

    try:
        limits = [gates.parse(text) for text in options.fail_if]
    except gates.BadGate as error:
        raise UsageError(str(error)) from None
    read = _Reader()
    sides = _sides(options, read)
    metrics = list(dict.fromkeys([*compare.COMPARED, *(gate.metric for gate in limits)]))
    few = any(table.loc[table["save"] != "", "save"].nunique() < ENOUGH_SESSIONS for table in sides.values())
    others = _others(options, read) if few else None
    _warn(read.problems)
    found = compare.lines(sides, others, metrics)
    print(formats.FORMATS[options.format](found), end="")
    failures = gates.failures(limits, found)
    _warn(failures)
    return FAILED if failures else DONE


class _Reader:
    """Reads each save once, and gathers what it leaves out."""

    def __init__(self) -> None:
        self.tables: dict[Path, pd.DataFrame] = {}
        self.problems: list[str] = []

    def __call__(self, path: Path) -> pd.DataFrame:
        if path not in self.tables:
            saves, self.tables[path] = _read([path])
            self.problems += saves.problems
        return self.tables[path]


def _sides(options: argparse.Namespace, read: _Reader) -> dict[str, pd.DataFrame]:
    """Return {name: table} of the sides, the baseline first; a save stands on the first side that names it."""
    import pandas as pd  # noqa: PLC0415 - as above

    from plotting import compare  # noqa: PLC0415 - as above

    groups, taken = [], set[Path]()
    for pattern in options.saves:
        groups.append((pattern, [path for path in _paths([pattern], options.results) if path not in taken]))
        taken.update(groups[-1][1])
    if len(taken) < 2:
        raise UsageError(
            f"compare: found only {next(iter(taken)).stem!r}, and it takes two saves; type python -m plotting compare "
            f"A B with names from: {_names(options.results)}."
        )
    sides: dict[str, pd.DataFrame] = {}
    for pattern, paths in groups:
        tables = {path: read(path) for path in paths}
        if len(tables) > 1 and len(options.saves) > 1 and compare.alike(list(tables.values())):
            sides[pattern] = pd.concat(tables.values(), ignore_index=True)
            continue
        for path, table in tables.items():
            sides[path.stem if path.stem not in sides else str(path)] = table
    if len(sides) < 2:
        raise UsageError(
            f"compare: {groups[0][0]!r} stands for all of these saves as sessions of one side, and it takes two sides; "
            f"type python -m plotting compare A B with names from: {_names(options.results)}."
        )
    return sides


def _others(options: argparse.Namespace, read: _Reader) -> pd.DataFrame:
    """Return the rows of the other saves in the folders: how far sessions of a series lie apart."""
    import pandas as pd  # noqa: PLC0415 - as above

    from plotting import frame  # noqa: PLC0415 - as above

    folders = [folder for folder in options.results or [RESULTS] if folder.is_dir()]
    paths = [path for folder in folders for path in load.find(folder) if path not in read.tables]
    tables = [frame.build(load.load([path])) for path in paths[-MOST_OTHERS:]]
    return pd.concat([table for table in tables if len(table)] or [pd.DataFrame()], ignore_index=True)


def _paths(patterns: Sequence[str], folders: Sequence[Path] | None) -> list[Path]:
    """Return the saves that are meant: all without patterns.

    Raises:
        UsageError: a folder is missing or holds nothing, or a pattern matches nothing.
    """
    given = list(folders or [RESULTS])
    direct = [Path(pattern) for pattern in patterns if Path(pattern).is_file()]
    named = [pattern for pattern in patterns if not Path(pattern).is_file()]
    if patterns and not named:
        return direct
    available = [path for folder in given for path in _in_folder(folder)]
    if not patterns:
        return available
    found = [path for pattern in named for path in _matching(pattern, available)]
    return list(dict.fromkeys([*direct, *found]))


def _in_folder(folder: Path) -> list[Path]:
    make_one = "type pytest benchmarks --weights=mini --benchmark-save=first to make one"
    if not folder.is_dir():
        raise UsageError(f"--results {folder}: there is no such folder; {make_one}, or name a folder with --results.")
    found = load.find(folder)
    if not found:
        raise UsageError(f"--results {folder}: there is no save in it; {make_one}, or name a folder with --results.")
    return found


def _matching(pattern: str, available: Sequence[Path]) -> list[Path]:
    """Return the saves whose name, with or without its number, is or matches `pattern`."""
    found = [
        path
        for path in available
        if any(fnmatch(name, pattern) for name in (path.name, path.stem, path.stem.partition("_")[2]))
    ]
    if not found:
        names = ", ".join(dict.fromkeys(path.stem for path in available[:8]))
        raise UsageError(f"{pattern!r} matches no save; there are: {names}. Type one of these, or a path.")
    return found


def _names(folders: Sequence[Path] | None) -> str:
    return ", ".join(path.stem for folder in folders or [RESULTS] if folder.is_dir() for path in load.find(folder)[:8])


def _read(paths: Sequence[Path]) -> tuple[load.Saves, pd.DataFrame]:
    from plotting import frame  # noqa: PLC0415 - as above

    saves = load.load(list(paths))
    table = frame.build(saves)
    if table.empty:
        _warn(saves.problems)
        raise UsageError(
            f"none of {len(paths)} files holds a benchmark of this suite; type pytest benchmarks --weights=mini "
            "--benchmark-save=first to make one, or name a folder with --results."
        )
    return saves, table


def _warn(problems: Sequence[str]) -> None:
    for problem in problems:
        print(f"python -m plotting: {problem}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
