"""The command line: `python -m plotting` and `python -m plotting compare`.

Exit codes: 0 done; 1 --strict found problems; 2 bad usage or nothing to read.
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
FORMATS = ("table", "markdown", "json", "csv")


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
    output.add_options(parser)
    return parser


def _compare_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m plotting compare",
        description="Set saves side by side, pair by pair. The first is the baseline.",
        allow_abbrev=False,
    )
    _add_sources(parser, nargs="+")
    parser.add_argument("--format", choices=FORMATS, default="table", help="default: %(default)s")
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
    from plotting import products  # noqa: PLC0415 - pandas and matplotlib: a second that bad usage must not cost

    saves, table = _read(_paths(options.saves, options.results))
    _warn(saves.problems)
    try:
        written = products.write_all(options.out, table, saves, output.chosen(options))
    except OSError as error:
        raise UsageError(
            f"--out {options.out}: cannot write there ({error.strerror}); name another folder, e.g. --out plots."
        ) from None
    print("\n".join(map(str, written)))
    print(products.closing(table, saves))
    return STRICT if options.strict and saves.problems else DONE


def _compare(options: argparse.Namespace) -> int:
    from plotting import compare  # noqa: PLC0415 - as above

    groups = {pattern: _paths([pattern], options.results) for pattern in options.saves}
    paths = list(dict.fromkeys(path for found in groups.values() for path in found))
    if len(paths) < 2:
        raise UsageError(
            f"compare: found only {paths[0].stem!r}, and it takes two saves; type python -m plotting compare A B "
            f"with names from: {_names(options.results)}."
        )
    tables: dict[str, pd.DataFrame] = {}
    problems: list[str] = []
    for path in paths:
        saves, table = _read([path])
        problems += saves.problems
        tables[path.stem if path.stem not in tables else str(path)] = table
    _warn(problems)
    print(compare.FORMATS[options.format](compare.lines(tables)), end="")
    return DONE


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
