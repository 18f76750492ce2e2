"""Find the saves that the command line names, and group them into the sides of a comparison."""

from __future__ import annotations

import fnmatch
import re
import shlex
from os.path import isdir, isfile
from pathlib import Path
from typing import TYPE_CHECKING

from plotting import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

RESULTS = Path("results")
MAKE_ONE = "type pytest benchmarks --weights=mini --benchmark-save=first to make one, or name a folder with --results."
SOME = 8
MOST_OTHERS = 30
"""Most other saves that are read for the spread between sessions. A full study takes 0.3 s each."""


class UsageError(Exception):
    """What was asked, what was found, and what to type next, in one sentence, on one line."""

    def __init__(self, sentence: str) -> None:
        super().__init__(load.show(sentence))


class Reader:
    """Reads each save once, and collects the problems."""

    def __init__(self) -> None:
        self.tables: dict[Path, pd.DataFrame] = {}
        self.problems: list[str] = []

    def __call__(self, paths: Sequence[Path]) -> dict[Path, pd.DataFrame]:
        """Return the table of each save that has a good Record.

        Raises:
            UsageError: no save has one.
        """
        from plotting.table import build  # pandas takes half a second: report bad usage before

        for path in paths:
            if path not in self.tables:
                saves = load.load([path])
                self.tables[path] = build.build(saves)
                self.problems += saves.problems
        found = {path: self.tables[path] for path in paths if len(self.tables[path])}
        if not found:
            raise make_empty_error(paths)
        return found


def choose_sides(patterns: Sequence[str], folders: Sequence[Path], read: Reader) -> dict[str, pd.DataFrame]:
    """Return {name: table} of the sides, the baseline first. A save belongs to the first pattern that matches it.

    Raises:
        UsageError: there are fewer than two sides.
    """
    import pandas as pd  # as in Reader

    from plotting.comparison.sides import is_one_side  # as above

    found: dict[str, pd.DataFrame] = {}
    for pattern, paths in _group(patterns, folders).items():
        tables = read(paths)
        if len(tables) > 1 and len(patterns) > 1 and is_one_side(list(tables.values())):
            found[load.show(pattern)] = pd.concat(tables.values(), ignore_index=True)
            continue
        for path, table in tables.items():
            name = load.show(path.stem)
            found[name if name not in found else load.show(path)] = table
    if len(found) < 2:
        raise UsageError(
            f"compare: '{next(iter(found))}' is the only side, and a comparison needs two; {_suggest(folders)}"
        )
    return found


def _group(patterns: Sequence[str], folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Return {pattern: the saves that it adds to those of earlier patterns}, without patterns that add none."""
    taken: dict[Path, Path] = {}
    groups = {}
    for pattern in patterns:
        added = {path.resolve(): path for path in choose([pattern], folders) if path.resolve() not in taken}
        taken |= added
        if added:
            groups[pattern] = list(added.values())
    if len(taken) < 2:
        only = next(iter(taken.values())).stem
        raise UsageError(f"compare: found only '{only}', and a comparison needs two saves; {_suggest(folders)}")
    return groups


def _suggest(folders: Sequence[Path]) -> str:
    there = [path for folder in folders for path in load.find(folder)]
    return f"type python -m plotting compare A B with names from: {_list_names(there)}."


def _list_names(paths: Sequence[Path]) -> str:
    """Return the names of the first saves as they can be typed, for a sentence."""
    return ", ".join(dict.fromkeys(quote(path.stem) for path in paths[:SOME]))


def quote(name: str) -> str:
    """Return a save's name as it can be typed in a shell: a pattern if a letter cannot be printed or is an option's."""
    typed = "".join(c if c.isprintable() else "?" for c in name)
    is_name = typed == name and not name.startswith("-")
    return shlex.quote(typed if is_name else re.sub(r"^-|\[", "?", typed))


def read_others(folders: Sequence[Path], read: Reader) -> pd.DataFrame:
    """Return the rows of the other saves in the folders, which show the spread between sessions."""
    import pandas as pd  # as in Reader

    from plotting.table import build  # as in Reader

    paths = [path for folder in folders for path in load.find(folder) if path not in read.tables]
    tables = [build.build(load.load([path])) for path in paths[-MOST_OTHERS:]]
    return pd.concat([table for table in tables if len(table)] or [pd.DataFrame()], ignore_index=True)


def make_empty_error(paths: Sequence[Path]) -> UsageError:
    """Return the error for saves without a benchmark of this suite."""
    what = f"'{paths[0]}' contains no" if len(paths) == 1 else f"none of {len(paths)} files contains a"
    return UsageError(f"{what} benchmark of this suite; {MAKE_ONE}")


def choose(patterns: Sequence[str], folders: Sequence[Path]) -> list[Path]:
    """Return the saves that the patterns match; all saves if there are no patterns.

    Raises:
        UsageError: a folder is missing or empty, or a pattern matches no save.
    """
    direct = [Path(pattern) for pattern in patterns if isfile(pattern)]
    named = [pattern for pattern in patterns if Path(pattern) not in direct]
    if patterns and not named:
        return direct
    available = [path for folder in folders for path in _list_saves(folder)]
    if not patterns:
        return available
    found = [path for pattern in named for path in _match(pattern, available)]
    return list(dict.fromkeys([*direct, *found]))


def _list_saves(folder: Path) -> list[Path]:
    if found := load.find(folder):
        return found
    what = "there is no save in it" if isdir(folder) else "there is no such folder"
    raise UsageError(f"--results {folder}: {what}; {MAKE_ONE}")


def _match(pattern: str, available: Sequence[Path]) -> list[Path]:
    """Return the saves whose name is `pattern` or matches it, with or without its number."""
    names = {path: (path.name, path.stem, path.stem.partition("_")[2]) for path in available}
    found = [path for path, known in names.items() if pattern in known or fnmatch.filter(known, pattern)]
    if not found:
        raise UsageError(f"'{pattern}' matches no save; type a path, or one of: {_list_names(available)}.")
    return found
