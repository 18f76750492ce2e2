"""The command line: `python -m plotting` and `python -m plotting compare`.

Exit codes: 0 success; 1 --strict found problems, or a gate failed; 2 bad usage or nothing to read.
"""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from plotting import load, output, selection
from plotting.selection import RESULTS, UsageError

DONE, FAILED, USAGE = 0, 1, 2
FORMATS = ("table", "markdown", "json", "csv")
EXPORTS = ("parquet", "csv", "jsonl", "customBiggerIsBetter", "customSmallerIsBetter")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the terminal may lack letters of a device's name
    try:
        if arguments[:1] == ["compare"]:
            return _compare(_compare_parser().parse_args(arguments[1:]))
        return _plot(_plot_parser().parse_args(arguments))
    except UsageError as error:
        print(f"python -m plotting: {error}", file=sys.stderr)
        return USAGE


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence: what is wrong, and what to type."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {load.show(message)}; type {self.prog} --help.\n")


def _plot_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m plotting",
        description="Write CSV files, nine figures, a summary and a results page from saved benchmarks.",
        epilog="`python -m plotting compare A B` compares saves.",
        allow_abbrev=False,
    )
    _add_sources(parser, nargs="*")
    where = "default: %(default)s; only products are overwritten there"
    parser.add_argument("--out", type=output.parse_folder, default=RESULTS / "plots", metavar="DIR", help=where)
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a file or Record was left out")
    parser.add_argument(
        "--export",
        type=partial(output.parse_list, choices=EXPORTS),
        metavar="A,B",
        help="write files for other tools into --out instead. parquet, csv, jsonl: one table of pairs and one of runs; "
        "customBiggerIsBetter, customSmallerIsBetter: for github-action-benchmark",
    )
    output.add_options(parser)
    return parser


def _compare_parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m plotting compare",
        description="Compare saves pair by pair. Each side of the comparison is one save, or several saves of repeated "
        "sessions; the first side is the baseline. A pattern that matches several saves of one device with equal "
        "settings makes one side. If there is only one pattern, or if its saves differ, each save is a separate side.",
        allow_abbrev=False,
    )
    _add_sources(parser, nargs="+")
    parser.add_argument("--format", choices=FORMATS, default="table", help="default: %(default)s")
    parser.add_argument(
        "--fail-if",
        action="append",
        default=[],
        metavar="GATE",
        help="exit with 1 if a pair is worse by more than this, e.g. 'tokens_per_sec<-5%%' (repeatable)",
    )
    return parser


def _add_sources(parser: argparse.ArgumentParser, nargs: str) -> None:
    parser.add_argument("saves", nargs=nargs, metavar="SAVE", help="a path, or a name pattern such as '*_thor'")
    what = "folder with saves (default: results; repeatable)"
    parser.add_argument("--results", type=Path, action="append", metavar="DIR", help=what)


def _plot(options: argparse.Namespace) -> int:
    # imported here: they take a second, and bad usage is reported without them
    _import_matplotlib()
    from plotting import export
    from plotting.report import write_all
    from plotting.table import build

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
            form = output.Output(options.figure_format, options.dpi, options.theme)
            written = write_all.write_all(options.out, table, saves, form)
    except OSError as error:
        raise UsageError(
            f"--out {load.clean(str(options.out))}: cannot write there ({error.strerror}); "
            "name another folder, e.g. --out plots."
        ) from None
    _warn(saves.problems[known:])
    _print("\n".join([*map(load.show, written), write_all.describe_input(table, saves), ""]))
    return FAILED if options.strict and saves.problems else DONE


def _import_matplotlib() -> None:
    """Import matplotlib with its own defaults: no user's backend or matplotlibrc, which can change or stop anything.

    It reads the working folder's matplotlibrc before every other.
    """
    os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    before = Path.cwd()
    os.chdir(Path(__file__).parent)
    try:
        import_module("matplotlib")
    finally:
        os.chdir(before)


def _compare(options: argparse.Namespace) -> int:
    from plotting.comparison import compare, gates, render  # imported here as above

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
    few = any(table.loc[table["save"] != "", "save"].nunique() < 3 for table in sides.values())
    others = selection.read_others(folders, read) if few else None
    found = compare.compare_sides(sides, others, metrics, gates.list_limits(limits))
    _print(render.FORMATS[options.format](found))
    failures = gates.find_failures(limits, found)
    _warn([*failures, *gates.find_undecided(limits, found)])
    return FAILED if failures else DONE


def _print(text: str) -> None:
    """Write to standard output; if its reader has left, the exit code is unchanged."""
    try:
        print(text, end="", flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise Python fails when it exits
        if not isinstance(error, BrokenPipeError):
            raise UsageError(f"cannot write the output ({error.strerror}); send it to another file.") from None


def _warn(problems: Sequence[str]) -> None:
    for problem in problems:
        print(f"python -m plotting: {problem}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
