"""The command line: `python -m plotting` and `python -m plotting compare`.

Exit codes: 0 done; 1 --strict found problems, or a gate failed; 2 bad usage or nothing to read.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from plotting import load, output, selection
from plotting.selection import RESULTS, UsageError

DONE, STRICT, USAGE = 0, 1, 2
FAILED = 1
FORMATS = ("table", "markdown", "json", "csv")
EXPORTS = ("parquet", "csv", "jsonl", "customBiggerIsBetter", "customSmallerIsBetter")
ENOUGH_SESSIONS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a device's name that the terminal has no letters for
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
    from plotting import export  # a second of imports that bad usage must not cost
    from plotting.report import write_all  # a second of imports that bad usage must not cost
    from plotting.table import build  # a second of imports that bad usage must not cost

    paths = selection.choose(options.saves, options.results or [RESULTS])
    saves = load.load(paths)
    table = build.build(saves)
    known = len(saves.problems)
    _warn(saves.problems)
    if table.empty:
        raise selection.make_empty_error(paths)
    try:
        if options.export:
            written = export.write_all(options.out, table, saves, options.export)
        else:
            written = write_all.write_all(options.out, table, saves, output.chosen(options))
    except export.Impossible as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(
            f"--out {options.out}: cannot write there ({error.strerror}); name another folder, e.g. --out plots."
        ) from None
    _warn(saves.problems[known:])
    _print("\n".join([*map(str, written), write_all.closing(table, saves), ""]))
    return STRICT if options.strict and saves.problems else DONE


def _compare(options: argparse.Namespace) -> int:
    from plotting.comparison import compare, gates, render  # as above

    try:
        limits = [gates.parse(text) for text in options.fail_if]
    except gates.BadGate as error:
        raise UsageError(str(error)) from None
    read, folders = selection.Reader(), options.results or [RESULTS]
    try:
        sides = selection.choose_sides(options.saves, folders, read)
    finally:
        _warn(read.problems)
    metrics = list(dict.fromkeys([*compare.COMPARED, *(gate.metric for gate in limits)]))
    few = any(table.loc[table["save"] != "", "save"].nunique() < ENOUGH_SESSIONS for table in sides.values())
    found = compare.lines(sides, selection.read_others(folders, read) if few else None, metrics)
    _print(render.FORMATS[options.format](found))
    failures = gates.failures(limits, found)
    _warn(failures)
    return FAILED if failures else DONE


def _print(text: str) -> None:
    """Write to standard output. Where its reader has gone the exit code still tells what was found."""
    try:
        print(text, end="", flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python itself fails, when it ends
        if not isinstance(error, BrokenPipeError):
            raise UsageError(f"cannot write the output ({error.strerror}); send it to another file.") from None


def _warn(problems: Sequence[str]) -> None:
    for problem in problems:
        print(f"python -m plotting: {problem}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
